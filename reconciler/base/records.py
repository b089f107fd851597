"""`dataclass` for what never changes: as the standard one, without the time that it takes at import.

The standard decorator writes the source of six methods for each class and compiles it: half a millisecond a class, a
third of a short command. Here what compares, shows and protects objects is shared by all classes, and `__init__` is
compiled when the first object is made, so that making many is as fast as with the standard one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from functools import partial
from operator import attrgetter
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    # Type checkers know the standard decorator by its name, and hold its classes to more than those of another.
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: Literal[True], slots: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass(frozen=True)`: the same fields, equality, hash, `repr`, errors, copies and pickles.

        `fields`, `replace`, `asdict` and `match` know its classes. They inherit from one another, not from standard
        ones. Left out is what nobody here needs: `InitVar`, order, fields that are no parameters.
        """
        assert frozen, "what changes is a standard dataclass"
        collect = standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)

        def decorate(cls: type) -> type:
            cls.__doc__ = cls.__doc__ or cls.__name__  # else a signature is looked up to stand there: a millisecond
            return _with_methods(collect(cls))

        return decorate


def _with_methods(cls: type[Any]) -> type[Any]:
    """A class whose fields are known, with the methods that it has not of its own."""
    names = [field.name for field in fields(cls) if field.compare]
    # With one name `attrgetter` gives the bare value, and without any it refuses.
    values: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else partial(_tuple_of, names)

    def compile_and_make(self: Any, *positional: Any, **named: Any) -> None:
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *positional, **named)

    def equal(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    own = {name for name, value in vars(cls).items() if value is not None}  # None: Python takes away a hash
    for name, method in {"__init__": compile_and_make, "__eq__": equal, "__hash__": hashed, **_SHARED}.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


def _tuple_of(names: list[str], self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in names)


def _compiled_init(cls: type[Any]) -> Callable[..., None]:
    """The method that takes a parameter for each field, from source text: nothing that loops is as fast."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    positional, named, body = ["self"], ["*"], []
    for field in fields(cls):
        assert field.init, "each field is a parameter"
        parameter = value = field.name
        if field.default is not MISSING:
            known[f"_default_{field.name}"] = field.default
            parameter = f"{field.name}=_default_{field.name}"
        elif field.default_factory is not MISSING:
            known[f"_make_{field.name}"] = field.default_factory
            parameter = f"{field.name}=_MISSING"
            value = f"_make_{field.name}() if {field.name} is _MISSING else {field.name}"
        (named if field.kw_only else positional).append(parameter)
        slot = getattr(cls, field.name, None)
        if isinstance(slot, MemberDescriptorType):  # it sets what refuses to be set, and has not to be looked up
            known[f"_set_{field.name}"] = slot.__set__
            body.append(f"_set_{field.name}(self, {value})")
        else:
            body.append(f"_set(self, {field.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(positional + (named if len(named) > 1 else []))
    exec(f"def __init__({parameters}):\n  " + "\n  ".join(body or ["pass"]), known)  # noqa: S102 - our own names only
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"  # errors name it
    return init


@recursive_repr("...")
def _show(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _values_of(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _take_values(self: Any, state: list[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_SHARED = {
    "__repr__": _show,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _values_of,  # slots that refuse to be set have to be copied and pickled by hand
    "__setstate__": _take_values,
}
