"""All kinds by their name: the one list from which loading, checking and exporting go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from reconciler.spec.kinds.addon import Addon
    from reconciler.spec.kinds.brand import Brand
    from reconciler.spec.kinds.cancellation import Cancellation
    from reconciler.spec.kinds.collection import Collection
    from reconciler.spec.kinds.credit import Credit
    from reconciler.spec.kinds.credit_grant import CreditGrant
    from reconciler.spec.kinds.dashboard_setting import DashboardSetting
    from reconciler.spec.kinds.discount import Discount
    from reconciler.spec.kinds.discount_grant import DiscountGrant
    from reconciler.spec.kinds.entitlement import Entitlement
    from reconciler.spec.kinds.meter import Meter
    from reconciler.spec.kinds.pause import Pause
    from reconciler.spec.kinds.plan import Plan
    from reconciler.spec.kinds.plan_migration import PlanMigration
    from reconciler.spec.kinds.policy import Policy
    from reconciler.spec.kinds.product import Product
    from reconciler.spec.kinds.refund import Refund
    from reconciler.spec.kinds.regional_pricing import RegionalPricing
    from reconciler.spec.kinds.short_link import ShortLink
    from reconciler.spec.kinds.translation import Translation
    from reconciler.spec.kinds.trial_extension import TrialExtension
    from reconciler.spec.kinds.webhook import Webhook

API_VERSION = "ratecard.dev/v1alpha1"

Configuration: TypeAlias = (
    "Meter | Credit | Entitlement | Brand | Addon | Plan | Product | RegionalPricing | Collection | Discount | Webhook"
    " | ShortLink | Translation"
)
AnyAction: TypeAlias = "Refund | CreditGrant | Cancellation | Pause | TrialExtension | DiscountGrant | PlanMigration"
AnyDocument: TypeAlias = "Configuration | AnyAction | Policy | DashboardSetting"

# kind -> its module, which has a model of that name.
_CONFIGURATION = {
    "Addon": "addon",
    "Brand": "brand",
    "Collection": "collection",
    "Credit": "credit",
    "Discount": "discount",
    "Entitlement": "entitlement",
    "Meter": "meter",
    "Plan": "plan",
    "Product": "product",
    "RegionalPricing": "regional_pricing",
    "ShortLink": "short_link",
    "Translation": "translation",
    "Webhook": "webhook",
}
_ACTIONS = {
    "Cancellation": "cancellation",
    "CreditGrant": "credit_grant",
    "DiscountGrant": "discount_grant",
    "Pause": "pause",
    "PlanMigration": "plan_migration",
    "Refund": "refund",
    "TrialExtension": "trial_extension",
}
# What is neither: it says who may do the others.
_RULES = {"Policy": "policy"}
# What only people can set: declared, and never sent.
_SETTINGS = {"DashboardSetting": "dashboard_setting"}

# What is kept as it is written: the kinds that providers lower to resources.
CONFIGURATION = frozenset(_CONFIGURATION)
# What is done once.
ACTIONS = frozenset(_ACTIONS)
# What a person sets and confirms.
SETTINGS = frozenset(_SETTINGS)


class _Kinds(Mapping[str, "type[AnyDocument]"]):
    """The models by kind, each imported when it is asked for: a kind costs its models only where there is one of it."""

    def __init__(self) -> None:
        self._modules = dict(sorted((_CONFIGURATION | _ACTIONS | _RULES | _SETTINGS).items()))

    def __getitem__(self, kind: str) -> type[AnyDocument]:
        module = import_module(f"reconciler.spec.kinds.{self._modules[kind]}")
        model: type[AnyDocument] = getattr(module, kind)
        return model

    def __contains__(self, kind: object) -> bool:
        return kind in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


KINDS: Mapping[str, type[AnyDocument]] = _Kinds()
