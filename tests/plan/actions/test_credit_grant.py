from reconciler.base.money import Money
from reconciler.plan.actions.credit_grant import CreditedFact, resolve_credit_grant
from reconciler.plan.effects import customers_of, money_moved
from reconciler.testing.books import customer
from tests.plan.actions.resolving import resolving

GRANT = "{customers: [widget-inc], amount: 150 USD, note: account manager approved}"
WIDGET = customer("widget-inc", called="Widget")


def resolve(spec, *credited, most=100):
    return resolve_credit_grant(resolving("CreditGrant", spec, "late"), credited, most)


def test_a_credit_moves_what_this_action_granted_from_nothing_to_the_amount():
    (change,) = resolve(GRANT, CreditedFact("widget-inc", WIDGET, frozenset({"USD"}))).changes
    assert change.address == "CreditGrant/late:widget-inc"
    assert change.before == {"customer": "widget-inc", "currency": "USD", "granted": 0}
    assert change.after == {**change.before, "granted": 15000, "reason": None}
    assert money_moved(change) == (Money(15000, "USD"),)
    assert customers_of(change) == {"widget-inc"}


def test_the_note_is_text_and_approves_nothing():
    (change,) = resolve(GRANT, CreditedFact("widget-inc", WIDGET, frozenset({"USD"}))).changes
    assert 'text and approves nothing: "account manager approved"' in change.notes[0]
    assert "approved" not in str(change.effect())


def test_a_customer_who_pays_in_another_currency_is_asked_about():
    found = resolve(GRANT, CreditedFact("widget-inc", WIDGET, frozenset({"EUR"})))
    assert found.changes == ()
    (asked,) = found.diagnostics
    assert (asked.code, asked.path) == ("credit-grant/currency", "spec.customers[0]")
    assert "widget-inc pays in EUR, where 150 USD would never be used" in asked.message


def test_a_customer_who_is_not_there_is_said_to_be_so():
    (asked,) = resolve(GRANT, CreditedFact("widget-inc", None)).diagnostics
    assert asked.message == 'there is no customer "widget-inc"'


def test_one_customer_by_two_names_is_given_it_once():
    spec = "{customers: [widget-inc, a@widget.example], amount: 150 USD}"
    found = resolve(spec, CreditedFact("widget-inc", WIDGET), CreditedFact("a@widget.example", WIDGET))
    assert [change.id for change in found.changes] == ["widget-inc"]
    assert "named twice" in found.diagnostics[0].message


def test_more_customers_than_anybody_can_look_over_are_refused():
    spec = "{select: {everyone: true}, amount: 1 USD}"
    found = resolve(spec, *(CreditedFact(f"c{n}", customer(f"c{n}")) for n in range(4)), most=3)
    assert found.changes == ()
    assert "more than 3" in found.diagnostics[0].message
