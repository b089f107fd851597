"""Actions of a plan against books in memory: what begins, what is left, what is done, what is asked."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.base.diagnostics import Severity
from reconciler.base.failpoints import NO_FAILPOINTS
from reconciler.engine.config import Account, Workspace, WorkspaceSpec
from reconciler.engine.planning import ActionPlan
from reconciler.engine.resolving import resolve_actions
from reconciler.engine.session import NoProgress, Session
from reconciler.journal.entries import EntryKind, action_body, binding_body, change_set_body, effect_body
from reconciler.journal.store import Journal
from reconciler.plan.change_set import AccountIdentity, ChangeSet
from reconciler.plan.document import to_document
from reconciler.plan.resource import Live
from reconciler.providers.registry import find_provider
from reconciler.spec.load import load_text
from reconciler.testing.books import EPOCH, MemoryBooks, customer, payment, refund, subscription
from reconciler.testing.clock import StandingClock

HEAD = "apiVersion: ratecard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


@dataclass
class BooksAlone:
    """An account of which only the books are asked."""

    books: MemoryBooks = field(default_factory=MemoryBooks)


@pytest.fixture
def session(tmp_path: Path):
    clock = StandingClock()
    account = Account("dodo", "sandbox")
    spec = WorkspaceSpec({"test": account}, "test", ("specs",), "journal.db", {})
    with Journal.open(tmp_path / "journal.db", clock) as journal:
        yield Session(
            workspace=Workspace(tmp_path, "acme", spec),
            account_name="test",
            account=account,
            provider=find_provider("dodo"),
            journal=journal,
            clock=clock,
            connection=BooksAlone(),
            progress=NoProgress(),
            failpoints=NO_FAILPOINTS,
            lock_folder=tmp_path,
            lock_scope="x",
        )


@pytest.fixture
def books(session):
    return session.connection.books


def act(kind, spec, name="outage"):
    return HEAD.format(kind=kind, name=name, spec=spec)


def planned(session, *texts, live=None):
    loaded = load_text("---\n".join(texts), "a.yaml")
    assert loaded.diagnostics == ()
    return resolve_actions(session, loaded.specs, (), live or Live(()))


def begin(session, plan, *, done):
    """What a run writes that begins these actions and then does some of their effects."""
    change_set = ChangeSet(AccountIdentity("test", "dodo", "sandbox"), "acme", plan.changes, actions=plan.begun)
    digest, journal = change_set.digest, session.journal
    journal.append(EntryKind.CHANGE_SET, "test", change_set_body(digest, to_document(change_set)))
    for begun in plan.begun:
        effects = [change.address for change in plan.changes if change.address.startswith(f"{begun.action}:")]
        body = action_body(begun.action, begun.spec, effects, digest=digest, run="r-1")
        journal.append(EntryKind.ACTION, "test", body)
    for change in plan.changes:
        if change.address in done:
            body = effect_body(change.address, change.kind, "ref_1", digest=digest, run="r-1")
            journal.append(EntryKind.EFFECT, "test", body)


REFUND = act("Refund", "{customer: cus_1, payment: last, reason: Outage}")
TWO = act("Refund", "{payments: [pay_1, pay_2]}")


def test_a_refund_asks_for_one_customer_only_and_begins(session, books):
    books.put(customer("cus_1"), customer("cus_2"), payment("pay_1", "cus_1"), payment("pay_2", "cus_2"))
    plan = planned(session, REFUND)
    assert [change.address for change in plan.changes] == ["Refund/outage:pay_1"]
    assert [begun.action for begun in plan.begun] == ["Refund/outage"]
    assert books.asked == ["customer cus_1", "payments cus_1", "payment pay_1"]


def test_an_action_that_is_done_plans_as_nothing_whatever_is_true_by_then(session, books):
    books.put(customer("cus_1"), payment("pay_1", "cus_1"))
    begin(session, planned(session, REFUND), done={"Refund/outage:pay_1"})
    books.put(payment("pay_2", "cus_1", at=EPOCH + timedelta(days=60)))
    books.asked.clear()
    assert planned(session, REFUND) == ActionPlan()
    assert books.asked == []


def test_spelling_and_file_order_do_not_make_another_action_of_it(session, books):
    books.put(customer("cus_1"), payment("pay_1", "cus_1"))
    begin(session, planned(session, REFUND), done={"Refund/outage:pay_1"})
    again = act("Refund", '{reason: "Outage", notify: false, payment: "last", customer: "cus_1"}')
    assert planned(session, again) == ActionPlan()


def test_another_spec_under_the_name_of_one_that_is_done_is_asked_about(session, books):
    books.put(customer("cus_1"), payment("pay_1", "cus_1"))
    begin(session, planned(session, REFUND), done={"Refund/outage:pay_1"})
    (asked,) = planned(session, REFUND.replace("Outage", "Another")).diagnostics
    assert (asked.code, asked.path) == ("action/done", "metadata.name")
    assert "was done on 2026-03-01" in asked.message
    assert "another name" in (asked.hint or "")


def test_what_is_left_of_an_action_is_done_as_it_was_approved_and_not_resolved_anew(session, books):
    books.put(payment("pay_1", "cus_1"), payment("pay_2", "cus_2", "99 USD"))
    whole = planned(session, TWO)
    begin(session, whole, done={"Refund/outage:pay_1"})
    rest = planned(session, TWO)
    assert [change.effect() for change in rest.changes] == [whole.changes[1].effect()]
    assert rest.begun == ()  # it began before


def test_what_is_left_and_has_moved_meanwhile_is_left_out_and_said(session, books):
    books.put(payment("pay_1", "cus_1"), payment("pay_2", "cus_2", "99 USD"))
    begin(session, planned(session, TWO), done={"Refund/outage:pay_1"})
    books.put(payment("pay_2", "cus_2", "99 USD", refunded=100))
    rest = planned(session, TWO)
    assert rest.changes == ()
    (told,) = rest.warnings
    assert "Refund/outage:pay_2" in told
    assert "refunded was 0 USD, is 1 USD now" in told
    assert "another name" in told


def test_an_action_of_which_nothing_happened_is_resolved_anew(session, books):
    books.put(customer("cus_1"), payment("pay_1", "cus_1"))
    begin(session, planned(session, REFUND), done=set())
    books.put(payment("pay_2", "cus_1", at=EPOCH + timedelta(days=60)))
    assert [change.id for change in planned(session, REFUND).changes] == ["pay_2"]


def test_a_lost_journal_does_not_refund_again(session, books):
    books.put(customer("cus_1"), payment("pay_2", "cus_1", at=EPOCH + timedelta(days=60)))
    old = payment("pay_1", "cus_1", refunded=4900)
    mark = {"ratecard_owner": "acme", "ratecard_address": "Refund/outage:pay_1"}
    books.put(replace(old, refunds=(refund("ref_1", old, 4900, mark),)))
    assert planned(session, REFUND) == ActionPlan()


def test_a_plan_means_those_who_subscribed_before_its_price_changed_too(session, books):
    for bound in ("pdt_old", "pdt_new"):
        body = binding_body("Plan/pro:monthly", "product", bound)
        session.journal.append(EntryKind.BINDING, "test", body)
    session.journal.append(EntryKind.BINDING, "test", binding_body("Plan/pro-max:monthly", "product", "pdt_max"))
    books.put(*(subscription(f"sub_{name}", "cus_1", f"pdt_{name}") for name in ("old", "new", "max", "other")))
    pro = "apiVersion: ratecard.dev/v1alpha1\nkind: Pause\nmetadata: {name: p}\nspec: {select: {plans: [pro]}}\n"
    plan = planned(session, pro)
    assert [change.id for change in plan.changes] == ["sub_new", "sub_old"]
    assert books.asked == ["subscriptions pdt_new", "subscriptions pdt_old"]


def test_a_selector_that_finds_nobody_is_a_warning(session, books):
    plan = planned(session, act("Pause", "{select: {countries: [JP]}}"))
    (told,) = plan.diagnostics
    assert (told.severity, told.code) == (Severity.WARNING, "action/nobody")
    assert plan.begun == ()


def test_more_than_a_person_can_look_over_is_refused(session, books):
    books.put(*(subscription(f"sub_{n:04}", f"cus_{n}") for n in range(1_002)))
    plan = planned(session, act("Pause", "{select: {everyone: true}}"))
    (asked,) = plan.diagnostics
    assert asked.code == "action/too-many"
    assert "PlanMigration goes in waves" in (asked.hint or "")
    assert plan.changes == ()


def test_two_actions_on_one_level_are_told_to_go_one_after_another(session, books):
    books.put(payment("pay_1", "cus_1"))
    one, two = act("Refund", "{payment: pay_1}", "one"), act("Refund", "{payment: pay_1}", "two")
    (asked,) = planned(session, one, two).diagnostics
    assert (asked.code, asked.path) == ("action/twice", "metadata.name")
    assert "Refund/one touches pay_1" in asked.message


def test_unknown_names_are_told_with_their_places(session, books):
    select = "{select: {customers: [cus_1, nobody], except: {customers: [nowhere]}}}"
    books.put(customer("cus_1"), subscription("sub_1", "cus_1"))
    told = planned(session, act("Pause", select), act("Pause", "{subscription: sub_9}", "b")).diagnostics
    assert sorted((one.path, one.code) for one in told) == [
        ("spec.select.customers[1]", "action/customer"),
        ("spec.select.except", "action/customer"),
        ("spec.subscription", "action/subscription"),
    ]


def test_a_discount_is_granted_after_it_is_made_and_reads_each_subscription_whole(session, books):
    books.put(subscription("sub_1", "cus_1", addons=(("adn_1", 1),)))
    launch = act("Discount", "{code: LAUNCH20, percent: 20%}", "launch")
    plan = planned(session, launch, act("DiscountGrant", "{subscription: sub_1, discount: launch}"))
    (change,) = plan.changes
    assert change.after["addons"] == [{"id": "adn_1", "quantity": 1}]


def test_those_who_are_touched_are_written_to_once_with_the_numbers(session, books):
    books.put(customer("cus_1", called="<b>Eve</b>"), customer("cus_2", email="no address"))
    books.put(payment("pay_1", "cus_1"), payment("pay_2", "cus_1", "99 USD"), payment("pay_3", "cus_2"))
    spec = "{payments: [pay_1, pay_2, pay_3], message: {subject: Sorry, text: 'We gave back {amount} of {paid}.'}}"
    plan = planned(session, act("Refund", spec))
    (message,) = [change for change in plan.changes if change.kind == "message"]
    assert message.before == {
        "customer": "cus_1", "to": "cus_1@customers.example", "subject": "Sorry",
        "text": "We gave back 148 USD of 148 USD.", "status": "none",
    }  # fmt: skip
    assert message.after["status"] == "sent"
    assert set(message.needs) == {"execute Refund/outage:pay_1", "execute Refund/outage:pay_2"}
    assert plan.changes[-1] == message
    assert "cus_2" in plan.warnings[0]
    assert "Eve" not in str(message.effect())
