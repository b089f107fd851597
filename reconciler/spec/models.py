"""Models of what people write: declared as pydantic's, validated by pydantic's core, without pydantic's start.

Importing pydantic and building its models takes most of a short command. What documents need of it is little: types,
limits, validators, aliases, defaults. That much is read here from the same declarations and handed to the validators
in Rust that pydantic itself uses, so that what is valid, and each error, are the same; the tests hold every kind
against pydantic's own reading of it (`reconciler.spec.twins`), from which its JSON Schema is made too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import reduce
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from reconciler.spec.core import SchemaSerializer, SchemaValidator, ValidationError

if TYPE_CHECKING:
    # Type checkers know these by their names, and what a model of them is.
    from pydantic import AfterValidator as AfterValidator
    from pydantic import BaseModel, ConfigDict
    from pydantic import BeforeValidator as BeforeValidator
    from pydantic import Field as Field
    from pydantic import StringConstraints as StringConstraints
    from pydantic import WithJsonSchema as WithJsonSchema

Schema = dict[str, Any]  # of pydantic's core, or a JSON Schema
Handler = Callable[[Any], Any]

_REQUIRED: Any = object()
_LIMITS = {  # what can be limited, by the type of its schema
    "str": ("pattern", "min_length", "max_length"),
    "int": ("ge", "gt", "le", "lt"),
    "list": ("min_length", "max_length"),
    "dict": ("min_length", "max_length"),
}


class Mark:
    """What an annotation adds to a type. pydantic understands marks by these methods, too."""

    def applied(self, schema: Schema) -> Schema:
        """The schema with what the mark adds."""
        raise NotImplementedError

    def described(self, schema: Schema) -> Schema:
        """The JSON Schema with what the mark says."""
        return schema

    def __get_pydantic_core_schema__(self, source: object, handler: Handler) -> Schema:
        return self.applied(handler(source))

    def __get_pydantic_json_schema__(self, schema: Schema, handler: Handler) -> Schema:
        return self.described(handler(schema))


class Written(Mark):
    """How a value stands in a spec: what reads it, what writes it again, and the JSON Schema of what is written."""

    def __init__(
        self, read: Callable[[object], Any], write: Callable[[Any], str | int], schema: Mapping[str, Any]
    ) -> None:
        self._read, self.write, self._schema = read, write, schema

    def applied(self, schema: Schema) -> Schema:
        """Reading and writing are functions, whatever the type is."""
        # Else the core asks what it is that was written, for which it imports all that may be.
        texts = {"type": "str"}
        either = {"type": "union", "choices": [{"type": "int"}, texts]}
        result = texts if self._schema.get("type") == "string" else either
        written = {"type": "function-plain", "function": self.write, "return_schema": result}
        return {**_calling("function-plain", self._read), "serialization": written}

    def described(self, schema: Schema) -> Schema:
        """What is written follows from no type."""
        return dict(self._schema)

    def __get_pydantic_core_schema__(self, source: object, handler: Handler) -> Schema:
        return self.applied({})

    def __get_pydantic_json_schema__(self, schema: Schema, handler: Handler) -> Schema:
        return self.described({})


class _Strings(Mark):
    """Limits of texts."""

    def __init__(self, **limits: Any) -> None:
        self._limits = limits

    def applied(self, schema: Schema) -> Schema:
        return _limited(schema, self._limits)


class _Before(Mark):
    """A function that sees a value before its type does."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def applied(self, schema: Schema) -> Schema:
        return {**_calling("function-before", self._function), "schema": schema}


class _After(_Before):
    """A function that sees a value of the right type."""

    def applied(self, schema: Schema) -> Schema:
        return {**_calling("function-after", self._function), "schema": schema}


class _Described(Mark):
    """The JSON Schema of what validators take, which does not follow from the type."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def applied(self, schema: Schema) -> Schema:
        return schema

    def described(self, schema: Schema) -> Schema:
        return dict(self._schema)

    def __get_pydantic_json_schema__(self, schema: Schema, handler: Handler) -> Schema:
        return self.described({})


class FieldEntry:
    """One field as it is declared: its default, its alias, what it is for, its limits."""

    def __init__(
        self, default: Any = _REQUIRED, *, alias: str | None = None, description: str | None = None, **limits: Any
    ) -> None:
        self.default, self.alias, self.description, self.limits = default, alias, description, limits
        self.annotation: Any = None  # known when it is first asked for

    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    def schema(self) -> Schema:
        """What validates and writes it."""
        schema = _limited(_schema(self.annotation), self.limits)
        if not self.is_required():
            # Of what can change the core would make a deep copy each time, in Python.
            empty = self.default in ([], {})
            schema = {"type": "default", "schema": schema}
            schema |= {"default_factory": type(self.default)} if empty else {"default": self.default}
        return {
            "type": "model-field",
            "schema": schema,
            "validation_alias": self.alias,
            "serialization_alias": self.alias,
        }


class _OfClass:
    """What is asked of a class, or of one of its objects, without being called."""

    def __init__(self, find: Callable[[type[_Model]], Any]) -> None:
        self._find = find

    def __get__(self, one: object, cls: type[_Model]) -> Any:
        return self._find(cls)


class _Model:
    """The base of everything that people write: unknown keys are errors, values are read strictly and never change.

    What it has of pydantic's `BaseModel` does the same.
    """

    __slots__ = "__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__"
    __pydantic_fields_set__: set[str]
    declared: ClassVar[dict[str, FieldEntry]] = {}
    built: ClassVar[dict[Any, Any]] = {}  # of each model its own, when it is first needed

    def __init_subclass__(cls) -> None:
        cls.declared, cls.built = dict(cls.declared), {}
        for name, text in vars(cls).get("__annotations__", {}).items():
            if "ClassVar" in str(text):
                continue
            default = vars(cls).get(name, _REQUIRED)
            if type(default).__module__.startswith("pydantic."):
                raise TypeError(f"{cls.__name__}.{name}: import Field from {__name__}, which reads faster")
            entry = default if isinstance(default, FieldEntry) else FieldEntry(default)
            entry.alias = entry.alias or to_camel(name)
            cls.declared[name] = entry
            if default is not _REQUIRED:
                delattr(cls, name)

    def __init__(self, /, **values: Any) -> None:
        validator(type(self)).validate_python(values, self_instance=self)

    @classmethod
    def model_validate(cls, value: object) -> Self:
        """Read a value. Raises ValidationError with all that is wrong with it."""
        found: Self = validator(cls).validate_python(value)
        return found

    @classmethod
    def model_json_schema(cls, **options: Any) -> dict[str, Any]:
        """Its JSON Schema, with the options of pydantic, which makes it."""
        from reconciler.spec.twins import twin  # it imports pydantic, without which documents are read

        same: Any = cls
        schema: dict[str, Any] = twin(same).model_json_schema(**options)
        return schema

    model_fields = _OfClass(lambda model: fields_of(model))

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that were said."""
        return self.__pydantic_fields_set__

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """As it is written, with the options of pydantic: `mode`, `by_alias`, `exclude_unset` and the like."""
        written: dict[str, Any] = _serializer(type(self)).to_python(self, **options)
        return written

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """The same with other values for some fields, which are not validated."""
        return self._made({**self.__dict__, **(update or {})}, self.__pydantic_fields_set__ | set(update or ()))

    def _made(self, values: Mapping[str, Any], said: Iterable[str]) -> Self:
        one = object.__new__(type(self))
        one.__setstate__([dict(values), set(said)])
        return one

    def __copy__(self) -> Self:
        return self.model_copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._made(deepcopy(self.__dict__, memo), self.__pydantic_fields_set__)

    def __getstate__(self) -> list[Any]:
        return [self.__dict__, self.__pydantic_fields_set__]

    def __setstate__(self, state: list[Any]) -> None:
        names = "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"
        for name, value in zip(names, [*state, None, None], strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise _frozen(type(self), name, value)

    def __delattr__(self, name: str) -> None:
        raise _frozen(type(self), name, None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Model):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self.declared)))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.__dict__.items())

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


if TYPE_CHECKING:

    class Model(BaseModel):
        """The base of everything that people write."""

        model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

else:
    Model = _Model
    Model.__name__ = Model.__qualname__ = "Model"
    AfterValidator, BeforeValidator, Field, StringConstraints = _After, _Before, FieldEntry, _Strings
    WithJsonSchema = _Described


def to_camel(name: str) -> str:
    """A field's name as people write it: `tax_category` as `taxCategory`. The same as pydantic's `to_camel`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(map(str.title, rest)) + "_" * (len(name) - len(name.rstrip("_")))


def validator(model: type[Any], spared: Callable[[Any], Any] | None = None) -> SchemaValidator:
    """What reads documents of a model: built when the first is there.

    `spared` is a function before a type (`BeforeValidator`) that has nothing to say of what is read.
    """
    key = ("validator", spared)
    if key not in model.built:
        schema = _model_schema(model)
        model.built[key] = SchemaValidator(schema if spared is None else _without(schema, spared))
    found: SchemaValidator = model.built[key]
    return found


def _without(schema: Any, function: Callable[[Any], Any]) -> Any:
    """A schema in which a function is not called before a type."""
    if isinstance(schema, dict):
        if schema.get("type") == "function-before" and schema["function"]["function"] is function:
            return _without(schema["schema"], function)
        return {key: _without(part, function) for key, part in schema.items()}
    return [_without(part, function) for part in schema] if isinstance(schema, list) else schema


def fields_of(model: type[_Model]) -> dict[str, FieldEntry]:
    """The fields of a model by name, with their types."""
    if "fields" not in model.built:
        types = get_type_hints(model, include_extras=True)
        for name, entry in model.declared.items():
            entry.annotation = types[name]
        model.built["fields"] = model.declared
    return model.declared


def as_written(one: Any) -> dict[str, Any]:
    """A document as YAML has it: what was said, by its alias, each value as it is written.

    The same as `model_dump(mode="json", by_alias=True, exclude_unset=True)`, for which the core imports the package
    around it: a tenth of the start of a prompt.
    """
    said, values = one.__pydantic_fields_set__, one.__dict__
    return {alias: write(values[name]) for name, alias, write in _writers(type(one)) if name in said}


Write = Callable[[Any], Any]


def _writers(model: type[_Model]) -> list[tuple[str, str, Write]]:
    """The fields of a model: name, alias, and what writes a value."""
    if "writers" not in model.built:
        model.built["writers"] = [(name, one.alias, _writer(one.annotation)) for name, one in fields_of(model).items()]
    found: list[tuple[str, str, Write]] = model.built["writers"]
    return found


def _writer(annotation: Any) -> Write:
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        mark = annotation.__metadata__[0]
        return mark.write if isinstance(mark, Written) else _writer(inner[0])
    if kind is list:
        item = _writer(*inner)
        return lambda values: [item(value) for value in values]
    if kind is dict:
        one = _writer(inner[1])
        return lambda values: {key: one(value) for key, value in values.items()}
    if kind in (Union, UnionType):
        present = [_writer(each) for each in inner if each is not type(None)]
        only = present[0] if len(present) == 1 else _plainly
        return lambda value: None if value is None else only(value)
    return _plainly


def _plainly(value: Any) -> Any:
    return as_written(value) if isinstance(value, _Model) else value


def is_choice(model: type[Any], path: Sequence[str | int]) -> bool:
    """Whether what stands at a path is one of some words, as a JSON Schema says by `enum` and `const`."""
    found: Any = model
    for part in path:
        found = _below(_bare(found), part)
    marks = getattr(found, "__metadata__", ())
    return get_origin(_bare(found)) is Literal or any("enum" in mark.described({}) for mark in marks)


def _below(annotation: Any, part: str | int) -> Any:
    """The type of what stands in a value of a type, without `| None`; None where nothing does."""
    found: Any = None
    kind = get_origin(annotation)
    if kind is list and isinstance(part, int):
        (found,) = get_args(annotation)
    elif kind is dict and isinstance(part, str):
        found = get_args(annotation)[1]
    elif isinstance(annotation, type) and issubclass(annotation, _Model):
        found = next((one.annotation for one in fields_of(annotation).values() if one.alias == part), None)
    if get_origin(found) in (Union, UnionType):
        inner = [one for one in get_args(found) if one is not type(None)]
        found = inner[0] if len(inner) == 1 else None
    return found


def _bare(annotation: Any) -> Any:
    """A type without its marks."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _serializer(model: type[_Model]) -> SchemaSerializer:
    if "serializer" not in model.built:
        model.built["serializer"] = SchemaSerializer(_model_schema(model))
    found: SchemaSerializer = model.built["serializer"]
    return found


def _model_schema(model: type[_Model]) -> Any:
    """A model as pydantic's core reads it."""
    if "schema" not in model.built:
        fields = {name: entry.schema() for name, entry in fields_of(model).items()}
        model.built["schema"] = {
            "type": "model",
            "cls": model,
            "schema": {"type": "model-fields", "fields": fields, "model_name": model.__name__},
            "config": {
                "title": model.__name__,
                "extra_fields_behavior": "forbid",
                "strict": True,
                "hide_input_in_errors": True,
            },
        }
    return model.built["schema"]


def _schema(annotation: Any) -> Schema:
    """A type as pydantic's core reads it. Raises TypeError for one that no document has had so far."""
    if annotation in _PLAIN:
        return {"type": _PLAIN[annotation]}
    if isinstance(annotation, type) and issubclass(annotation, _Model):
        schema: Schema = _model_schema(annotation)
        return schema
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        marks: list[Mark] = [*annotation.__metadata__]
        if isinstance(marks[0], Written):  # says all by itself: of what class the value is does not matter
            return reduce(_apply, marks, {})
        return reduce(_apply, marks, _schema(inner[0]))
    if kind is Literal:
        return {"type": "literal", "expected": [*inner]}
    if kind is list:
        return {"type": "list", "items_schema": _schema(*inner)}
    if kind is dict:
        return {"type": "dict", "keys_schema": _schema(inner[0]), "values_schema": _schema(inner[1])}
    if kind in (Union, UnionType):
        choices = [_schema(one) for one in inner if one is not type(None)]
        schema = choices[0] if len(choices) == 1 else {"type": "union", "choices": choices}
        return {"type": "nullable", "schema": schema} if type(None) in inner else schema
    raise TypeError(f"{annotation!r} is not a type of documents: say here how pydantic's core reads it")


_PLAIN: dict[Any, str] = {str: "str", int: "int", bool: "bool", Any: "any"}


def _apply(schema: Schema, mark: Mark) -> Schema:
    if not isinstance(mark, Mark):
        raise TypeError(f"{mark!r} is not one of the marks of {__name__}")
    return mark.applied(schema)


def _limited(schema: Schema, limits: Mapping[str, Any]) -> Schema:
    """A schema with limits, which go to what stands inside of `| None`."""
    if not limits:
        return schema
    if schema["type"] == "nullable":
        return {**schema, "schema": _limited(schema["schema"], limits)}
    if not limits.keys() <= set(_LIMITS.get(schema["type"], ())):
        raise TypeError(f"a {schema['type']} cannot be limited by {', '.join(limits)}")
    return {**schema, **limits}


def _calling(kind: str, function: Callable[..., Any]) -> Schema:
    return {"type": kind, "function": {"type": "no-info", "function": function}}


def _frozen(model: type[_Model], name: str, value: object) -> ValidationError:
    line: Any = {"type": "frozen_instance", "loc": (name,), "input": value}
    return ValidationError.from_exception_data(model.__name__, [line])
