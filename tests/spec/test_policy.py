"""The policy as people write it: what fits together, what does not, and that no key goes unread."""

import pytest

from reconciler.spec.check import check
from reconciler.spec.load import load_text

ADA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqPfYw0TUJwk1Ub6yyzIdBuzgX4vYy8fIzvtj3a0CQf"
POLICY = f"""\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata:
  name: main
spec:
  startsOn: "2026-04-10"
  roles: [support, finance, ci]
  members:
    - name: ada
      roles: [support]
      ssh: ["{ADA} ada@laptop"]
    - name: ben
      roles: [finance]
    - name: deploy
      roles: [ci]
      machine: true
      oidc:
        - {{issuer: "https://token.actions.githubusercontent.com", subject: "repo:acme/billing:ref:refs/heads/main"}}
  rules:
    - name: small-credits
      when: {{kinds: [CreditGrant], amount: {{upTo: [100 USD, 90 EUR]}}}}
      during: {{weeks: 2 to 4, weekdays: [monday], zone: UTC}}
      ask: {{roles: [support], notRequester: false}}
    - name: large-refunds
      when: {{kinds: [Refund], amount: {{above: [500 USD], upTo: [900 USD]}}}}
      ask: {{roles: [finance], people: 1}}
    - name: no-pauses
      when: {{kinds: [Pause], requestedBy: [support], customers: {{above: 3}}}}
      answer: deny
  budgets:
    - {{name: credits, per: actor, kinds: [CreditGrant], limits: [100 USD per day], answer: deny}}
  approvals: {{validFor: 4 hours}}
  confirm: {{above: [500 USD], customers: 10}}
"""


def test_a_policy_is_read_and_written_again_as_it_was():
    (spec,) = load_text(POLICY, "policy.yaml").specs
    written = spec.document.model_dump(by_alias=True, mode="json", exclude_defaults=True)["spec"]
    assert written["members"][0]["ssh"] == [ADA]  # the comment is nobody's identity
    assert written["budgets"][0]["limits"] == ["100 USD per day"]
    assert written["approvals"] == {"validFor": "4 hours"}
    assert written["rules"][0]["during"] == {"weeks": "2 to 4", "weekdays": ["monday"], "zone": "UTC"}


@pytest.mark.parametrize(
    ("good", "bad", "path", "code", "words"),
    [
        ("people: 1", "pepole: 1", "spec.rules[1].ask.pepole", "schema/unknown-key", '"people"'),
        ("name: no-pauses", "nme: no-pauses", "spec.rules[2].name", "schema/missing", "name"),
        ("[Pause]", "[Pauses]", "spec.rules[2].when.kinds[0]", "schema/unknown-value", 'mean "Pause"'),
        ("ask: {roles: [finance]", "ask: {roles: [finanze]", "spec.rules[1].ask.roles[0]", "policy/unknown-role",
         "support, finance, ci"),
        ("requestedBy: [support]", "requestedBy: [boss]", "spec.rules[2].when.requestedBy[0]", "policy/unknown-role",
         "boss"),
        ("name: ben", "name: ada", "spec.members[1].name", "policy/member-twice", '"ada"'),
        ("- name: ben\n      roles: [finance]", f"- name: ben\n      roles: [finance]\n      ssh: [{ADA} b]",
         "spec.members[1].ssh[0]", "policy/identity-twice", '"ada" already'),
        (f'["{ADA} ada@laptop"]', f"[{ADA}, {ADA} again]", "spec.members[0].ssh[1]", "policy/identity-twice", "ada"),
        (ADA, ADA.replace("AAAAC3", "AAAAC4"), "spec.members[0].ssh[0]", "policy/key", "damaged"),
        ("name: large-refunds", "name: small-credits", "spec.rules[1].name", "policy/twice", "small-credits"),
        ("      answer: deny\n", "", "spec.rules[2]", "policy/answer", "says nothing"),
        ("      answer: deny\n", "      answer: deny\n      ask: {}\n", "spec.rules[2]", "policy/answer", "two"),
        ("limits: [100 USD per day], answer: deny", "limits: [100 USD per day]", "spec.budgets[0]", "policy/answer",
         "answer: deny"),
        ("upTo: [900 USD]", "upTo: [400 USD]", "spec.rules[1].when.amount.upTo[0]", "policy/limit", "nothing is above"),
        ("upTo: [900 USD]", "upTo: [900 EUR]", "spec.rules[1].when.amount", "policy/limit", "different currencies"),
        ("90 EUR", "90 USD", "spec.rules[0].when.amount.upTo[1]", "policy/currency-twice", "USD"),
        ("customers: {above: 3}", "customers: {}", "spec.rules[2].when.customers", "policy/limit", "no limit"),
        ("above: 3}", "above: 3, upTo: 3}", "spec.rules[2].when.customers", "policy/limit", "nothing is above 3"),
        (", zone: UTC", "", "spec.rules[0].during", "policy/time", "zone: UTC"),
        ('  startsOn: "2026-04-10"\n', "", "spec.rules[0].during.weeks", "policy/time", "startsOn"),
        ("2 to 4", "4 to 2", "spec.rules[0].during.weeks", "policy/weeks", '"2 to 4"'),
        ("4 hours", "soon", "spec.approvals.validFor", "policy/duration", '"soon"'),
        ("100 USD per day", "100 USD a day", "spec.budgets[0].limits[0]", "policy/budget", "per day"),
        ("100 USD per day", "100 per day", "spec.budgets[0].limits[0]", "money/no-currency", "100"),
        ("confirm: {above: [500 USD]", "confirm: {above: [500 USD, 1 USD]", "spec.confirm.above[1]",
         "policy/currency-twice", "USD"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_in_a_policy_is_told_with_its_place(good, bad, path, code, words):
    changed = POLICY.replace(good, bad, 1)
    assert changed != POLICY
    found = load_text(changed, "policy.yaml").diagnostics
    told = {(one.path, one.code): str(one) for one in found}
    assert (path, code) in told, told
    assert words in told[path, code]


def test_a_policy_without_rules_is_none():
    start, _, rest = POLICY.partition("  rules:")
    text = start + "  rules: []\n" + rest[rest.index("  budgets:") :]
    (found,) = load_text(text, "policy.yaml").diagnostics
    assert (found.path, found.code) == ("spec.rules", "schema/limit")


@pytest.mark.parametrize("about", ["controlPlane: true", "kinds: [Webhook]", "kinds: [Policy, Webhook]"])
def test_nothing_of_the_control_plane_is_let_through_without_a_person(about):
    rule = f"    - {{name: hooks, when: {{{about}}}, answer: auto}}\n  budgets:"
    (found,) = load_text(POLICY.replace("  budgets:", rule), "policy.yaml").diagnostics
    assert (found.path, found.code) == ("spec.rules[3].answer", "policy/control-plane")


def test_a_private_key_is_refused_and_not_repeated():
    secret = "-----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0"
    (found,) = load_text(POLICY.replace(f"{ADA} ada@laptop", secret), "policy.yaml").diagnostics
    assert (found.path, found.code) == ("spec.members[0].ssh[0]", "policy/key")
    assert "c2VjcmV0" not in str(found)


def test_a_workspace_has_one_policy():
    both = load_text(POLICY + "---\n" + POLICY.replace("name: main", "name: other"), "policy.yaml")
    (found,) = check(both.specs, aliases={})
    assert found.code == "check/policy-twice"
