"""What the lifecycles of a workspace's specs say, and what is wrong with it across documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.base.diagnostics import Diagnostic, Location, Mistake
from reconciler.spec.kinds.lifecycle import ConfigurationDocument, Moved
from reconciler.spec.load import Spec, diagnostic
from reconciler.spec.words import did_you_mean


def protected_specs(specs: Sequence[Spec]) -> Iterator[tuple[str, Location]]:
    """The address of each spec that is protected, and where that is written."""
    for spec in specs:
        document = spec.document
        lifecycle = document.lifecycle if isinstance(document, ConfigurationDocument) else None
        if lifecycle is not None and lifecycle.protect:
            yield _address(spec), spec.locate(("lifecycle", "protect"))


def renamed_specs(specs: Sequence[Spec]) -> Iterator[tuple[str, str, Location]]:
    """The former and the present address of all that moved, and where that is written."""
    for spec, index, moved in _moves(specs):
        yield moved.from_, _new(spec, moved), spec.locate(("lifecycle", "moved", index, "from"))


def check_lifecycles(specs: Sequence[Spec]) -> Iterator[Diagnostic]:
    """What of the moves cannot be."""
    moves = list(_moves(specs))
    if not moves:
        return
    there = {_address(spec): set(spec.document.parts()) for spec in specs}
    taken: dict[str, Location] = {}
    sources = {moved.from_: _new(spec, moved) for spec, _, moved in moves}
    for spec, index, moved in moves:
        at = ("lifecycle", "moved", index, "from")
        for mistake in _mistakes(spec, moved, there, sources, index):
            yield diagnostic(spec, mistake)
        first = taken.setdefault(moved.from_, spec.locate(at))
        if first != spec.locate(at):
            message = f"{moved.from_} moves to another place already, at {first}"
            yield diagnostic(spec, Mistake(message, code="moved/twice", hint="keep one of the two", at=at))


def _mistakes(
    spec: Spec, moved: Moved, there: dict[str, set[str]], sources: dict[str, str], index: int
) -> Iterator[Mistake]:
    at = ("lifecycle", "moved", index, "from")
    whole, _, part = moved.from_.partition(":")
    kind, new, parts = whole.partition("/")[0], _new(spec, moved), spec.document.parts()
    if kind != spec.kind:
        message, hint = f"{moved.from_} is a {kind}, and this is a {spec.kind}", "a move keeps the kind"
        yield Mistake(message, code="moved/kind", hint=hint, at=at)
        return
    if (part or moved.to) and (wanted := moved.to or part) not in parts:
        near = did_you_mean(wanted, list(parts))
        listed = f"prices here: {', '.join(parts)}" if parts else f"a {spec.kind} has no prices: leave it out"
        where = (*at[:3], "to") if moved.to else at
        message = f'there is no price "{wanted}" here'
        yield Mistake(message, code="moved/part", hint=f"{near} {listed}" if near else listed, at=where)
    elif moved.to and not part:
        message = f'"to" names one price, and {moved.from_} is all of them'
        yield Mistake(message, code="moved/part", hint=f"name the price that it was: from: {moved.from_}:PRICE", at=at)
    elif moved.from_ == new:
        yield Mistake(f"{new} cannot move to itself", code="moved/self", hint="remove this move", at=at)
    elif whole in there and (not part or part in there[whole]):
        if sources.get(new) == moved.from_:
            message = f"{moved.from_} and {new} move to each other's place"
            hint = "give one of them a third name first, and apply that"
            yield Mistake(message, code="moved/circle", hint=hint, at=at)
        else:
            message = f"{moved.from_} is in the specs still, so it did not move"
            yield Mistake(message, code="moved/still-there", hint="remove its spec, or this move", at=at)


def _moves(specs: Sequence[Spec]) -> Iterator[tuple[Spec, int, Moved]]:
    for spec in specs:
        document = spec.document
        if isinstance(document, ConfigurationDocument) and document.lifecycle is not None:
            for index, moved in enumerate(document.lifecycle.moved):
                yield spec, index, moved


def _address(spec: Spec) -> str:
    return f"{spec.kind}/{spec.name}"


def _new(spec: Spec, moved: Moved) -> str:
    """The address that a former one has become."""
    part = moved.to or moved.from_.partition(":")[2]
    return f"{_address(spec)}:{part}" if part else _address(spec)
