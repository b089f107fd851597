"""All kinds by their name: the one list from which loading, checking and exporting go."""

from __future__ import annotations

from typing import TypeAlias

from reconciler.spec.kinds.credit import Credit
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.entitlement import Entitlement
from reconciler.spec.kinds.meter import Meter
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.product import Product
from reconciler.spec.kinds.regional_pricing import RegionalPricing
from reconciler.spec.kinds.webhook import Webhook

API_VERSION = "ratecard.dev/v1alpha1"

AnyDocument: TypeAlias = Meter | Credit | Entitlement | Plan | Product | RegionalPricing | Discount | Webhook

KINDS: dict[str, type[AnyDocument]] = {
    "Credit": Credit,
    "Discount": Discount,
    "Entitlement": Entitlement,
    "Meter": Meter,
    "Plan": Plan,
    "Product": Product,
    "RegionalPricing": RegionalPricing,
    "Webhook": Webhook,
}
