"""Importing: what is live becomes specs that take it over; nothing at the provider is touched by it.

Whatever a provider proposes as the spec of a live object is lowered again and compared with it. Only what comes out the
same, byte for byte, is written; the rest is told of, with the reason, and stays nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.base.canonical import JSON, Body
from reconciler.base.collector import collector_paused
from reconciler.base.diagnostics import Diagnostic, Severity, has_errors
from reconciler.base.errors import RatecardError
from reconciler.engine.desired import Desired, load_desired
from reconciler.engine.session import Session
from reconciler.plan.change_set import Verb
from reconciler.plan.diff import diff
from reconciler.plan.resource import Live, LiveResource
from reconciler.plan.untold import untold_of
from reconciler.providers.base import Candidate
from reconciler.spec.check import check
from reconciler.spec.format import document_text, format_text
from reconciler.spec.load import Spec, load_text


@dataclass(frozen=True, slots=True)
class ImportedSpec:
    """One spec that takes live objects over: the file where it goes, its text, and the ids of the objects."""

    kind: str
    name: str
    file: str
    text: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gives: specs, live objects that no spec can say with the reason, and what was kept apart.

    `untold` is what the objects have that no spec says: it stays as it is, a sentence each.
    """

    specs: tuple[ImportedSpec, ...]
    left: tuple[tuple[LiveResource, str], ...]
    apart: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    untold: tuple[str, ...] = ()


def import_account(session: Session) -> Imported:
    """Read the whole account and propose specs for all that is nobody's. Writes nothing anywhere.

    Raises ProviderError or JournalError. With mistakes in the specs that are there, only they are told.
    """
    session.progress.step("Reading specs")
    there = load_desired(session.workspace, session.provider, session.account)
    if has_errors(there.diagnostics):
        return Imported((), (), (), there.diagnostics)
    session.progress.step("Reading the account")
    live = session.connection.read(session.bindings(), whole=True)
    session.progress.step("Finding the specs of what is live")
    return _Import(session, there, live).run()


def write_specs(workspace: Path, specs: Sequence[ImportedSpec]) -> None:
    """Write new files; none that is there is touched. Raises RatecardError, with nothing half written."""
    made: list[Path] = []
    try:
        for spec in specs:
            path = workspace / spec.file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(spec.text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise RatecardError(f"{error.filename} cannot be written: {error.strerror}; nothing was imported") from None


@dataclass
class _Import:
    """Rounds of proposing and comparing: what does not come out the same is kept apart, then left out."""

    session: Session
    there: Desired
    live: Live
    left: list[tuple[LiveResource, str]] = field(default_factory=list)

    def run(self) -> Imported:
        waiting = list(self._unowned())
        taken: dict[str, set[str]] = {}
        for spec in self.there.specs:
            taken.setdefault(spec.kind, set()).add(spec.name)
        apart: set[str] = set()
        while True:
            lifted = self.session.provider.lift(waiting, taken, apart)
            with collector_paused():
                texts, wrong = self._compare(lifted.candidates)
            if not wrong:
                specs = [self._imported(candidate, text) for candidate, text in texts]
                left = sorted(self.left, key=lambda pair: (pair[0].kind, pair[0].title, pair[0].id))
                return Imported(tuple(specs), tuple(left), lifted.apart, untold=tuple(untold_of(self.live)))
            for candidate, reason in wrong:
                ids = {resource.id for resource in candidate.resources}
                if len(ids) > 1 and not ids <= apart:
                    apart |= ids  # a family that is none: each is tried alone before it is given up
                    continue
                self.left += [(resource, reason) for resource in candidate.resources]
                waiting = [resource for resource in waiting if resource.id not in ids]

    def _unowned(self) -> Iterator[LiveResource]:
        """What no workspace has, and what is ours by its mark alone: its spec and its binding were lost."""
        bound = {binding.id for binding in self.session.bindings().values()}
        there = {f"{spec.kind}/{spec.name}" for spec in self.there.specs}
        there |= {move.old for move in self.there.lifecycles.moves}
        for resource in self.live.resources:
            if resource.archived or resource.id in bound:
                continue
            if resource.owner is None:
                yield resource
            elif resource.owner.workspace != self.session.workspace.name:
                self.left.append((resource, f'it belongs to the workspace "{resource.owner.workspace}"'))
            elif resource.owner.address.partition(":")[0] in there:
                self.left.append((resource, f"it carries our mark already, as {resource.owner.address}"))
            else:
                yield resource

    def _compare(
        self, candidates: Sequence[Candidate]
    ) -> tuple[list[tuple[Candidate, str]], list[tuple[Candidate, str]]]:
        """The candidates with their text, and those that would not make what is live, with the reason."""
        texts: list[tuple[Candidate, str]] = []
        wrong: list[tuple[Candidate, str]] = []
        specs: list[Spec] = list(self.there.specs)
        owner: dict[str, Candidate] = {}
        for candidate in candidates:
            if candidate.document is None:
                wrong.append((candidate, candidate.reason))
                continue
            text = document_text(candidate.document)
            loaded = load_text(text, f"{candidate.kind} {candidate.name}")
            if len(loaded.specs) != 1:
                wrong.append((candidate, _first(loaded.diagnostics)))
                continue
            texts.append((candidate, text))
            specs += loaded.specs
            owner[f"{candidate.kind}/{candidate.name}"] = candidate
        told = dict(self._differences(specs, owner))
        wrong += [(owner[address], reason) for address, reason in told.items()]
        return texts, wrong

    def _differences(self, specs: Sequence[Spec], owner: Mapping[str, Candidate]) -> Iterator[tuple[str, str]]:
        """`Kind/name` of each candidate that would change something, and what."""
        session = self.session
        lowered = session.provider.lower(specs)
        for found in (*check(specs, aliases=session.workspace.spec.aliases), *lowered.diagnostics):
            address = found.location.file.replace(" ", "/", 1)
            if found.severity is Severity.ERROR and address in owner:
                yield address, found.message
        bindings = session.bindings()
        made = {resource.address for resource in lowered.resources}
        for candidate_address in owner:
            if not any(address.partition(":")[0] == candidate_address for address in made):
                yield candidate_address, "no object would come of it"
        result = diff(lowered.resources, self.live, bindings, session.provider.capabilities, session.workspace.name)
        for problem in result.problems:
            whole = problem.address.partition(":")[0]
            if whole in owner:
                yield whole, problem.message
        for change in result.changes:
            whole = change.address.partition(":")[0]
            if whole not in owner or change.verb is Verb.ADOPT:
                continue
            if change.verb is Verb.CREATE:
                yield whole, f"{change.title} would be made anew"
            else:
                fields = ", ".join(differing(change.before or {}, change.after or {}))
                yield whole, f"no spec can say all of it yet: {fields}"

    def _imported(self, candidate: Candidate, text: str) -> ImportedSpec:
        file = self._file(candidate)
        formatted = format_text(text, file)
        ids = tuple(resource.id for resource in candidate.resources)
        return ImportedSpec(candidate.kind, candidate.name, file, formatted, ids)

    def _file(self, candidate: Candidate) -> str:
        """A new file among the specs; a workspace whose specs are one file gets the new ones beside it."""
        workspace = self.session.workspace
        home = next((path for path in workspace.spec_paths if path.suffix not in (".yaml", ".yml")), Path("specs"))
        stem = f"{candidate.kind.lower()}-{candidate.name}"
        path = home / f"{stem}.yaml"
        number = 2
        while (workspace.folder / path).exists():
            path = home / f"{stem}-{number}.yaml"
            number += 1
        return str(path)


def differing(before: Body, after: Body) -> list[str]:
    """The paths of the fields in which two bodies differ, each once."""
    return sorted(dict.fromkeys(_differing(before, after, "")))


def _differing(before: JSON, after: JSON, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _differing(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after or type(before) is not type(after):
        yield path


def _first(diagnostics: Sequence[Diagnostic]) -> str:
    found = next(iter(diagnostics), None)
    return f"{found.path}: {found.message}" if found else "no spec can say it"
