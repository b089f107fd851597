"""One shop with customers, payments and a policy, in a sandbox; and what may be tried against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.config import Account, load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.journal.entries import EntryKind
from reconciler.plan.change_set import ChangeSet
from reconciler.testing.clock import StandingClock

WORKSPACE = """apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {name: acme}
spec:
  account: books
  accounts: {books: {provider: dodo, mode: sandbox, seed: seed.yaml}}
"""
SEED = """products:
  - id: pdt_pro
    name: Pro
    description: DESCRIPTION
    tax_category: saas
    price: {type: recurring_price, currency: USD, price: 4900, discount: 0, purchasing_power_parity: false,
            payment_frequency_count: 1, payment_frequency_interval: Month, subscription_period_count: 10,
            subscription_period_interval: Year}
customers:
  - {id: cus_acme, email: billing@acme-corp.example, name: NAME}
  - {id: cus_widget, email: pay@widget.example, name: Widget Inc}
subscriptions:
  - {id: sub_1, product_id: pdt_pro, customer_id: cus_acme, metadata: {note: NAME}}
payments:
  - {id: pay_1, customer_id: cus_acme, currency: USD, total_amount: 490000, product_id: pdt_pro}
  - {id: pay_2, customer_id: cus_widget, currency: USD, total_amount: 490000, product_id: pdt_pro}
"""
HEAD = "apiVersion: ratecard.dev/v1alpha1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n"


def spec(kind: str, name: str, text: str) -> str:
    return HEAD.format(kind, name, text)


def settle(folder: Path, *, name: str = '"Acme Corp"', description: str = '"Our best"') -> None:
    """Make a folder the workspace of the shop; `name` and `description` are quoted texts of strangers."""
    (folder / "specs").mkdir(parents=True, exist_ok=True)
    (folder / "ratecard.yaml").write_text(WORKSPACE)
    (folder / "seed.yaml").write_text(SEED.replace("NAME", name).replace("DESCRIPTION", description))


@contextmanager
def opened(folder: Path) -> Iterator[Session]:
    workspace, diagnostics = load_workspace(folder)
    assert workspace is not None, diagnostics
    with open_session(workspace, None, StandingClock()) as session:
        yield session


def as_mode(session: Session, mode: str) -> Session:
    """The same books under another account name, whose approvals count as they do in that mode."""
    return replace(session, account_name=mode, account=Account("dodo", mode, key="env:RATECARD_NO_KEY"))


def write(session: Session, *texts: str) -> None:
    """These are the specs now."""
    (session.workspace.folder / "specs" / "all.yaml").write_text("---\n".join(texts))


def planned(session: Session, *texts: str) -> ChangeSet:
    if texts:
        write(session, *texts)
    found = make_change_set(session)
    assert found.change_set is not None, [str(one) for one in found.diagnostics]
    return found.change_set


def adopt(session: Session, policy: str, key: Any = "founder") -> None:
    """Put a first policy in force, and leave no spec behind."""
    first = planned(session, policy)
    approve(session, first, key, confirmed=1)
    assert apply_change_set(session, first).reason is None
    write(session)


def done(session: Session, change_set: ChangeSet, by: str = "ann") -> Applied:
    remember(session, change_set)
    approve(session, change_set, by, confirmed=len(change_set.irreversible()) or None)
    return apply_change_set(session, change_set)


def state(session: Session) -> object:
    """All that could have moved: money, subscriptions, objects, the policy and what was sent."""
    books, live = session.connection.books, session.connection.read({})
    outbox = session.workspace.folder / ".ratecard" / "outbox"
    return (
        [books.payment(one) for one in ("pay_1", "pay_2")],
        [books.wallets(one) for one in ("cus_acme", "cus_widget")],
        books.subscription("sub_1"),
        sorted((item.id, item.fingerprint()) for item in live.resources),
        [(entry.sequence, entry.hash) for name in ("books", "test", "live")
         for kind in (EntryKind.POLICY, EntryKind.EFFECT, EntryKind.INTENT, EntryKind.RUN_FINISHED)
         for entry in session.journal.entries(name, kind)],
        sorted(outbox.rglob("*")),
    )  # fmt: skip
