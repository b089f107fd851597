"""Classes of what never changes behave as the standard ones that they stand for."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.base.records import dataclass

DESCRIPTION = {
    "__doc__": "A price.",
    "__annotations__": {"name": "str", "amount": "int", "labels": "Mapping[str, str]", "secret": "str", "note": "str"},
    "amount": 100,
}


def made_by(decorator: Any) -> Any:
    """The same class by either decorator: a default, a factory, and fields that are not shown or not compared."""
    fields = {
        "labels": dataclasses.field(default_factory=dict),
        "secret": dataclasses.field(default="", repr=False),
        "note": dataclasses.field(default="", compare=False),
    }
    return decorator(frozen=True, slots=True)(type("Price", (), {**DESCRIPTION, **fields}))


OURS, STANDARD = made_by(dataclass), made_by(dataclasses.dataclass)


@dataclass(frozen=True, slots=True)
class Point:
    """A point, whose numbers are checked."""

    x: int
    y: int = 0

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is below zero")


@dataclass(frozen=True, slots=True)
class Named(Point):
    """A point that has a name, which alone tells it from others."""

    name: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What takes names only."""

    labels: Mapping[str, str]
    after: Labelled | None = None


@dataclass(frozen=True)
class Empty:
    """Nothing at all."""


def both(ask: Any) -> tuple[Any, Any]:
    return ask(OURS), ask(STANDARD)


@pytest.mark.parametrize(
    "ask",
    [
        lambda cls: repr(cls("pro", labels={"a": "b"}, secret="hidden")),
        lambda cls: cls("pro") == cls("pro", 100, {}),
        lambda cls: cls("pro") == cls("pro", note="other"),
        lambda cls: cls("pro") != cls("pro", 101),
        lambda cls: cls("pro").__eq__("pro"),
        lambda cls: hash(cls("pro", labels=())),
        lambda cls: cls.__match_args__,
        lambda cls: cls.__slots__,
        lambda cls: [(field.name, field.type, field.default) for field in dataclasses.fields(cls)],
        lambda cls: dataclasses.asdict(cls("pro", labels={"a": "b"})),
        lambda cls: repr(dataclasses.replace(cls("pro"), amount=3)),
        lambda cls: copy.deepcopy(cls("pro", labels={"a": "b"})) == cls("pro", labels={"a": "b"}),
        lambda cls: cls("pro").labels is cls("pro").labels,
        lambda cls: hasattr(cls("pro"), "__dict__"),
    ],
)
def test_a_class_answers_as_the_standard_one(ask):
    ours, standard = both(ask)
    assert ours == standard


@pytest.mark.parametrize(
    "ask",
    [
        lambda cls: cls(),
        lambda cls: cls("pro", 1, {}, "", "", ""),
        lambda cls: cls("pro", colour="red"),
        lambda cls: cls("pro", name="pro"),
        lambda cls: setattr(cls("pro"), "amount", 3),
        lambda cls: delattr(cls("pro"), "amount"),
        lambda cls: hash(cls("pro")),
        lambda cls: dataclasses.replace(cls("pro"), colour="red"),
    ],
)
def test_a_class_refuses_as_the_standard_one(ask):
    told = []
    for cls in (OURS, STANDARD):
        with pytest.raises((TypeError, dataclasses.FrozenInstanceError)) as refused:
            ask(cls)
        told.append((refused.type, str(refused.value)))
    assert told[0] == told[1]


def test_what_is_no_field_cannot_be_set_either():
    with pytest.raises(dataclasses.FrozenInstanceError, match="colour"):  # the standard one stumbles over its slots
        OURS("pro").colour = "red"


def test_classes_keep_the_methods_of_their_own_and_inherit_fields():
    assert Named(1, 2, "a") == Named(3, 4, "a")
    assert hash(Named(1, 2, "a")) == hash("a")
    assert repr(Named(1, name="a")) == "Named(x=1, y=0, name='a')"
    assert Point(1, 0) != Named(1, 0, "")
    with pytest.raises(ValueError, match="below zero"):
        Named(-1)


def test_an_object_is_the_same_after_a_pickle():
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    assert pickle.loads(pickle.dumps(Named(1, 2, "a"))).y == 2


def test_names_alone_are_taken_where_a_class_asks_for_them():
    make: Any = Labelled
    with pytest.raises(TypeError, match="positional"):
        make({})
    nested = Labelled(labels={}, after=Labelled(labels={"a": "b"}))
    assert repr(nested) == "Labelled(labels={}, after=Labelled(labels={'a': 'b'}, after=None))"
    assert Empty() == Empty()
    assert repr(Empty()) == "Empty()"
    assert len({Empty(), Empty()}) == 1
