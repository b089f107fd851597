"""Interpretations and workspaces in a few words, for the tests of what judges and writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconciler.agent.conversation import Conversation, open_conversation
from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import (
    Assumption,
    Draft,
    Field,
    Interpretation,
    Outcome,
    Source,
    SourceKind,
    Span,
    View,
    Words,
)
from reconciler.agent.view import view_of
from reconciler.base.canonical import JSON
from reconciler.engine.clock import SetClock
from reconciler.engine.config import load_workspace
from reconciler.providers.registry import find_provider
from reconciler.spec.load import Spec, load_text

NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)
DODO = find_provider("dodo")
PRO = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: pro
spec:
  title: Pro
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
"""
WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: billing
spec:
  account: sandbox
  accounts:
    sandbox: {provider: dodo, mode: sandbox}
"""


def operator(prompt: str, part: str) -> Source:
    """The person's words as a source."""
    start = prompt.index(part)
    return Source(SourceKind.OPERATOR, (Span(start, start + len(part)),))


def said(prompt: str, path: str, value: JSON, part: str, *, before: JSON = None) -> Field:
    """A field that the prompt says with a part of its words."""
    return Field(path_of(path), value, operator(prompt, part), before=before)


def assumed(path: str, value: JSON) -> Field:
    return Field(path_of(path), value, Source(SourceKind.DEFAULT))


def path_of(text: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in text.split("."))


def interpretation(*drafts: Draft, outcome: Outcome = Outcome.DRAFT) -> Interpretation:
    return Interpretation(outcome, drafts=drafts, assumptions=(Assumption("the tax category is saas"),))


def catalogue(*texts: str) -> Catalogue:
    specs: list[Spec] = []
    for text in texts:
        specs += load_text(text, "specs/there.yaml").specs
    return Catalogue(DODO, specs, {})


def view(found: Catalogue) -> View:
    return view_of(found.specs, found.aliases, DODO.capabilities, NOW)


def judged(said: Interpretation, prompt: str, *texts: str, **answers: str) -> Judged:
    """What becomes of an interpretation in a workspace of these specs; answers by ids with _ for -."""
    found = catalogue(*texts)
    words = Words(prompt, {name.replace("_", "-"): answer for name, answer in answers.items()})
    return judge(said, words, view(found), found)


def conversation(folder: Path, files: dict[str, str], workspace: str = WORKSPACE) -> Conversation:
    """A conversation about a workspace of these files."""
    (folder / "ratecard.yaml").write_text(workspace)
    for name, text in {**files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "specs").mkdir(exist_ok=True)
    opened, wrong = load_workspace(folder)
    assert opened is not None, wrong
    return open_conversation(opened, DODO, SetClock(NOW))
