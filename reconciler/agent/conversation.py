"""A conversation: words about one workspace, judged; drafts written into its files with where they came from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import partial
from typing import Any

from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import Interpreter, View, Words
from reconciler.agent.view import view_of
from reconciler.agent.writing import Written, home_of, provenance_fields, written
from reconciler.base.clock import Clock, format_time
from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import RefusedError
from reconciler.base.records import dataclass
from reconciler.engine.config import Workspace, known_secrets
from reconciler.engine.desired import Desired, Specs, load_desired
from reconciler.engine.understanding import policy_in, with_aliases
from reconciler.journal.entries import Entry, EntryKind, prompt_body
from reconciler.journal.store import Journal
from reconciler.plan.fields import escape
from reconciler.providers.base import Provider
from reconciler.spec.editing import read_file, staged
from reconciler.spec.kinds.registry import ACTIONS
from reconciler.spec.load import Spec

# How alike two prompts must be for the correction of one to be offered with the other.
LIKENESS = 0.6
MOST_EXAMPLES = 3
# Keys as Dodo, Anthropic, Stripe, GitHub and others write them.
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|rk|whsec|dodo|ghp|xox[abp])[-_][A-Za-z0-9_-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY"
)
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
        """What an interpreter makes of the words, held to every rule.

        Raises RefusedError when a key is in the words, RatecardError when the interpreter is out of reach.
        """
        refuse_secrets(words, known_secrets(self.workspace))
        return judge(interpreter.interpret(words, self.view), words, self.view, self.catalogue)

    def desired(self, judged: Judged) -> Desired:
        """What the workspace would ask for with the drafts in it: for planning, before anything is written."""
        specs = Specs(tuple(with_aliases(judged.specs, self.workspace.spec.aliases)), judged.specs)
        resources = self.provider.lower(specs.resolved).resources
        acts = any(spec.kind in ACTIONS for spec in specs.resolved)
        policy = policy_in(specs.resolved) if acts else None
        return Desired(resources, judged.diagnostics, len(specs.resolved), lambda: specs, acts, policy=policy)

    def files(self, judged: Judged, words: Words, author: str, interpreter: str) -> list[Written]:
        """The files as they would be with the drafts, each with its provenance in its annotations.

        Raises RefusedError for drafts that are not ready.
        """
        if not judged.ready:
            raise _not_ready(judged, words)
        notes = provenance_fields(words.prompt, author, format_time(self.view.now.replace(microsecond=0)), interpreter)
        drafts = [replace(draft, fields=(*draft.fields, *notes)) for draft in judged.interpretation.drafts]
        folder = self.workspace.folder
        home = home_of(self.workspace.spec.specs, folder)
        return written(drafts, self.specs, self.view, home, partial(read_file, folder))

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
    result: Mapping[str, Any],
    words: Words,
    author: str,
    revises: str | None = None,
) -> Entry:
    """Write the files and remember why they are as they are. Raises RatecardError when either cannot be done."""
    fields: dict[str, Any] = {file.file: {name: list(paths) for name, paths in file.fields.items()} for file in files}
    body = prompt_body(
        words.prompt,
        author=author,
        interpreter=result["interpreter"],
        answers=dict(words.answers),
        document={name: result[name] for name in _KEPT},
        written=fields,
        revises=revises,
    )
    # The reason first: a file without its prompt would be a change by nobody; a prompt without its file shows itself.
    with staged(files, conversation.workspace.folder):
        return journal.append(EntryKind.PROMPT, account, body)


def examples(journal: Journal, account: str, prompt: str) -> list[Example]:
    """Earlier requests like this one whose change set was rejected and that were said anew, the likest first."""
    entries = list(journal.entries(account, EntryKind.PROMPT))
    found: list[tuple[float, Example]] = []
    for position, entry in enumerate(entries):
        if not entry.text("revises"):
            continue
        rejected = _made_at(journal, account, entry.text("revises")) or entry.sequence
        earlier = (one for one in reversed(entries[:position]) if one.sequence < rejected)
        before = next((one for one in earlier if _same_object(one, entry)), None)
        if before is None:
            continue
        likeness = SequenceMatcher(None, before.text("prompt").lower(), prompt.lower()).ratio()
        if likeness >= LIKENESS:
            found.append((likeness, Example(before.text("prompt"), entry.text("prompt"))))
    return [example for _, example in sorted(found, key=lambda pair: -pair[0])[:MOST_EXAMPLES]]


def refuse_secrets(words: Words, secrets: frozenset[str]) -> None:
    """Refuse words that hold a key: they would go to an interpreter, into the journal and into specs.

    `secrets` are the keys of the workspace; others are known by their form. Raises RefusedError, without the key.
    """
    for place, text in (("prompt", words.prompt), *((f"answer {name}", said) for name, said in words.answers.items())):
        spans = [match.start() for match in _KEY.finditer(text)]
        spans += [text.index(secret) for secret in secrets if secret and secret in text]
        if spans:
            raise RefusedError(
                f"{located(place, text, min(spans))}: this looks like a key, and what is said is kept",
                hint="leave it out; a key is named in ratecard.yaml, like key: env:NAME. If it is real, renew it",
            )


def located(place: str, text: str, offset: int) -> str:
    """A place in words as `prompt:1:15`: line and column from 1."""
    before = text[:offset]
    return f"{place}:{before.count(chr(10)) + 1}:{offset - before.rfind(chr(10))}"


def _not_ready(judged: Judged, words: Words) -> RefusedError:
    """Why drafts cannot be written, with what to do about each thing that stands in the way."""
    said = judged.interpretation
    ways = [f"answer {question.id}: --answer {question.id}=CHOICE" for question in said.questions]
    ways += [
        f'{located("prompt", words.prompt, span.start)}: "{escape(words.prompt[span.start : span.end])}" was not '
        "understood: say it in other words"
        for span in said.not_understood
    ]
    ways += [f"{found.location}: {found.message}" for found in judged.diagnostics if has_errors([found])]
    nothing = said.refusal or "there is nothing in it that can be written as a spec"
    return RefusedError("nothing was written: the drafts are not ready", hint="\n        ".join(ways or [nothing]))


def _made_at(journal: Journal, account: str, digest: str) -> int | None:
    """The entry with which a change set became known, None when there is none."""
    made = journal.entries(account, EntryKind.CHANGE_SET)
    return next((entry.sequence for entry in made if entry.text("digest") == digest), None)


def _same_object(one: Entry, other: Entry) -> bool:
    return bool(_objects(one) & _objects(other))


def _objects(entry: Entry) -> set[str]:
    files = entry.body.get("written")
    parts = files.values() if isinstance(files, Mapping) else ()
    return {name for names in parts if isinstance(names, Mapping) for name in names}
