"""What the commands that look at what is live print with `--json`: `drift`, `recover`, `investigate` and `import`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.base.clock import format_time
from reconciler.cli.shapes import Shape
from reconciler.engine.drifting import Drifted
from reconciler.engine.importing import Imported
from reconciler.insight.investigation import Investigation
from reconciler.insight.report import summary
from reconciler.plan.drift import Drift, value_at

if TYPE_CHECKING:
    from reconciler.engine.recovering import Recovered


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


SHAPES: tuple[type[Shape], ...] = (DriftShape, ImportedShape, InvestigationShape, RecoveredShape)
