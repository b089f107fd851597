"""What may be sent where, by the types of the vendor's own client."""

from __future__ import annotations

from typing import Any

from dodopayments.types import (
    addon_create_params,
    addon_update_params,
    brand_create_params,
    brand_update_params,
    credit_entitlement_create_params,
    credit_entitlement_update_params,
    discount_create_params,
    discount_update_params,
    entitlement_create_params,
    entitlement_update_params,
    meter_create_params,
    meter_update_params,
    product_collection_create_params,
    product_collection_update_params,
    product_create_params,
    product_update_params,
    webhook_create_params,
    webhook_update_params,
)
from dodopayments.types.product_collections import group_create_params, group_update_params
from dodopayments.types.product_collections.groups import item_create_params, item_update_params
from dodopayments.types.products import localized_price_create_params, localized_price_update_params

GROUP = "/product-collections/*/groups"
# By method and path, where each id is a star.
TYPES: dict[str, Any] = {
    "POST /meters": meter_create_params.MeterCreateParams,
    "PATCH /meters/*": meter_update_params.MeterUpdateParams,
    "POST /products": product_create_params.ProductCreateParams,
    "PATCH /products/*": product_update_params.ProductUpdateParams,
    "POST /products/*/localized-prices": localized_price_create_params.LocalizedPriceCreateParams,
    "PATCH /products/*/localized-prices/*": localized_price_update_params.LocalizedPriceUpdateParams,
    "POST /addons": addon_create_params.AddonCreateParams,
    "PATCH /addons/*": addon_update_params.AddonUpdateParams,
    "POST /brands": brand_create_params.BrandCreateParams,
    "PATCH /brands/*": brand_update_params.BrandUpdateParams,
    "POST /credit-entitlements": credit_entitlement_create_params.CreditEntitlementCreateParams,
    "PATCH /credit-entitlements/*": credit_entitlement_update_params.CreditEntitlementUpdateParams,
    "POST /entitlements": entitlement_create_params.EntitlementCreateParams,
    "PATCH /entitlements/*": entitlement_update_params.EntitlementUpdateParams,
    "POST /discounts": discount_create_params.DiscountCreateParams,
    "PATCH /discounts/*": discount_update_params.DiscountUpdateParams,
    "POST /webhooks": webhook_create_params.WebhookCreateParams,
    "PATCH /webhooks/*": webhook_update_params.WebhookUpdateParams,
    "POST /product-collections": product_collection_create_params.ProductCollectionCreateParams,
    "PATCH /product-collections/*": product_collection_update_params.ProductCollectionUpdateParams,
    f"POST {GROUP}": group_create_params.GroupCreateParams,
    f"PATCH {GROUP}/*": group_update_params.GroupUpdateParams,
    f"POST {GROUP}/*/items": item_create_params.ItemCreateParams,
    f"PATCH {GROUP}/*/items/*": item_update_params.ItemUpdateParams,
}
# Of a route with several ids the client takes these beside the body.
IN_PATHS = {"id", "product_id", "group_id"}
