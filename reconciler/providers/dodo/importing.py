"""Live objects as the specs that would make them: the way back from what Dodo has to what people write.

Each candidate is the best guess at a spec; whether it says exactly what is live, nobody trusts: the engine lowers it
again and compares. So this module may guess at names and families, and never at amounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.base.canonical import JSON
from reconciler.plan.resource import FOREIGN, REFERENCE, LiveResource
from reconciler.providers.base import Candidate, CannotSay, Lifted
from reconciler.providers.dodo.capabilities import (
    ALLOWED,
    COLLECTION,
    DISCOUNT,
    LOCALIZED_PRICE,
    PRICING_MODE,
    PRODUCT,
    SHORT_LINK,
    TRANSLATION,
    WEBHOOK,
)
from reconciler.providers.dodo.families import Family, Member, families, single, slug
from reconciler.providers.dodo.spelling import (
    KIND_OF,
    SIMPLE,
    Document,
    described,
    document_of,
    end_of,
    list_of,
    money_text,
    on_prices,
    part_of,
    percent_text,
    plan_change_of,
    rate_text,
    refuse_legacy,
    shared_terms,
    standing_of,
    tax_of,
    trial_of,
    units_of,
    webhook_spec,
)
from reconciler.providers.dodo.translating import FIELDS
from reconciler.spec.kinds.fields import NAME_PATTERN


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
        for kind, make in SIMPLE.items():
            for resource in self.by_kind.get(KIND_OF[kind], ()):
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
            yield self._simple("Webhook", resource, webhook_spec)
        for resource in self.by_kind.get(SHORT_LINK, ()):
            yield self._simple("ShortLink", resource, self._short_link)
        yield from self._translations()

    def _simple(self, kind: str, resource: LiveResource, make: Callable[[Any], Document]) -> Candidate:
        """A spec that is one object; without a document when no spec can say it."""
        title = str(resource.body.get("code") or resource.title)
        if kind == "Webhook":
            title = str(resource.body.get("description") or str(resource.body["url"]).partition("://")[2])
        name = self._name(kind, title, resource)
        try:
            spec = make(resource.body)
        except CannotSay as reason:
            return Candidate(kind, name, None, (resource,), str(reason))
        self.addresses[resource.id] = f"{kind}/{name}"
        return Candidate(kind, name, document_of(kind, name, spec, resource.id), (resource,))

    def _name(self, kind: str, title: str, resource: LiveResource | None = None) -> str:
        """A name that is not taken: that of our mark, whose spec was lost, else one made of the title."""
        taken = self.taken.setdefault(kind, set())
        marked = resource.owner.address.partition(":")[0] if resource and resource.owner else ""
        before, _, name = marked.partition("/")
        # Anybody can write metadata: what is no name makes none, and no path of a file either.
        if before != kind or name in taken or not re.fullmatch(NAME_PATTERN, name):
            name = slug(title, taken)
        taken.add(name)
        return name

    # Products

    def _products(self) -> Iterator[Candidate]:
        bought_once: list[LiveResource] = []
        subscribed: list[LiveResource] = []
        for product in self.by_kind.get(PRODUCT, ()):
            once = part_of(product.body, "price")["type"] == "one_time_price"
            (bought_once if once else subscribed).append(product)
        for product in bought_once:
            yield self._simple("Product", product, self._product)
        found, self.apart = families(subscribed, self.single_ids)
        for family in found:
            yield from self._family(family)

    def _family(self, family: Family) -> Iterator[Candidate]:
        """One plan of a family; where no spec can say it as one, a plan of each product."""
        name = self._name("Plan", family.title, family.members[0].resource)
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
        yield Candidate("Plan", name, document_of("Plan", name, spec, adopt), resources)

    def _plan(self, family: Family) -> Document:
        first, alone = family.members[0].resource.body, len(family.members) == 1
        for member in family.members:
            refuse_legacy(member.resource.body)
        spec: Document = {"title": first["name"] if alone else family.title}
        spec |= described(first)
        spec["taxCategory"] = str(first["tax_category"]).replace("_", "-")
        prices: Document = {}
        for member in family.members:
            body = member.resource.body
            price = part_of(body, "price")
            usage = price["type"] == "usage_based_price"
            amount = money_text(price["fixed_price" if usage else "price"], price["currency"])
            called = {} if alone or body["name"] == f"{family.title} ({member.part})" else {"title": body["name"]}
            terms = {**end_of(price), **standing_of(price)}
            prices[member.part] = {**called, "amount": amount, "every": str(member.every), **terms}
        spec["prices"] = prices
        spec |= trial_of(family.members) | shared_terms(family.members)
        usage_lines = self._usage(family.members)
        if usage_lines:
            spec["usage"] = usage_lines
        return spec | self._given(first, [(member, member.resource.body) for member in family.members])

    def _product(self, body: Mapping[str, JSON]) -> Document:
        refuse_legacy(body)
        price = part_of(body, "price")
        spec: Document = {"title": body["name"], **described(body)}
        spec["taxCategory"] = str(body["tax_category"]).replace("_", "-")
        amount = money_text(price["price"], price["currency"])
        if price.get("pay_what_you_want"):
            suggested = price.get("suggested_price")
            open_price = {"minimum": amount}
            if suggested is not None:
                open_price["suggested"] = money_text(suggested, price["currency"])
            spec["payWhatYouWant"] = open_price
        else:
            spec["amount"] = amount
        spec |= standing_of(price) | tax_of(price)
        grants = [
            {"credit": self._name_of(one["credit_entitlement_id"], "Credit"), "units": units_of(one["credits_amount"])}
            for one in list_of(body["credit_entitlements"])
        ]
        return spec | self._given(body, []) | ({"credits": grants} if grants else {})

    def _given(self, body: Mapping[str, JSON], members: Sequence[tuple[Member, Mapping[str, JSON]]]) -> Document:
        spec: Document = {}
        if body["features"]:
            spec["features"] = list_of(body["features"])
        if body["brand_id"] is not None:
            spec["brand"] = self._name_of(body["brand_id"], "Brand")
        if body["addons"]:
            spec["addons"] = [self._name_of(one, "Addon") for one in list_of(body["addons"])]
        if body["entitlements"]:
            spec["entitlements"] = [self._name_of(one, "Entitlement") for one in list_of(body["entitlements"])]
        lines: list[tuple[Document, str]] = []
        for member, own in members:
            for one in list_of(own["credit_entitlements"]):
                credit = self._name_of(one["credit_entitlement_id"], "Credit")
                line = {"credit": credit, "units": units_of(one["credits_amount"]), "per": str(member.every)}
                lines.append((line, member.part))
        if lines:
            spec["credits"] = on_prices(lines, len(members))
        return spec

    def _usage(self, members: Sequence[Member]) -> list[Document]:
        lines: list[tuple[Document, str]] = []
        for member in members:
            price = part_of(member.resource.body, "price")
            for one in list_of(price.get("meters") or []):
                line: Document = {"meter": self._name_of(one["meter_id"], "Meter")}
                if one.get("credit_entitlement_id"):
                    line["credit"] = self._name_of(one["credit_entitlement_id"], "Credit")
                    line["unitsPerCredit"] = units_of(one["meter_units_per_credit"])
                else:
                    line["rate"] = rate_text(one["price_per_unit"], price["currency"])
                if one["free_threshold"]:
                    line["included"] = {"units": one["free_threshold"], "per": str(member.every)}
                lines.append((line, member.part))
        return on_prices(lines, len(members))

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
            amount = money_text(price.body["amount"], str(price.body["currency"]))
            by_amount.setdefault(amount, []).append(str(price.body["country_code"]))
        spec: Document = {"plans" if kind == "Plan" else "products": [rest]}
        spec["prices"] = [{"countries": sorted(names), "amount": amount} for amount, names in by_amount.items()]
        adopt = ", ".join(f"{label}.{price.body['country_code']}={price.id}" for price in prices)
        document = document_of("RegionalPricing", name, spec, adopt)
        return Candidate("RegionalPricing", name, document, together)

    def _collection(self, body: Mapping[str, JSON]) -> Document:
        spec: Document = {"title": body["name"], **described(body)}
        if body["brand_id"] is not None:
            spec["brand"] = self._name_of(body["brand_id"], "Brand")
        groups = []
        for group in list_of(body["groups"]):
            addresses = [self._address(one["product_id"]) for one in group["products"]]
            said = {
                "title": group["group_name"],
                "plans": [one.removeprefix("Plan/") for one in addresses if one.startswith("Plan/")],
                "products": [one.removeprefix("Product/") for one in addresses if one.startswith("Product/")],
            }
            groups.append({name: value for name, value in said.items() if value})
        spec["groups"] = groups
        return spec | plan_change_of(body)

    def _short_link(self, body: Mapping[str, JSON]) -> Document:
        kind, _, rest = self._address(part_of(body, "product_id")).partition("/")
        spec: Document = {kind.lower(): rest, "slug": body["slug"]}
        return spec | ({"parameters": dict(part_of(body, "parameters"))} if body["parameters"] else {})

    def _translations(self) -> Iterator[Candidate]:
        """A spec for each object that has texts in other languages."""
        by_object: dict[str, list[LiveResource]] = {}
        for one in self.by_kind.get(TRANSLATION, ()):
            by_object.setdefault(one.id.partition("/")[0], []).append(one)
        for object_id, texts in by_object.items():
            try:
                kind, _, rest = self._address(part_of(texts[0].body, "of")).partition("/")
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
            document = document_of("Translation", name, {kind.lower(): rest, "languages": languages}, adopt)
            yield Candidate("Translation", name, document, tuple(texts))

    def _discount(self, body: Mapping[str, JSON]) -> Document:
        spec: Document = {}
        if body["name"]:
            spec["title"] = body["name"]
        spec["code"] = body["code"]
        if body["type"] == "percentage":
            spec["percent"] = percent_text(body["amount"])
        elif body["type"] == "flat":
            options = list_of(body["currency_options"])
            if len(options) != 1 or options[0]["max_amount_possible"] is None:
                raise CannotSay("it has amounts in several currencies")
            spec["amount"] = money_text(options[0]["max_amount_possible"], options[0]["currency"])
            if options[0]["minimum_subtotal"]:
                spec["minimum"] = money_text(options[0]["minimum_subtotal"], options[0]["currency"])
        else:
            raise CannotSay(f'no spec can say the type "{body["type"]}"')
        spec |= self._restriction(list_of(body["restricted_to"]))
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
        document = {**document, "spec": {**part_of(document, "spec"), "onlyFor": list_of(allowed.body["customers"])}}
    return replace(candidate, document=document, resources=together)
