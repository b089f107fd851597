"""Why the configuration is as it is: the story of an object, and the prompt behind each field of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.agent.view import as_written
from reconciler.base.canonical import JSON
from reconciler.journal.entries import Entry, EntryKind, OutcomeStatus
from reconciler.journal.store import Journal
from reconciler.spec.editing import value_at
from reconciler.spec.layers import LayeredSource
from reconciler.spec.load import Spec
from reconciler.spec.source import dotted


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an object: when, what in words, and the entry of the journal that says so."""

    at: datetime
    text: str
    entry: int


@dataclass(frozen=True, slots=True)
class Blame:
    """One field of a spec, and the prompt that set it to what it is; None when it was written by hand since.

    `origin` is what the overlay or the defaults are called that say it in the place of the spec.
    """

    kind: str
    name: str
    path: str
    value: JSON
    line: int
    entry: Entry | None
    origin: str | None = None


def story(journal: Journal, account: str, kind: str, name: str) -> list[Event]:
    """All that the journal knows of an object, the oldest first: prompts, change sets, decisions, what was done.

    Where it had another name before it was moved, that of the time before, too.
    """
    names = _names(journal.entries(account), f"{kind}/{name}")
    digests: set[str] = set()
    runs: set[str] = set()
    events: list[Event] = []
    for entry in journal.entries(account):
        addresses = [one for one, until in names if until is None or entry.sequence <= until]
        text = _told(entry, addresses, digests, runs)
        if text is not None:
            events.append(Event(entry.at, text, entry.sequence))
    return events


def blame(journal: Journal, account: str, specs: Sequence[Spec]) -> list[Blame]:
    """Each field of the specs with the last prompt that spoke of it, where it is what that prompt made it."""
    prompts = list(journal.entries(account, EntryKind.PROMPT))
    found = []
    for spec in specs:
        origins = dict(spec.source.origins()) if isinstance(spec.source, LayeredSource) else {}
        for path, value in leaves(as_written(spec.document)["spec"], ("spec",)):
            above = (path[:length] for length in range(len(path), 0, -1))
            origin = next((origins[one] for one in above if one in origins), None)
            if origin is not None:
                found.append(Blame(spec.kind, spec.name, dotted(path), value, spec.locate(path).line, None, origin))
                continue
            last = next((said for one in reversed(prompts) if (said := _said(one, spec, path)) is not None), None)
            entry = last.entry if last is not None and last.value == value else None
            line = spec.locate(path).line
            found.append(Blame(spec.kind, spec.name, dotted(path), value, line, entry))
    return found


def leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], JSON]]:
    """The values of a document that hold no others, with their paths."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from leaves(part, (*path, index))
    else:
        yield path, value


def _names(entries: Iterable[Entry], address: str) -> list[tuple[str, int | None]]:
    """The addresses that an object had, each with the sequence of the entry until which it was that; None: it is."""
    moves: dict[str, dict[str, tuple[str, str]]] = {}
    runs: dict[str, str] = {}
    made: list[tuple[int, str, str]] = []
    for entry in entries:
        match entry.kind:
            case EntryKind.CHANGE_SET:
                moved = {
                    f"{change['verb']} {change['address']}": (str(change["movedFrom"]), str(change["address"]))
                    for change in _changes(entry)
                    if "movedFrom" in change
                }
                if moved:
                    moves[entry.text("digest")] = moved
            case EntryKind.RUN_STARTED if entry.text("digest") in moves:
                runs[entry.text("run")] = entry.text("digest")
            case EntryKind.OUTCOME if entry.text("run") in runs and entry.text("status") == OutcomeStatus.SUCCEEDED:
                done = moves[runs[entry.text("run")]].get(_done(entry))
                if done is not None:
                    made.append((entry.sequence, *done))
    names: list[tuple[str, int | None]] = [(address, None)]
    for sequence, before, after in reversed(made):
        if any(_is_of(after, one) and (until is None or sequence <= until) for one, until in names):
            names.append((before, sequence))
    return names


def _told(entry: Entry, addresses: Sequence[str], digests: set[str], runs: set[str]) -> str | None:
    """What an entry says of an object in words, by the addresses that it had then; None when it is about others."""
    body, digest = entry.body, entry.text("digest")
    short = digest.removeprefix("sha256:")[:12]
    match entry.kind:
        case EntryKind.PROMPT if _written(entry) & {address.partition(":")[0] for address in addresses}:
            return f'{entry.text("author")} said: "{entry.text("prompt")}"{_answers(body.get("answers"))}'
        case EntryKind.CHANGE_SET:
            verbs = list(_verbs(entry, addresses))
            if verbs:
                digests.add(digest)
                return f"change set {short}: {', '.join(verbs)}"
        case EntryKind.APPROVAL if digest in digests:
            return f"{entry.text('by')} approved {short}"
        case EntryKind.REJECTION if digest in digests:
            return f"{entry.text('by')} rejected {short}{_because(entry)}"
        case EntryKind.RUN_STARTED if digest in digests:
            runs.add(entry.text("run"))
        case EntryKind.OUTCOME if entry.text("run") in runs:
            change = _done(entry)
            if any(_is_of(change.partition(" ")[2], address) for address in addresses):
                return f"{change}: {entry.text('status')}"
    return None


def _changes(entry: Entry) -> Iterator[Mapping[str, JSON]]:
    """The changes of the document of a change set."""
    document = entry.body.get("document")
    changes = document.get("changes") if isinstance(document, Mapping) else None
    for change in changes if isinstance(changes, list) else ():
        if isinstance(change, Mapping):
            yield change


def _verbs(entry: Entry, addresses: Sequence[str]) -> Iterator[str]:
    for change in _changes(entry):
        address, before = str(change.get("address")), change.get("movedFrom")
        about = (address,) if before is None else (address, str(before))
        if any(_is_of(one, wanted) for one in about for wanted in addresses):
            yield f"{change.get('verb')} {address}{f', which was {before}' if before is not None else ''}"


def _done(entry: Entry) -> str:
    """The change that an outcome is of."""
    detail = entry.body.get("detail")
    return str(detail.get("change", "")) if isinstance(detail, Mapping) else ""


def _is_of(address: str, spec: str) -> bool:
    return address == spec or address.startswith((f"{spec}:", f"{spec} "))


def _answers(answers: JSON) -> str:
    if not isinstance(answers, Mapping) or not answers:
        return ""
    return f" (answers: {', '.join(f'{question}={answer}' for question, answer in answers.items())})"


def _because(entry: Entry) -> str:
    return f": {entry.text('reason')}" if entry.text("reason") else ""


def _written(entry: Entry) -> set[str]:
    files = entry.body.get("written")
    names = files.values() if isinstance(files, Mapping) else ()
    return {name for part in names if isinstance(part, Mapping) for name in part}


@dataclass(frozen=True, slots=True)
class _Said:
    """A prompt that spoke of a path, and what stood there after it."""

    entry: Entry
    value: JSON


def _said(entry: Entry, spec: Spec, path: tuple[str | int, ...]) -> _Said | None:
    """What a prompt made of this path; None when it said nothing of the path nor of anything above it."""
    document = entry.body.get("document")
    drafts = document.get("drafts") if isinstance(document, Mapping) else None
    for draft in drafts if isinstance(drafts, list) else ():
        if not isinstance(draft, Mapping) or (draft.get("kind"), draft.get("name")) != (spec.kind, spec.name):
            continue
        fields = draft.get("fields")
        if any(_covers(field, path) for field in (fields if isinstance(fields, list) else ())):
            whole = draft.get("document")
            return _Said(entry, value_at(whole, path) if isinstance(whole, Mapping) else None)
    return None


def _covers(field: JSON, path: tuple[str | int, ...]) -> bool:
    if not isinstance(field, Mapping):
        return False
    wanted, of = dotted(path), str(field.get("path"))
    return wanted == of or wanted.startswith((f"{of}.", f"{of}["))
