"""Rules across documents: names that refer to each other, and what must be there once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from reconciler.base.diagnostics import Diagnostic, Mistake, Severity, in_order
from reconciler.spec.kinds.fields import ALIAS_PREFIX, Reference
from reconciler.spec.load import Spec, diagnostic
from reconciler.spec.words import did_you_mean

if TYPE_CHECKING:
    from reconciler.spec.kinds.registry import AnyDocument
    from reconciler.spec.kinds.webhook import Webhook

Broken: TypeAlias = Collection[tuple[str, str]]

_MIXED = re.compile(r"(?=[^\W\d_]*[A-Za-z])(?=[^\W\d_]*[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff])[^\W\d_]+")


def check(specs: Sequence[Spec], *, aliases: Mapping[str, str], broken: Broken = ()) -> list[Diagnostic]:
    """All that does not fit together between the specs of a workspace, in order of place.

    `aliases` are the addresses that the workspace names, for `alias:NAME` in webhooks. `broken` are the kind and name
    of specs that are there and could not be read: a reference to one of them is no mistake of its own.
    """
    there: dict[str, dict[str, AnyDocument]] = {}
    for spec in specs:
        document = spec.document
        there.setdefault(document.kind, {})[document.metadata.name] = document
    found: list[Diagnostic] = []
    for spec in specs:
        document = spec.document
        for one in document.references():
            named = there.get(one.kind)
            if named is None or one.name not in named or one.part is not None:  # else there is nothing to tell
                found.extend([diagnostic(spec, mistake) for mistake in _reference(one, there, broken)])
        if document.kind == "Webhook":
            found.extend(diagnostic(spec, m) for m in _address(document, aliases))
        title = getattr(document.spec, "title", None)
        if title and not title.isascii():
            found.extend(diagnostic(spec, m, severity=Severity.WARNING) for m in _mixed_scripts(title))
    found.extend(_twice(specs))
    return in_order(found)


def _twice(specs: Sequence[Spec]) -> Iterator[Diagnostic]:
    names: dict[tuple[str, str], Spec] = {}
    codes: dict[str, Spec] = {}
    policy: Spec | None = None
    for spec in specs:
        document = spec.document
        kind, name = document.kind, document.metadata.name
        first = names.setdefault((kind, name), spec)
        if first is not spec:
            yield _told_of_first(spec, first, f'{kind} "{name}"', ("metadata", "name"), "check/name-twice")
        if kind == "Policy":
            policy = policy or spec
            if policy.name != name:
                yield _told_of_first(spec, policy, "the policy", ("metadata", "name"), "check/policy-twice")
        if document.kind == "Discount":
            code = document.spec.code
            first = codes.setdefault(code, spec)
            if first is not spec:
                yield _told_of_first(spec, first, f'the code "{code}"', ("spec", "code"), "check/code-twice")


def _told_of_first(spec: Spec, first: Spec, what: str, at: tuple[str, ...], code: str) -> Diagnostic:
    message = f"{what} is already at {first.locate(at)}"
    return diagnostic(spec, Mistake(message, code=code, hint="keep one of them, or rename this one", at=at))


def _reference(one: Reference, there: Mapping[str, Mapping[str, AnyDocument]], broken: Broken) -> Iterator[Mistake]:
    named = there.get(one.kind, {})
    if one.name not in named:
        if (one.kind, one.name) not in broken:
            names = [*named, *(name for kind, name in broken if kind == one.kind)]
            yield _unknown(one.name, one.kind, names, one.at, f"check/unknown-{one.kind.lower()}")
    elif one.part is not None and one.part not in named[one.name].parts():
        parts = list(named[one.name].parts())
        yield _unknown(one.part, f'price of {one.kind} "{one.name}"', parts, one.at, "check/unknown-price")


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


def _mixed_scripts(title: str) -> Iterator[Mistake]:
    for word in _MIXED.findall(title):
        letters = ", ".join(f"{c} (U+{ord(c):04X})" for c in dict.fromkeys(word) if ord(c) > 0x24F)
        yield Mistake(
            f'"{word}" mixes Latin letters with others that may look the same: {letters}',
            code="check/mixed-scripts",
            hint="write the word in one script",
            at=("spec", "title"),
        )
