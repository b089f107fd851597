"""What `--json` prints: one documented, versioned shape for each command. Their JSON Schemas are in `schemas/output/`.

A change set has its own, `plan.document.ChangeSetDocument`: `plan`, `show` and `revert` print that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.base.clock import format_time
from reconciler.base.diagnostics import Diagnostic
from reconciler.engine.drifting import Drifted
from reconciler.engine.governing import Adoption, InForce
from reconciler.engine.importing import Imported
from reconciler.insight.investigation import Investigation
from reconciler.insight.report import summary
from reconciler.journal.entries import Entry
from reconciler.plan.approval import Decision
from reconciler.plan.drift import Drift, value_at
from reconciler.plan.policy_words import policy_lines

if TYPE_CHECKING:
    from reconciler.engine.recovering import Recovered


class Shape(BaseModel):
    """The base of all: keys in camelCase, nothing that the schema does not name."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    api_version: Literal["ratecard.dev/v1alpha1"] = "ratecard.dev/v1alpha1"


class DiagnosticShape(BaseModel):
    """One mistake. Lines and columns count from 1; `path` is the place inside the document."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str
    line: int
    column: int
    path: str
    hint: str | None
    choices: list[str]

    @classmethod
    def of(cls, diagnostic: Diagnostic) -> DiagnosticShape:
        """The shape of a diagnostic."""
        return cls.model_validate(diagnostic.as_json())


class Error(Shape):
    """Why a command ended without its result; `exitCode` is what the process ends with.

    64 is a mistake in the command line; 75 says that the same command may succeed later; 1 is anything else.
    """

    kind: Literal["Error"] = "Error"
    message: str
    hint: str | None
    exit_code: int


class Initialised(Shape):
    """`init`: the name of the workspace, and the files that were written."""

    kind: Literal["Initialised"] = "Initialised"
    name: str
    files: list[str]


class Serving(Shape):
    """`sandbox serve`: where the sandbox listens."""

    kind: Literal["Serving"] = "Serving"
    url: str


class Diagnostics(Shape):
    """Mistakes that stood in the way of any command; exit code 1."""

    kind: Literal["Diagnostics"] = "Diagnostics"
    diagnostics: list[DiagnosticShape]


class DriftedFieldShape(BaseModel):
    """One field that differs: its dotted path, and what it was left as and is, in the provider's terms."""

    field: str
    left: Any
    live: Any


class DriftedShape(BaseModel):
    """One object that is not as it was left; `back` is the verb that would put it back, `fields` what differs.

    `since` is when it was left so, `firstSeen` when `ratecard drift` saw this drift first, `changedAt` when the object
    was last changed as the provider says, null where it does not. `by` is who did it, as far as anybody tells.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    address: str
    kind: str
    id: str | None
    gravity: Literal["cosmetic", "access", "money"]
    back: str
    fields: list[str]
    values: list[DriftedFieldShape]
    since: str
    first_seen: str | None
    changed_at: str | None
    by: str

    @classmethod
    def of(cls, one: Drift) -> DriftedShape:
        """The shape of a drift."""
        values = [
            DriftedFieldShape(field=name, left=value_at(one.left, name), live=value_at(one.live, name))
            for name in one.fields
        ]
        return cls(
            address=one.address,
            kind=one.back.kind,
            id=one.back.id,
            gravity=one.gravity.value,
            back=str(one.back.verb),
            fields=list(one.fields),
            values=values,
            since=format_time(one.since),
            first_seen=format_time(one.first_seen) if one.first_seen else None,
            changed_at=format_time(one.changed_at) if one.changed_at else None,
            by=one.by,
        )


class IgnoredShape(BaseModel):
    """A drift that somebody decided to let be: which fields, until when, why, and who approved that."""

    address: str
    fields: list[str]
    until: str | None
    reason: str
    by: str


class DriftShape(Shape):
    """`drift`: what drifted, the gravest first; exit code 2 where that is anything, 0 where it is nothing.

    `ignored` is what is let be until a date, and counts for nothing. With `--revert`, `--accept` or `--ignore` there is
    the change set that does it, and the files that were edited so that the specs ask for what is accepted.
    """

    kind: Literal["Drift"] = "Drift"
    looked_at: int
    drifts: list[DriftedShape]
    ignored: list[IgnoredShape]
    untold: list[str]
    waiting: list[str] = Field(description="Settings that wait for a person: nobody can read them")
    change_set: dict[str, Any] | None
    written: list[str]
    issue: str | None

    @classmethod
    def of(
        cls, found: Drifted, change_set: dict[str, Any] | None, written: Sequence[str] = (), issue: str | None = None
    ) -> DriftShape:
        """The shape of what drifted."""
        ignored = [
            IgnoredShape(
                address=decided.address,
                fields=list(decided.fields),
                until=format_time(decided.until) if decided.until else None,
                reason=decided.reason,
                by=decided.by,
            )
            for _, decided in found.ignored
        ]
        return cls(
            looked_at=found.looked_at,
            drifts=[DriftedShape.of(one) for one in found.drifts],
            ignored=ignored,
            untold=list(found.untold),
            waiting=[one.setting.address for one in found.settings],
            change_set=change_set,
            written=list(written),
            issue=issue,
        )


class QuestionShape(BaseModel):
    """One address that several live objects may be; `choices` are their titles by id."""

    address: str
    kind: str
    reason: str
    choices: dict[str, str]


class RecoveredShape(Shape):
    """`recover`: the change set of adoptions, or null while something is asked; what nothing live is known to be."""

    kind: Literal["Recovered"] = "Recovered"
    questions: list[QuestionShape]
    missing: list[str]
    change_set: dict[str, Any] | None

    @classmethod
    def of(cls, found: Recovered, change_set: dict[str, Any] | None) -> RecoveredShape:
        """The shape of what was found."""
        questions = [
            QuestionShape(address=one.address, kind=one.kind, reason=one.reason, choices=dict(one.choices))
            for one in found.questions
        ]
        return cls(questions=questions, missing=list(found.missing), change_set=change_set)


class MomentShape(BaseModel):
    """One line of a timeline; `source` names the record that says so."""

    at: str
    what: str
    source: str


class FindingShape(BaseModel):
    """The verdict on one charge. Amounts are text with their currency; `excess` is what was taken too much."""

    payment: str
    at: str
    amount: str
    refunded: str
    verdict: str
    evidence: list[str]
    excess: str | None


class InvestigationShape(Shape):
    """`investigate`: each charge with its verdict, newest first; what happened; a draft that would put it right."""

    kind: Literal["Investigation"] = "Investigation"
    customer: str
    summary: str
    findings: list[FindingShape]
    timeline: list[MomentShape]
    draft: str | None

    @classmethod
    def of(cls, found: Investigation, draft: str) -> InvestigationShape:
        """The shape of an investigation."""
        findings = [
            FindingShape(
                payment=one.payment.id,
                at=format_time(one.payment.created_at),
                amount=str(one.payment.amount),
                refunded=str(one.payment.refunded),
                verdict=str(one.verdict),
                evidence=list(one.evidence),
                excess=str(one.excess) if one.excess else None,
            )
            for one in found.findings
        ]
        moments = [MomentShape(at=format_time(one.at), what=one.what, source=one.source) for one in found.timeline]
        return cls(
            customer=found.customer.id,
            summary=summary(found),
            findings=findings,
            timeline=moments,
            draft=draft or None,
        )


class ImportedSpecShape(BaseModel):
    """One spec, the file that holds it, and the ids of the live objects that it takes over."""

    kind: str
    name: str
    file: str
    text: str
    ids: list[str]


class LeftShape(BaseModel):
    """A live object that no spec can say, and why."""

    kind: str
    id: str
    title: str
    reason: str


class ImportedShape(Shape):
    """`import`: the specs for what is live; what was left as it is; what looks like one plan and was kept apart."""

    kind: Literal["Imported"] = "Imported"
    written: bool
    specs: list[ImportedSpecShape]
    left: list[LeftShape]
    apart: list[str]
    untold: list[str]

    @classmethod
    def of(cls, found: Imported, *, written: bool) -> ImportedShape:
        """The shape of an import."""
        specs = [
            ImportedSpecShape(kind=one.kind, name=one.name, file=one.file, text=one.text, ids=list(one.ids))
            for one in found.specs
        ]
        left = [LeftShape(kind=one.kind, id=one.id, title=one.title, reason=why) for one, why in found.left]
        return cls(written=written, specs=specs, left=left, apart=list(found.apart), untold=list(found.untold))


class Confirmation(Shape):
    """`confirm`: who has set what in the dashboard, when, and for which digest of it."""

    kind: Literal["Confirmation"] = "Confirmation"
    setting: str
    digest: str
    person: str
    at: str
    proven: bool


class Validation(Shape):
    """`validate`: how many specs, and the objects that they are at the provider."""

    kind: Literal["Validation"] = "Validation"
    valid: bool
    specs: int
    resources: int
    diagnostics: list[DiagnosticShape]


class Format(Shape):
    """`fmt`: the files that are not, or were not, in canonical form."""

    kind: Literal["Format"] = "Format"
    changed: list[str]
    written: bool


class DecisionShape(Shape):
    """`approve` and `reject`: who said what of which digest. `proven` is whether it is certain who it was."""

    kind: Literal["Decision"] = "Decision"
    digest: str
    person: str
    approved: bool
    proven: bool
    expires_at: str | None

    @classmethod
    def of(cls, decision: Decision) -> DecisionShape:
        """The shape of a decision."""
        return cls(
            digest=decision.digest,
            person=decision.person,
            approved=decision.approved,
            proven=decision.proven,
            expires_at=format_time(decision.expires_at) if decision.expires_at else None,
        )


class Done(BaseModel):
    """A change that took effect, and the id of its object."""

    change: str
    id: str


class ApplyResult(Shape):
    """`apply`: what took effect and what did not.

    `left` are the changes that planning again gives: none when the account has converged, null when nobody can say.
    """

    kind: Literal["ApplyResult"] = "ApplyResult"
    digest: str
    run: str
    result: Literal["applied", "stopped", "unknown", "paused"]
    done: list[Done]
    not_done: list[str]
    left: list[str] | None
    reason: str | None
    hint: str | None
    approved_by: str
    requests: dict[str, int] = Field(description="Provider requests by HTTP method")


class AnswerShape(BaseModel):
    """What a person says of a write: whether it took effect."""

    person: str
    applied: bool


class ResolutionShape(Shape):
    """`resolve` with an answer. `found` is what the provider told after all: then no answer was recorded.

    `settled` is whether two people have said the same, so that the run can be resumed.
    """

    kind: Literal["Resolution"] = "Resolution"
    operation: str
    change: str
    check: str
    applied: bool
    settled: bool
    found: Literal["done", "not done", "unclear"] | None
    said: list[AnswerShape]


class DoubtShape(BaseModel):
    """A write that nobody could tell the fate of, and what a person must check."""

    operation: str
    change: str
    check: str


class DoubtsShape(Shape):
    """`resolve` without an answer: what is in doubt in the interrupted run of a change set."""

    kind: Literal["Doubts"] = "Doubts"
    digest: str
    doubts: list[DoubtShape]


class LogEntry(BaseModel):
    """One entry of the journal. `hash` is over all else of it; `previous` is the hash of the entry before."""

    sequence: int
    at: str
    kind: str
    account: str
    body: dict[str, Any]
    previous: str
    hash: str


class Log(Shape):
    """`log`: entries, the newest last."""

    kind: Literal["Log"] = "Log"
    entries: list[LogEntry]

    @classmethod
    def of(cls, entries: list[Entry]) -> Log:
        """The shape of entries."""
        return cls(entries=[LogEntry.model_validate(entry.as_json()) for entry in entries])


class PolicyShape(Shape):
    """`policy show`: what is in force in an account; all but the account is null where nothing is.

    `policy` is what was applied, `words` the same in words; `proven` says whether `approvedBy` was proven or claimed.
    """

    kind: Literal["PolicyInForce"] = "PolicyInForce"
    account: str
    digest: str | None
    since: str | None
    approved_by: str | None
    proven: bool | None
    change_set: str | None
    policy: dict[str, Any] | None
    words: list[str]

    @classmethod
    def of(cls, account: str, policy: InForce, came: Adoption | None) -> PolicyShape:
        """The shape of a policy in force."""
        there = policy.spec is not None and came is not None
        return cls(
            account=account,
            digest=policy.digest if there else None,
            since=format_time(came.at) if came is not None else None,
            approved_by=came.by if came is not None else None,
            proven=came.proven if came is not None else None,
            change_set=came.digest if came is not None else None,
            policy=dict(policy.body) if policy.body is not None else None,
            words=list(policy_lines(policy.spec)) if policy.spec is not None else [],
        )


class PolicyLint(Shape):
    """`policy lint`: what cannot be meant in the policy of the specs; `valid` is whether there are no errors."""

    kind: Literal["PolicyLint"] = "PolicyLint"
    valid: bool
    diagnostics: list[DiagnosticShape]


class HistoryEvent(BaseModel):
    """One thing that happened to an object; `entry` is the journal's entry that says so."""

    at: str
    text: str
    entry: int


class HistoryShape(Shape):
    """`history`: the story of one object, the oldest first."""

    kind: Literal["History"] = "History"
    spec: str
    events: list[HistoryEvent]


class BlameField(BaseModel):
    """One field of a file, and the prompt that set it; null where it was written by hand."""

    spec: str
    path: str
    value: Any
    line: int
    prompt: str | None
    author: str | None
    at: str | None
    entry: int | None
    origin: str | None


class BlameShape(Shape):
    """`blame`: the prompt behind each field of a file."""

    kind: Literal["Blame"] = "Blame"
    file: str
    fields: list[BlameField]


class VerificationShape(Shape):
    """`log verify`: `head` and `entries`, kept elsewhere, are an anchor that shows a later truncation."""

    kind: Literal["Verification"] = "Verification"
    entries: int
    head: str
    sound: bool
    problems: list[str]


SHAPES: tuple[type[Shape], ...] = (
    ApplyResult,
    BlameShape,
    Confirmation,
    DecisionShape,
    Diagnostics,
    DoubtsShape,
    DriftShape,
    Error,
    Format,
    HistoryShape,
    ImportedShape,
    Initialised,
    InvestigationShape,
    Log,
    PolicyLint,
    PolicyShape,
    RecoveredShape,
    ResolutionShape,
    Serving,
    Validation,
    VerificationShape,
)
