"""Credits: who is given how much, in a currency that they pay in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.plan.actions.resolved import Resolved, Resolving, moved, theirs
from reconciler.plan.facts import CustomerFact
from reconciler.spec.kinds.credit_grant import CreditGrant

KIND = "credit_grant"


@dataclass(frozen=True, slots=True)
class CreditedFact:
    """One customer who may be given a credit: `reference` is how the spec names them, `currencies` what they pay in.

    `customer` is None where there is none of that name. `currencies` is empty where they have paid nothing yet.
    """

    reference: str
    customer: CustomerFact | None
    currencies: frozenset[str] = frozenset()


def resolve_credit_grant(resolving: Resolving, credited: Iterable[CreditedFact], most: int) -> Resolved:
    """The credit of each customer; more than `most` of them are refused."""
    document = resolving.spec.document
    assert isinstance(document, CreditGrant), "a credit is resolved from its own kind"
    wanted = document.spec
    seen: set[str] = set()
    for fact in credited:
        at: tuple[str | int, ...] = ("spec", "select")
        if fact.reference in wanted.customers:
            at = ("spec", "customers", wanted.customers.index(fact.reference))
        if fact.customer is None:
            hint = "write the id or the e-mail address that the provider has"
            resolving.ask(Mistake(f'there is no customer "{fact.reference}"', code="action/customer", hint=hint, at=at))
        elif fact.customer.id in seen:
            message = f"{fact.customer.id} is named twice"
            if wanted.customers:
                resolving.ask(Mistake(message, code="credit-grant/twice", hint="keep one of them", at=at))
        elif fact.currencies and wanted.amount.currency not in fact.currencies:
            pays = " and ".join(sorted(fact.currencies))
            resolving.ask(
                Mistake(
                    f"{fact.customer.id} pays in {pays}, where {wanted.amount} would never be used",
                    code="credit-grant/currency",
                    hint=f"write the amount in {pays}, in a CreditGrant of its own if the others pay otherwise",
                    at=at,
                )
            )
        else:
            _add(resolving, wanted.amount.minor, wanted.amount.currency, fact)
        if fact.customer is not None:
            seen.add(fact.customer.id)
        if len(seen) > most:
            resolving.changes.clear()
            resolving.ask(too_many(most, at=("spec", "select")))
            break
    return resolving.resolved()


def too_many(most: int, at: tuple[str | int, ...]) -> Mistake:
    """What is said of an action that touches more than a person can look over."""
    return Mistake(
        f"it touches more than {most:,}, which is the most that one action may",
        code="action/too-many",
        hint="select fewer, by plan, country or time, in several actions; a PlanMigration goes in waves",
        at=at,
    )


def _add(resolving: Resolving, minor: int, currency: str, fact: CreditedFact) -> None:
    document, customer = resolving.spec.document, fact.customer
    assert isinstance(document, CreditGrant), "as above"
    assert customer is not None, "somebody is given it"
    before: dict[str, JSON] = {"customer": customer.id, "currency": currency, "granted": 0}
    after: dict[str, JSON] = {**before, "granted": minor, "reason": document.spec.reason}
    amount = document.spec.amount.display()
    who = f"{theirs(customer.name)} ({customer.id})" if customer.name else customer.id
    notes = []
    if document.spec.note is not None:
        notes.append(f"its note is text and approves nothing: {theirs(document.spec.note, 300)}")
    if not fact.currencies:
        notes.append(f"they have paid nothing yet, so nobody knows whether they will pay in {currency}")
    resolving.add(
        KIND,
        customer.id,
        title=f"credit {amount} to {who}",
        before=before,
        after=after,
        impact=moved(f"Customer {customer.id} has {amount} in store for the next payments."),
        notes=notes,
    )
