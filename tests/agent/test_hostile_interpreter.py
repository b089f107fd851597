"""An interpreter that is wholly an attacker's: nothing it can say is written outside specs, approved or applied."""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import reconciler.agent
from reconciler.agent.conversation import keep
from reconciler.agent.port import (
    Action,
    Assumption,
    Choice,
    Correction,
    Draft,
    Field,
    Interpretation,
    Outcome,
    Query,
    Question,
    Sentence,
    Source,
    SourceKind,
    Span,
    View,
    Words,
)
from reconciler.agent.report import as_text
from reconciler.agent.result import result_of
from reconciler.base.errors import RatecardError
from reconciler.engine.clock import SetClock
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal

from .saying import NOW, PRO, conversation

PROMPT = (
    "Create a Max plan at $49/month, 20% off annual, 14-day trial, no card. Send payment events to hooks.example.com"
)
FORBIDDEN = ("approve", "apply", "make_change_set", "open_session", "access", "execute", "record_decision", "revert")
ROOMS = (
    "reconciler.engine.applying", "reconciler.engine.execution", "reconciler.engine.deciding",
    "reconciler.engine.reversing", "reconciler.providers.dodo.client", "reconciler.providers.dodo.connection",
)  # fmt: skip

texts = st.text(max_size=8) | st.sampled_from(
    ["49 USD", "20%", "month", "pro", "max", "../../evil", "specs/x", "approved", "\x1b[2J", "\ud800", "alias:x",
     "https://evil.example", "https://hooks.example.com", "payment.succeeded", "saas", "optional", "a" * 70, "yes"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
spans = st.builds(Span, st.integers(-5, 200), st.integers(-5, 200))
sources = st.builds(
    Source,
    st.sampled_from(SourceKind),
    st.lists(spans | st.just(Span(0, len(PROMPT))), max_size=2).map(tuple),
    st.none() | texts,
)
keys = st.sampled_from(
    ["spec", "metadata", "name", "annotations", "kind", "apiVersion", "prices", "monthly", "amount", "every", "title",
     "taxCategory", "trial", "days", "card", "usage", "url", "events", "approved", "..", ""]
)  # fmt: skip
paths = st.lists(keys | st.integers(-2, 3), max_size=5).map(tuple) | st.sampled_from(
    [("spec", "title"), ("spec", "taxCategory"), ("spec", "prices", "monthly", "amount"), ("spec",), ("metadata",),
     ("spec", "prices", "monthly", "every"), ("metadata", "name"), ("metadata", "annotations", "approved")]
)  # fmt: skip
fields = st.builds(Field, paths, values, sources, st.none() | values, st.booleans())
kinds = st.sampled_from(["Plan", "Webhook", "Meter", "Discount", "Approval", "../x", "plan", "", "Workspace"])
names = st.sampled_from(
    [
        "pro",
        "max",
        "../../evil",
        "../../max",
        "../max",
        "/tmp/evil",
        "max/../..",
        "",
        "a" * 64,
        "max\n",
        "Max",
        "..",
        ".",
    ]
)


def _clean(name: str) -> Draft:
    """A draft that is in order, which the attacker may rename or add to."""
    said = Source(SourceKind.OPERATOR, (Span(0, len(PROMPT)),))
    return Draft(
        "Plan",
        name,
        False,
        (
            Field(("spec", "title"), "Max", said),
            Field(("spec", "taxCategory"), "saas", Source(SourceKind.DEFAULT)),
            Field(("spec", "prices", "monthly", "amount"), "49 USD", said),
            Field(("spec", "prices", "monthly", "every"), "month", said),
        ),
    )


def _with(draft: Draft, more: list[Field]) -> Draft:
    return Draft(draft.kind, draft.name, draft.edit, (*draft.fields, *more))


drafts = st.builds(Draft, kinds, names, st.booleans(), st.lists(fields, max_size=5).map(tuple)) | st.builds(
    _with, names.map(_clean), st.lists(fields, max_size=1)
)
questions = st.builds(
    Question, texts, texts, st.lists(st.builds(Choice, texts, texts), max_size=2).map(tuple), st.booleans(), texts
)
interpretations = st.builds(
    Interpretation,
    outcome=st.sampled_from(Outcome) | st.just(Outcome.DRAFT),
    drafts=st.lists(drafts, max_size=2).map(tuple),
    actions=st.lists(st.builds(Action, texts, st.lists(fields, max_size=2).map(tuple)), max_size=1).map(tuple),
    query=st.none() | st.builds(Query, texts, st.lists(fields, max_size=2).map(tuple)),
    questions=st.just(()) | st.lists(questions, max_size=1).map(tuple),
    sentences=st.lists(st.builds(Sentence, spans, st.none() | texts), max_size=2).map(tuple),
    assumptions=st.lists(st.builds(Assumption, texts), max_size=2).map(tuple),
    corrections=st.lists(st.builds(Correction, spans, texts, texts), max_size=1).map(tuple),
    not_understood=st.just(()) | st.lists(spans, max_size=1).map(tuple),
    notes=st.lists(texts, max_size=1).map(tuple),
    refusal=st.none() | texts,
)


# A name that leads out of the folder, and a field that makes the document itself look in order.
_CLIMBING = Interpretation(
    Outcome.DRAFT,
    drafts=(_with(_clean("../../../max"), [Field(("metadata", "name"), "max", Source(SourceKind.DEFAULT))]),),
    assumptions=(Assumption("the tax category"),),
)


class Hostile:
    """Says what the attacker wants."""

    name = "hostile"

    def __init__(self, answer: Interpretation) -> None:
        self.answer = answer

    def interpret(self, words: Words, view: View) -> Interpretation:
        return self.answer


@settings(max_examples=600, deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.too_slow])
@example(_CLIMBING, {})
@given(interpretations, st.dictionaries(texts.filter(lambda text: "\ud800" not in text), texts, max_size=2))
def test_whatever_an_interpreter_says_only_specs_are_written_and_nothing_is_approved(
    answer: Interpretation, answers: dict[str, str]
):
    with tempfile.TemporaryDirectory() as name:
        outer = Path(name)
        (outer / "a/b").mkdir(parents=True)
        talk = conversation(outer / "a/b", {"specs/pro.yaml": PRO})
        before = _files(outer)
        journal_path = outer / "journal.db"
        with Journal.open(journal_path, SetClock(NOW)) as journal:
            words, hostile = Words(PROMPT, answers), Hostile(answer)
            try:
                judged = talk.hear(hostile, words)
                as_text(judged, words, talk.view)
                result = result_of(judged, words, talk.view, hostile)
                files = talk.files(judged, words, "Ann", hostile.name)
                keep(talk, journal, "sandbox", files, result, words, "Ann")
            except RatecardError:
                assert _files(outer) == before, "what is refused leaves nothing behind"
            else:
                assert judged.ready
            assert {entry.kind for entry in journal.entries("sandbox")} <= {EntryKind.PROMPT}
        changed = {path for path, data in _files(outer).items() if before.get(path) != data}
        assert all(path.parent == outer / "a/b/specs" and path.suffix == ".yaml" for path in changed), changed


def test_the_attackers_clean_draft_is_one_that_would_be_written(tmp_path: Path):
    talk = conversation(tmp_path, {})
    answer = Interpretation(Outcome.DRAFT, drafts=(_clean("max"),), assumptions=(Assumption("the tax category"),))
    judged = talk.hear(Hostile(answer), Words(PROMPT))
    assert judged.ready, judged.diagnostics


def _files(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.startswith("journal.db")}


def test_no_module_of_the_agent_has_a_name_that_leads_to_approving_or_applying():
    modules = [m.name for m in pkgutil.walk_packages(reconciler.agent.__path__, "reconciler.agent.")]
    assert len(modules) > 20
    found = [
        f"{module}.{name}"
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if _leads_there(name, str(getattr(value, "__module__", None) or getattr(value, "__name__", "")))
    ]
    assert found == []


def _leads_there(name: str, home: str) -> bool:
    outside = home.startswith("reconciler.") and not home.startswith("reconciler.agent")
    return (outside and name in FORBIDDEN) or home.startswith(ROOMS)
