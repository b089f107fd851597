"""What a policy answers: to effects by what they really do, whatever their order and however they are split."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.plan.people import Requirement
from reconciler.plan.policy import judge
from reconciler.plan.verdict import Answer, Verdict, combined
from tests.plan.policies import FINANCE, NOW, context, effect, outlay, policy

AUTO, ASK, DENY = Answer.AUTO, Answer.ASK, Answer.DENY
SMALL = {"when": {"kinds": ["Refund"], "amount": {"upTo": ["100 USD"]}}, "answer": "auto"}
LARGE = {"when": {"kinds": ["Refund"], "amount": {"above": ["500 USD"]}}, "ask": {"roles": ["finance"], "people": 2}}
NO_PAUSES = {"when": {"kinds": ["Pause"]}, "answer": "deny"}


def answer(rules, *effects, **rest):
    return combined(judge(rules, effects, context(**rest)))


def test_without_a_policy_everything_asks_and_live_is_denied_but_for_a_first_policy():
    assert answer(None, effect(amount="1 USD")).answer is ASK
    assert answer(None, effect(amount="1 USD"), mode="live").answer is DENY
    assert answer(None, effect("Policy", customer=None), mode="live").answer is ASK
    assert answer(None, effect("Policy", customer=None), effect(), mode="live").answer is DENY


def test_what_no_rule_is_about_asks_somebody_else():
    verdict = answer(policy(SMALL), effect("Cancellation"))
    assert verdict.answer is ASK
    assert verdict.requirements == (Requirement(frozenset(), 1, not_requester=True),)
    assert verdict.sentence() == "Needs: 1 person, not the requester, because no rule is about a cancellation"


@pytest.mark.parametrize(
    ("amount", "wanted"), [("100 USD", AUTO), ("100.01 USD", ASK), ("10 EUR", ASK), ("0 USD", AUTO)]
)
def test_a_limit_holds_in_its_currency_and_lets_no_other_through(amount, wanted):
    assert answer(policy(SMALL), effect(amount=amount)).answer is wanted


def test_other_currencies_can_be_denied():
    assert answer(policy(SMALL, otherCurrencies="deny"), effect(amount="10 EUR")).answer is DENY


def test_the_first_rule_that_holds_counts_and_a_denial_counts_wherever_it_stands():
    everything = {"answer": "auto"}
    assert answer(policy(everything, LARGE), effect(amount="900 USD")).answer is AUTO
    assert answer(policy(LARGE, everything), effect(amount="900 USD")).answer is ASK
    assert answer(policy(everything, NO_PAUSES), effect("Pause")).answer is DENY


def test_parts_for_one_customer_are_judged_by_their_sum():
    parts = [effect(amount="60 USD", key=f"execute Refund/{n}") for n in range(2)]
    assert answer(policy(SMALL), parts[0]).answer is AUTO
    assert answer(policy(SMALL), *parts).answer is ASK
    apart = [effect(amount="60 USD", customer=f"cus_{n}", key=f"execute Refund/{n}") for n in range(2)]
    assert answer(policy(SMALL), *apart).answer is AUTO
    hidden = [parts[0], effect(amount="60 USD", customer=None, key="execute Refund/x")]
    assert answer(policy(SMALL), *hidden).answer is ASK  # whose the second is, nobody knows


def test_all_requirements_of_all_effects_must_be_met_and_equal_ones_are_asked_once():
    legal = {"when": {"kinds": ["Cancellation"]}, "ask": {"roles": ["support"]}}
    verdict = answer(policy(LARGE, legal), effect(amount="600 USD"), effect("Cancellation"), effect("Pause"))
    assert verdict.requirements == (
        Requirement(frozenset({"finance"}), 2, not_requester=True),
        Requirement(frozenset({"support"}), 1, not_requester=True),
    )


def test_what_cannot_be_read_is_never_let_through():
    verdict = answer(policy({"answer": "auto"}), effect(unclear=("what it moves cannot be read",)))
    assert verdict.answer is ASK
    assert "cannot be read" in verdict.sentence()


def test_nobody_lets_webhooks_and_the_policy_through_alone():
    rules = policy({"ask": {"roles": ["finance"], "notRequester": False}})
    for kind in ("Webhook", "Policy"):
        verdict = answer(rules, effect(kind, verb="update", customer=None), requester=FINANCE)
        assert verdict.requirements == (Requirement(frozenset({"finance"}), 1, not_requester=True),)
        assert answer(policy({"answer": "auto"}), effect(kind, verb="update")).answer is ASK


def test_hiding_who_asks_helps_against_no_rule():
    mine = {"when": {"kinds": ["Refund"], "requestedBy": ["support"]}}
    assert answer(policy({**mine, "answer": "deny"}), effect(), requester=None).answer is DENY
    assert answer(policy({**mine, "answer": "auto"}), effect(), requester=None).answer is ASK
    assert answer(policy({**mine, "answer": "deny"}), effect(), requester=FINANCE).answer is ASK


CREDITS = {"name": "credits", "per": "actor", "kinds": ["CreditGrant"], "limits": ["100 USD per day"], "answer": "deny"}
FREE = {"when": {"kinds": ["CreditGrant"]}, "answer": "auto"}


def test_structuring_trips_a_budget_at_the_action_that_passes_it():
    rules = policy(FREE, budgets=[CREDITS])
    past = []
    for number in range(1, 6):
        verdict = answer(rules, effect("CreditGrant", "30 USD", f"cus_{number}"), past=past)
        assert verdict.answer is (AUTO if number <= 3 else DENY), number
        if verdict.answer is DENY:
            assert verdict.rule == "credits"
            assert (
                'budget "credits" is 100 USD per day for sue, and this makes it 120 USD (90 USD before)'
                in verdict.sentence()
            )
        else:
            past.append(outlay("30 USD", customer=f"cus_{number}"))


def test_a_window_rolls_and_a_budget_counts_whom_it_is_for():
    rules = policy(FREE, budgets=[CREDITS])
    asked = effect("CreditGrant", "30 USD")
    assert answer(rules, asked, past=[outlay("90 USD", hours_ago=23.9)]).answer is DENY
    assert answer(rules, asked, past=[outlay("90 USD", hours_ago=24)]).answer is AUTO
    assert answer(rules, asked, past=[outlay("90 USD", actor="fin")]).answer is AUTO
    assert answer(rules, asked, past=[outlay("90 USD", actor=None)]).answer is DENY  # it may have been anybody
    assert answer(rules, asked, past=[outlay("90 USD", actor="fin")], requester=None).answer is DENY
    assert answer(rules, asked, past=[outlay("90 USD", kind="Refund")]).answer is AUTO
    assert answer(rules, effect("CreditGrant", "1 EUR")).answer is ASK  # no limit in it
    each = policy(FREE, budgets=[{**CREDITS, "per": "customer"}])
    assert answer(each, asked, past=[outlay("90 USD", customer="cus_2")]).answer is AUTO
    assert answer(each, asked, past=[outlay("90 USD", actor="fin")]).answer is DENY
    all_together = policy(FREE, budgets=[{**CREDITS, "per": "everybody"}])
    assert answer(all_together, asked, past=[outlay("90 USD", customer="cus_2", actor="fin")]).answer is DENY


def test_what_must_be_typed_is_the_exact_money_or_the_count():
    assert answer(policy(FREE), effect("CreditGrant", "30 USD")).confirm is None
    final = [effect(amount="600 USD", irreversible=True), effect(amount="20 EUR", irreversible=True, key="execute b")]
    verdict = answer(policy(SMALL), *final)
    assert verdict.confirm == "20 EUR and 600 USD"
    assert verdict.confirmed_by("600.00 USD, 20 EUR")
    assert not verdict.confirmed_by("600 USD")
    assert answer(policy(SMALL), effect("Message", irreversible=True)).confirm == "1"
    assert answer(policy(FREE, confirm={"above": ["20 USD"]}), effect("CreditGrant", "30 USD")).confirm == "30 USD"
    many = [effect("Pause", customer=f"cus_{n}", key=f"execute Pause/{n}") for n in range(3)]
    assert answer(policy(FREE, confirm={"customers": 2}), *many).confirm == "3"


# Every key that guards something, with two values of it and a case that they answer differently.

_RULE = {"when": {"kinds": ["Refund"]}, "answer": "auto"}
_CASE = effect(amount="50 USD")
_UPDATE = effect("Plan", verb="update", customer=None, share=Fraction(1, 10))


def _when(**when):
    return policy({"when": when, "answer": "auto"})


GUARDS = {
    "rules.when.kinds": (_when(kinds=["Refund"]), _when(kinds=["Pause"]), _CASE, {}),
    "rules.when.verbs": (_when(verbs=["update"]), _when(verbs=["archive"]), _UPDATE, {}),
    "rules.when.modes": (_when(modes=["test"]), _when(modes=["sandbox"]), _CASE, {}),
    "rules.when.requestedBy": (_when(requestedBy=["support"]), _when(requestedBy=["finance"]), _CASE, {}),
    "rules.when.amount.above": (_when(amount={"above": ["49 USD"]}), _when(amount={"above": ["50 USD"]}), _CASE, {}),
    "rules.when.amount.upTo": (_when(amount={"upTo": ["50 USD"]}), _when(amount={"upTo": ["49 USD"]}), _CASE, {}),
    "rules.when.total.above": (_when(total={"above": ["49 USD"]}), _when(total={"above": ["50 USD"]}), _CASE, {}),
    "rules.when.total.upTo": (_when(total={"upTo": ["50 USD"]}), _when(total={"upTo": ["49 USD"]}), _CASE, {}),
    "rules.when.mrr.above": (
        _when(mrr={"above": ["9 USD"]}), _when(mrr={"above": ["10 USD"]}),
        effect(mrr_delta=effect(amount="10 USD").amounts), {},
    ),
    "rules.when.mrr.upTo": (
        _when(mrr={"upTo": ["10 USD"]}), _when(mrr={"upTo": ["9 USD"]}),
        effect(mrr_delta=(-effect(amount="10 USD").amounts[0],)), {},
    ),
    "rules.when.customers.above": (_when(customers={"above": 0}), _when(customers={"above": 1}), _CASE, {}),
    "rules.when.customers.upTo": (_when(customers={"upTo": 1}), _when(customers={"upTo": 0}), _CASE, {}),
    "rules.when.catalogue.above": (_when(catalogue={"above": "9%"}), _when(catalogue={"above": "10%"}), _UPDATE, {}),
    "rules.when.catalogue.upTo": (_when(catalogue={"upTo": "10%"}), _when(catalogue={"upTo": "9%"}), _UPDATE, {}),
    "rules.when.irreversible": (_when(irreversible=False), _when(irreversible=True), _CASE, {}),
    "rules.when.controlPlane": (_when(controlPlane=False), _when(controlPlane=True), _CASE, {}),
    "rules.during.weeks": (
        policy({**_RULE, "during": {"weeks": "2"}}, startsOn="2026-04-10"),
        policy({**_RULE, "during": {"weeks": "3 to 4"}}, startsOn="2026-04-10"), _CASE, {},
    ),
    "startsOn": (
        policy({**_RULE, "during": {"weeks": "2"}}, startsOn="2026-04-10"),
        policy({**_RULE, "during": {"weeks": "2"}}, startsOn="2026-04-20"), _CASE, {},
    ),
    "rules.during.from": (
        policy({**_RULE, "during": {"from": "2026-04-21T12:00:00Z"}}),
        policy({**_RULE, "during": {"from": "2026-04-21T12:00:01Z"}}), _CASE, {},
    ),
    "rules.during.until": (
        policy({**_RULE, "during": {"until": "2026-04-21T12:00:01Z"}}),
        policy({**_RULE, "during": {"until": "2026-04-21T12:00:00Z"}}), _CASE, {},
    ),
    "rules.during.weekdays": (
        policy({**_RULE, "during": {"weekdays": ["tuesday"], "zone": "UTC"}}),
        policy({**_RULE, "during": {"weekdays": ["monday"], "zone": "UTC"}}), _CASE, {},
    ),
    "rules.answer": (policy(_RULE), policy({**_RULE, "answer": "deny"}), _CASE, {}),
    "rules.ask.roles": (policy({"ask": {"roles": ["support"]}}), policy({"ask": {"roles": ["finance"]}}), _CASE, {}),
    "rules.ask.people": (policy({"ask": {"people": 1}}), policy({"ask": {"people": 2}}), _CASE, {}),
    "rules.ask.notRequester": (policy({"ask": {}}), policy({"ask": {"notRequester": False}}), _CASE, {}),
    "budgets.per": (
        policy(FREE, budgets=[CREDITS]), policy(FREE, budgets=[{**CREDITS, "per": "customer"}]),
        effect("CreditGrant", "30 USD"), {"past": [outlay("90 USD", customer="cus_2")]},
    ),
    "budgets.kinds": (
        policy(FREE, budgets=[CREDITS]), policy(FREE, budgets=[{**CREDITS, "kinds": ["Refund"]}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.roles": (
        policy(FREE, budgets=[CREDITS]), policy(FREE, budgets=[{**CREDITS, "roles": ["finance"]}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.limits": (
        policy(FREE, budgets=[CREDITS]), policy(FREE, budgets=[{**CREDITS, "limits": ["200 USD per day"]}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.answer": (
        policy(FREE, budgets=[CREDITS]), policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {}}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.ask.roles": (
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"roles": ["finance"]}}]),
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"roles": ["support"]}}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.ask.people": (
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"people": 2}}]),
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"people": 1}}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "budgets.ask.notRequester": (
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"notRequester": True}}]),
        policy(FREE, budgets=[{**CREDITS, "answer": None, "ask": {"notRequester": False}}]),
        effect("CreditGrant", "130 USD"), {},
    ),
    "otherCurrencies": (policy(SMALL), policy(SMALL, otherCurrencies="deny"), effect(amount="1 EUR"), {}),
    "approvals.validFor": (policy(LARGE), policy(LARGE, approvals={"validFor": "4 hours"}), _CASE, {}),
    "confirm.above": (policy(LARGE), policy(LARGE, confirm={"above": ["1 USD"]}), _CASE, {}),
    "confirm.customers": (policy(LARGE), policy(LARGE, confirm={"customers": 0}), _CASE, {}),
    "confirm.irreversible": (
        policy(LARGE), policy(LARGE, confirm={"irreversible": False}), effect(amount="5 USD", irreversible=True), {},
    ),
}  # fmt: skip
# These name and explain, or say who there is: `members_of` is tested with the identities.
_NO_GUARDS = {
    "description", "roles", "members", "rules.name", "rules.description", "rules.during.zone", "budgets.name",
    "budgets.description",
}  # fmt: skip


@pytest.mark.parametrize("key", GUARDS)
def test_every_key_that_guards_something_has_an_effect(key):
    one, other, case, rest = GUARDS[key]
    first, second = answer(one, case, **rest), answer(other, case, **rest)
    guarded = [(v.answer, v.requirements, v.valid_for, v.confirm) for v in (first, second)]
    assert guarded[0] != guarded[1]


def test_no_key_of_a_policy_is_without_such_a_test():
    from reconciler.spec.kinds.policy import PolicySpec
    from reconciler.spec.words import fields_at

    def keys(path):
        for key in fields_at(PolicySpec, path):
            below = (*path, key)
            inner = below if fields_at(PolicySpec, below) else (*below, 0)
            name = ".".join(str(part) for part in below if part != 0)
            if name in _NO_GUARDS:
                continue
            if fields_at(PolicySpec, inner):
                yield from keys(inner)
            else:
                yield name

    assert set(keys(())) == set(GUARDS)


# Properties

kinds = st.sampled_from(["Refund", "CreditGrant", "Pause", "Plan", "Webhook"])
amounts = st.one_of(st.none(), st.builds("{} {}".format, st.integers(0, 1000), st.sampled_from(["USD", "EUR", "JPY"])))
effects = st.lists(
    st.builds(effect, kinds, amounts, st.sampled_from([None, "cus_1", "cus_2"]), irreversible=st.booleans()), max_size=5
)
limits = st.lists(st.integers(1, 900).map("{} USD".format), min_size=1, max_size=1)
when = st.fixed_dictionaries(
    {},
    optional={
        "kinds": st.lists(kinds, min_size=1, max_size=2),
        "amount": st.one_of(st.fixed_dictionaries({"upTo": limits}), st.fixed_dictionaries({"above": limits})),
        "requestedBy": st.lists(st.sampled_from(["support", "finance"]), min_size=1, max_size=1),
        "customers": st.builds(dict, above=st.integers(0, 3)),
        "irreversible": st.booleans(),
    },
)
answers = st.one_of(
    st.sampled_from([{"answer": "auto"}, {"answer": "deny"}]),
    st.builds(lambda roles, people: {"ask": {"roles": roles, "people": people}},
              st.lists(st.sampled_from(["support", "finance"]), max_size=1), st.integers(1, 3)),
)  # fmt: skip
rule = st.builds(lambda when, answer: {"when": when, **answer}, when, answers)
rules = st.lists(rule, min_size=1, max_size=5)
people = st.sampled_from([None, FINANCE, context().requester])


def severity(verdict):
    return verdict.answer.severity


@given(rules, when, st.data(), effects, people)
@settings(max_examples=150, deadline=None)
def test_a_rule_more_that_denies_never_makes_an_answer_milder(rules, when, data, effects, requester):
    place = data.draw(st.integers(0, len(rules)))
    more = [*rules[:place], {"when": when, "answer": "deny"}, *rules[place:]]
    before = judge(policy(*rules), effects, context(requester))
    after = judge(policy(*more), effects, context(requester))
    assert all(severity(a) >= severity(b) for a, b in zip(after, before, strict=True))


@given(rules, effects, people, st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_of_effects_changes_nothing(rules, effects, requester, random):
    shuffled = list(effects)
    random.shuffle(shuffled)
    budgets = [{**CREDITS, "kinds": []}]
    one, other = (combined(judge(policy(*rules, budgets=budgets), e, context(requester))) for e in (effects, shuffled))
    assert one == other


@given(rules, effects, people, st.integers(1, 999), st.data())
@settings(max_examples=150, deadline=None)
def test_splitting_an_amount_never_gives_a_milder_answer(rules, effects, requester, whole, data):
    part = data.draw(st.integers(0, whole))
    kind = data.draw(st.sampled_from(["Refund", "CreditGrant"]))
    ruled = policy(*rules, budgets=[{**CREDITS, "kinds": []}])
    split = [effect(kind, f"{part} USD"), effect(kind, f"{whole - part} USD", key="execute other")]
    together = combined(judge(ruled, [*effects, effect(kind, f"{whole} USD")], context(requester)))
    apart = combined(judge(ruled, [*effects, *split], context(requester)))
    assert severity(apart) >= severity(together)
    assert set(together.requirements) <= set(apart.requirements)


@given(rules, effects, people)
@settings(max_examples=100, deadline=None)
def test_no_policy_crashes_lets_the_control_plane_through_or_asks_nobody(rules, effects, requester):
    for verdict, one in zip(judge(policy(*rules), effects, context(requester)), effects, strict=True):
        assert verdict.answer is not AUTO or one.kind != "Webhook"
        assert bool(verdict.requirements) is (verdict.answer is ASK)
        assert verdict.reasons
        assert verdict.sentence()


def test_nothing_needs_nobody():
    assert combined([]) == Verdict(AUTO, ("nothing changes",))
    assert NOW.tzinfo is not None
