"""Specs to resources, pure and offline: each spec is lowered whole or told of; nothing is dropped silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.base.canonical import JSON, canonical_json
from reconciler.base.clock import format_time
from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.base.money import Money
from reconciler.plan.resource import Resource, reference
from reconciler.providers.base import UNKNOWN_NAME, Lowered
from reconciler.providers.dodo import collections, endpoints, grants, limits, plan_limits, products, selling
from reconciler.providers.dodo.capabilities import (
    ADDON,
    BRAND,
    COLLECTION,
    CREDIT,
    DISCOUNT,
    LOCALIZED_PRICE,
    METER,
    PRODUCT,
    SHORT_LINK,
    TRANSLATION,
)
from reconciler.providers.dodo.eligible import allowed_customers
from reconciler.providers.dodo.parts import parts_of
from reconciler.providers.dodo.pictured import image_resources
from reconciler.spec.kinds.registry import CONFIGURATION, SETTINGS
from reconciler.spec.load import Spec, diagnostic

if TYPE_CHECKING:
    from reconciler.plan.settings import Setting
    from reconciler.providers.dodo import regional
    from reconciler.spec.kinds.collection import Collection
    from reconciler.spec.kinds.discount import Discount
    from reconciler.spec.kinds.meter import Meter
    from reconciler.spec.kinds.plan import Plan
    from reconciler.spec.kinds.regional_pricing import RegionalPricing
    from reconciler.spec.kinds.registry import AnyDocument
    from reconciler.spec.kinds.short_link import ShortLink
    from reconciler.spec.kinds.translation import Translation

ADOPT = "ratecard.dev/adopt"
_ADOPT_AT: limits.At = ("metadata", "annotations", ADOPT)
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}(/[A-Za-z0-9_-]{1,100})?")


def lower(specs: Sequence[Spec]) -> Lowered:
    """What the specs mean at Dodo, and what of them Dodo cannot express, with the ways out.

    A spec with an error lowers to nothing; the others are lowered all the same. What is no configuration, such as an
    action, has no resources.
    """
    declared = [spec for spec in specs if spec.kind in SETTINGS]
    specs = [spec for spec in specs if spec.kind in CONFIGURATION]
    lowering = _Lowering(specs)
    resources: list[Resource] = []
    for spec in specs:
        resources.extend(lowering.one(spec))
    if lowering.modes:
        made = {one.address for one in resources}
        resources.extend([mode for mode in lowering.modes.values() if mode.references[0] in made])
    twins = lowering.refuse_twins(specs, resources)
    kept = tuple([one for one in resources if one.address.partition(":")[0] not in twins] if twins else resources)
    settings = tuple(_settings(declared, lowering.diagnostics))
    return Lowered(kept, tuple(lowering.diagnostics), settings)


def _settings(specs: Sequence[Spec], told: list[Diagnostic]) -> Iterator[Setting]:
    """What only people can set, as far as it can be set at all."""
    for spec in specs:
        from reconciler.providers.dodo import settings  # with a model that few workspaces need

        assert spec.document.kind == "DashboardSetting", "there is one kind of settings"
        wrong = [diagnostic(spec, one.mistake, severity=one.severity) for one in settings.setting_limits(spec.document)]
        told += wrong
        if not wrong:
            yield settings.setting(spec.document)


class _Lowering:
    def __init__(self, specs: Sequence[Spec]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.modes: dict[str, Resource] = {}  # the products that have prices for countries
        self.named: dict[str, dict[str, AnyDocument]] = {}
        for spec in specs:
            self.named.setdefault(spec.kind, {})[spec.name] = spec.document
        self.credits = {spec.name: spec.document for spec in specs if spec.document.kind == "Credit"}

    def one(self, spec: Spec) -> list[Resource]:
        """The resources of one spec, none when any part of it cannot be expressed."""
        document = spec.document
        if document.kind == "Plan":
            return self._plan(spec, document)
        if document.kind == "RegionalPricing":
            return self._regional(spec, document)
        if document.kind == "Translation":
            return self._translation(spec, document)
        if document.kind == "ShortLink":
            return self._short_link(spec, document)
        if self._refused(spec, (), _document_limits(document)):
            return []
        adopt = document.metadata.annotations.get(ADOPT)
        if document.kind == "Meter":
            return [_meter(spec, document, adopt)]
        if document.kind == "Discount":
            return [self._discount(spec, document, adopt), *allowed_customers(document, adopt)]
        if document.kind == "Product":
            product = products.single_product(document, adopt, self.credits)
            return [product, *image_resources(document.spec.image, PRODUCT, (product,))]
        if document.kind == "Credit":
            return [grants.credit_resource(document, adopt)]
        if document.kind == "Entitlement":
            entitlement = grants.entitlement_resource(document, adopt)
            files = document.spec.files
            if files is None or not files.paths:
                return [entitlement]
            from reconciler.providers.dodo.filed import file_resources  # for those who upload some

            return [entitlement, *file_resources(files.paths, entitlement)]
        if document.kind == "Addon":
            addon = selling.addon_resource(document, adopt)
            return [addon, *image_resources(document.spec.image, ADDON, (addon,))]
        if document.kind == "Collection":
            collection = self._collection(document, adopt)
            return [collection, *image_resources(document.spec.image, COLLECTION, (collection,))]
        if document.kind == "Brand":
            brand = selling.brand_resource(document, adopt)
            return [brand, *image_resources(document.spec.image, BRAND, (brand,))]
        assert document.kind == "Webhook", "all other kinds of configuration are lowered above"
        return list(endpoints.webhook_resources(document, adopt))

    def _plan(self, spec: Spec, document: Plan) -> list[Resource]:
        parts = parts_of(document)
        names = [part.name for part in parts]
        if self._refused(spec, names, plan_limits.plan_limits(document, parts)):
            return []
        adopted = dict(_adopted(document, names)) if ADOPT in document.metadata.annotations else {}
        made = [products.plan_product(document, part, adopted.get(part.name), self.credits) for part in parts]
        return made if document.spec.image is None else [*made, *image_resources(document.spec.image, PRODUCT, made)]

    def _regional(self, spec: Spec, document: RegionalPricing) -> list[Resource]:
        from reconciler.providers.dodo import regional  # with models of its own

        targets = self._targets(document)
        names = regional.labels(document, targets)
        if self._refused(spec, names, regional.regional_limits(document, targets)):
            return []
        adopted = dict(_adopted(document, names))
        self.modes.update((target.mode, regional.mode_resource(target, adopted)) for target in targets)
        return list(regional.localized_prices(document, targets, adopted))

    def _translation(self, spec: Spec, document: Translation) -> list[Resource]:
        from reconciler.providers.dodo import translating  # for those who translate

        addresses = self._addresses(document)
        names = translating.labels(document, addresses)
        if self._refused(spec, names, translating.translation_limits(document)):
            return []
        return list(translating.translations(document, addresses, dict(_adopted(document, names))))

    def _short_link(self, spec: Spec, document: ShortLink) -> list[Resource]:
        from reconciler.providers.dodo import linking  # for those who have links

        named = self.named.get("Plan", {}).get((document.spec.plan or "").partition(":")[0])
        parts = named.parts() if named is not None else ()
        if self._refused(spec, (), linking.short_link_limits(document, parts)):
            return []
        adopt = document.metadata.annotations.get(ADOPT)
        return [linking.short_link(document, address, adopt) for address in self._addresses(document)[:1]]

    def _addresses(self, document: AnyDocument) -> list[str]:
        """The addresses of all that a document names and that is there: of a plan those of its prices."""
        found: list[str] = []
        for one in document.references():
            named = self.named.get(one.kind, {}).get(one.name)
            if named is not None:
                parts = named.parts() if one.part is None else (one.part,)
                found += [f"{one.kind}/{one.name}:{part}" for part in parts] or [f"{one.kind}/{one.name}"]
        return found

    def _refused(self, spec: Spec, parts: Sequence[str], own: Iterable[limits.Limit]) -> bool:
        """Tell what stands in the way of a spec: whether any of it is an error. `own` are the limits of its kind."""
        refused = False
        document = spec.document
        adopting = _adopt_limits(document, parts) if ADOPT in document.metadata.annotations else ()
        for limit in chain(adopting, self._unknown_names(document), own):
            self.diagnostics.append(diagnostic(spec, limit.mistake, severity=limit.severity))
            refused = refused or limit.severity is Severity.ERROR
        return refused

    def _targets(self, document: RegionalPricing) -> list[regional.Target]:
        """The prices that a document is for; those that are not there are told elsewhere."""
        from reconciler.providers.dodo import regional

        targets: list[regional.Target] = []
        for one in document.references():
            named = self.named.get(one.kind, {}).get(one.name)
            if named is not None and named.kind == "Plan":
                wanted = [part for part in parts_of(named) if one.part in (None, part.name) and part.amount is not None]
                targets += [regional.plan_target(named, part, one.at) for part in wanted]
            elif named is not None and named.kind == "Product":
                targets.append(regional.product_target(named, one.at))
        return targets

    def _unknown_names(self, document: AnyDocument) -> Iterator[limits.Limit]:
        for kind, name, at, part in document.references():
            named = self.named.get(kind, {})
            if name not in named:
                yield _unknown(kind.lower(), name, named, at)
            elif part is not None and part not in named[name].parts():
                yield _unknown(f'price of "{name}"', part, named[name].parts(), at)

    def _discount(self, spec: Spec, document: Discount, adopt: str | None) -> Resource:
        wanted = document.spec
        addresses: set[str] = set()
        for kind, name, _, part in document.references():
            parts = self.named[kind][name].parts() if part is None else (part,)
            addresses.update([f"{kind}/{name}:{each}" for each in parts] or [f"{kind}/{name}"])
        terms = wanted.limits
        body: dict[str, JSON] = {
            "code": wanted.code,
            "name": wanted.title,
            "type": "percentage" if wanted.percent is not None else "flat",
            "amount": wanted.percent.basis_points if wanted.percent is not None else None,
            "currency_options": _currency_options(wanted.amount, wanted.minimum),
            "restricted_to": [reference(address) for address in sorted(addresses)],
            "customer_eligibility": wanted.customers.replace("-", "_"),
            "usage_limit": terms.total if terms else None,
            "per_customer_usage_limit": terms.per_customer if terms else None,
            "subscription_cycles": wanted.cycles,
            "starts_at": format_time(wanted.starts_at) if wanted.starts_at else None,
            "expires_at": format_time(wanted.ends_at) if wanted.ends_at else None,
            "preserve_on_plan_change": wanted.keep_on_plan_change,
        }
        title = wanted.title or wanted.code
        return Resource(f"Discount/{spec.name}", DISCOUNT, title, body, tuple(sorted(addresses)), adopt)

    def _collection(self, document: Collection, adopt: str | None) -> Resource:
        groups: list[list[str]] = []
        for position in range(len(document.spec.groups)):
            inside = [one for one in document.references() if one.at[:3] == ("spec", "groups", position)]
            addresses: list[str] = []
            for one in inside:
                parts = self.named[one.kind][one.name].parts() if one.part is None else (one.part,)
                addresses += [f"{one.kind}/{one.name}:{part}" for part in parts] or [f"{one.kind}/{one.name}"]
            groups.append(addresses)
        return collections.collection_resource(document, groups, adopt)

    def refuse_twins(self, specs: Sequence[Spec], resources: Sequence[Resource]) -> set[str]:
        """The `Kind/name` of specs that stand for the same live object as one before, or that nothing tells apart."""
        twins: set[str] = set()
        by_address = {f"{spec.kind}/{spec.name}": spec for spec in specs}
        seen: dict[tuple[str, str], str] = {}
        for resource in resources:
            if resource.kind == PRODUCT and resource.adopt is None:
                continue  # nothing about it is unique, and most are products
            for what, value, at in _unique(resource):
                first = seen.setdefault((what, value), resource.address)
                if first != resource.address:
                    whole = resource.address.partition(":")[0]
                    spec = by_address[whole]
                    mistake = Mistake(
                        f"the same {what} as {first}", code="dodo/twice", at=at, hint="one of them must differ"
                    )
                    self.diagnostics.append(diagnostic(spec, mistake))
                    twins.add(whole)
        return twins


def _document_limits(document: AnyDocument) -> Iterator[limits.Limit]:
    """What Dodo cannot do of a spec that is one object there."""
    if document.kind == "Meter":
        yield from limits.meter_limits(document)
    elif document.kind == "Discount":
        yield from limits.discount_limits(document)
    elif document.kind == "Webhook":
        yield from limits.webhook_limits(document)
    elif document.kind == "Product":
        yield from limits.product_limits(document)
        yield from grants.grant_limits(document.spec.credits, document.spec.title)
    elif document.kind == "Credit":
        yield from grants.credit_limits(document)
    elif document.kind == "Entitlement":
        yield from grants.entitlement_limits(document)
    elif document.kind == "Addon":
        yield from selling.addon_limits(document)
    elif document.kind == "Collection":
        yield from collections.collection_limits(document)
    elif document.kind == "Brand":
        yield from selling.brand_limits(document)


def _unique(resource: Resource) -> Iterator[tuple[str, str, limits.At]]:
    if resource.adopt is not None:
        yield "adopted object", resource.adopt, _ADOPT_AT
    if resource.kind == DISCOUNT:
        yield "code", str(resource.body["code"]), ("spec", "code")
    if resource.kind == COLLECTION:
        for address in resource.references:
            if not address.startswith("Brand/"):
                yield "product in a collection", address, ("spec", "groups")
    if resource.kind in (CREDIT, BRAND, ADDON, COLLECTION):
        # The last three have no place for a mark either, and their titles are what people know them by.
        yield "title", resource.title, ("spec", "title")
    if resource.kind == SHORT_LINK:
        yield "slug", str(resource.body["slug"]), ("spec", "slug")
    if resource.kind == TRANSLATION:
        yield "object and language", f"{resource.references[0]} {resource.body['locale']}", ("spec", "languages")
    if resource.kind == LOCALIZED_PRICE:
        country = resource.body["country_code"]
        yield "price and country", f"{resource.references[0]} {country}", ("spec", "prices")
    if resource.kind == METER:
        # A meter has no place for a mark: when the answer to its making is lost, only its body tells which it is.
        yield "title, event, aggregation and filter", canonical_json(resource.body).decode(), ("spec",)


def _unknown(what: str, name: str, known: Iterable[str], at: limits.At) -> limits.Limit:
    names = ", ".join(sorted(known)) or "none"
    return limits.Limit(Mistake(f'there is no {what} "{name}"', code=UNKNOWN_NAME, at=at, hint=f"there are: {names}"))


def _adopt_limits(document: AnyDocument, parts: Sequence[str]) -> Iterator[limits.Limit]:
    text = document.metadata.annotations.get(ADOPT)
    if text is None:
        return
    if not parts:
        if not _ID.fullmatch(text):
            yield limits.Limit(
                Mistake(
                    f'"{text}" is not an id', code="dodo/adopt", at=_ADOPT_AT, hint="write the id of one live object"
                )
            )
        return
    example = ", ".join(f"{name}=pdt_…" for name in parts)
    seen: set[str] = set()
    for name, product_id in _adopted(document, parts):
        wrong = None
        if name not in parts:
            wrong = f'"{name}" is not one of its prices' if name else "it does not say which price has which product"
        elif not _ID.fullmatch(product_id):
            wrong = f'"{product_id}" is not an id'
        elif name in seen:
            wrong = f'"{name}" is named twice'
        seen.add(name)
        if wrong:
            yield limits.Limit(Mistake(wrong, code="dodo/adopt", at=_ADOPT_AT, hint=f"write it like {example}"))


def _adopted(document: AnyDocument, parts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(part, product id) as the annotation says; the part may be left out where there is only one."""
    text = document.metadata.annotations.get(ADOPT)
    for piece in text.split(",") if text is not None else ():
        name, equals, product_id = piece.partition("=")
        if equals:
            yield name.strip(), product_id.strip()
        else:
            yield (parts[0] if len(parts) == 1 else ""), piece.strip()


def _meter(spec: Spec, document: Meter, adopt: str | None) -> Resource:
    wanted = document.spec
    clauses: JSON = None
    if wanted.filter is not None:
        clauses = {
            "conjunction": "and" if wanted.filter.match == "all" else "or",
            "clauses": [
                {"key": c.property, "operator": c.operator.replace("-", "_"), "value": c.value}
                for c in wanted.filter.conditions
            ],
        }
    body: dict[str, JSON] = {
        "name": wanted.title,
        "event_name": wanted.event,
        "aggregation": {"type": wanted.aggregation.type, "key": wanted.aggregation.property},
        "measurement_unit": wanted.unit,
        "description": wanted.description,
        "filter": clauses,
    }
    return Resource(f"Meter/{spec.name}", METER, wanted.title, body, adopt=adopt)


def _currency_options(amount: Money | None, minimum: Money | None) -> list[JSON]:
    if amount is None:
        return []
    return [
        {
            "currency": amount.currency,
            "max_amount_possible": amount.minor,
            "minimum_subtotal": minimum.minor if minimum else 0,
            "is_default": True,
        }
    ]
