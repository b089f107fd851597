"""Translation: what customers read of an object in other languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Metadata, Model, Name, PlanReference, Reference, Text, Title
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field, StringConstraints

# A language as ISO 639 writes it, perhaps with a region: `de`, `pt-BR`.
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]

TARGETS = ("plan", "product", "addon", "meter", "credit", "entitlement", "collection")


class Words(Model):
    """The texts of one language; what is left out is read as the object itself has it."""

    title: Title | None = None
    description: Text | None = None
    unit: Title | None = Field(default=None, description="Of a credit")
    message: Text | None = Field(default=None, description="Of an entitlement: shown when a licence key is activated")
    instructions: Text | None = Field(default=None, description="Of an entitlement with files or a link")


class TranslationSpec(Model):
    """Which object, and its texts by language."""

    plan: PlanReference | None = Field(default=None, description="A plan, all of its prices; or one as plan:price")
    product: Name | None = None
    addon: Name | None = None
    meter: Name | None = None
    credit: Name | None = None
    entitlement: Name | None = None
    collection: Name | None = None
    languages: dict[Language, Words] = Field(min_length=1, max_length=50)


class Translation(ConfigurationDocument):
    """The texts of one object in other languages. The texts of the object itself stand in its own spec."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Translation"]
    metadata: Metadata
    spec: TranslationSpec

    def references(self) -> Iterator[Reference]:
        """What is translated."""
        for target in TARGETS:
            text = getattr(self.spec, target)
            if text is not None:
                name, _, part = text.partition(":")
                yield Reference(target.capitalize(), name, ("spec", target), part or None)

    def mistakes(self) -> Iterator[Mistake]:
        """One object; words for each language, and of the kind that the object has."""
        named = [target for target in TARGETS if getattr(self.spec, target) is not None]
        if len(named) != 1:
            hint = "name one of " + ", ".join(TARGETS)
            message = f"a translation is of one object, and {len(named)} are named"
            yield Mistake(message, code="translation/of", hint=hint, at=("spec",))
            return
        for language, words in self.spec.languages.items():
            at = ("spec", "languages", language)
            said = words.model_dump(exclude_unset=True)
            if not any(value is not None for value in said.values()):
                yield Mistake(f"nothing is said in {language}", code="translation/empty", at=at)
            for name in said:
                if named[0] not in _HAVING.get(name, TARGETS):
                    message = f'"{name}" is nothing that customers read of a {named[0]}'
                    yield Mistake(message, code="translation/words", at=(*at, name))


_HAVING = {
    "description": ("plan", "product", "addon", "meter", "entitlement", "collection"),
    "unit": ("credit",),
    "message": ("entitlement",),
    "instructions": ("entitlement",),
}
