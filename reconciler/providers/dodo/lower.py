"""Specs to resources, pure and offline: each spec is lowered whole or told of; nothing is dropped silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.base.canonical import JSON, canonical_json
from reconciler.base.clock import format_time
from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.base.money import Money
from reconciler.plan.resource import Resource, reference, references_in
from reconciler.providers.base import UNKNOWN_NAME, Lowered
from reconciler.providers.dodo import limits
from reconciler.providers.dodo.capabilities import DISCOUNT, METER, PRODUCT, WEBHOOK
from reconciler.providers.dodo.events import expand
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.meter import Meter
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.webhook import Webhook
from reconciler.spec.load import Spec, diagnostic

ADOPT = "ratecard.dev/adopt"
_ADOPT_AT: limits.At = ("metadata", "annotations", ADOPT)
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def lower(specs: Sequence[Spec]) -> Lowered:
    """What the specs mean at Dodo, and what of them Dodo cannot express, with the ways out.

    A spec with an error lowers to nothing; the others are lowered all the same.
    """
    lowering = _Lowering(specs)
    resources: list[Resource] = []
    for spec in specs:
        resources.extend(lowering.one(spec))
    twins = lowering.refuse_twins(specs, resources)
    kept = tuple(one for one in resources if one.address.partition(":")[0] not in twins)
    return Lowered(kept, tuple(lowering.diagnostics))


class _Lowering:
    def __init__(self, specs: Sequence[Spec]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.meters = {spec.name for spec in specs if isinstance(spec.document, Meter)}
        self.prices = {spec.name: tuple(spec.document.spec.prices) for spec in specs if isinstance(spec.document, Plan)}

    def one(self, spec: Spec) -> list[Resource]:
        """The resources of one spec, none when any part of it cannot be expressed."""
        document, errors = spec.document, 0
        for limit in self._limits(spec):
            self.diagnostics.append(diagnostic(spec, limit.mistake, severity=limit.severity))
            errors += limit.severity is Severity.ERROR
        if errors:
            return []
        if isinstance(document, Plan):
            adopted = dict(_adopted_prices(document))
            return [_product(spec, document, name, adopted.get(name)) for name in document.spec.prices]
        adopt = document.metadata.annotations.get(ADOPT)
        if isinstance(document, Meter):
            return [_meter(spec, document, adopt)]
        if isinstance(document, Discount):
            return [self._discount(spec, document, adopt)]
        return [_webhook(spec, document, adopt)]

    def _limits(self, spec: Spec) -> Iterator[limits.Limit]:
        document = spec.document
        yield from _adopt_limits(document)
        if isinstance(document, Meter):
            yield from limits.meter_limits(document)
        elif isinstance(document, Discount):
            yield from limits.discount_limits(document)
            yield from self._unknown_plans(document)
        elif isinstance(document, Webhook):
            yield from limits.webhook_limits(document)
        else:
            yield from limits.plan_limits(document)
            yield from self._unknown_meters(document)
            for name, price in document.spec.prices.items():
                try:
                    amount = document.amount(name)
                except Mistake as mistake:
                    yield limits.Limit(mistake)
                    continue
                yield from limits.price_limits(document, name, amount)
                for index, line in limits.lines_of(document, name):
                    if line.included is not None:
                        at = ("spec", "usage", index, "included")
                        yield from limits.pooled_limits(line.included, price.every, at)

    def _unknown_meters(self, document: Plan) -> Iterator[limits.Limit]:
        for index, line in enumerate(document.spec.usage):
            if line.meter not in self.meters:
                yield _unknown("meter", line.meter, self.meters, ("spec", "usage", index, "meter"))

    def _unknown_plans(self, document: Discount) -> Iterator[limits.Limit]:
        for index, text in enumerate(document.spec.plans):
            plan, _, price = text.partition(":")
            at = ("spec", "plans", index)
            if plan not in self.prices:
                yield _unknown("plan", plan, self.prices, at)
            elif price and price not in self.prices[plan]:
                yield _unknown(f'price of "{plan}"', price, self.prices[plan], at)

    def _discount(self, spec: Spec, document: Discount, adopt: str | None) -> Resource:
        wanted = document.spec
        addresses: set[str] = set()
        for text in wanted.plans:
            plan, _, price = text.partition(":")
            addresses.update(f"Plan/{plan}:{name}" for name in ([price] if price else self.prices[plan]))
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

    def refuse_twins(self, specs: Sequence[Spec], resources: Sequence[Resource]) -> set[str]:
        """The `Kind/name` of specs that stand for the same live object as one before, or that nothing tells apart."""
        twins: set[str] = set()
        by_address = {f"{spec.kind}/{spec.name}": spec for spec in specs}
        seen: dict[tuple[str, str], str] = {}
        for resource in resources:
            whole = resource.address.partition(":")[0]
            spec = by_address[whole]
            for what, value, at in _unique(resource):
                first = seen.setdefault((what, value), resource.address)
                if first != resource.address:
                    mistake = Mistake(
                        f"the same {what} as {first}", code="dodo/twice", at=at, hint="one of them must differ"
                    )
                    self.diagnostics.append(diagnostic(spec, mistake))
                    twins.add(whole)
        return twins


def _unique(resource: Resource) -> Iterator[tuple[str, str, limits.At]]:
    if resource.adopt is not None:
        yield "adopted object", resource.adopt, _ADOPT_AT
    if resource.kind == DISCOUNT:
        yield "code", str(resource.body["code"]), ("spec", "code")
    if resource.kind == METER:
        # A meter has no place for a mark: when the answer to its making is lost, only its body tells which it is.
        yield "title, event, aggregation and filter", canonical_json(resource.body).decode(), ("spec",)


def _unknown(what: str, name: str, known: Iterable[str], at: limits.At) -> limits.Limit:
    names = ", ".join(sorted(known)) or "none"
    return limits.Limit(Mistake(f'there is no {what} "{name}"', code=UNKNOWN_NAME, at=at, hint=f"there are: {names}"))


def _adopt_limits(document: Meter | Plan | Discount | Webhook) -> Iterator[limits.Limit]:
    text = document.metadata.annotations.get(ADOPT)
    if text is None:
        return
    if not isinstance(document, Plan):
        if not _ID.fullmatch(text):
            yield limits.Limit(
                Mistake(
                    f'"{text}" is not an id', code="dodo/adopt", at=_ADOPT_AT, hint="write the id of one live object"
                )
            )
        return
    prices = list(document.spec.prices)
    example = ", ".join(f"{name}=pdt_…" for name in prices)
    seen: set[str] = set()
    for name, product_id in _adopted_prices(document):
        wrong = None
        if name not in prices:
            wrong = f'"{name}" is not a price of this plan' if name else "it does not say which price has which product"
        elif not _ID.fullmatch(product_id):
            wrong = f'"{product_id}" is not an id'
        elif name in seen:
            wrong = f'"{name}" is named twice'
        seen.add(name)
        if wrong:
            yield limits.Limit(Mistake(wrong, code="dodo/adopt", at=_ADOPT_AT, hint=f"write it like {example}"))


def _adopted_prices(document: Plan) -> Iterator[tuple[str, str]]:
    """(price, product id) as the annotation says; the price may be left out where there is only one."""
    text = document.metadata.annotations.get(ADOPT)
    prices = list(document.spec.prices)
    for part in text.split(",") if text is not None else ():
        name, equals, product_id = part.partition("=")
        if equals:
            yield name.strip(), product_id.strip()
        else:
            yield (prices[0] if len(prices) == 1 else ""), part.strip()


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


def _product(spec: Spec, document: Plan, price_name: str, adopt: str | None) -> Resource:
    wanted = document.spec
    name = limits.product_name(document, price_name)
    price = _price(document, price_name)
    body: dict[str, JSON] = {
        "name": name,
        "description": wanted.description,
        "tax_category": wanted.tax_category.replace("-", "_"),
        "features": list(wanted.features),
        "price": price,
    }
    addresses = tuple(sorted(set(references_in(price))))
    notes = tuple(_checkout_notes(document, price_name))
    return Resource(f"Plan/{spec.name}:{price_name}", PRODUCT, name, body, addresses, adopt, notes)


def _price(document: Plan, price_name: str) -> Mapping[str, JSON]:
    """The one price of a product, complete: what is not said in the spec has its value said here."""
    wanted = document.spec
    amount, every = document.amount(price_name), wanted.prices[price_name].every
    common: dict[str, JSON] = {
        "currency": amount.currency,
        "discount_bps": 0,
        "tax_inclusive": False,
        "purchasing_power_parity": False,
        "payment_frequency_count": every.count,
        "payment_frequency_interval": every.unit.capitalize(),
        "subscription_period_count": limits.TERM.count,
        "subscription_period_interval": limits.TERM.unit.capitalize(),
    }
    lines = limits.lines_of(document, price_name)
    if not lines:
        trial = wanted.trial if wanted.trial is not None and wanted.trial.via == "price" else None
        return common | {
            "type": "recurring_price",
            "price": amount.minor,
            "trial_period_days": trial.days if trial else 0,
            "trial_payment_method_optional": trial is not None and trial.card == "optional",
            "zero_amount_payment_method_optional": False,
        }
    meters: list[JSON] = []
    for _, line in sorted(lines, key=lambda pair: pair[1].meter):
        assert line.rate is not None, "tiers are refused before"
        free = limits.free_units(line.included, every) if line.included is not None else 0
        meters.append(
            {
                "meter_id": reference(f"Meter/{line.meter}"),
                "price_per_unit": limits.rate_text(line.rate),
                "free_threshold": free,
            }
        )
    return common | {"type": "usage_based_price", "fixed_price": amount.minor, "meters": meters}


def _checkout_notes(document: Plan, price_name: str) -> Iterator[str]:
    trial = document.spec.trial
    if trial is None or trial.via != "checkout":
        return
    yield (
        f"the trial is your application's: pass subscription_data.trial_period_days = {trial.days} "
        "when it opens a checkout for this product"
    )
    if limits.lines_of(document, price_name):
        yield "Dodo does not document whether a checkout takes a trial for a price with usage: try it in test mode"
    if trial.card == "optional":
        yield "Dodo documents no way to make the card optional at checkout: a customer may be asked for one"


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


def _webhook(spec: Spec, document: Webhook, adopt: str | None) -> Resource:
    wanted = document.spec
    events: set[str] = set()
    for pattern in wanted.events:
        events.update(expand(pattern))
    body: dict[str, JSON] = {
        "url": wanted.url,
        "description": wanted.description,
        "filter_types": sorted(events),
        "disabled": not wanted.enabled,
    }
    return Resource(f"Webhook/{spec.name}", WEBHOOK, wanted.description or wanted.url, body, adopt=adopt)
