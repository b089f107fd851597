"""What is legal in a policy and cannot be meant is told, with its place; what might fire after all is not."""

from datetime import UTC, datetime

import pytest

from reconciler.base.diagnostics import Severity
from reconciler.plan.policy_lint import lint
from reconciler.plan.policy_words import policy_difference, policy_lines
from reconciler.spec.kinds.policy import PolicySpec

NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def member(name, *roles, **rest):
    return {"name": name, "roles": list(roles), "oidc": [{"issuer": "https://id.acme.test", "subject": name}], **rest}


PEOPLE = [member("sue", "support"), member("fin", "finance"), member("flo", "finance"), member("fay", "finance")]
REST = {"name": "rest", "ask": {}}


def spec(*rules, **rest):
    named = [{"name": f"rule-{index}", **rule} for index, rule in enumerate(rules)]
    return PolicySpec.model_validate(
        {"roles": ["support", "finance"], "members": PEOPLE, "rules": [*named, REST], **rest}
    )


def found(*rules, **rest):
    return [(str(severity), mistake.code, mistake.at[1:]) for severity, mistake in lint(spec(*rules, **rest), NOW)]


def when(*kinds, answer="auto", **conditions):
    return {"when": {"kinds": list(kinds), **conditions}, "answer": answer}


def test_a_policy_without_a_flaw_has_no_finding():
    assert found(when("Refund", amount={"upTo": ["50 USD"]}), when("Refund", amount={"above": ["50 USD"]})) == []


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        # The first lets all refunds through, so that nobody is ever asked.
        ([when("Refund"), {"when": {"kinds": ["Refund"]}, "ask": {"people": 2}}], [("error", "policy/shadowed", 1)]),
        ([{"when": {"kinds": ["Refund"]}, "ask": {"people": 2}}, when("Refund")], [("warning", "policy/shadowed", 1)]),
        # Two rules together cover a third.
        ([when("Refund"), when("CreditGrant"), {"when": {"kinds": ["Refund", "CreditGrant"]}, "ask": {}}],
         [("error", "policy/shadowed", 2)]),
        ([when("Refund", amount={"upTo": ["100 USD"]}), when("Refund", amount={"upTo": ["50 USD"]})],
         [("warning", "policy/shadowed", 1)]),
        ([when("Refund", amount={"upTo": ["50 USD"]}), when("Refund", amount={"upTo": ["100 USD"]})], []),
        ([when("Refund", amount={"upTo": ["50 USD"]}), when("Refund", amount={"upTo": ["40 EUR"]})], []),
        ([when("Refund", requestedBy=["support"]), when("Refund")], []),
        ([{**when("Refund"), "during": {"weekdays": ["monday"], "zone": "UTC"}}, when("Refund")], []),
        # What is denied wherever that stands.
        ([when("Refund", amount={"above": ["9 USD"]}), when("Refund", answer="deny")],
         [("error", "policy/contradiction", 0)]),
        ([when("Refund"), when("Refund", amount={"above": ["9 USD"]}, answer="deny")], []),
        ([when("Pause", amount={"above": ["9 USD"]})], [("error", "policy/never", 0)]),
        ([when("Refund", verbs=["create"])], [("error", "policy/never", 0)]),
        ([when("Plan", "Refund", verbs=["create"])], []),
        ([when("Refund", amount={"above": ["9 USD"]}, total={"upTo": ["9 USD"]})], [("error", "policy/never", 0)]),
        ([when("Refund", controlPlane=True, answer="deny")], [("error", "policy/never", 0)]),
        ([when("PlanChange")], [("error", "policy/never", 0)]),
        ([when("PlanChange", answer="deny")], []),
        ([{**when("Refund"), "during": {"until": "2026-04-01T00:00:00Z"}}], [("warning", "policy/over", 0)]),
    ],
)  # fmt: skip
def test_rules_that_never_fire_are_found_and_no_others(rules, wanted):
    assert [(severity, code, at[1]) for severity, code, at in found(*rules)] == wanted


def test_weeks_that_are_over_are_told():
    rule = {**when("Refund"), "during": {"weeks": "1"}}
    assert [code for _, code, _ in found(rule, startsOn="2026-04-20")] == []
    assert [code for _, code, _ in found(rule, startsOn="2026-04-10")] == ["policy/over"]


@pytest.mark.parametrize(
    ("ask", "asking", "wanted"),
    [
        ({"roles": ["finance"], "people": 4}, [], ["error"]),
        ({"roles": ["support"], "people": 2}, [], ["error"]),
        ({"roles": ["support"]}, [], ["warning"]),  # sue may be who asks
        ({"roles": ["support"], "notRequester": False}, [], []),
        ({"roles": ["finance"], "people": 3}, ["finance"], ["error"]),
        ({"roles": ["finance"], "people": 2}, ["finance"], []),
        ({"roles": ["finance"], "people": 3}, ["support"], []),
    ],
)
def test_a_demand_that_nobody_could_meet_is_found(ask, asking, wanted):
    rule = {"when": {"kinds": ["Refund"], "requestedBy": asking}, "ask": ask}
    assert [severity for severity, _, at in found(rule) if at[:2] == ("rules", 0)] == wanted


def test_people_without_identity_roles_without_people_and_a_lone_person_are_told():
    assert found(roles=["support", "finance", "legal"]) == [("warning", "policy/empty-role", ("roles", 2))]
    lone = [{"name": "fin", "roles": ["support", "finance"]}]
    assert [code for _, code, _ in found(members=lone)] == [
        "policy/one-person", "policy/no-identity", "policy/own-request",
    ]  # fmt: skip
    bots = [member("bot", "support", "finance", machine=True)]
    assert found(members=bots) == [("error", "policy/nobody", ("members",))]


def test_kinds_without_a_rule_are_told_together():
    only = PolicySpec.model_validate(
        {"roles": ["support", "finance"], "members": PEOPLE, "rules": [{"name": "a", **when("Refund")}]}
    )
    ((severity, mistake),) = lint(only, NOW)
    assert (severity, mistake.code) == (Severity.WARNING, "policy/no-rule")
    assert "CreditGrant" in mistake.message
    assert "Refund," not in mistake.message


def test_budgets_that_nothing_reaches_are_told():
    def budget(**rest):
        return [{"name": "b", "per": "everybody", "limits": ["100 USD per day"], "answer": "deny", **rest}]

    assert found(budgets=budget()) == []
    assert found(budgets=budget(kinds=["Pause"])) == [("error", "policy/budget-unused", ("budgets", 0, "kinds"))]
    no_refunds = when("Refund", answer="deny")
    assert found(no_refunds, budgets=budget(kinds=["Refund"])) == [("warning", "policy/budget-unused", ("budgets", 0))]
    limits = ["100 USD per day", "90 USD per week"]
    assert found(budgets=budget(limits=limits)) == [("warning", "policy/limit-unused", ("budgets", 0, "limits", 0))]


def body(policy):
    return {"name": "main", "spec": policy.model_dump(by_alias=True, mode="json", exclude_none=True)}


def test_a_policy_reads_in_sentences():
    lines = list(policy_lines(spec(when("CreditGrant", amount={"upTo": ["100 USD"]}, requestedBy=["support"]))))
    assert lines[0] == "1. rule-0: credits, asked for by support, up to 100 USD for one customer: let through."
    assert lines[1] == "2. rest: everything: needs 1 person, not the requester."
    assert "sue is in support, known by the token of sue." in lines


def test_another_policy_reads_rule_by_rule():
    one = spec(when("Refund"), when("Pause"), members=PEOPLE[:3])
    two = spec(when("Refund", answer="deny"), {**when("Plan"), "name": "plans"}, members=[*PEOPLE[1:3], PEOPLE[3]])
    assert list(policy_difference(body(one), body(two))) == [
        "~ rule rule-0: refunds: denied. It was: rule-0: refunds: let through.",
        "+ rule plans: plans: let through.",
        "- rule rule-1: pauses: let through.",
        "+ member fay is in finance, known by the token of fay.",
        "- member sue is in support, known by the token of sue.",
    ]
    assert list(policy_difference(body(one), body(one))) == []
    again = spec(when("Refund"), when("Pause"), members=[{**PEOPLE[0], "ssh": [KEY], "oidc": []}, *PEOPLE[1:3]])
    other = spec(
        when("Refund"), when("Pause"),
        members=[{**PEOPLE[0], "ssh": [KEY[:-1] + "B"], "oidc": []}, *PEOPLE[1:3]],
    )  # fmt: skip
    assert [
        line.endswith("Its identities are others now.") for line in policy_difference(body(again), body(other))
    ] == [True]


def test_another_order_of_rules_is_told_since_the_first_counts():
    one, two = spec(when("Refund"), when("Pause")), spec({**when("Pause"), "name": "rule-1"}, when("Refund"))
    two = two.model_copy(update={"rules": [one.rules[1], one.rules[0], one.rules[2]]})
    (line,) = policy_difference(body(one), body(two))
    assert line.endswith("rule-1, rule-0, rest")
