"""Every served route, read by the vendor's own client with strict validation of its answers."""

from typing import Any

import dodopayments
import pytest
from dodopayments import DodoPayments
from dodopayments.types import SubscriptionCreateResponse

from . import bodies


def subscribe(official: DodoPayments, **body: Any) -> SubscriptionCreateResponse:
    with pytest.deprecated_call():  # the vendor prefers checkouts, which the sandbox does not have
        return official.subscriptions.create(**body)


def test_a_usage_product_reads_back_with_the_values_that_were_sent(official: DodoPayments):
    meter = official.meters.create(**bodies.meter())
    made = official.products.create(
        name="Pro",
        tax_category="saas",
        price=bodies.usage_price(meter.id),
        description="For teams",
        metadata={"ratecard_address": "Plan/pro:monthly", "seats": 3, "beta": True},
    )
    read = official.products.retrieve(made.product_id)
    assert read == made
    assert read.price.type == "usage_based_price"
    assert (read.price.fixed_price, read.price.currency, read.price.discount_bps) == (4900, "USD", 0)
    (line,) = read.price.meters or []
    assert (line.price_per_unit, line.free_threshold) == ("0.2", 10_000)
    assert (line.name, line.measurement_unit) == ("API calls", "calls")
    assert read.metadata == {"ratecard_address": "Plan/pro:monthly", "seats": 3, "beta": True}
    assert read.is_recurring
    assert read.brand_id == read.business_id


def test_a_product_list_item_has_the_whole_price_and_less_of_the_rest(official: DodoPayments):
    made = official.products.create(**bodies.product())
    (item,) = official.products.list().items
    assert (item.product_id, item.price, item.currency) == (made.product_id, 4900, "USD")
    assert item.price_detail == made.price
    shown = item.to_dict()
    assert not {"brand_id", "addons", "credit_entitlements", "product_collection_id"} & set(shown)


def test_a_product_is_changed_archived_and_restored(official: DodoPayments):
    product_id = official.products.create(**bodies.product(description="Old")).product_id
    assert official.products.update(product_id, name="Team", description=None) is None
    changed = official.products.retrieve(product_id)
    assert (changed.name, changed.description, changed.price.type) == ("Team", None, "recurring_price")
    assert official.products.archive(product_id) is None
    assert official.products.list().items == []
    assert [item.product_id for item in official.products.list(archived=True).items] == [product_id]
    with pytest.raises(dodopayments.APIStatusError) as gone:
        official.products.archive(product_id)
    assert gone.value.status_code == 410
    official.products.unarchive(product_id)
    assert [item.product_id for item in official.products.list(archived=False).items] == [product_id]


def test_products_are_filtered_by_recurring_and_brand(official: DodoPayments):
    once = {"type": "one_time_price", "currency": "JPY", "price": 4900}
    single = official.products.create(**bodies.product(price=once))
    repeated = official.products.create(**bodies.product())
    assert [item.product_id for item in official.products.list(recurring=True).items] == [repeated.product_id]
    assert [item.product_id for item in official.products.list(recurring=False).items] == [single.product_id]
    assert len(official.products.list(brand_id=single.brand_id).items) == 2
    assert official.products.list(brand_id="brnd_other").items == []


def test_a_price_for_a_country_goes_through_its_whole_life(official: DodoPayments):
    product_id = official.products.create(**bodies.product()).product_id
    prices = official.products.localized_prices
    with pytest.raises(dodopayments.UnprocessableEntityError, match="PRODUCT_PRICING_MODE_REQUIRED"):
        prices.create(product_id, amount=3000, currency="PLN", country_code="PL")
    official.products.update(product_id, pricing_mode="by_country")
    made = prices.create(product_id, amount=3000, currency="PLN", country_code="PL")
    assert (made.mode, made.country_code, made.amount) == ("by_country", "PL", 3000)
    assert prices.retrieve(made.id, product_id=product_id) == made
    assert prices.list(product_id).items == [made]
    with pytest.raises(dodopayments.ConflictError):
        prices.create(product_id, amount=1, currency="USD", country_code="PL")
    with pytest.raises(dodopayments.UnprocessableEntityError, match="LOCALIZED_PRICE_SHAPE_MISMATCH"):
        prices.create(product_id, amount=1, currency="EUR")
    assert prices.update(made.id, product_id=product_id, amount=2900).amount == 2900
    for _ in range(2):
        assert prices.archive(made.id, product_id=product_id) is None
    assert prices.list(product_id).items == []
    with pytest.raises(dodopayments.NotFoundError):
        prices.retrieve(made.id, product_id=product_id)


def test_clearing_the_pricing_mode_archives_the_prices_below_it(official: DodoPayments):
    product_id = official.products.create(**bodies.product(pricing_mode="by_currency")).product_id
    prices = official.products.localized_prices
    prices.create(product_id, amount=4500, currency="EUR")
    official.products.update(product_id, name="Same")
    assert len(prices.list(product_id).items) == 1
    official.products.update(product_id, pricing_mode=None)
    assert prices.list(product_id).items == []


def test_a_credit_entitlement_goes_through_its_whole_life(official: DodoPayments):
    resource = official.credit_entitlements
    terms = {"name": "Tokens", "precision": 0, "unit": "token", "rollover_enabled": False, "overage_enabled": False}
    made = resource.create(**terms)
    assert (made.overage_behavior, made.precision) == ("forgive_at_reset", 0)
    with pytest.raises(dodopayments.ConflictError, match="CREDIT_ENTITLEMENT_NAME_ALREADY_EXISTS"):
        resource.create(**terms)
    with pytest.raises(dodopayments.UnprocessableEntityError, match="price_per_unit"):
        resource.update(made.id, overage_enabled=True)
    assert resource.update(made.id, expires_after_days=30) is None
    assert resource.retrieve(made.id).expires_after_days == 30
    assert resource.delete(made.id) is None
    assert resource.list().items == []
    assert [one.id for one in resource.list(deleted=True).items] == [made.id]
    with pytest.raises(dodopayments.APIStatusError) as gone:
        resource.delete(made.id)
    assert gone.value.status_code == 410
    resource.undelete(made.id)
    assert [one.id for one in resource.list().items] == [made.id]


def test_an_entitlement_goes_through_its_whole_life(official: DodoPayments):
    made = official.entitlements.create(
        name="Key", integration_type="license_key", integration_config={"activations_limit": 3}, metadata={"a": "b"}
    )
    assert official.entitlements.retrieve(made.id) == made
    changed = official.entitlements.update(made.id, name="Keys", integration_config={"activations_limit": 5})
    assert (changed.name, changed.integration_config.activations_limit) == ("Keys", 5)
    assert [one.id for one in official.entitlements.list(integration_type="license_key").items] == [made.id]
    official.entitlements.delete(made.id)
    assert official.entitlements.list().items == []
    with pytest.raises(dodopayments.NotFoundError):
        official.entitlements.retrieve(made.id)


def test_a_product_carries_credits_and_entitlements(official: DodoPayments):
    credit = official.credit_entitlements.create(
        name="Tokens", precision=0, unit="token", rollover_enabled=False, overage_enabled=False, expires_after_days=30
    )
    gift = official.entitlements.create(
        name="SSO", integration_type="feature_flag", integration_config={"feature_id": "sso", "feature_type": "boolean"}
    )
    made = official.products.create(
        **bodies.product(
            credit_entitlements=[{"credit_entitlement_id": credit.id, "credits_amount": "100"}],
            entitlements=[{"entitlement_id": gift.id}],
        )
    )
    (attached,) = made.credit_entitlements
    assert (attached.credits_amount, attached.expires_after_days, attached.credit_entitlement_unit) == (
        "100",
        30,
        "token",
    )
    assert [one.name for one in official.products.list().items[0].entitlements] == ["SSO"]
    official.products.update(made.product_id, credit_entitlements=[], entitlements=[])
    read = official.products.retrieve(made.product_id)
    assert (read.credit_entitlements, read.entitlements) == ([], [])


def test_a_meter_goes_through_its_whole_life(official: DodoPayments):
    condition = {"key": "tier", "operator": "equals", "value": "paid"}
    either = {"conjunction": "or", "clauses": [condition, {"key": "n", "operator": "greater_than", "value": 3}]}
    meter = official.meters.create(**bodies.meter(filter={"conjunction": "and", "clauses": [either]}))
    assert official.meters.retrieve(meter.id) == meter
    changed = official.meters.update(meter.id, name="Calls", description="Paid calls")
    assert (changed.name, changed.description, changed.event_name) == ("Calls", "Paid calls", "api.call")
    assert official.meters.archive(meter.id) is None
    assert official.meters.list().items == []
    assert [item.id for item in official.meters.list(archived=True).items] == [meter.id]
    with pytest.raises(dodopayments.NotFoundError):
        official.meters.archive(meter.id)
    official.meters.unarchive(meter.id)
    assert [item.id for item in official.meters.list().items] == [meter.id]


def test_a_discount_goes_through_its_whole_life(official: DodoPayments):
    product_id = official.products.create(**bodies.product()).product_id
    made = official.discounts.create(
        type="percentage", amount=2000, code="launch20", name="Launch", restricted_to=[product_id], usage_limit=100
    )
    assert (made.code, made.times_used, made.customer_eligibility) == ("LAUNCH20", 0, "any")
    assert official.discounts.retrieve(made.discount_id) == made
    assert official.discounts.retrieve_by_code("Launch20") == made
    changed = official.discounts.update(made.discount_id, amount=1500, usage_limit=None, code="spring15")
    assert (changed.amount, changed.usage_limit, changed.code, changed.name) == (1500, None, "SPRING15", "Launch")
    assert official.discounts.delete(made.discount_id) is None
    for read in (official.discounts.retrieve, official.discounts.delete):
        with pytest.raises(dodopayments.NotFoundError):
            read(made.discount_id)
    assert official.discounts.list().items == []


def test_discounts_are_filtered(official: DodoPayments):
    product_id = official.products.create(**bodies.product()).product_id
    option = {"currency": "USD", "is_default": True, "max_amount_possible": 500}
    official.discounts.create(type="flat", amount=1, code="FLAT", currency_options=[option])
    official.discounts.create(type="percentage", amount=1, code="LATER", starts_at="2027-01-01T00:00:00Z")
    official.discounts.create(type="percentage", amount=1, code="ONLY-PRO", restricted_to=[product_id])

    def codes(**filters: object) -> set[str]:
        return {item.code for item in official.discounts.list(**filters).items}

    assert codes(discount_type="flat") == {"FLAT"}
    assert codes(active=True) == {"FLAT", "ONLY-PRO"}
    assert codes(active=False) == {"LATER"}
    assert codes(product_id="pdt_other") == {"FLAT", "LATER"}
    assert codes(product_id=product_id) == {"FLAT", "LATER", "ONLY-PRO"}
    assert codes(code="ly-p") == {"ONLY-PRO"}


def test_a_discount_without_a_code_gets_sixteen_characters(official: DodoPayments):
    made = official.discounts.create(type="percentage", amount=100)
    assert len(made.code) == 16
    assert made.code == made.code.upper()


def test_a_webhook_goes_through_its_whole_life(official: DodoPayments):
    made = official.webhooks.create(
        url="https://example.com/hook",
        filter_types=["subscription.active", "subscription.past_due"],
        headers={"X-Team": "billing", "Authorization": "Bearer hidden"},
        metadata={"owner": "ratecard"},
    )
    assert official.webhooks.retrieve(made.id) == made
    assert made.filter_types == ["subscription.active", "subscription.past_due"]
    assert official.webhooks.retrieve_secret(made.id).secret.startswith("whsec_")
    official.webhooks.headers.update(made.id, headers={"X-Region": "eu"})
    headers = official.webhooks.headers.retrieve(made.id)
    assert headers.headers == {"X-Team": "billing", "X-Region": "eu"}
    assert headers.sensitive == ["Authorization"]
    changed = official.webhooks.update(made.id, disabled=True, description="Ours", filter_types=[])
    assert (changed.disabled, changed.description, changed.filter_types) == (True, "Ours", [])
    assert official.webhooks.delete(made.id) is None
    for read in (official.webhooks.retrieve, official.webhooks.delete, official.webhooks.retrieve_secret):
        with pytest.raises(dodopayments.NotFoundError):
            read(made.id)


def test_a_customer_is_made_changed_and_found(official: DodoPayments):
    made = official.customers.create(email="ada@example.com", name="Ada", metadata={"plan": "pro"})
    changed = official.customers.update(made.customer_id, name="Ada L.", phone_number="+49 30 1")
    assert official.customers.retrieve(made.customer_id) == changed
    assert (changed.name, changed.email, changed.metadata) == ("Ada L.", "ada@example.com", {"plan": "pro"})
    official.customers.create(email="bob@example.com", name="Bob")
    assert [item.customer_id for item in official.customers.list(email="ADA@").items] == [made.customer_id]
    assert official.customers.list(name="nobody").items == []


def test_a_subscription_and_its_first_payment_read_back(official: DodoPayments):
    product_id = official.products.create(**bodies.product()).product_id
    made = subscribe(official, **bodies.subscription(product_id, quantity=3, metadata={"team": "x"}))
    assert made.recurring_pre_tax_amount == 14_700
    read = official.subscriptions.retrieve(made.subscription_id)
    assert (read.status, read.quantity, read.customer.email) == ("active", 3, "ada@example.com")
    assert read.next_billing_date.isoformat() == "2026-04-01T09:00:00+00:00"
    (item,) = official.subscriptions.list(product_id=product_id, status="active").items
    assert (item.subscription_id, item.product_name) == (made.subscription_id, "Pro")
    payment = official.payments.retrieve(made.payment_id)
    assert (payment.total_amount, payment.status, payment.subscription_id) == (
        14_700,
        "succeeded",
        made.subscription_id,
    )
    (listed,) = official.payments.list(subscription_id=made.subscription_id).items
    assert (listed.payment_id, listed.charge_type) == (made.payment_id, "new")
    changed = official.subscriptions.update(made.subscription_id, cancel_at_next_billing_date=True, metadata={"n": 1})
    assert (changed.cancel_at_next_billing_date, changed.metadata) == (True, {"n": 1})


def test_subscriptions_are_filtered_by_customer_status_and_time(official: DodoPayments):
    product_id = official.products.create(**bodies.product()).product_id
    first = subscribe(official, **bodies.subscription(product_id))
    second = subscribe(official, **bodies.subscription(product_id, payment_link=True))

    def ids(**filters: object) -> list[str]:
        return [item.subscription_id for item in official.subscriptions.list(**filters).items]

    assert ids(status="pending") == [second.subscription_id]
    assert ids(customer_id=first.customer.customer_id) == [first.subscription_id]
    assert ids(product_id="pdt_other") == []
    assert ids(created_at_gte="2026-03-01T09:00:01Z") == []
    assert len(ids(created_at_lte="2026-03-01T09:00:00Z")) == 2


@pytest.mark.parametrize("count", [250, 301])
def test_pages_count_from_zero_and_end_with_a_short_one(official: DodoPayments, http, count: int):
    products = [bodies.product(id=f"pdt_{n}", name=f"Product {n}") for n in range(count)]
    assert http.post("/_sandbox/seed", json={"products": products}).status_code == 200
    found: list[str] = []
    number = 0
    while True:
        page = official.products.list(page_number=number, page_size=100).items
        found += [item.product_id for item in page]
        number += 1
        if len(page) < 100:
            break
    assert number == count // 100 + 1
    assert sorted(found) == sorted(f"pdt_{n}" for n in range(count))
    assert len(official.products.list().items) == 10
    assert found[:10] == [item.product_id for item in official.products.list().items]


def test_webhooks_are_paged_by_cursor_until_done(official: DodoPayments):
    made = [official.webhooks.create(url=f"https://example.com/{n}").id for n in range(7)]
    found: list[str] = []
    page = official.webhooks.list(limit=3)
    while not page.done:
        found += [item.id for item in page.data]
        page = official.webhooks.list(limit=3, iterator=page.iterator)
    assert found + [item.id for item in page.data] == made


def test_a_brand_is_made_changed_and_archived_for_good_and_the_primary_one_is_read_only(official: DodoPayments):
    (primary,) = official.brands.list().items
    assert primary.brand_id == primary.business_id
    with pytest.raises(dodopayments.PermissionDeniedError):
        official.brands.update(primary.brand_id, name="Mine")
    made = official.brands.create(name="Acme", support_email="help@acme.example")
    changed = official.brands.update(made.brand_id, statement_descriptor="ACME", support_email=None)
    assert (changed.name, changed.statement_descriptor, changed.support_email) == ("Acme", "ACME", None)
    seat = official.addons.create(name="Seat", price=900, currency="USD", tax_category="saas")
    sold = official.products.create(**bodies.product(brand_id=made.brand_id, addons=[seat.id]))
    assert (sold.brand_id, sold.addons) == (made.brand_id, [seat.id])
    assert [item.product_id for item in official.products.list(brand_id=made.brand_id).items] == [sold.product_id]
    with pytest.raises(dodopayments.ConflictError):
        official.brands.archive(made.brand_id)
    gone = official.brands.archive(made.brand_id, move_products_to=primary.brand_id)
    assert (gone.products_moved, gone.moved_to_brand_id) == (1, primary.brand_id)
    assert official.products.retrieve(sold.product_id).brand_id == primary.brand_id
    assert official.brands.list().items == [primary]
    assert {one.brand_id for one in official.brands.list(include_archived=True).items} == {
        primary.brand_id,
        made.brand_id,
    }
    with pytest.raises(dodopayments.ConflictError):
        official.brands.archive(made.brand_id)


def test_a_route_beyond_the_sandbox_answers_501_and_says_so(official: DodoPayments):
    with pytest.raises(dodopayments.InternalServerError) as unserved:
        official.payouts.list()
    assert unserved.value.status_code == 501
    assert unserved.value.body == {
        "code": "NOT_IMPLEMENTED",
        "message": "GET /payouts: the sandbox cannot do this yet",
    }


def test_files_are_answered_resolved_and_other_integrations_as_they_were_sent(official: DodoPayments):
    files = {"digital_file_ids": ["file_1"], "instructions": "Open it"}
    made = official.entitlements.create(name="Book", integration_type="digital_files", integration_config=files)
    shown = official.entitlements.retrieve(made.id).to_dict()["integration_config"]["digital_files"]
    assert ([one["file_id"] for one in shown["files"]], shown["instructions"]) == (["file_1"], "Open it")
    server = official.entitlements.create(
        name="Chat", integration_type="discord", integration_config={"guild_id": "1", "role_id": "2"}
    )
    assert server.to_dict()["integration_config"] == {"guild_id": "1", "role_id": "2"}


def test_a_collection_is_arranged_product_by_product(official: DodoPayments):
    ids = [official.products.create(**bodies.product(name=name)).product_id for name in ("A", "B", "C")]
    made = official.product_collections.create(
        name="Plans",
        effective_at_on_upgrade="immediately",
        groups=[{"group_name": "Main", "products": [{"product_id": ids[0]}, {"product_id": ids[1]}]}],
    )
    (main,) = made.groups
    with pytest.raises(dodopayments.UnprocessableEntityError):
        official.product_collections.create(name="Other", groups=[{"products": [{"product_id": ids[0]}]}])
    more = official.product_collections.groups.create(made.id, products=[{"product_id": ids[2]}])
    order = [item.id for item in reversed(main.products)]
    official.product_collections.groups.update(main.group_id, id=made.id, product_order=order)
    official.product_collections.update(made.id, group_order=[more.group_id, main.group_id], on_payment_failure=None)
    read = official.product_collections.retrieve(made.id)
    assert [[item.product_id for item in group.products] for group in read.groups] == [[ids[2]], [ids[1], ids[0]]]
    official.product_collections.groups.delete(main.group_id, id=made.id)
    with pytest.raises(dodopayments.UnprocessableEntityError):
        official.product_collections.groups.items.delete(more.products[0].id, id=made.id, group_id=more.group_id)
    (listed,) = official.product_collections.list().items
    assert (listed.id, listed.products_count) == (made.id, 1)
    official.product_collections.delete(made.id)
    assert official.product_collections.list(archived=True).items[0].id == made.id
    assert official.product_collections.unarchive(made.id).excluded_product_ids == []
