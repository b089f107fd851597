"""Live objects as the specs that would make them: the way back from what Dodo has to what people write.

Each candidate is the best guess at a spec; whether it says exactly what is live, nobody trusts: the engine lowers it
again and compares. So this module may guess at names and families, and never at amounts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from reconciler.base.canonical import JSON
from reconciler.base.money import Money, Rate, exponent
from reconciler.base.period import Period
from reconciler.plan.resource import FOREIGN, REFERENCE, LiveResource
from reconciler.providers.base import Candidate, CannotSay, Lifted
from reconciler.providers.dodo.capabilities import (
    ADDON,
    ALLOWED,
    BRAND,
    COLLECTION,
    CREDIT,
    DISCOUNT,
    ENTITLEMENT,
    LOCALIZED_PRICE,
    METER,
    PRICING_MODE,
    PRODUCT,
    SHORT_LINK,
    TRANSLATION,
    WEBHOOK,
)
from reconciler.providers.dodo.collections import BILLING, FAILURE, WHEN
from reconciler.providers.dodo.events import EVENT_TYPES, expand
from reconciler.providers.dodo.families import Family, Member, families, single, slug
from reconciler.providers.dodo.limits import TERM
from reconciler.providers.dodo.translating import FIELDS

API_VERSION = "ratecard.dev/v1alpha1"
ADOPT = "ratecard.dev/adopt"

Document = dict[str, Any]


def lift_specs(resources: Sequence[LiveResource], taken: Mapping[str, set[str]], apart: Collection[str]) -> Lifted:
    """Candidates for all of the resources, what each depends on before it.

    `taken` are names in use, by kind; `apart` the ids of objects that are to be specs of their own.
    """
    lifting = _Lifting(resources, {kind: set(names) for kind, names in taken.items()}, apart)
    return Lifted(tuple(lifting.run()), tuple(lifting.apart))


class _Lifting:
    def __init__(
        self, resources: Sequence[LiveResource], taken: dict[str, set[str]], single_ids: Collection[str]
    ) -> None:
        self.single_ids = single_ids
        self.by_kind: dict[str, list[LiveResource]] = {}
        for resource in sorted(resources, key=lambda one: (one.title.casefold(), one.id)):
            self.by_kind.setdefault(resource.kind, []).append(resource)
        self.taken = taken
        self.addresses: dict[str, str] = {}  # by provider id
        self.parts: dict[str, list[str]] = {}  # the addresses of all prices of a plan, by its name
        self.apart: list[str] = []

    def run(self) -> Iterator[Candidate]:
        for kind, make in _SIMPLE.items():
            for resource in self.by_kind.get(_KIND[kind], ()):
                yield self._simple(kind, resource, make)
        yield from self._products()
        yield from self._regional()
        for resource in self.by_kind.get(COLLECTION, ()):
            yield self._simple("Collection", resource, self._collection)
        allowed = {one.id.partition("/")[0]: one for one in self.by_kind.get(ALLOWED, ())}
        for resource in self.by_kind.get(DISCOUNT, ()):
            candidate = self._simple("Discount", resource, self._discount)
            yield _with_customers(candidate, allowed.pop(resource.id, None))
        for rest in allowed.values():
            yield Candidate("Discount", rest.id, None, (rest,), "its discount is not among what is imported")
        for resource in self.by_kind.get(WEBHOOK, ()):
            yield self._simple("Webhook", resource, _webhook)
        for resource in self.by_kind.get(SHORT_LINK, ()):
            yield self._simple("ShortLink", resource, self._short_link)
        yield from self._translations()

    def _simple(self, kind: str, resource: LiveResource, make: Callable[[Any], Document]) -> Candidate:
        """A spec that is one object; without a document when no spec can say it."""
        title = str(resource.body.get("code") or resource.title)
        if kind == "Webhook":
            title = str(resource.body.get("description") or str(resource.body["url"]).partition("://")[2])
        name = self._name(kind, title)
        try:
            spec = make(resource.body)
        except CannotSay as reason:
            return Candidate(kind, name, None, (resource,), str(reason))
        self.addresses[resource.id] = f"{kind}/{name}"
        return Candidate(kind, name, _document(kind, name, spec, resource.id), (resource,))

    def _name(self, kind: str, title: str) -> str:
        name = slug(title, self.taken.setdefault(kind, set()))
        self.taken[kind].add(name)
        return name

    # Products

    def _products(self) -> Iterator[Candidate]:
        bought_once: list[LiveResource] = []
        subscribed: list[LiveResource] = []
        for product in self.by_kind.get(PRODUCT, ()):
            once = _part(product.body, "price")["type"] == "one_time_price"
            (bought_once if once else subscribed).append(product)
        for product in bought_once:
            yield self._simple("Product", product, self._product)
        found, self.apart = families(subscribed, self.single_ids)
        for family in found:
            yield from self._family(family)

    def _family(self, family: Family) -> Iterator[Candidate]:
        """One plan of a family; where no spec can say it as one, a plan of each product."""
        name = self._name("Plan", family.title)
        resources = tuple(member.resource for member in family.members)
        try:
            spec = self._plan(family)
        except CannotSay as reason:
            if len(family.members) == 1:
                yield Candidate("Plan", name, None, resources, str(reason))
                return
            names = ", ".join(f'"{resource.title}"' for resource in resources)
            self.apart.append(f"{names}: kept as plans of their own, since {reason}")
            self.taken["Plan"].discard(name)
            for member in family.members:
                yield from self._family(single(member.resource))
            return
        self.parts[name] = [f"Plan/{name}:{member.part}" for member in family.members]
        self.addresses.update((m.resource.id, f"Plan/{name}:{m.part}") for m in family.members)
        adopt = ", ".join(f"{member.part}={member.resource.id}" for member in family.members)
        yield Candidate("Plan", name, _document("Plan", name, spec, adopt), resources)

    def _plan(self, family: Family) -> Document:
        first, alone = family.members[0].resource.body, len(family.members) == 1
        for member in family.members:
            _refuse_legacy(member.resource.body)
        spec: Document = {"title": first["name"] if alone else family.title}
        spec |= _described(first)
        spec["taxCategory"] = str(first["tax_category"]).replace("_", "-")
        prices: Document = {}
        for member in family.members:
            body = member.resource.body
            price = _part(body, "price")
            usage = price["type"] == "usage_based_price"
            amount = _money(price["fixed_price" if usage else "price"], price["currency"])
            called = {} if alone or body["name"] == f"{family.title} ({member.part})" else {"title": body["name"]}
            terms = {**_ends(price), **_standing(price)}
            prices[member.part] = {**called, "amount": amount, "every": str(member.every), **terms}
        spec["prices"] = prices
        spec |= _trial(family.members) | _shared_terms(family.members)
        usage_lines = self._usage(family.members)
        if usage_lines:
            spec["usage"] = usage_lines
        return spec | self._given(first, [(member, member.resource.body) for member in family.members])

    def _product(self, body: Mapping[str, JSON]) -> Document:
        _refuse_legacy(body)
        price = _part(body, "price")
        spec: Document = {"title": body["name"], **_described(body)}
        spec["taxCategory"] = str(body["tax_category"]).replace("_", "-")
        amount = _money(price["price"], price["currency"])
        if price.get("pay_what_you_want"):
            suggested = price.get("suggested_price")
            open_price = {"minimum": amount}
            if suggested is not None:
                open_price["suggested"] = _money(suggested, price["currency"])
            spec["payWhatYouWant"] = open_price
        else:
            spec["amount"] = amount
        spec |= _standing(price) | _taxed(price)
        grants = [
            {"credit": self._name_of(one["credit_entitlement_id"], "Credit"), "units": _units(one["credits_amount"])}
            for one in _list(body["credit_entitlements"])
        ]
        return spec | self._given(body, []) | ({"credits": grants} if grants else {})

    def _given(self, body: Mapping[str, JSON], members: Sequence[tuple[Member, Mapping[str, JSON]]]) -> Document:
        spec: Document = {}
        if body["features"]:
            spec["features"] = _list(body["features"])
        if body["brand_id"] is not None:
            spec["brand"] = self._name_of(body["brand_id"], "Brand")
        if body["addons"]:
            spec["addons"] = [self._name_of(one, "Addon") for one in _list(body["addons"])]
        if body["entitlements"]:
            spec["entitlements"] = [self._name_of(one, "Entitlement") for one in _list(body["entitlements"])]
        lines: list[tuple[Document, str]] = []
        for member, own in members:
            for one in _list(own["credit_entitlements"]):
                credit = self._name_of(one["credit_entitlement_id"], "Credit")
                line = {"credit": credit, "units": _units(one["credits_amount"]), "per": str(member.every)}
                lines.append((line, member.part))
        if lines:
            spec["credits"] = _on_prices(lines, len(members))
        return spec

    def _usage(self, members: Sequence[Member]) -> list[Document]:
        lines: list[tuple[Document, str]] = []
        for member in members:
            price = _part(member.resource.body, "price")
            for one in _list(price.get("meters") or []):
                line: Document = {"meter": self._name_of(one["meter_id"], "Meter")}
                if one.get("credit_entitlement_id"):
                    line["credit"] = self._name_of(one["credit_entitlement_id"], "Credit")
                    line["unitsPerCredit"] = _units(one["meter_units_per_credit"])
                else:
                    line["rate"] = _rate(one["price_per_unit"], price["currency"])
                if one["free_threshold"]:
                    line["included"] = {"units": one["free_threshold"], "per": str(member.every)}
                lines.append((line, member.part))
        return _on_prices(lines, len(members))

    # Prices for countries, discounts

    def _regional(self) -> Iterator[Candidate]:
        """A spec for each product that has prices for countries: the switch and all of them together."""
        prices: dict[str, list[LiveResource]] = {}
        for price in self.by_kind.get(LOCALIZED_PRICE, ()):
            prices.setdefault(price.id.partition("/")[0], []).append(price)
        for mode in self.by_kind.get(PRICING_MODE, ()):
            product = mode.id.partition("/")[0]
            own = prices.pop(product, [])
            yield self._regional_one(product, mode, own)
        for product, rest in prices.items():
            yield Candidate(
                "RegionalPricing", product, None, tuple(rest), "its product is not set to prices by country"
            )

    def _regional_one(self, product: str, mode: LiveResource, prices: Sequence[LiveResource]) -> Candidate:
        together = (mode, *prices)
        address = self.addresses.get(product)
        if address is None or mode.body["pricing_mode"] != "by_country" or not prices:
            reason = (
                "its product is not in the specs"
                if address is None
                else "no spec can say prices by currency"
                if prices
                else "it has no prices"
            )
            return Candidate("RegionalPricing", slug(mode.title, ()), None, together, reason)
        kind, _, rest = address.partition("/")
        label = rest.replace(":", ".")
        name = self._name("RegionalPricing", rest.replace(":", "-"))
        by_amount: dict[str, list[str]] = {}
        for price in prices:
            amount = _money(price.body["amount"], str(price.body["currency"]))
            by_amount.setdefault(amount, []).append(str(price.body["country_code"]))
        spec: Document = {"plans" if kind == "Plan" else "products": [rest]}
        spec["prices"] = [{"countries": sorted(names), "amount": amount} for amount, names in by_amount.items()]
        adopt = ", ".join(f"{label}.{price.body['country_code']}={price.id}" for price in prices)
        document = _document("RegionalPricing", name, spec, adopt)
        return Candidate("RegionalPricing", name, document, together)

    def _collection(self, body: Mapping[str, JSON]) -> Document:
        spec: Document = {"title": body["name"], **_described(body)}
        if body["brand_id"] is not None:
            spec["brand"] = self._name_of(body["brand_id"], "Brand")
        groups = []
        for group in _list(body["groups"]):
            addresses = [self._address(one["product_id"]) for one in group["products"]]
            said = {
                "title": group["group_name"],
                "plans": [one.removeprefix("Plan/") for one in addresses if one.startswith("Plan/")],
                "products": [one.removeprefix("Product/") for one in addresses if one.startswith("Product/")],
            }
            groups.append({name: value for name, value in said.items() if value})
        spec["groups"] = groups
        return spec | _plan_change(body)

    def _short_link(self, body: Mapping[str, JSON]) -> Document:
        kind, _, rest = self._address(_part(body, "product_id")).partition("/")
        spec: Document = {kind.lower(): rest, "slug": body["slug"]}
        return spec | ({"parameters": dict(_part(body, "parameters"))} if body["parameters"] else {})

    def _translations(self) -> Iterator[Candidate]:
        """A spec for each object that has texts in other languages."""
        by_object: dict[str, list[LiveResource]] = {}
        for one in self.by_kind.get(TRANSLATION, ()):
            by_object.setdefault(one.id.partition("/")[0], []).append(one)
        for object_id, texts in by_object.items():
            try:
                kind, _, rest = self._address(_part(texts[0].body, "of")).partition("/")
            except CannotSay as reason:
                yield Candidate("Translation", object_id, None, tuple(texts), str(reason))
                continue
            name = self._name("Translation", rest.replace(":", "-"))
            languages: Document = {}
            for one in texts:
                fields = FIELDS[str(one.body["object"])]
                said = {ours: one.body[field] for field, ours in fields.items() if one.body[field] is not None}
                languages[str(one.body["locale"])] = said
            part = rest.partition(":")[2]
            adopt = ", ".join(
                f"{part}.{code}={object_id}/{code}" if part else f"{code}={object_id}/{code}" for code in languages
            )
            document = _document("Translation", name, {kind.lower(): rest, "languages": languages}, adopt)
            yield Candidate("Translation", name, document, tuple(texts))

    def _discount(self, body: Mapping[str, JSON]) -> Document:
        spec: Document = {}
        if body["name"]:
            spec["title"] = body["name"]
        spec["code"] = body["code"]
        if body["type"] == "percentage":
            spec["percent"] = _percent(body["amount"])
        elif body["type"] == "flat":
            options = _list(body["currency_options"])
            if len(options) != 1 or options[0]["max_amount_possible"] is None:
                raise CannotSay("it has amounts in several currencies")
            spec["amount"] = _money(options[0]["max_amount_possible"], options[0]["currency"])
            if options[0]["minimum_subtotal"]:
                spec["minimum"] = _money(options[0]["minimum_subtotal"], options[0]["currency"])
        else:
            raise CannotSay(f'no spec can say the type "{body["type"]}"')
        spec |= self._restriction(_list(body["restricted_to"]))
        if body["customer_eligibility"] != "any":
            spec["customers"] = str(body["customer_eligibility"]).replace("_", "-")
        limits = {"total": body["usage_limit"], "perCustomer": body["per_customer_usage_limit"]}
        said = {
            "cycles": body["subscription_cycles"],
            "limits": {name: value for name, value in limits.items() if value is not None} or None,
            "startsAt": body["starts_at"],
            "endsAt": body["expires_at"],
            "keepOnPlanChange": body["preserve_on_plan_change"] or None,
        }
        return spec | {name: value for name, value in said.items() if value is not None}

    def _restriction(self, targets: Sequence[Mapping[str, JSON]]) -> Document:
        addresses = {self._address(target) for target in targets}
        spec: Document = {}
        plans: list[str] = []
        for name, parts in self.parts.items():
            if addresses.issuperset(parts):
                plans.append(name)
                addresses.difference_update(parts)
        plans += sorted(one.removeprefix("Plan/") for one in addresses if one.startswith("Plan/"))
        products = sorted(one.removeprefix("Product/") for one in addresses if one.startswith("Product/"))
        if plans:
            spec["plans"] = plans
        if products:
            spec["products"] = products
        return spec

    def _address(self, target: Mapping[str, JSON]) -> str:
        if REFERENCE in target:
            return str(target[REFERENCE])
        found = self.addresses.get(str(target[FOREIGN]))
        if found is None:
            raise CannotSay(f"it refers to {target[FOREIGN]}, which is not in the specs")
        return found

    def _name_of(self, target: Any, kind: str) -> str:
        address = self._address(target)
        found, _, name = address.partition("/")
        if found != kind:
            raise CannotSay(f"it refers to {address}")
        return name


def _with_customers(candidate: Candidate, allowed: LiveResource | None) -> Candidate:
    """The spec of a discount with the customers that it is for."""
    if allowed is None:
        return candidate
    together = (*candidate.resources, allowed)
    document = candidate.document
    if document is not None:
        document = {**document, "spec": {**_part(document, "spec"), "onlyFor": _list(allowed.body["customers"])}}
    return replace(candidate, document=document, resources=together)


_KIND = {"Meter": METER, "Credit": CREDIT, "Entitlement": ENTITLEMENT, "Brand": BRAND, "Addon": ADDON}


def _document(kind: str, name: str, spec: Document, adopt: str) -> Document:
    metadata = {"name": name, "annotations": {ADOPT: adopt}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _described(body: Mapping[str, JSON]) -> Document:
    return {"description": body["description"]} if body["description"] else {}


def _meter(body: Mapping[str, JSON]) -> Document:
    aggregation = _part(body, "aggregation")
    spec: Document = {"title": body["name"], **_described(body), "unit": body["measurement_unit"]}
    spec["event"] = body["event_name"]
    spec["aggregation"] = dict(_pairs(aggregation))
    if body["filter"] is not None:
        told = _part(body, "filter")
        clauses = _list(told["clauses"])
        if any("clauses" in clause or isinstance(clause["value"], Mapping) for clause in clauses):
            raise CannotSay("its filter has conditions inside conditions, or numbers with a fraction")
        spec["filter"] = {
            "match": "all" if told["conjunction"] == "and" else "any",
            "conditions": [
                {"property": c["key"], "operator": str(c["operator"]).replace("_", "-"), "value": c["value"]}
                for c in clauses
            ],
        }
    return spec


def _pairs(aggregation: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
    yield "type", aggregation["type"]
    if aggregation["key"] is not None:
        yield "property", aggregation["key"]


def _credit(body: Mapping[str, JSON]) -> Document:
    if body["overage_enabled"]:
        raise CannotSay("it lets customers use more than they were granted, which no spec can say for Dodo")
    spec: Document = {"title": body["name"], **_described(body), "unit": body["unit"], "precision": body["precision"]}
    if body["expires_after_days"] is not None:
        spec["expiresAfterDays"] = body["expires_after_days"]
    if body["rollover_enabled"]:
        rollover: Document = {"percent": f"{body['rollover_percentage']}%"}
        if body["rollover_timeframe_count"] is not None:
            unit = str(body["rollover_timeframe_interval"]).lower()
            count = body["rollover_timeframe_count"]
            rollover["within"] = unit if count == 1 else f"{count} {unit}s"
        if body["max_rollover_count"] is not None:
            rollover["times"] = body["max_rollover_count"]
        spec["rollover"] = rollover
    return spec


def _entitlement(body: Mapping[str, JSON]) -> Document:
    config = _part(body, "integration_config")
    spec: Document = {"title": body["name"], **_described(body)}
    if body["integration_type"] == "feature_flag":
        return spec | {"featureFlag": {"feature": config["feature_id"]}}
    if body["integration_type"] != "license_key":
        return spec | _elsewhere(str(body["integration_type"]), config)
    key: Document = {}
    if config["activations_limit"] is not None:
        key["activations"] = config["activations_limit"]
    if config["duration_count"] is not None:
        unit = str(config["duration_interval"]).lower()
        key["validFor"] = unit if config["duration_count"] == 1 else f"{config['duration_count']} {unit}s"
    if config["activation_message"]:
        key["message"] = config["activation_message"]
    if config["fulfillment_mode"] == "manual":
        key["delivery"] = "manual"
    return spec | {"licenceKey": key}


# How the specs call what Dodo gives elsewhere: the key, and the names of its fields.
_ELSEWHERE = {
    "digital_files": ("files", {"ids": "digital_file_ids", "link": "external_url", "instructions": "instructions"}),
    "github": ("github", {"target": "target_id", "permission": "permission"}),
    "discord": ("discord", {"server": "guild_id", "role": "role_id"}),
    "telegram": ("telegram", {"chat": "chat_id"}),
    "notion": ("notion", {"template": "notion_template_id"}),
    "figma": ("figma", {"file": "figma_file_id"}),
    "framer": ("framer", {"template": "framer_template_id"}),
}


def _elsewhere(kind: str, config: Mapping[str, Any]) -> Document:
    if kind not in _ELSEWHERE:
        raise CannotSay(f'no spec can say an entitlement of type "{kind}" yet')
    key, fields = _ELSEWHERE[kind]
    return {key: {name: config[field] for name, field in fields.items() if config.get(field)}}


def _addon(body: Mapping[str, JSON]) -> Document:
    spec: Document = {"title": body["name"], **_described(body)}
    spec["taxCategory"] = str(body["tax_category"]).replace("_", "-")
    return spec | {"amount": _money(body["price"], body["currency"])}


def _brand(body: Mapping[str, JSON]) -> Document:
    spec: Document = {"title": body["name"], **_described(body)}
    named = (("website", "url"), ("supportEmail", "support_email"), ("statementDescriptor", "statement_descriptor"))
    return spec | {name: body[field] for name, field in named if body[field]}


_SIMPLE: Mapping[str, Callable[[Mapping[str, JSON]], Document]] = {
    "Meter": _meter,
    "Credit": _credit,
    "Entitlement": _entitlement,
    "Brand": _brand,
    "Addon": _addon,
}


def _webhook(body: Mapping[str, JSON]) -> Document:
    if body["filter_types"] is None:
        raise CannotSay("it is sent every event, those to come too, which no spec can say: choose events at Dodo first")
    events = {str(event) for event in _list(body["filter_types"])}
    patterns: list[str] = []
    for family in sorted({event.partition(".")[0] for event in EVENT_TYPES}):
        members = set(expand(f"{family}.*"))
        if len(members) > 1 and members <= events:
            patterns.append(f"{family}.*")
            events -= members
    spec: Document = {"url": body["url"], "events": [*patterns, *sorted(events)], **_described(body)}
    if body["rate_limit"] is not None:
        spec["rateLimit"] = body["rate_limit"]
    return spec | ({"enabled": False} if body["disabled"] else {})


def _trial(members: Sequence[Member]) -> Document:
    """The trial of the prices that can have one: all the same, or no spec can say it as one plan."""
    prices = [_part(member.resource.body, "price") for member in members]
    trials = {
        (
            price["trial_period_days"],
            price["trial_payment_method_optional"],
            price.get("trial_amount"),
            bool(price.get("trial_apply_discounts")),
            price["currency"],
        )
        for price in prices
        if price["type"] == "recurring_price"
    }
    if len(trials) > 1:
        raise CannotSay("their trials differ")
    if not trials or (trial := trials.pop())[0] == 0:
        return {}
    if len(members) > sum(price["type"] == "recurring_price" for price in prices):
        raise CannotSay("one has a trial and another, with usage, cannot have it")
    days, optional, amount, discounts, currency = trial
    said: Document = {"days": days, "card": "optional" if optional else "required"}
    if amount is not None:
        said["amount"] = _money(amount, currency)
    return {"trial": said | ({"discounts": True} if discounts else {})}


def _plan_change(body: Mapping[str, JSON]) -> Document:
    def word(words: Mapping[str, str], field: str) -> str | None:
        return next((ours for ours, theirs in words.items() if theirs == body[field]), None)

    change: Document = {}
    for way in ("upgrade", "downgrade"):
        said = {
            "when": word(WHEN, f"effective_at_on_{way}"),
            "proration": word(BILLING, f"proration_billing_mode_on_{way}"),
        }
        if any(said.values()):
            change[way] = {name: value for name, value in said.items() if value}
    failure = word(FAILURE, "on_payment_failure")
    if failure:
        change["onFailedPayment"] = failure
    return {"planChange": change} if change else {}


def _refuse_legacy(body: Mapping[str, JSON]) -> None:
    if body.get("license_key_enabled"):
        raise CannotSay("it makes licence keys by itself: attach an entitlement with licence keys at Dodo instead")
    if body.get("digital_product_delivery"):
        raise CannotSay("it delivers files or a link by itself: attach an entitlement with files at Dodo instead")


def _shared_terms(members: Sequence[Member]) -> Document:
    """What holds for all prices of a plan: tax, parity, a card where nothing is to be paid."""
    prices = [_part(member.resource.body, "price") for member in members]
    if len({(price["tax_inclusive"], price["purchasing_power_parity"]) for price in prices}) > 1:
        raise CannotSay("tax or purchasing power parity differ between them")
    without_card = {price.get("zero_amount_payment_method_optional") for price in prices}
    if len(without_card) > 1 and True in without_card:
        raise CannotSay("only some of them can be had without a card when nothing is to be paid")
    return _taxed(prices[0]) | ({"cardWhenFree": "optional"} if True in without_card else {})


def _taxed(price: Mapping[str, Any]) -> Document:
    spec: Document = {"tax": "included"} if price["tax_inclusive"] else {}
    return spec | ({"purchasingPowerParity": True} if price["purchasing_power_parity"] else {})


def _standing(price: Mapping[str, Any]) -> Document:
    return {"standingDiscount": _percent(price["discount_bps"])} if price["discount_bps"] else {}


def _ends(price: Mapping[str, Any]) -> Document:
    count, unit = price["subscription_period_count"], str(price["subscription_period_interval"]).lower()
    period = Period(count, unit)
    return {} if period == TERM else {"endsAfter": str(period)}


def _on_prices(lines: Sequence[tuple[Document, str]], prices: int) -> list[Document]:
    """Lines with the prices that they are on: equal ones together, without names where they are on all."""
    together: list[tuple[Document, list[str]]] = []
    for line, part in lines:
        same = next((parts for other, parts in together if other == line and part not in parts), None)
        if same is None:
            together.append((line, [part]))
        else:
            same.append(part)
    return [line if len(parts) == prices else {**line, "prices": parts} for line, parts in together]


def _money(minor: JSON, currency: JSON) -> str:
    if not isinstance(minor, int) or minor < 0:
        raise CannotSay(f"its amount {minor} is none that a spec can say")
    return str(Money(minor, str(currency)))


def _rate(minor: JSON, currency: JSON) -> str:
    if not isinstance(minor, str):
        raise CannotSay("its usage has no price")
    return str(Rate(Decimal(minor).scaleb(-exponent(str(currency))), str(currency)))


def _percent(basis_points: JSON) -> str:
    if not isinstance(basis_points, int):
        raise CannotSay(f"its percentage {basis_points} is none that a spec can say")
    whole, part = divmod(basis_points, 100)
    return f"{whole}%" if not part else f"{whole}.{part:02d}".rstrip("0") + "%"


def _units(text: JSON) -> int:
    if not isinstance(text, str) or not text.isdecimal() or int(text) < 1:
        raise CannotSay(f"{text} units are none that a spec can say")
    return int(text)


def _part(body: Mapping[str, JSON], name: str) -> Mapping[str, Any]:
    found = body[name]
    assert isinstance(found, Mapping), "a lifted body has it"
    return found


def _list(value: Any) -> list[Any]:
    return list(value)
