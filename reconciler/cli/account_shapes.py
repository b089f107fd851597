"""What the commands about whole accounts print with `--json`: `promote`, `ids`, `doctor` and `review`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field

from reconciler.cli.shapes import Shape
from reconciler.engine.examining import Examination
from reconciler.plan.fields import Line
from reconciler.plan.promotion import Compared, Standing


class FindingShape(BaseModel):
    """One thing that is wrong: `where` is a file, an address or an id, `fix` what to do about it."""

    code: str
    severity: Literal["error", "warning"]
    what: str
    where: str
    fix: str


class DoctorShape(Shape):
    """`doctor`: what is wrong, errors first; `unknown` is what could not be found out."""

    kind: Literal["Doctor"] = "Doctor"
    findings: list[FindingShape]
    unknown: list[str]

    @classmethod
    def of(cls, found: Examination) -> DoctorShape:
        """The shape of an examination."""
        findings = [
            FindingShape(code=one.code, severity=one.severity.value, what=one.what, where=one.where, fix=one.fix)
            for one in found.findings
        ]
        return cls(findings=findings, unknown=list(found.unknown))


class FieldShape(BaseModel):
    """One field that differs, in people's words; null where one side has none."""

    label: str
    here: str | None = Field(alias="from")
    there: str | None = Field(alias="to")

    @classmethod
    def of(cls, line: Line) -> FieldShape:
        """The shape of a line."""
        return cls.model_validate({"label": line.label, "from": line.before, "to": line.after})


class ComparedShape(BaseModel):
    """One address in both accounts, without ids."""

    address: str
    kind: str
    title: str
    standing: Literal["same", "different", "only from", "only to"]
    fields: list[FieldShape]


class PromotionShape(Shape):
    """`promote`: both accounts side by side, by address, and the change set for the second.

    `untried` are the addresses at which the specs ask the first account for something else than it has.
    """

    kind: Literal["Promotion"] = "Promotion"
    here: str = Field(alias="from")
    there: str = Field(alias="to")
    objects: list[ComparedShape]
    untried: list[str]
    change_set: dict[str, Any]

    @classmethod
    def of(
        cls, names: tuple[str, str], compared: Iterable[Compared], untried: Iterable[str], change_set: dict[str, Any]
    ) -> PromotionShape:
        """The shape of a promotion from the first to the second name."""
        objects = [
            {
                "address": one.address,
                "kind": one.kind,
                "title": one.title,
                "standing": Standing(one.standing).value,
                "fields": [FieldShape.of(line).model_dump(by_alias=True) for line in one.fields],
            }
            for one in compared
        ]
        return cls.model_validate(
            {
                "from": names[0],
                "to": names[1],
                "objects": objects,
                "untried": list(untried),
                "changeSet": change_set,
            }
        )


class IdMap(Shape):
    """`ids`: the provider's id of each address that the journal binds in an account."""

    kind: Literal["IdMap"] = "IdMap"
    account: str
    provider: str
    mode: Literal["sandbox", "test", "live"]
    ids: dict[str, str]


class ReviewShape(Shape):
    """`review`: what a pull request would change, and where its comment is; null where none was posted."""

    kind: Literal["Review"] = "Review"
    account: str
    digest: str | None
    changes: int
    drifted: list[str]
    mistakes: int
    comment: str | None
    updated: bool | None


class SchemasShape(Shape):
    """`schema`: the files that were written; none where they were those of this version already."""

    kind: Literal["Schemas"] = "Schemas"
    files: list[str]


SHAPES: tuple[type[Shape], ...] = (DoctorShape, IdMap, PromotionShape, ReviewShape, SchemasShape)
