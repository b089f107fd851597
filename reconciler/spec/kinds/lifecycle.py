"""Lifecycle: how an object is treated beside what it is: protected, in parts left alone, known under another name."""

from __future__ import annotations

from typing import Annotated, Any

from reconciler.spec.kinds.fields import Document, Model, Name, clean_text
from reconciler.spec.models import BeforeValidator, Field, StringConstraints

_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
AddressText = Annotated[
    str,
    StringConstraints(pattern=rf"^[A-Z][A-Za-z]{{0,60}}/{_NAME}(:{_NAME})?$", max_length=200),
    BeforeValidator(clean_text),
]
FieldPath = Annotated[
    str,
    StringConstraints(pattern=r"^spec(\.[^\s.\[\]]+|\[[0-9]{1,4}\])+$", max_length=500),
    BeforeValidator(clean_text),
]


class Moved(Model):
    """What this spec, or one price of it, was called before. The object stays, and goes on under the new name."""

    from_: AddressText = Field(alias="from", description="The former address, such as Plan/basic or Plan/pro:monthly")
    to: Name | None = Field(default=None, description="The price here that it is now; else the one of the same name")


class Lifecycle(Model):
    """How the objects of a spec are treated."""

    protect: bool = Field(default=False, description="Refuse every plan that would archive, delete or replace them")
    ignore: list[FieldPath] = Field(
        default=[], max_length=100, description="Fields that are written when an object is made, and never after"
    )
    moved: list[Moved] = Field(default=[], max_length=100, description="Former addresses, so that a rename is no loss")


class ConfigurationDocument(Document):
    """The envelope of the specs that are kept as they are written."""

    lifecycle: Lifecycle | None = None
    variants: dict[Name, dict[str, Any]] = Field(
        default={}, description="Further objects like this one, each with the parts of the document that differ"
    )
