"""Accepting drift: specs are edited until they ask for what is live, and only an edit that does exactly that is taken.

How a spec says a field nobody needs to know backwards: the live object is lifted, as an import does, which tells the
value in the words of specs; the places where such a value stands are tried; and the whole workspace is understood anew
with each, so that an edit that would also change something else is never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Edit, Mistake, has_errors
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.base.records import dataclass as record
from reconciler.engine.desired import Desired, Given, given_for
from reconciler.engine.session import Session
from reconciler.engine.understanding import understand
from reconciler.plan.drift import Drift
from reconciler.plan.drift_decisions import with_values
from reconciler.plan.resource import LiveResource, in_order_of_references, references_in, same_value
from reconciler.providers.base import CannotSay
from reconciler.spec.editing import edited
from reconciler.spec.files import SourceFile
from reconciler.spec.format import format_text
from reconciler.spec.load import Spec

Chosen = Sequence[tuple[Drift, Sequence[str]]]
_IN_ORDER = in_order_of_references


@record(frozen=True, slots=True)
class Rewritten:
    """A file of specs as it is to be; `before` is what it holds now."""

    file: str
    text: str
    before: bytes | None


def rewrite_specs(session: Session, chosen: Chosen) -> tuple[Rewritten, ...]:
    """The files in which the specs ask for what is live, in the fields that are chosen and in nothing else.

    Raises RatecardError when the specs have mistakes, RefusedError, naming every place, when no edit says just that.
    """
    workspace = _Files.of(session)
    if has_errors(workspace.desired.diagnostics):
        raise RatecardError("the specs have mistakes, so nothing can be accepted", hint="run `ratecard validate`")
    return _Accepting(session, workspace, chosen).run()


@dataclass(frozen=True)
class _Files:
    """The files of a workspace, and what they ask for."""

    session: Session
    files: tuple[SourceFile, ...]
    given: Given
    desired: Desired

    @classmethod
    def of(cls, session: Session) -> _Files:
        given = given_for(session.workspace, session.account, session.workspace.spec_paths)
        desired = understand(given, session.workspace, session.provider)
        return cls(session, tuple(given.files), given, desired)

    def with_edit(self, spec: Spec, edit: Edit) -> _Files | None:
        """The same with one edit; None when there is no such place, or when the specs would have mistakes."""
        name = spec.source.file.name
        file = next(one for one in self.files if one.name == name)
        try:
            text = edited(file.data.decode(), name, spec.kind, spec.name, [edit])
        except (RatecardError, Mistake, UnicodeDecodeError):
            return None
        files = tuple(SourceFile.of(name, text.encode()) if one is file else one for one in self.files)
        given = self.given._replace(files=files, told=())
        desired = understand(given, self.session.workspace, self.session.provider)
        return None if has_errors(desired.diagnostics) else _Files(self.session, files, given, desired)

    def bodies(self) -> dict[str, Body]:
        return {one.address: _IN_ORDER(one.body) for one in self.desired.resources}

    def spec_of(self, address: str) -> Spec | None:
        kind, _, rest = address.partition("/")
        name = rest.partition(":")[0]
        return next((one for one in self.desired.written if (one.kind, one.name) == (kind, name)), None)


class _Accepting:
    def __init__(self, session: Session, start: _Files, chosen: Chosen) -> None:
        self.session = session
        self.start = start
        self.chosen = chosen
        # What every address is to ask for in the end: what it asks for now, with what is live in what is chosen.
        self.target = start.bodies()
        self.wrong: list[str] = []
        for drift, fields in chosen:
            body = self.target.get(drift.address)
            if not fields:
                self.wrong += [f"{drift.address} is gone, and the specs ask for it"] if body is not None else []
            elif body is None:
                self.wrong.append(f"{drift.address} is not in the specs")
            elif drift.live is not None:
                self.target[drift.address] = _IN_ORDER(with_values(body, drift.live, fields))

    def run(self) -> tuple[Rewritten, ...]:
        now = self.start
        for drift, fields in self.chosen:
            if fields and not self.wrong:
                now = self._closer(now, drift)
        left = self._distance(now)
        self.wrong += [
            f"no edit of {self._place(address)} says just {address}:{field}" for address, field in sorted(left)
        ]
        if self.wrong:
            raise RefusedError(
                f"it cannot be accepted: {'; '.join(dict.fromkeys(self.wrong))}",
                hint="edit the specs by hand until `ratecard plan` has no changes there, then accept again; "
                "nothing was written",
            )
        before = {one.name: one.data for one in self.start.files}
        changed = [one for one in now.files if one.data != before[one.name]]
        return tuple(
            Rewritten(one.name, format_text(one.data.decode(), one.name, whole=False), before[one.name])
            for one in changed
        )

    def _closer(self, now: _Files, drift: Drift) -> _Files:
        """The files with what is accepted of one drift, as far as edits can say it."""
        left = self._distance(now)
        spec = now.spec_of(drift.address)
        if spec is None:
            return now
        for path, value in self._differences(now, drift):
            if not any(address == drift.address for address, _ in left):
                break  # the specs ask for it already
            for edit in _edits(spec, drift.address, path, value):
                tried = now.with_edit(spec, edit)
                after = self._distance(tried) if tried is not None else left
                if tried is not None and after < left:
                    now, left = tried, after
                    spec = now.spec_of(drift.address) or spec
                    break
        return now

    def _differences(self, now: _Files, drift: Drift) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """What a spec of the drifted object says otherwise than it does now: a path as an import writes it, a value.

        None as a value is that nothing belongs there.
        """
        bodies = now.bodies()
        try:
            old = self._lifted(drift, bodies, bodies[drift.address])
            new = self._lifted(drift, bodies, self.target[drift.address])
        except CannotSay as reason:
            self.wrong.append(f"{drift.address}: {reason}")
            return
        yield from _compare(old, new, ())

    def _lifted(self, drift: Drift, bodies: Mapping[str, Body], body: Body) -> Mapping[str, JSON]:
        """The spec that an import would write for the drifted object with this body. Raises CannotSay."""
        bound = {address: binding for address, binding in self.session.bindings().items() if address in bodies}
        wanted, resources = [drift.address], []
        for address in wanted:  # it grows: with all that it refers to
            if address in bound and address in bodies:
                own = body if address == drift.address else bodies[address]
                title = str(own.get("name") or address)
                resources.append(LiveResource(bound[address].kind, bound[address].id, title, own))
                wanted += [one for one in references_in(own) if one not in wanted]
        own_id = bound[drift.address].id if drift.address in bound else ""
        for candidate in self.session.provider.lift(resources, {}).candidates:
            if any(one.id == own_id for one in candidate.resources):
                if candidate.document is None:
                    raise CannotSay(candidate.reason)
                spec = candidate.document.get("spec")
                assert isinstance(spec, Mapping), "every spec has one"
                return spec
        raise CannotSay("no spec says it")

    def _distance(self, files: _Files) -> frozenset[tuple[str, str]]:
        """What the files do not ask for as they should, and what they ask for that they should not."""
        bodies = files.bodies()
        return frozenset(
            (address, field)
            for address in {*bodies, *self.target}
            if not same_value(bodies.get(address), self.target.get(address))
            for field in _differing_fields(bodies.get(address) or {}, self.target.get(address) or {}, "")
        )

    def _place(self, address: str) -> str:
        spec = self.start.spec_of(address)
        return str(spec.locate(())) if spec is not None else "the specs"


def _differing_fields(one: Body, other: Body, path: str) -> Iterator[str]:
    for name in {*one, *other}:
        mine, theirs = one.get(name), other.get(name)
        below = f"{path}.{name}" if path else name
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from _differing_fields(mine, theirs, below)
        elif not same_value(mine, theirs):
            yield below


def _compare(old: Any, new: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            yield from _compare(old.get(name), new.get(name), (*path, name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and _of_mappings(old):
        for index, (mine, theirs) in enumerate(zip(old, new, strict=True)):
            yield from _compare(mine, theirs, (*path, index))
    elif old != new:
        yield path, new


def _of_mappings(items: Sequence[Any]) -> bool:
    return all(isinstance(one, Mapping) for one in items)


def _edits(spec: Spec, address: str, path: tuple[str | int, ...], value: Any) -> Iterator[Edit]:
    """Edits that may say it: where an import would, with the name of the part, and wherever a key is called so."""
    part = address.partition("/")[2].partition(":")[2]
    places: list[tuple[str | int, ...]] = [("spec", *path)]
    if part and len(path) > 1 and path[0] == "prices":
        places.insert(0, ("spec", "prices", part, *path[2:]))
    written = spec.document.model_dump(by_alias=True, exclude_unset=True)
    places += [place for place in _places(written.get("spec"), ("spec",)) if place[-1] == path[-1]]
    for place in dict.fromkeys(places):
        yield Edit(place, value, remove=value is None)


def _places(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield (*path, str(name))
            yield from _places(part, (*path, str(name)))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _places(part, (*path, index))
