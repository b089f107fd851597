"""What Dodo can do with actions, as data: how people are told of them, and what retries of them rest on.

From the vendor's OpenAPI 1.113.0 and the types and texts of its client 1.123.0, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.plan.capabilities import Form, KindCapabilities, Label, OperationCapabilities, ReadBack

# A credit entitlement is of the kind `credit` at Dodo already: money that is granted is of another.
REFUND, CREDIT_GRANT = "refund", "credit_grant"
PLAN_CHANGE, DISCOUNT_GRANT = "plan_change", "discount_grant"
MIGRATION = "migration"  # many plan changes, bound by one manifest
CANCELLATION, PAUSE, TRIAL_EXTENSION = "cancellation", "pause", "trial_extension"

OF_SUBSCRIPTIONS = frozenset({PLAN_CHANGE, DISCOUNT_GRANT, CANCELLATION, PAUSE, TRIAL_EXTENSION})

# How long a write without an answer may still take effect, by mode of the account, in seconds.
SETTLE_S: Mapping[str, float] = {"sandbox": 1.0, "test": 10.0, "live": 30.0}
AT_ONCE_S: Mapping[str, float] = {"sandbox": 0.0, "test": 0.0, "live": 0.0}

_CUSTOMER = Label("customer", quiet=True)
_SUBSCRIPTION = Label("subscription", quiet=True)
_CURRENCY = Label("currency", quiet=True)
_GIVEN_LABELS = {
    "given.status": Label("status", quiet=True),
    "given.cancels_at_next_billing": Label("ends at its next billing date", quiet=True),
    "given.product": Label("product", quiet=True),
    "given.quantity": Label("quantity", Form.COUNT, quiet=True),
    "given.amount": Label("paid", Form.MONEY, currency="given.currency", quiet=True),
    "given.currency": Label("currency", quiet=True),
    "given.every": Label("paid every", quiet=True),
    "given.on_demand": Label("charged on demand", quiet=True),
    "given.change_scheduled": Label("a change is scheduled", quiet=True),
    "given.next_billing_at": Label("billed next at", quiet=True),
    "given.disputed": Label("disputed", quiet=True),
    "given.refund_pending": Label("a refund is under way", quiet=True),
}
_WORTH_LABELS = {
    "currency": _CURRENCY,
    "amount_before": Label("paid until now", Form.MONEY, quiet=True),
    "every": Label("paid every", quiet=True),
}
_PLAN_LABELS = {
    "customer": _CUSTOMER,
    "subscription": _SUBSCRIPTION,
    "product": Label("product"),
    "quantity": Label("quantity", Form.COUNT),
    "addons": Label("add-ons"),
    "addons[].id": Label("add-on"),
    "addons[].quantity": Label("quantity of the add-on", Form.COUNT),
    "discounts": Label("discount codes"),
    "discounts[]": Label("discount codes"),
    "proration": Label("for the rest of the period"),
    "timing": Label("takes effect"),
    "charge": Label("charged at once", Form.MONEY),
    "currency": _CURRENCY,
    "amount_before": Label("paid until now", Form.MONEY),
    "amount_after": Label("paid from then on", Form.MONEY),
    "every": Label("paid every"),
    **_GIVEN_LABELS,
}

ACTION_KINDS: Mapping[str, KindCapabilities] = {
    kind.kind: kind
    for kind in (
        KindCapabilities(
            kind=REFUND,
            rank=100,
            removal="delete",
            restorable=False,
            labels={
                "customer": _CUSTOMER,
                "payment": Label("payment", quiet=True),
                "currency": _CURRENCY,
                "paid": Label("paid", Form.MONEY),
                "refunded": Label("refunded", Form.MONEY),
                "reason": Label("reason"),
                "paid_on": Label("paid on", quiet=True),
                "items[].id": Label("of the line"),
                "items[].amount": Label("of which", Form.MONEY),
                **_GIVEN_LABELS,
            },
            irreversible={"execute": "money that went back to a customer cannot be fetched again"},
        ),
        KindCapabilities(
            kind=CREDIT_GRANT,
            rank=110,
            removal="delete",
            restorable=False,
            labels={
                "customer": _CUSTOMER,
                "currency": _CURRENCY,
                "granted": Label("granted", Form.MONEY),
                "reason": Label("reason"),
            },
            irreversible={"execute": "credit is spent by itself on the customer's next payment"},
        ),
        KindCapabilities(
            kind=PLAN_CHANGE,
            rank=120,
            removal="delete",
            restorable=False,
            labels=_PLAN_LABELS,
            irreversible={"execute": "what is charged at once stays charged when the plan is changed back"},
        ),
        KindCapabilities(kind=MIGRATION, rank=125, removal="delete", restorable=False),
        KindCapabilities(
            kind=DISCOUNT_GRANT, rank=130, removal="delete", restorable=False, labels=_PLAN_LABELS, irreversible=None
        ),
        KindCapabilities(
            kind=TRIAL_EXTENSION,
            rank=140,
            removal="delete",
            restorable=False,
            labels={
                "customer": _CUSTOMER,
                "subscription": _SUBSCRIPTION,
                "next_billing_at": Label("billed next at"),
                "reason": Label("reason"),
                **_GIVEN_LABELS,
            },
        ),
        KindCapabilities(
            kind=PAUSE,
            rank=150,
            removal="delete",
            restorable=False,
            labels={
                "customer": _CUSTOMER,
                "subscription": _SUBSCRIPTION,
                "status": Label("status"),
                **_WORTH_LABELS,
                "reason": Label("reason"),
                **_GIVEN_LABELS,
            },
        ),
        KindCapabilities(
            kind=CANCELLATION,
            rank=160,
            removal="delete",
            restorable=False,
            labels={
                "customer": _CUSTOMER,
                "subscription": _SUBSCRIPTION,
                "status": Label("status"),
                "cancels_at_next_billing": Label("ends at its next billing date"),
                **_WORTH_LABELS,
                "reason": Label("reason"),
                **_GIVEN_LABELS,
            },
        ),
    )
}

_SAME_PRODUCT = (
    "whether a plan change to the same product takes up a price that it has got since is not documented: "
    "compare the amount of the preview"
)
_SAME_DISCOUNT = "whether a discount that is sent again begins its billing cycles anew is not documented"

ACTION_OPERATIONS: Mapping[str, OperationCapabilities] = {
    REFUND: OperationCapabilities(
        operation="POST /refunds",
        key=None,
        key_window_s=None,
        marker=ReadBack.GET,  # lists of refunds leave metadata out
        settle_s=SETTLE_S,
        aggregate="refunded",
        ceiling="paid",
        one_pending=True,
        notes=(
            "Dodo may refuse a refund more than 90 days after the payment; its pages do not agree on the limit",
            "a refund in part is spread over the lines of the payment; lines that were prorated cannot be refunded",
        ),
    ),
    CREDIT_GRANT: OperationCapabilities(
        operation="POST /customers/{customer_id}/wallets/ledger-entries",
        key="body",
        key_window_s=None,
        marker=ReadBack.NOT,
        settle_s=AT_ONCE_S,  # its key makes sending it again safe at any time
    ),
    PLAN_CHANGE: OperationCapabilities(
        operation="POST /subscriptions/{subscription_id}/change-plan",
        key=None,
        key_window_s=None,
        marker=ReadBack.LIST,  # on the payment that it makes, where it makes one
        settle_s=SETTLE_S,
        aggregate="product",
        one_pending=True,
        part_of="migration",
        notes=(
            "the change takes effect when its payment succeeds; when it fails, the subscription stays as it is",
            _SAME_DISCOUNT,
        ),
    ),
    DISCOUNT_GRANT: OperationCapabilities(
        operation="POST /subscriptions/{subscription_id}/change-plan",
        key=None,
        key_window_s=None,
        marker=ReadBack.NOT,  # nothing is billed, so no payment carries it
        settle_s=SETTLE_S,
        aggregate="discounts",
        one_pending=True,
        level_triggered=True,
        notes=(_SAME_PRODUCT, _SAME_DISCOUNT),
    ),
    CANCELLATION: OperationCapabilities(
        operation="PATCH /subscriptions/{subscription_id}",
        key=None,
        key_window_s=None,
        marker=ReadBack.NOT,
        settle_s=SETTLE_S,
        aggregate="status",
        level_triggered=True,
    ),
    PAUSE: OperationCapabilities(
        operation="PATCH /subscriptions/{subscription_id}",
        key=None,
        key_window_s=None,
        marker=ReadBack.NOT,
        settle_s=SETTLE_S,
        aggregate="status",
        level_triggered=True,
        notes=("pausing may make an invoice for use until then; until it is paid the subscription is on hold",),
    ),
    TRIAL_EXTENSION: OperationCapabilities(
        operation="PATCH /subscriptions/{subscription_id}",
        key=None,
        key_window_s=None,
        marker=ReadBack.LIST,  # on the subscription itself
        settle_s=SETTLE_S,
        aggregate="next_billing_at",
        level_triggered=True,
        notes=("a trial ends at the next billing date: moving it is how it is made longer",),
    ),
}
