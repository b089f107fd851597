"""Rules across documents: names that refer to each other, and what must be there once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.base.diagnostics import Diagnostic, Mistake, Severity, in_order
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.meter import Meter
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.webhook import ALIAS_PREFIX, Webhook
from reconciler.spec.load import Spec, diagnostic
from reconciler.spec.words import did_you_mean

_MIXED = re.compile(r"(?=[^\W\d_]*[A-Za-z])(?=[^\W\d_]*[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff])[^\W\d_]+")


def check(
    specs: Sequence[Spec], *, aliases: Mapping[str, str], broken: Collection[tuple[str, str]] = ()
) -> list[Diagnostic]:
    """All that does not fit together between the specs of a workspace, in order of place.

    `aliases` are the addresses that the workspace names, for `alias:NAME` in webhooks. `broken` are the kind and name
    of specs that are there and could not be read: a reference to one of them is no mistake of its own.
    """
    plans = {s.name: s.document for s in specs if isinstance(s.document, Plan)}
    meters = [s.name for s in specs if isinstance(s.document, Meter)]
    found: list[Diagnostic] = []
    for spec in specs:
        document = spec.document
        if isinstance(document, Plan):
            found.extend(diagnostic(spec, m) for m in _usage(document, [*meters, *_names(broken, "Meter")]))
        elif isinstance(document, Discount):
            found.extend(diagnostic(spec, m) for m in _discounted(document, plans, set(_names(broken, "Plan"))))
        elif isinstance(document, Webhook):
            found.extend(diagnostic(spec, m) for m in _address(document, aliases))
        for mistake in _mixed_scripts(spec):
            found.append(diagnostic(spec, mistake, severity=Severity.WARNING))  # noqa: PERF401 - beside the others
    found.extend(_twice(specs))
    return in_order(found)


def _names(broken: Collection[tuple[str, str]], kind: str) -> Iterator[str]:
    return (name for of_kind, name in broken if of_kind == kind)


def _twice(specs: Sequence[Spec]) -> Iterator[Diagnostic]:
    names: dict[tuple[str, str], Spec] = {}
    codes: dict[str, Spec] = {}
    for spec in specs:
        first = names.setdefault((spec.kind, spec.name), spec)
        if first is not spec:
            yield _told_of_first(spec, first, f'{spec.kind} "{spec.name}"', ("metadata", "name"), "check/name-twice")
        if isinstance(spec.document, Discount):
            code = spec.document.spec.code
            first = codes.setdefault(code, spec)
            if first is not spec:
                yield _told_of_first(spec, first, f'the code "{code}"', ("spec", "code"), "check/code-twice")


def _told_of_first(spec: Spec, first: Spec, what: str, at: tuple[str, ...], code: str) -> Diagnostic:
    message = f"{what} is already at {first.locate(at)}"
    return diagnostic(spec, Mistake(message, code=code, hint="keep one of them, or rename this one", at=at))


def _usage(plan: Plan, meters: list[str]) -> Iterator[Mistake]:
    for index, line in enumerate(plan.spec.usage):
        if line.meter not in meters:
            yield _unknown(line.meter, "Meter", meters, ("spec", "usage", index, "meter"), "check/unknown-meter")


def _discounted(discount: Discount, plans: Mapping[str, Plan], broken: Collection[str]) -> Iterator[Mistake]:
    for index, reference in enumerate(discount.spec.plans):
        at = ("spec", "plans", index)
        name, _, price = reference.partition(":")
        if name not in plans:
            if name in broken:
                continue
            yield _unknown(name, "Plan", list(plans), at, "check/unknown-plan")
        elif price and price not in plans[name].spec.prices:
            prices = list(plans[name].spec.prices)
            yield _unknown(price, f'price of Plan "{name}"', prices, at, "check/unknown-price")


def _address(webhook: Webhook, aliases: Mapping[str, str]) -> Iterator[Mistake]:
    url = webhook.spec.url
    if url.startswith(ALIAS_PREFIX) and url.removeprefix(ALIAS_PREFIX) not in aliases:
        alias = url.removeprefix(ALIAS_PREFIX)
        mistake = _unknown(alias, "alias in ratecard.yaml", list(aliases), ("spec", "url"), "check/unknown-alias")
        yield mistake


def _unknown(name: str, what: str, names: list[str], at: tuple[str | int, ...], code: str) -> Mistake:
    listed = f"there are: {', '.join(sorted(names)[:20])}" if names else "there are none"
    near = did_you_mean(name, names)
    return Mistake(f'there is no {what} "{name}"', code=code, hint=f"{near} {listed}" if near else listed, at=at)


def _mixed_scripts(spec: Spec) -> Iterator[Mistake]:
    title = getattr(spec.document.spec, "title", None)
    if not title or title.isascii():
        return
    for word in _MIXED.findall(title):
        letters = ", ".join(f"{c} (U+{ord(c):04X})" for c in dict.fromkeys(word) if ord(c) > 0x24F)
        yield Mistake(
            f'"{word}" mixes Latin letters with others that may look the same: {letters}',
            code="check/mixed-scripts",
            hint="write the word in one script",
            at=("spec", "title"),
        )
