"""All kinds by their name: the one list from which loading, checking and exporting go."""

from __future__ import annotations

from typing import TypeAlias, get_args

from reconciler.spec.kinds.action import Action
from reconciler.spec.kinds.cancellation import Cancellation
from reconciler.spec.kinds.credit import Credit
from reconciler.spec.kinds.credit_grant import CreditGrant
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.discount_grant import DiscountGrant
from reconciler.spec.kinds.entitlement import Entitlement
from reconciler.spec.kinds.meter import Meter
from reconciler.spec.kinds.pause import Pause
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.product import Product
from reconciler.spec.kinds.refund import Refund
from reconciler.spec.kinds.regional_pricing import RegionalPricing
from reconciler.spec.kinds.trial_extension import TrialExtension
from reconciler.spec.kinds.webhook import Webhook

API_VERSION = "ratecard.dev/v1alpha1"

Configuration: TypeAlias = Meter | Credit | Entitlement | Plan | Product | RegionalPricing | Discount | Webhook
AnyAction: TypeAlias = Refund | CreditGrant | Cancellation | Pause | TrialExtension | DiscountGrant
AnyDocument: TypeAlias = Configuration | AnyAction

KINDS: dict[str, type[AnyDocument]] = {
    "Cancellation": Cancellation,
    "Credit": Credit,
    "CreditGrant": CreditGrant,
    "Discount": Discount,
    "DiscountGrant": DiscountGrant,
    "Entitlement": Entitlement,
    "Meter": Meter,
    "Pause": Pause,
    "Plan": Plan,
    "Product": Product,
    "Refund": Refund,
    "RegionalPricing": RegionalPricing,
    "TrialExtension": TrialExtension,
    "Webhook": Webhook,
}

# What is done once.
ACTIONS = frozenset(name for name, document in KINDS.items() if issubclass(document, Action))
# What is kept as it is written: the kinds that providers lower to resources.
CONFIGURATION = frozenset(name for name, document in KINDS.items() if document in get_args(Configuration))
