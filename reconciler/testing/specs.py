"""Strategies for valid specs of all kinds, as plain documents, within what Dodo can express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from reconciler.spec.kinds.registry import API_VERSION

Document = Mapping[str, Any]

METERS = ("calls", "files", "seats")
PLANS = ("basic", "pro", "team")
DISCOUNTS = ("autumn", "launch")
WEBHOOKS = ("audit", "billing")
ADDONS = ("chair", "desk")
BRANDS = ("acme",)

TITLES = ("One", "Größe", "日本", "A: b # c", "yes", "3.5", "'quoted'", 'Say "hi"')
EVENTS = ("subscription.*", "subscription.active", "payment.*", "payment.failed", "refund.succeeded", "dispute.*")


def document(kind: str, name: str, spec: Mapping[str, Any]) -> Document:
    """A whole spec."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


@st.composite
def meters(draw: st.DrawFn, name: str, prefix: str = "ACME") -> Document:
    """A meter; its event begins with its prefix and name, so that no two are alike."""
    spec: dict[str, Any] = {
        "title": draw(st.sampled_from(TITLES)),
        "unit": draw(st.sampled_from(["call", "GB"])),
        "event": f"{prefix.lower()}.{name}.{draw(st.sampled_from(['made', 'seen']))}",
    }
    how = draw(st.sampled_from(["count", "sum", "max", "last"]))
    spec["aggregation"] = {"type": how} if how == "count" else {"type": how, "property": "size"}
    if draw(st.booleans()):
        value = draw(st.sampled_from(["ok", "true", True, 100, -1]))
        operator = "equals" if isinstance(value, str | bool) else "greater-than"
        condition = {"property": "status", "operator": operator, "value": value}
        spec["filter"] = {"match": draw(st.sampled_from(["all", "any"])), "conditions": [condition]}
    if draw(st.booleans()):
        spec["description"] = draw(st.sampled_from(TITLES))
    return document("Meter", name, spec)


@st.composite
def plans(draw: st.DrawFn, name: str, counted: Sequence[str]) -> Document:
    """A plan with one to three prices, whose usage is of the meters that are named."""
    currency = draw(st.sampled_from(["USD", "JPY", "EUR"]))
    prices: dict[str, Any] = {"monthly": {"amount": f"{draw(st.integers(1, 90)) * 100} {currency}", "every": "month"}}
    if draw(st.booleans()):
        percent = draw(st.sampled_from(["20%", "5%", "0%"]))
        prices["annual"] = {"discount": percent, "of": "monthly", "every": "year"}
    if draw(st.booleans()):
        prices["quarterly"] = {"amount": f"{draw(st.integers(1, 9)) * 1000} {currency}", "every": "3 months"}
    spec: dict[str, Any] = {
        "title": draw(st.sampled_from(TITLES)),
        "taxCategory": draw(st.sampled_from(["saas", "e-book"])),
        "prices": prices,
    }
    usage = [draw(_usage_lines(meter, currency)) for meter in counted]
    if usage:
        spec["usage"] = usage
    if draw(st.booleans()):
        via = "checkout" if usage else draw(st.sampled_from(["price", "checkout"]))
        card = draw(st.sampled_from(["required", "optional"]))
        spec["trial"] = {"days": draw(st.integers(1, 30)), "card": card, "via": via}
        if spec["trial"]["via"] == "price" and card == "required" and draw(st.booleans()):
            spec["trial"] |= {"amount": f"1 {currency}", "discounts": draw(st.booleans())}
    if draw(st.booleans()):
        spec |= {"tax": draw(st.sampled_from(["included", "added"])), "purchasingPowerParity": draw(st.booleans())}
        prices["monthly"] |= {"endsAfter": draw(st.sampled_from(["year", "3 years"])), "standingDiscount": "15%"}
    if not usage and draw(st.booleans()):
        spec["cardWhenFree"] = "optional"
    if draw(st.booleans()):
        spec["features"] = draw(st.lists(st.sampled_from(TITLES), min_size=1, max_size=3, unique=True))
    if draw(st.booleans()):
        spec["description"] = draw(st.sampled_from(TITLES))
    return document("Plan", name, spec)


@st.composite
def _usage_lines(draw: st.DrawFn, meter: str, currency: str) -> Document:
    line: dict[str, Any] = {
        "meter": meter,
        "rate": f"{draw(st.sampled_from(['0.002', '1', '0.25', '3.5']))} {currency}",
    }
    if draw(st.booleans()):
        line["included"] = {"units": draw(st.integers(0, 10_000)), "per": "month", "pooled": True}
    if draw(st.booleans()):
        line["prices"] = ["monthly"]
    return line


@st.composite
def discounts(draw: st.DrawFn, name: str, of: Sequence[str], prefix: str) -> Document:
    """A discount of some of the plans that are named; its code is `PREFIX-NAME`."""
    spec: dict[str, Any] = {"code": f"{prefix}-{name}".upper()}
    if draw(st.booleans()):
        spec["percent"] = draw(st.sampled_from(["20%", "12.5%"]))
    else:
        spec |= {"amount": "10 USD", "minimum": "20 USD"}
    if of:
        spec["plans"] = draw(st.lists(st.sampled_from([*of, *(f"{p}:monthly" for p in of)]), max_size=3, unique=True))
    if draw(st.booleans()):
        spec |= {"title": draw(st.sampled_from(TITLES)), "customers": draw(st.sampled_from(["first-time", "any"]))}
    if draw(st.booleans()):
        spec |= {"cycles": draw(st.integers(1, 12)), "limits": {"total": draw(st.integers(1, 500))}}
    if draw(st.booleans()):
        spec["endsAt"] = "2099-01-01T00:00:00Z"
    return document("Discount", name, spec)


@st.composite
def webhooks(draw: st.DrawFn, name: str) -> Document:
    """A webhook."""
    spec: dict[str, Any] = {
        "url": f"https://example.com/{name}/{draw(st.sampled_from(['a', 'b']))}",
        "events": draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3, unique=True)),
    }
    if draw(st.booleans()):
        spec |= {"description": draw(st.sampled_from(TITLES)), "enabled": draw(st.booleans())}
    if draw(st.booleans()):
        spec["rateLimit"] = draw(st.integers(1, 100))
    return document("Webhook", name, spec)


@st.composite
def addons(draw: st.DrawFn, name: str, prefix: str) -> Document:
    """An add-on; its title ends with `PREFIX NAME`, so that no two are alike."""
    title = f"{draw(st.sampled_from(TITLES))} {prefix} {name}"
    amount = draw(st.sampled_from(["9 USD", "12.50 EUR"]))
    return document("Addon", name, {"title": title, "taxCategory": "saas", "amount": amount})


@st.composite
def brands_of(draw: st.DrawFn, name: str, prefix: str) -> Document:
    """A brand; its title ends with `PREFIX NAME`."""
    spec = {"title": f"{draw(st.sampled_from(TITLES))} {prefix} {name}"}
    if draw(st.booleans()):
        spec |= {"website": f"https://{name}.example", "statementDescriptor": name.upper()}
    return document("Brand", name, spec)


def _sold(draw: st.DrawFn, plan: Document, extra: Sequence[str], brands: Sequence[str]) -> Document:
    """A plan with add-ons, which it has only without usage, and under a brand."""
    spec = dict(plan["spec"])
    if draw(st.booleans()) and extra and "usage" not in spec:
        spec["addons"] = list(extra)
    if draw(st.booleans()) and brands:
        spec["brand"] = brands[0]
    return {**plan, "spec": spec}


@st.composite
def workspaces(draw: st.DrawFn, *, lasting: bool = False, prefix: str = "ACME") -> list[Document]:
    """The specs of a workspace, valid together.

    `lasting` keeps every discount and webhook, whose removal cannot be undone. `prefix` begins each code,
    and is in all else that must be unique in an account.
    """
    counted = draw(st.lists(st.sampled_from(METERS), unique=True, max_size=2))
    sold = draw(st.lists(st.sampled_from(PLANS), unique=True, max_size=2))
    codes = DISCOUNTS if lasting else draw(st.lists(st.sampled_from(DISCOUNTS), unique=True))
    extra = draw(st.lists(st.sampled_from(ADDONS), unique=True, max_size=2))
    brands: list[str] = [] if lasting else draw(st.lists(st.sampled_from(BRANDS), max_size=1))
    endpoints = WEBHOOKS[:1] if lasting else draw(st.lists(st.sampled_from(WEBHOOKS), unique=True))
    return [
        *(draw(meters(name, prefix)) for name in counted),
        *(draw(addons(name, prefix)) for name in extra),
        *(draw(brands_of(name, prefix)) for name in brands),
        *(
            _sold(draw, draw(plans(name, [meter for meter in counted if draw(st.booleans())])), extra, brands)
            for name in sold
        ),
        *(draw(discounts(name, sold, prefix)) for name in codes),
        *(draw(webhooks(name)) for name in endpoints),
    ]
