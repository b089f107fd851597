"""The models of what people write as pydantic itself builds them from the same declarations.

From these come the JSON Schemas. Documents are read by `reconciler.spec.models`, which the tests hold against them.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from reconciler.spec.models import FieldEntry, Model


class _Twin(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )


@cache
def twin(model: type[Model]) -> type[BaseModel]:
    """A model of documents as a model of pydantic, with the same fields, limits and words."""
    declared: dict[str, Any] = dict(model.model_fields)
    fields: Any = {name: (_type(entry.annotation), _field(entry, name)) for name, entry in declared.items()}
    return create_model(model.__name__, __base__=_Twin, __module__=model.__module__, __doc__=model.__doc__, **fields)


def _field(entry: FieldEntry, name: str) -> Any:
    said: dict[str, Any] = {"description": entry.description, **entry.limits}
    if not entry.is_required():
        said["default"] = _value(entry.default)
    if entry.alias != to_camel(name):
        said["alias"] = entry.alias
    return Field(**said)


def _value(default: object) -> object:
    if isinstance(default, Model):
        return twin(type(default)).model_validate(default.model_dump(by_alias=True, exclude_unset=True))
    return default


def _type(annotation: Any) -> Any:
    """A type with twins in the places of models."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return twin(annotation)
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return Annotated[(_type(inner[0]), *annotation.__metadata__)]
    if kind in (list, dict):
        return kind[tuple(map(_type, inner))]
    if kind in (Union, UnionType):
        return reduce(or_, map(_type, inner))
    return annotation
