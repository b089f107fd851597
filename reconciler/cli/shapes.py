"""What `--json` prints: one documented, versioned shape for each command. Their JSON Schemas are in `schemas/output/`.

A change set has its own, `plan.document.ChangeSetDocument`: `plan`, `show` and `revert` print that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.base.clock import format_time
from reconciler.base.diagnostics import Diagnostic
from reconciler.engine.governing import Adoption, InForce
from reconciler.journal.entries import Entry
from reconciler.plan.approval import Decision
from reconciler.plan.policy_words import policy_lines

if TYPE_CHECKING:
    pass


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


class Twice(BaseModel):
    """What two runs made at the same time: the id of this run's object first."""

    address: str
    ids: list[str]


class LeftOutShape(BaseModel):
    """One subscription that a migration could not move."""

    id: str
    address: str
    reason: str


class ApplyResult(Shape):
    """`apply`: what took effect and what did not.

    `left` are the changes that planning again gives: none when the account has converged, null when nobody can say.
    `made_twice` is what a run with another journal made, too, at the same time. `left_out` names at most 1,000 whom a
    migration could not move, `left_out_count` says how many there are, and `unsent` how many messages did not go out:
    planning again proposes both.
    """

    kind: Literal["ApplyResult"] = "ApplyResult"
    digest: str
    run: str
    result: Literal["applied", "stopped", "unknown", "paused"]
    done: list[Done]
    not_done: list[str]
    left: list[str] | None
    made_twice: list[Twice]
    left_out: list[LeftOutShape]
    left_out_count: int
    unsent: int
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
    Error,
    Format,
    HistoryShape,
    Initialised,
    Log,
    PolicyLint,
    PolicyShape,
    ResolutionShape,
    Serving,
    Validation,
    VerificationShape,
)
