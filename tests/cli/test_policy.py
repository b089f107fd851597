"""`ratecard policy`: what is in force in words, and what cannot be meant with its place in the file."""

from pathlib import Path

from .conftest import Command, edit
from .test_json import check

POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [support, finance]
  members:
    - {name: sue, roles: [support]}
    - {name: fin, roles: [finance]}
    - {name: flo, roles: [finance]}
  rules:
    - {name: small, when: {kinds: [CreditGrant], amount: {upTo: [100 USD]}}, ask: {roles: [support, finance]}}
    - {name: large, when: {kinds: [Refund], amount: {above: [500 USD]}}, ask: {roles: [finance], people: 2}}
    - {name: rest, ask: {}}
"""


def write(workspace: Path) -> Path:
    for path in (workspace / "specs").glob("*.yaml"):
        path.unlink()
    (workspace / "specs" / "policy.yaml").write_text(POLICY)
    return workspace / "specs" / "policy.yaml"


def test_what_is_in_force_is_told_with_who_approved_it(workspace: Path, ratecard: Command):
    write(workspace)
    none = ratecard("policy", "show")
    assert (none.code, none.out) == (0, "")
    assert "every change asks 1 person" in none.err
    assert check(ratecard("policy", "show", "--json").json()) == "PolicyInForce"

    digest = ratecard("plan", "--json").digest
    assert ratecard("policy", "show").out == ""  # planned is not in force
    assert ratecard("approve", digest, "--as", "Ann", "--yes", "--confirm", "1").code == 0
    assert ratecard("apply", digest).code == 0

    shown = ratecard("policy", "show")
    assert shown.code == 0
    assert f"Approved by Ann (by name alone) with the change set {digest}" in shown.out
    assert "1. small: credits, up to 100 USD for one customer: needs 1 of finance or support" in shown.out
    document = ratecard("policy", "show", "--json").json()
    assert check(document) == "PolicyInForce"
    assert (document["approvedBy"], document["proven"], document["policy"]["name"]) == ("Ann", False, "main")


def test_what_cannot_be_meant_is_an_error_at_its_place_and_what_to_look_at_a_warning(
    workspace: Path, ratecard: Command
):
    path = write(workspace)
    warned = ratecard("policy", "lint")
    assert warned.code == 0, warned.err
    assert 'specs/policy.yaml:7:7: spec.members[0]: warning: nothing proves who "sue" is' in warned.err
    edit(path, "people: 2", "people: 3")
    wrong = ratecard("policy", "lint")
    assert wrong.code == 1
    assert "specs/policy.yaml:12:" in wrong.err
    assert '"large" asks for 3 of finance, and there are fin, flo alone' in wrong.err
    document = ratecard("policy", "lint", "--json").json()
    assert check(document) == "PolicyLint"
    assert [one["path"] for one in document["diagnostics"] if one["severity"] == "error"] == ["spec.rules[1].ask"]


def test_without_a_policy_there_is_nothing_to_look_at(workspace: Path, ratecard: Command):
    ended = ratecard("policy", "lint")
    assert (ended.code, "the specs have no policy" in ended.err) == (1, True)
