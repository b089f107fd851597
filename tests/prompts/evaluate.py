"""The four counts of the prompts: right drafts, right questions, wrong drafts without a question, needless questions.

`python -m tests.prompts.evaluate` prints them, with each case that is not right.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.port import Draft, Field, Interpretation, Interpreter, Outcome, SourceKind, View, Words
from reconciler.providers.dodo.events import EVENT_TYPES

FOLDER = Path(__file__).parent
NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)  # a Friday
RIGHT_DRAFT, RIGHT_QUESTION = "right draft", "right question"
WRONG_DRAFT, NEEDLESS_QUESTION = "wrong draft without a question", "needless question"
COUNTS = (RIGHT_DRAFT, RIGHT_QUESTION, WRONG_DRAFT, NEEDLESS_QUESTION)


@dataclass(frozen=True)
class Case:
    """A prompt, the workspace that it is said in, and what it owes."""

    id: str
    workspace: str
    prompt: str
    outcome: str
    answers: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[str] | str = ()
    drafts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    actions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    query: Mapping[str, Any] | None = None
    corrections: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """What one case counts as, and what is not as it should be."""

    case: Case
    count: str
    wrong: tuple[str, ...]


def load_cases() -> list[Case]:
    """Every case of every table."""
    tables = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "workspaces.yaml")
    return [Case(**entry) for path in tables for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


@lru_cache(maxsize=1)
def _workspaces() -> Any:
    return yaml.safe_load((FOLDER / "workspaces.yaml").read_text(encoding="utf-8"))


def view_of(workspace: str) -> View:
    """A named workspace as an interpreter sees it."""
    described = _workspaces()[workspace]
    documents: dict[tuple[str, str], Any] = {}
    for key, spec in described.get("specs", {}).items():
        kind, _, name = key.partition("/")
        envelope = {"apiVersion": "ratecard.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
        documents[kind, name] = {**envelope, "spec": spec}
    return View("dodo", NOW, documents, described.get("aliases", {}), EVENT_TYPES)


def evaluate(case: Case, interpreter: Interpreter) -> Verdict:
    """What the interpreter makes of a case, held against what it owes."""
    found = interpreter.interpret(Words(case.prompt, case.answers), view_of(case.workspace))
    asked = [question.id for question in found.questions]
    if found.outcome is Outcome.QUESTION:
        if case.outcome != "question":
            return Verdict(case, NEEDLESS_QUESTION, (f"asks {', '.join(asked)}",))
        if case.questions == "any":
            return Verdict(case, RIGHT_QUESTION, ())
        missing, needless = set(case.questions) - set(asked), set(asked) - set(case.questions)
        wrong = [f"does not ask {name}" for name in missing] + [f"asks {name}" for name in needless]
        wrong += list(_shown(case, found))
        return Verdict(case, NEEDLESS_QUESTION if wrong else RIGHT_QUESTION, tuple(wrong))
    if case.outcome != found.outcome.value:
        return Verdict(case, WRONG_DRAFT, (f"the outcome is {found.outcome.value}, not {case.outcome}",))
    wrong = [*_drafts(case, found), *_actions(case, found), *_query(case, found), *_shown(case, found)]
    return Verdict(case, WRONG_DRAFT if wrong else RIGHT_DRAFT, tuple(wrong))


def _shown(case: Case, found: Interpretation) -> Iterator[str]:
    read = {case.prompt[c.span.start : c.span.end]: c.read_as for c in found.corrections}
    if dict(case.corrections) != read:
        yield f"corrects {read}, not {dict(case.corrections)}"
    told = " ".join(found.notes)
    for note in case.notes:
        if note not in told:
            yield f'no note says "{note}"'


def _drafts(case: Case, found: Interpretation) -> Iterator[str]:
    made = {_key(draft): draft.fields for draft in found.drafts}
    if len(made) != len(found.drafts):
        yield "two drafts of one spec"
    yield from _all(dict(case.drafts), made, "spec.")


def _actions(case: Case, found: Interpretation) -> Iterator[str]:
    made: dict[str, Sequence[Field]] = {action.kind: action.fields for action in found.actions}
    if len(made) != len(found.actions):
        yield "two actions of one kind"
    yield from _all(dict(case.actions), made, "")


def _query(case: Case, found: Interpretation) -> Iterator[str]:
    wanted = {case.query["kind"]: case.query["fields"]} if case.query else {}
    yield from _all(wanted, {found.query.kind: found.query.fields} if found.query else {}, "")


def _key(draft: Draft) -> str:
    return f"{draft.kind}/{draft.name}{' (edit)' if draft.edit else ''}"


def _all(wanted: Mapping[str, Mapping[str, Any]], made: Mapping[str, Sequence[Field]], root: str) -> Iterator[str]:
    if set(wanted) != set(made):
        yield f"makes {sorted(made)}, not {sorted(wanted)}"
        return
    for key, fields in wanted.items():
        yield from _fields(key, fields, made[key], root)


def _fields(key: str, wanted: Mapping[str, Any], made: Sequence[Field], root: str) -> Iterator[str]:
    values = {".".join(str(part) for part in f.path).removeprefix(root): f for f in made}
    if len(values) != len(made):
        yield f"{key} has a field twice"
    for path, value in wanted.items():
        there = values.get(path)
        if there is None or there.value != value:
            yield f"{key}: {path} is {there.value if there else 'missing'}, not {value}"
    for path, one in values.items():  # a value that nobody expected is as wrong as a wrong one
        if path not in wanted and one.source.kind is not SourceKind.DEFAULT and _counts(key, path, one):
            yield f"{key}: {path} is {one.value}, which was not expected"


def _counts(key: str, path: str, one: Field) -> bool:
    """Whether a value has a number of money, time or units in it; tables leave the rest out where it is plain."""
    if key.startswith("Meter/") or path.startswith(("against.", "period.", "basis.")):
        return False
    return one.remove or (isinstance(one.value, (int, str)) and bool(re.search(r"[0-9]|^all$", str(one.value))))


def main() -> int:
    """Print the counts; 1 when a draft is wrong."""
    interpreter = BuiltinInterpreter()
    verdicts = [evaluate(case, interpreter) for case in load_cases()]
    counts = Counter(verdict.count for verdict in verdicts)
    lines = [f"{v.case.id}: {v.count}: {'; '.join(v.wrong)}" for v in verdicts if v.wrong]
    lines.append(f"{len(verdicts)} prompts, built-in interpreter")
    lines += [f"{counts[count]:5d}  {count}" for count in COUNTS]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if counts[WRONG_DRAFT] else 0


if __name__ == "__main__":
    sys.exit(main())
