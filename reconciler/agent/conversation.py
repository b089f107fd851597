"""A conversation: words about one workspace, judged; drafts written into its files with where they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from reconciler.agent.document import PromptResult
from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import Interpreter, View, Words
from reconciler.agent.view import view_of
from reconciler.agent.writing import Written, provenance_fields, save, written
from reconciler.base.clock import Clock, format_time
from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import RefusedError
from reconciler.engine.config import Workspace
from reconciler.engine.planning import Desired, load_desired, with_aliases
from reconciler.journal.entries import Entry, EntryKind, prompt_body
from reconciler.journal.store import Journal
from reconciler.providers.base import Provider
from reconciler.spec.load import Spec

# How alike two prompts must be for the correction of one to be offered with the other.
LIKENESS = 0.6
MOST_EXAMPLES = 3
# What the journal remembers of a result; words, answers and author have places of their own.
_KEPT = {"drafts", "assumptions", "corrections", "notes", "model", "tokens", "cost"}


@dataclass(frozen=True, slots=True)
class Example:
    """An earlier request that was corrected: what was asked, and what was asked instead after it was rejected."""

    asked: str
    corrected: str


@dataclass(frozen=True)
class Conversation:
    """The workspace that words are about. `diagnostics` are mistakes in its specs, which come first."""

    workspace: Workspace
    provider: Provider
    specs: tuple[Spec, ...]
    view: View
    diagnostics: tuple[Diagnostic, ...]

    def hear(self, interpreter: Interpreter, words: Words) -> Judged:
        """What an interpreter makes of the words, held to every rule. Raises RatecardError when it is out of reach."""
        return judge(interpreter.interpret(words, self.view), words, self.view, self.catalogue)

    def desired(self, judged: Judged) -> Desired:
        """What the workspace would ask for with the drafts in it: for planning, before anything is written."""
        specs = with_aliases(judged.specs, self.workspace.spec.aliases)
        return Desired(tuple(specs), self.provider.lower(specs).resources, judged.diagnostics)

    def files(self, judged: Judged, words: Words, author: str, interpreter: str) -> list[Written]:
        """The files as they would be with the drafts, each with its provenance in its annotations.

        Raises RefusedError for drafts that are not ready.
        """
        if not judged.ready:
            raise RefusedError(
                "these drafts are not ready to be written",
                hint="answer the questions with --answer ID=CHOICE, and say anew what was not understood",
            )
        notes = provenance_fields(words.prompt, author, format_time(self.view.now.replace(microsecond=0)), interpreter)
        drafts = [replace(draft, fields=(*draft.fields, *notes)) for draft in judged.interpretation.drafts]
        return written(drafts, self.specs, self.view, self.workspace.spec.specs[0])

    @property
    def catalogue(self) -> Catalogue:
        """What drafts are judged against."""
        return Catalogue(self.provider, self.specs, self.workspace.spec.aliases)


def open_conversation(workspace: Workspace, provider: Provider, clock: Clock) -> Conversation:
    """Read a workspace for a conversation: its specs, without writing or reaching anything."""
    desired = load_desired(workspace, provider)
    wrong = desired.diagnostics if has_errors(desired.diagnostics) else ()
    view = view_of(desired.written, workspace.spec.aliases, provider.capabilities, clock.now())
    return Conversation(workspace, provider, desired.written, view, wrong)


def keep(
    conversation: Conversation,
    journal: Journal,
    account: str,
    files: Sequence[Written],
    result: PromptResult,
    words: Words,
    author: str,
    revises: str | None = None,
) -> Entry:
    """Write the files and remember why they are as they are. Raises RatecardError when either cannot be done."""
    fields: dict[str, Any] = {file.file: {name: list(paths) for name, paths in file.fields.items()} for file in files}
    body = prompt_body(
        words.prompt,
        author=author,
        interpreter=result.interpreter,
        answers=dict(words.answers),
        document=result.model_dump(by_alias=True, mode="json", include=_KEPT),
        written=fields,
        revises=revises,
    )
    # The reason first: a file without its prompt would be a change by nobody; a prompt without its file shows itself.
    entry = journal.append(EntryKind.PROMPT, account, body)
    save(files, conversation.workspace.folder)
    return entry


def examples(journal: Journal, account: str, prompt: str) -> list[Example]:
    """Earlier requests like this one whose change set was rejected and that were said anew, the likest first."""
    entries = list(journal.entries(account, EntryKind.PROMPT))
    found: list[tuple[float, Example]] = []
    for position, entry in enumerate(entries):
        if not entry.text("revises"):
            continue
        before = next((earlier for earlier in reversed(entries[:position]) if _same_object(earlier, entry)), None)
        if before is None:
            continue
        likeness = SequenceMatcher(None, before.text("prompt").lower(), prompt.lower()).ratio()
        if likeness >= LIKENESS:
            found.append((likeness, Example(before.text("prompt"), entry.text("prompt"))))
    return [example for _, example in sorted(found, key=lambda pair: -pair[0])[:MOST_EXAMPLES]]


def _same_object(one: Entry, other: Entry) -> bool:
    return bool(_objects(one) & _objects(other))


def _objects(entry: Entry) -> set[str]:
    files = entry.body.get("written")
    parts = files.values() if isinstance(files, Mapping) else ()
    return {name for names in parts if isinstance(names, Mapping) for name in names}
