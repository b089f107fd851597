"""One action at Dodo: its write prepared, sent once, and its fate found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.base.money import Money
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PaymentStatus
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Found, Request
from reconciler.providers.dodo.actions.books import DodoBooks
from reconciler.providers.dodo.actions.capabilities import (
    CREDIT_GRANT,
    DISCOUNT_GRANT,
    OF_SUBSCRIPTIONS,
    PLAN_CHANGE,
    REFUND,
    TRIAL_EXTENSION,
)
from reconciler.providers.dodo.actions.facts import REFUND_FAILED, lift_refund, lift_wallet
from reconciler.providers.dodo.actions.finding import find_action
from reconciler.providers.dodo.actions.levels import Ids, after_now, before_now, body_of, payment_level, read_count
from reconciler.providers.dodo.actions.requests import (
    credit_request,
    is_whole,
    items_asked,
    patch_request,
    plan_change_request,
    refund_amount,
    refund_request,
    target_id,
    trial_request,
)
from reconciler.providers.dodo.actions.spreading import spread
from reconciler.providers.dodo.client import Client

CHANGES_PLAN = frozenset({PLAN_CHANGE, DISCOUNT_GRANT})


class Actions:
    """The actions of one account; safe to share between threads. It reads its targets through the books."""

    def __init__(self, client: Client, books: DodoBooks) -> None:
        self._client = client
        self._books = books

    def prepare(self, change: Change, operation: str, workspace: str, ids: Ids) -> Request:
        """The one write. Raises ProviderError, before anything is sent, for what Dodo cannot do.

        Requests: a refund in part reads the lines of its payment, one; a plan change and a longer trial read the
        subscription when that was not done a moment ago, one; the others none.
        """
        if change.kind == REFUND:
            amount, asked = refund_amount(change), items_asked(change)
            if asked is not None or is_whole(change):
                return refund_request(change, operation, workspace, asked)
            lines = self._books.line_items(target_id(change), amount.currency)
            return refund_request(change, operation, workspace, spread(amount, lines, change.address))
        if change.kind == CREDIT_GRANT:
            return credit_request(change, workspace)
        if change.kind in CHANGES_PLAN:
            metadata = self._books.metadata(target_id(change))
            return plan_change_request(change, operation, workspace, self._books.known(change, ids), metadata)
        if change.kind == TRIAL_EXTENSION:
            return trial_request(change, operation, workspace, self._books.metadata(target_id(change)))
        if change.kind in OF_SUBSCRIPTIONS:
            return patch_request(change)
        raise ProviderError(f'{change.address}: Dodo knows no action "{change.kind}"')

    def write(self, change: Change, request: Request, ids: Ids) -> LiveResource:
        """Send it once, and give the level that was reached, under the id of the effect.

        Requests: two for a refund and a plan change, the write and a read-back; one for the others. One more where a
        credit is told to have been granted before, or a plan has not changed yet. Raises NotSentError, ProviderError
        and AnswerLostError.
        """
        if change.kind == CREDIT_GRANT:
            return self._grant(change, request)
        answer = self._client.write(request.method, request.path, request.body)
        try:
            if change.kind == REFUND:
                return self._refunded(change, answer)
            return self._changed(change, answer, ids)
        except _RefusedAtOnceError as error:
            raise ProviderError(error.message) from None
        except AnswerLostError:
            raise
        except ProviderError as error:
            # It was accepted; what cannot be read is not known, and not known is never success.
            raise AnswerLostError(
                f"{request.method} {request.path} was accepted and what became of it could not be read: "
                f"{error.message}",
                status=error.status,
            ) from error

    def find(self, change: Change, operation: str, workspace: str, ids: Ids) -> Found:
        """Find out, by reading only, whether the action took effect, by this `operation` or one before it."""
        return find_action(self._books, change, workspace, ids)

    def _refunded(self, change: Change, answer: Any) -> LiveResource:
        """The refund, and the level of its payment read back: somebody else may have refunded at the same moment."""
        paid = Money(read_count(body_of(change.before), "paid", change.address), refund_amount(change).currency)
        refund = lift_refund(_object(answer), paid)
        if refund.payment != target_id(change):
            raise ProviderError(f"the refund {refund.id} is of {refund.payment}")
        if refund.status == REFUND_FAILED:
            raise _RefusedAtOnceError(f"{change.address}: the refund {refund.id} failed at once: nothing went back")
        self._client.failpoints.reached("write.before_read_back")
        payment = self._books.payment_alone(refund.payment)
        if payment is None or all(one.id != refund.id for one in payment.refunds):
            raise ProviderError(f"payment {refund.payment} does not show the refund {refund.id}", retry=True)
        return LiveResource(change.kind, refund.id, change.title, after_now(change, payment_level(payment)))

    def _grant(self, change: Change, request: Request) -> LiveResource:
        """A credit; that its key was used says that it was granted before, if an entry of that amount is there."""
        body = request.body or {}
        try:
            answer = self._client.write(request.method, request.path, request.body)
        except ProviderError as error:
            if error.status != 409 or isinstance(error, AnswerLostError):
                raise
            if not self._in_ledger(change, body):
                amount = Money(int(str(body["amount"])), str(body["currency"]))
                raise ProviderError(
                    f"{change.address}: Dodo says that this was granted already, and no entry of "
                    f"{amount.display()} is in the wallet of {change.id}",
                    status=error.status,
                    code=error.code,
                    hint="was another amount granted under this name? Give the new action another name",
                ) from error
        else:
            self._check_wallet(change, request, answer)
        # No answer tells the entry's own id: its key names it just as well.
        return LiveResource(change.kind, str(body["idempotency_key"]), change.title, body_of(change.after))

    def _in_ledger(self, change: Change, body: Mapping[str, Any]) -> bool:
        try:
            entries = self._books.ledger(target_id(change), str(body["currency"]))
            return any(one.get("is_credit") is True and one.get("amount") == body["amount"] for one in entries)
        except ProviderError as error:
            raise AnswerLostError(
                f"Dodo says that {change.address} was granted already, and the wallet could not be read: "
                f"{error.message}",
                status=error.status,
            ) from error

    def _check_wallet(self, change: Change, request: Request, answer: Any) -> None:
        try:
            wallet = lift_wallet(_object(answer))
        except ProviderError as error:
            raise AnswerLostError(
                f"{request.method} {request.path} was accepted and answered with no wallet: {error.message}"
            ) from error
        if (wallet.customer, wallet.balance.currency) != (change.id, (request.body or {})["currency"]):
            raise AnswerLostError(
                f"{request.method} {request.path} was answered with the wallet of {wallet.customer} in "
                f"{wallet.balance.currency}"
            )

    def _changed(self, change: Change, answer: Any, ids: Ids) -> LiveResource:
        """The subscription: a PATCH answers with it, a plan change with its payment alone."""
        subscription_id = target_id(change)
        if change.kind not in CHANGES_PLAN and answer:
            subscription = self._books.lift(_object(answer))
        else:
            self._client.failpoints.reached("write.before_read_back")
            found = self._books.subscription(subscription_id)
            if found is None:
                raise ProviderError(f"there is no subscription {subscription_id} any more")
            subscription = found
        if subscription.id != subscription_id:
            raise ProviderError(f"the answer tells of the subscription {subscription.id}")
        level = self._books.level_of(subscription, change, ids)
        reached = after_now(change, level)
        if reached != change.after and before_now(change, level) == change.before:
            payment = answer.get("payment_id") if isinstance(answer, dict) else None
            raise self._unmoved(change, payment if isinstance(payment, str) else None)
        return LiveResource(change.kind, subscription_id, change.title, reached)

    def _unmoved(self, change: Change, payment_id: str | None) -> ProviderError:
        """Why a subscription is still as before: a definite answer where the payment of its change failed."""
        payment = None if payment_id is None else self._books.payment_alone(payment_id)
        if payment is not None and payment.status in (PaymentStatus.FAILED, PaymentStatus.CANCELLED):
            why = f" ({payment.error})" if payment.error else ""
            return _RefusedAtOnceError(
                f"{change.address}: the payment {payment.id} of the change {payment.status}{why}: "
                f"subscription {change.id} stays as it is"
            )
        waits = "" if payment is None else f", and its payment {payment.id} is {payment.status}"
        return ProviderError(f"subscription {change.id} is still as before{waits}", retry=True)


class _RefusedAtOnceError(ProviderError):
    """It was accepted, and is over without effect already: a definite answer."""


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderError("the answer is no object")
    return answer
