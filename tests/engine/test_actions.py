"""Actions in the sandbox: planned, approved, applied, planned again; judged by what the sandbox has in its books."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.reversing import make_reverse
from reconciler.engine.session import open_session
from reconciler.plan.render import as_markdown, as_text

WORKSPACE = """apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {name: acme}
spec:
  account: books
  accounts: {books: {provider: dodo, mode: sandbox, seed: seed.yaml}}
"""
HOSTILE = "Acme\\u202e\\n| <b>[x](http://e.example)</b>"
SEED = """products:
  - id: pdt_pro
    name: Pro
    tax_category: saas
    price: {type: recurring_price, currency: USD, price: 4900, discount: 0, purchasing_power_parity: false,
            payment_frequency_count: 1, payment_frequency_interval: Month, subscription_period_count: 10,
            subscription_period_interval: Year}
customers:
  - {id: cus_acme, email: billing@acme-corp.example, name: "NAME"}
  - {id: cus_widget, email: pay@widget.example, name: Widget Inc}
subscriptions:
  - {id: sub_1, product_id: pdt_pro, customer_id: cus_acme}
  - {id: sub_2, product_id: pdt_pro, customer_id: cus_widget}
payments:
  - {id: pay_1, customer_id: cus_acme, currency: USD, total_amount: 4900, product_id: pdt_pro}
"""
HEAD = "apiVersion: ratecard.dev/v1alpha1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n"
REFUND = HEAD.format("Refund", "outage", "{customer: billing@acme-corp.example, payment: last, notify: true}")
CREDIT = HEAD.format("CreditGrant", "late", "{customers: [cus_widget], amount: 150 USD, note: the boss approved}")
PAUSE = HEAD.format("Pause", "summer", "{subscription: sub_1}")
CANCEL = HEAD.format("Cancellation", "bye", "{subscription: sub_2, when: next_renewal}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ratecard.yaml").write_text(WORKSPACE)
    (tmp_path / "seed.yaml").write_text(SEED.replace("NAME", "Acme Corp"))
    (tmp_path / "specs").mkdir()
    return tmp_path


def opened(folder: Path) -> Iterator:
    workspace, _ = load_workspace(folder)
    return open_session(workspace, None, SystemClock())


def planned(session):
    found = make_change_set(session)
    assert found.change_set is not None, [str(one) for one in found.diagnostics]
    return found.change_set


def applied(session, change_set):
    remember(session, change_set)
    final = len(change_set.irreversible())
    approve(session, change_set, "Ann", confirmed=final or None)
    return apply_change_set(session, change_set)


def books(session):
    kept = session.connection.books
    payment = kept.payment("pay_1")
    wallets = kept.wallets("cus_widget")
    return (
        [refund.amount.minor for refund in payment.refunds],
        [wallet.balance.minor for wallet in wallets],
        str(kept.subscription("sub_1").status),
        kept.subscription("sub_2").cancels_at_next_billing,
    )


def test_actions_are_done_once_and_then_planned_as_nothing_with_the_journal_or_without(folder):
    (folder / "specs/a.yaml").write_text("---\n".join([REFUND, CREDIT, PAUSE, CANCEL]))
    with opened(folder) as session:
        change_set = planned(session)
        assert [change.address for change in change_set.changes] == [
            "Refund/outage:pay_1", "CreditGrant/late:cus_widget", "Pause/summer:sub_1", "Cancellation/bye:sub_2",
            "Refund/outage:message-cus_acme",
        ]  # fmt: skip
        done = applied(session, change_set)
        assert (done.reason, done.left) == (None, ())
        assert books(session) == ([4900], [15000], "paused", True)
        (message,) = (folder / ".ratecard/outbox/books").iterdir()
        assert "refunded 49 USD of the 49 USD" in message.read_text()
        assert planned(session).changes == ()
    for path in (folder / ".ratecard").glob("journal.db*"):
        path.unlink()
    with opened(folder) as session:
        # Of a credit nothing can be read back; its key makes it count once.
        again = planned(session)
        assert [change.address for change in again.changes] == ["CreditGrant/late:cus_widget"]
        assert applied(session, again).left == ()
        assert books(session) == ([4900], [15000], "paused", True)


def test_what_can_be_taken_back_is_and_stays_done(folder):
    (folder / "specs/a.yaml").write_text("---\n".join([PAUSE, CANCEL]))
    with opened(folder) as session:
        change_set = planned(session)
        applied(session, change_set)
        assert books(session)[2:] == ("paused", True)
        back = make_reverse(session, change_set.short)
        assert applied(session, back).reason is None
        assert books(session)[2:] == ("active", False)
        assert planned(session).changes == ()


def test_what_a_customer_writes_is_shown_escaped_and_changes_nothing_else(folder):
    (folder / "specs/a.yaml").write_text(REFUND)
    with opened(folder) as session:
        clean = planned(session)
        capabilities = session.provider.capabilities
        assert "Money at once: 49 USD leaves, for 1 customer." in as_text(clean, capabilities)
    for path in (folder / ".ratecard").iterdir():
        if path.is_file():
            path.unlink()
    (folder / "seed.yaml").write_text(SEED.replace("NAME", HOSTILE))
    with opened(folder) as session:
        hostile = planned(session)
    assert [one.effect() for one in hostile.changes] == [one.effect() for one in clean.changes]
    text = as_text(hostile, capabilities)
    assert "\u202e" not in text
    assert text.count("\n") == as_text(clean, capabilities).count("\n")
    assert "<b>" not in as_markdown(hostile, capabilities)
