"""Whatever a spec says, Dodo holds it exactly or we say that it cannot: laws 1 and 7."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, get_type_hints

import pytest
from dodopayments.types import (
    addon_create_params,
    brand_create_params,
    credit_entitlement_create_params,
    discount_create_params,
    entitlement_create_params,
    meter_create_params,
    product_collection_create_params,
    product_create_params,
    product_update_params,
    webhook_create_params,
)
from dodopayments.types.products import localized_price_create_params
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.base.canonical import canonical_json
from reconciler.base.diagnostics import Severity
from reconciler.plan.change_set import Verb
from reconciler.plan.matching import changed_immutable
from reconciler.providers.base import Fate
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.providers.dodo.events import EVENT_TYPES
from reconciler.providers.dodo.lift import lift
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.load import load_text

from .helpers import WORKSPACE, Account, Controls, change, connect

CURRENCIES = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "KRW": 0, "TND": 3}
tax_categories = st.sampled_from(["saas", "digital-products", "e-book", "edtech", "live-tutoring"])
words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=40)
names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
Document = dict[str, Any]


def document(kind: str, name: str, spec: Document) -> Document:
    metadata = {"name": name}
    return {"apiVersion": "ratecard.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    """Any of the fields, or none."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def meters(draw: st.DrawFn) -> Document:
    kind = draw(st.sampled_from(["count", "sum", "max", "last"]))
    aggregation = {"type": kind} | ({} if kind == "count" else {"property": draw(words)})
    conditions = st.lists(
        st.fixed_dictionaries(
            {
                "property": words,
                "operator": st.sampled_from(["equals", "not-equals", "greater-than", "contains", "does-not-contain"]),
                "value": st.one_of(words, st.booleans(), st.integers(-(2**53), 2**53)),
            }
        ),
        min_size=1,
        max_size=11,
    )
    filters = st.fixed_dictionaries({"match": st.sampled_from(["all", "any"]), "conditions": conditions})
    needed = {"title": draw(words), "unit": draw(words), "event": draw(words), "aggregation": aggregation}
    return needed | draw(some(description=words, filter=filters))


@st.composite
def credits_of(draw: st.DrawFn) -> Document:
    rollover = st.fixed_dictionaries(
        {"percent": st.sampled_from(["1%", "50%", "12.5%", "100%"])},
        optional={"within": st.sampled_from(["month", "2 weeks"]), "times": st.integers(1, 99)},
    )
    overage = st.fixed_dictionaries({"rate": st.just("0.01 USD")}, optional={"limit": st.integers(1, 9)})
    needed = {"title": draw(words), "unit": draw(words), "precision": draw(st.integers(0, 10))}
    optional = some(description=words, expiresAfterDays=st.integers(1, 400), rollover=rollover, overage=overage)
    return needed | draw(optional)


@st.composite
def entitlements(draw: st.DrawFn) -> Document:
    keys = some(
        activations=st.integers(1, 9),
        validFor=st.sampled_from(["year", "30 days"]),
        message=words,
        delivery=st.sampled_from(["automatic", "manual"]),
    )
    what = st.one_of(
        st.sampled_from(
            [
                {"files": {"ids": ["file_2", "file_1"], "link": "https://acme.example", "instructions": "Open it"}},
                {"files": {"ids": ["file_3"]}},
                {"github": {"target": "acme/handbook", "permission": "pull"}},
                {"discord": {"server": "1", "role": "2"}},
                {"discord": {"server": "1"}},
                {"telegram": {"chat": "-100"}},
                {"notion": {"template": "n"}},
                {"figma": {"file": "f"}},
                {"framer": {"template": "t"}},
            ]
        ),
        keys.map(lambda key: {"licenceKey": key}),
        words.map(lambda word: {"featureFlag": {"feature": word}}),
    )
    return {"title": draw(words)} | draw(what) | draw(some(description=words))


@st.composite
def plans(
    draw: st.DrawFn,
    meter_names: list[str],
    credit_names: Sequence[str] = (),
    gifts: Sequence[str] = (),
) -> Document:
    currency = draw(st.sampled_from(sorted(CURRENCIES)))

    def money(largest: int) -> st.SearchStrategy[str]:
        digits = CURRENCIES[currency]
        scale = 10**digits
        return st.integers(0, largest).map(
            lambda minor: f"{minor // scale}{f'.{minor % scale:0{digits}d}' if digits else ''} {currency}"
        )

    periods = st.sampled_from(["month", "year", "3 months", "week", "day", "2 years", "25 years"])
    price = st.fixed_dictionaries(
        {"amount": money(2**31 + 10), "every": periods},
        optional={
            "standingDiscount": st.sampled_from(["12.5%", "100%"]),
            "endsAfter": st.sampled_from(["2 years", "20 years", "25 years"]),
        },
    )
    prices = draw(st.dictionaries(names, price, min_size=1, max_size=3))
    lines = [
        {"meter": name, "rate": f"{draw(st.integers(0, 10**6))}.{draw(st.integers(0, 10**9))} {currency}"}
        | draw(
            some(
                included=st.fixed_dictionaries(
                    {"units": st.integers(0, 2**53 - 1), "per": periods, "pooled": st.booleans()}
                ),
                prices=st.just([sorted(prices)[0]]),
            )
        )
        for name in draw(st.lists(st.sampled_from(meter_names), unique=True) if meter_names else st.just([]))
    ]
    trials = st.fixed_dictionaries(
        {
            "days": st.integers(1, 3650),
            "card": st.sampled_from(["required", "optional"]),
            "via": st.sampled_from(["price", "checkout"]),
        }
    ) | st.fixed_dictionaries(
        {
            "days": st.integers(1, 3650),
            "card": st.just("required"),
            "amount": money(900).filter(lambda it: it[0] > "0"),
        },
        optional={"discounts": st.booleans(), "via": st.sampled_from(["price", "checkout"])},
    )
    commitments = [
        {"name": f"c{n}", "meter": name, "fee": f"{n + 1} {currency}", "rate": f"0.{n + 1} {currency}"}
        | {"included": draw(st.integers(1, 2**53 - 1)), "every": draw(periods)}
        for n, name in enumerate(draw(st.lists(st.sampled_from(meter_names), max_size=2)) if meter_names else [])
    ]
    for line in lines:
        if credit_names and draw(st.booleans()):
            del line["rate"]
            line.pop("included", None)
            line |= {"credit": credit_names[0], "unitsPerCredit": draw(st.integers(1, 2**53 - 1))}
    grants = [
        {"credit": name, "units": draw(st.integers(1, 2**53 - 1)), "per": "month", "pooled": draw(st.booleans())}
        for name in draw(st.lists(st.sampled_from(credit_names), unique=True) if credit_names else st.just([]))
    ]
    needed = {
        "title": draw(words),
        "credits": grants,
        "entitlements": draw(st.lists(st.sampled_from(gifts), unique=True) if gifts else st.just([])),
        "taxCategory": draw(tax_categories),
        "prices": prices,
        "usage": lines,
        "commitments": commitments,
    }
    terms = some(
        tax=st.sampled_from(["included", "added"]),
        purchasingPowerParity=st.booleans(),
        cardWhenFree=st.sampled_from(["optional", "required"]),
    )
    return needed | draw(some(trial=trials, description=words, features=st.lists(words, max_size=12))) | draw(terms)


@st.composite
def products(draw: st.DrawFn) -> Document:
    currency = draw(st.sampled_from(["USD", "JPY", "KWD"]))
    amounts = st.integers(1, 2**31).map(lambda whole: f"{whole} {currency}")
    suggested = st.integers(10, 20).map(lambda whole: f"{whole} {currency}")
    minimum = st.integers(0, 10).map(lambda whole: f"{whole} {currency}")
    open_price = st.fixed_dictionaries({"minimum": minimum}, optional={"suggested": suggested})
    price = draw(st.one_of(amounts.map(lambda it: {"amount": it}), open_price.map(lambda it: {"payWhatYouWant": it})))
    needed = {"title": draw(words), "taxCategory": draw(tax_categories)} | price
    terms = some(
        tax=st.sampled_from(["included", "added"]),
        purchasingPowerParity=st.booleans(),
        standingDiscount=st.sampled_from(["0.01%", "50%"]),
    )
    return needed | draw(some(description=words, features=st.lists(words, max_size=12))) | draw(terms)


@st.composite
def discounts(draw: st.DrawFn, plan_names: list[str], product_names: list[str]) -> Document:
    off = draw(
        st.sampled_from([{"percent": "12.5%"}, {"amount": "10 USD"}, {"amount": "500 JPY", "minimum": "900 JPY"}])
    )
    return off | draw(
        some(
            title=words,
            plans=st.lists(st.sampled_from(plan_names), unique=True) if plan_names else st.just([]),
            products=st.lists(st.sampled_from(product_names), unique=True) if product_names else st.just([]),
            customers=st.sampled_from(["any", "first-time", "existing"]),
            cycles=st.integers(1, 10_000),
            limits=some(total=st.integers(1, 50), perCustomer=st.integers(1, 50)),
            startsAt=st.just("2026-04-15T09:00:00+02:00"),
            endsAt=st.sampled_from(["2027-01-01T00:00:00Z", "2026-12-31T23:59:59.123456Z"]),
            keepOnPlanChange=st.booleans(),
        )
    )


@st.composite
def regional_pricings(draw: st.DrawFn, plan_names: list[str], product_names: list[str]) -> Document:
    countries = draw(st.lists(st.sampled_from(["IN", "BR", "NO", "PL", "US", "ZA"]), min_size=1, unique=True))
    values = st.sampled_from([{"percent": "40%"}, {"percent": "99.99%"}, {"amount": "30 PLN"}, {"amount": "0.01 USD"}])
    cut = draw(st.integers(1, len(countries)))
    prices = [{"countries": part} | draw(values) for part in (countries[:cut], countries[cut:]) if part]
    named = {"plans": plan_names} if plan_names and draw(st.booleans()) else {"products": product_names}
    return named | {"prices": prices} | draw(some(rounding=st.sampled_from(["up", "down", "nearest"])))


events = st.sampled_from([*EVENT_TYPES, "subscription.*", "payment.*", "subscription.created"])
webhooks = st.builds(
    lambda needed, more: needed | more,
    st.fixed_dictionaries(
        {"url": st.just("https://example.com/hooks"), "events": st.lists(events, min_size=1, max_size=5, unique=True)}
    ),
    some(description=words, enabled=st.booleans(), rateLimit=st.integers(1, 500)),
)


addons = st.builds(
    lambda needed, more: needed | more,
    st.fixed_dictionaries(
        {"title": words, "taxCategory": tax_categories, "amount": st.sampled_from(["9 USD", "0.5 KWD", "900 JPY"])}
    ),
    some(description=words),
)
directions = some(
    when=st.sampled_from(["now", "next_renewal"]),
    proration=st.sampled_from(["none", "prorated", "prorated-same-cycle", "difference", "full"]),
)
plan_changes = some(
    description=words,
    planChange=some(upgrade=directions, downgrade=directions, onFailedPayment=st.sampled_from(["keep", "change"])),
)
brands_of = st.builds(
    lambda title, more: {"title": title} | more,
    words,
    some(
        description=words,
        website=st.just("https://acme.example"),
        supportEmail=st.just("help@acme.example"),
        statementDescriptor=st.just("ACME"),
    ),
)


@st.composite
def books(draw: st.DrawFn) -> str:
    """The specs of a whole account, as text: JSON is YAML."""
    counted = draw(st.dictionaries(names, meters(), max_size=3))
    granted = draw(st.dictionaries(names, credits_of(), max_size=2))
    given = draw(st.dictionaries(names, entitlements(), max_size=2))
    sold = draw(st.dictionaries(names, plans(sorted(counted), sorted(granted), sorted(given)), max_size=3))
    once = draw(st.dictionaries(names, products(), max_size=2))
    extra = draw(st.dictionaries(names, addons, max_size=2))
    brands = draw(st.dictionaries(names, brands_of, max_size=1))
    for spec in sold.values():
        if extra and draw(st.booleans()):
            spec["addons"] = sorted(extra)
    for spec in (*sold.values(), *once.values()):
        if brands and draw(st.booleans()):
            spec["brand"] = next(iter(brands))
    codes = draw(st.dictionaries(names, discounts(sorted(sold), sorted(once)), max_size=2))
    documents = [document("Meter", name, spec) for name, spec in counted.items()]
    together = [{"plans": [name]} | ({"title": name} if n else {}) for n, name in enumerate(sorted(sold))]
    if once:
        together.append({"title": "Once", "products": sorted(once)})
    if together and draw(st.booleans()):
        shown = {"title": draw(words), "groups": draw(st.permutations(together))} | draw(plan_changes)
        documents.append(document("Collection", "all", shown))
    documents += [document("Addon", name, spec) for name, spec in extra.items()]
    documents += [document("Brand", name, spec) for name, spec in brands.items()]
    documents += [document("Plan", name, spec) for name, spec in sold.items()]
    documents += [document("Credit", name, spec) for name, spec in granted.items()]
    documents += [document("Entitlement", name, spec) for name, spec in given.items()]
    documents += [document("Product", name, spec) for name, spec in once.items()]
    named = ([draw(st.sampled_from(sorted(sold)))] if sold else [], sorted(once)[:1])
    if any(named) and draw(st.booleans()):
        regional = draw(regional_pricings(*named))
        documents += (
            [document("RegionalPricing", "emerging", regional)] if any(map(regional.get, ("plans", "products"))) else []
        )
    documents += [
        document("Discount", name, spec | {"code": f"CODE{n}"}) for n, (name, spec) in enumerate(codes.items())
    ]
    documents += [document("Webhook", name, spec) for name, spec in draw(st.dictionaries(names, webhooks)).items()]
    return "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in documents)


MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@MANY
@given(text=books())
def test_what_is_sent_is_what_is_read_and_nothing_is_dropped_silently(sandbox: Controls, text: str) -> None:
    loaded = load_text(text, "books.yaml")
    lowered = Dodo().lower(loaded.specs)
    errors = {d.location.line for d in lowered.diagnostics if d.severity is Severity.ERROR}
    for spec in loaded.specs:
        made = [one for one in lowered.resources if one.address.partition(":")[0] == f"{spec.kind}/{spec.name}"]
        told = spec.locate().line in errors  # each document stands on a line of its own
        assert bool(made) != told, f"{spec.kind}/{spec.name} is either lowered or told of"
    addresses = {one.address for one in lowered.resources}
    whole = [one for one in lowered.resources if set(one.references) <= addresses]
    sandbox.reset()
    connection = connect(sandbox.url, lambda _: None)
    account = Account(connection)
    try:
        for kind in CAPABILITIES.kinds:
            for one in whole:
                if one.kind == kind and set(one.references) <= account.ids.keys():
                    canonical_json(one.body)
                    assert account.make(change(Verb.CREATE, one)).body == one.body
        live = {one.id: one for one in connection.read(account.bindings()).resources}
        assert len(live) == len(account.ids)
        for one in whole:
            if one.address in account.ids:
                assert live[account.ids[one.address]].body == one.body
    finally:
        connection.close()


@st.composite
def two_of_a_kind(draw: st.DrawFn) -> tuple[str, str]:
    """The same spec before and after an edit, as text."""
    kind = draw(
        st.sampled_from(["Meter", "Credit", "Entitlement", "Addon", "Brand", "Plan", "Product", "Discount", "Webhook"])
    )
    several = {
        "Meter": meters(),
        "Plan": plans(["calls"]),
        "Credit": credits_of(),
        "Addon": addons,
        "Brand": brands_of,
        "Entitlement": entitlements(),
        "Product": products(),
        "Discount": discounts([], []).map(lambda spec: spec | {"code": "CODE"}),
        "Webhook": webhooks,
    }
    kind = draw(st.sampled_from(sorted(several)))
    base = document("Meter", "calls", {"title": "T", "unit": "u", "event": "e", "aggregation": {"type": "count"}})
    first, second = draw(several[kind]), draw(several[kind])
    texts = ["\n---\n".join(json.dumps(one) for one in (base, document(kind, "same", s))) for s in (first, second)]
    return texts[0], texts[1]


@settings(MANY, max_examples=60)
@given(texts=two_of_a_kind())
def test_an_edit_and_its_reverse_are_stored_exactly(sandbox: Controls, texts: tuple[str, str]) -> None:
    first, second = (
        {one.address: one for one in Dodo().lower(load_text(text, "edit.yaml").specs).resources} for text in texts
    )
    sandbox.reset()
    connection = connect(sandbox.url, lambda _: None)
    account = Account(connection)
    try:
        for one in first.values():
            account.make(change(Verb.CREATE, one))
        for address in first.keys() & second.keys():
            old, new = first[address], second[address]
            if old.body == new.body or changed_immutable(old.body, new.body, CAPABILITIES.kinds[old.kind]):
                continue
            for before, after in ((old, new), (new, old)):
                connection.read(account.bindings())
                one = change(Verb.UPDATE, after, target=account.ids[address], before=before.body)
                assert connection.find(one, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
                assert account.make(one).body == after.body
                assert connection.find(one, "op", WORKSPACE, account.ids).fate is Fate.DONE
    finally:
        connection.close()


_PARAMETERS = {
    "meter": meter_create_params.MeterCreateParams,
    "product": product_create_params.ProductCreateParams,
    "pricing_mode": product_update_params.ProductUpdateParams,
    "localized_price": localized_price_create_params.LocalizedPriceCreateParams,
    "addon": addon_create_params.AddonCreateParams,
    "collection": product_collection_create_params.ProductCollectionCreateParams,
    "brand": brand_create_params.BrandCreateParams,
    "credit": credit_entitlement_create_params.CreditEntitlementCreateParams,
    "entitlement": entitlement_create_params.EntitlementCreateParams,
    "discount": discount_create_params.DiscountCreateParams,
    "webhook": webhook_create_params.WebhookCreateParams,
}


@pytest.fixture(scope="session")
def official() -> dict[str, tuple[TypeAdapter[Any], set[str]]]:
    """The official client's own types of what can be sent, and their fields, by kind."""
    return {
        kind: (TypeAdapter(parameters), set(get_type_hints(parameters))) for kind, parameters in _PARAMETERS.items()
    }


def listed(value: Any) -> Any:
    """The same value with its lazy iterables read."""
    if isinstance(value, dict):
        return {name: listed(part) for name, part in value.items()}
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return [listed(part) for part in value]


@settings(MANY, max_examples=60)
@given(text=books())
def test_every_request_has_the_types_of_the_official_client(
    official: dict[str, tuple[TypeAdapter[Any], set[str]]], text: str
) -> None:
    connection = connect("http://127.0.0.1:9", lambda _: None)
    try:
        for one in Dodo().lower(load_text(text, "books.yaml").specs).resources:
            ids = {address: f"id_{n}" for n, address in enumerate(one.references)}
            request = connection.prepare(change(Verb.CREATE, one), "op-1", WORKSPACE, ids)
            adapter, fields = official[one.kind]
            assert request.body is not None
            sent = dict(request.body)
            if one.kind == "webhook":
                # On the wire it is `url`; the client's Python name avoids its own option of that name.
                sent["webhook_url" if "webhook_url" in fields else "url"] = sent.pop("url")
            # What a type does not know is left out of what it validates, at any depth.
            assert listed(adapter.validate_python(sent)) == sent
    finally:
        connection.close()


def test_what_a_price_would_lose_when_sent_whole_is_shown() -> None:
    raw = {
        "product_id": "pdt_1",
        "name": None,
        "tax_category": "saas",
        "metadata": {"ratecard_features": "not a list"},
        "price": {
            "type": "usage_based_price",
            "currency": "USD",
            "fixed_price": 0,
            "discount": 10,
            "payment_frequency_count": 1,
            "payment_frequency_interval": "Month",
            "subscription_period_count": 1,
            "subscription_period_interval": "Year",
            "meters": [
                {"meter_id": "mtr_2", "price_per_unit": "10.50", "credit_entitlement_id": "cde_1", "name": "echo"},
                {"meter_id": "mtr_1", "price_per_unit": None, "free_threshold": None},
            ],
        },
    }
    found = lift("product", raw, {"mtr_1": "Meter/calls"})
    price = found.body["price"]
    assert found.title == "pdt_1"
    assert found.body["features"] == "not a list"
    assert price["discount_bps"] == 1000  # type: ignore[index,call-overload]  # a mapping
    assert price["meters"] == [  # type: ignore[index,call-overload]  # a mapping
        {"meter_id": {"$ref": "Meter/calls"}, "price_per_unit": None, "free_threshold": 0},
        {
            "meter_id": {"$id": "mtr_2"},
            "price_per_unit": "10.5",
            "free_threshold": 0,
            "credit_entitlement_id": {"$id": "cde_1"},
            "meter_units_per_credit": None,
        },
    ]
