"""What a provider can do, as data: the same diff and order serve every provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Literal

from reconciler.base.records import dataclass


class Form(StrEnum):
    """How a value in the provider's terms is written for people."""

    TEXT = "text"
    MONEY = "money"  # an integer in minor units
    RATE = "rate"  # decimal text in minor units, for one unit
    BASIS_POINTS = "basis points"
    COUNT = "count"
    PROSE = "prose"  # text of several lines, shown on one
    PERIOD = "period"  # a count in one field and its unit in another


@dataclass(frozen=True, slots=True)
class Label:
    """What people call a field, and how its value is written.

    `currency` is the path of the field that names it, `count` and `unit` those of the two halves of a period. A `quiet`
    field is left out of a new object, where another line says it already; its change is always shown.
    """

    text: str
    form: Form = Form.TEXT
    currency: str = "currency"
    count: str = ""
    unit: str = ""
    quiet: bool = False


class Reading(StrEnum):
    """When a part of an object that lists leave out is read: what its age can tell decides, never what it costs."""

    MOVED = "when the object has moved"  # whoever changes it changes the moment that lists tell of the object
    ALWAYS = "always"  # below the object: nobody says that the object's own moment moves with it
    WHOLE = "when all is read"  # only where the object is read by itself for another reason, or all are


@dataclass(frozen=True, slots=True)
class KindCapabilities:
    """What can be done with one kind of object.

    `immutable` names fields as dotted paths into the body (`price.type`): a change there is a replace. `removal` is
    what removing means: `archive` keeps the object and can be restored when `restorable`, `delete` does not; what can
    `never` be removed stays, and is neither replaced.
    `natural_key` are the fields that are unique in an account. `rank` orders kinds where nothing depends: lower is
    made first and removed last. `money` names the fields that subscribers pay by; kinds that have them can have
    subscriptions behind them. `irreversible` says why an act on this kind cannot be undone, by verb. `labels` name the
    fields for people, by dotted path, with `[]` for a position in a list (`price.meters[].price_per_unit`). `gravity`
    says what it is about when somebody else changes a field (`money`, `access`, `cosmetic`), by dotted path; that of
    the empty path holds for all others. `billed` and `ends` are the periods after which it is billed again and is over,
    `events` the field of the events that it is sent (empty: all), `expires` that of the moment at which it is over.
    `parts` says of each field that lists leave out when it is read; the empty path stands for all of an object that no
    list of the account shows. `specs` are the kinds of specs whose addresses such an object can have, any where there
    are none: the rules of a policy go by them. An `accessory` is a part of another object, and is never removed because
    nobody asks for it; what `goes_along` goes with the objects that it refers to, without being removed by itself.
    `keeps` is whether the journal keeps what the provider does not tell back. `largest_file` is how many bytes a file
    that it names can have. `let_be` names the fields that no spec says in the elements of a list, by the list, with the
    field by which its elements are told apart: they stay as they are while the element is there, and come back with it.
    """

    kind: str
    rank: int
    immutable: frozenset[str] = frozenset()
    removal: Literal["archive", "delete", "never"] = "archive"
    restorable: bool = True
    marked: bool = True
    natural_key: tuple[str, ...] = ()
    money: frozenset[str] = frozenset()
    irreversible: Mapping[str, str] | None = None
    labels: Mapping[str, Label] = field(default_factory=dict)
    specs: frozenset[str] = frozenset()
    gravity: Mapping[str, str] = field(default_factory=dict)
    billed: Label | None = None
    ends: Label | None = None
    events: str = ""
    expires: str = ""
    parts: Mapping[str, Reading] = field(default_factory=dict)
    accessory: bool = False
    goes_along: bool = False
    keeps: bool = False
    largest_file: int = 0
    let_be: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


# Kinds of actions that are done here, on whatever account, without asking its provider.
LOCAL_KINDS = frozenset({"drift", "message", "migration", "policy", "protection"})


# How what is done here is shown and ordered.
LOCAL: Mapping[str, KindCapabilities] = {
    "protection": KindCapabilities("protection", rank=195, marked=False, labels={"protected": Label("protected")}),
    # Last of all: what comes before it was judged under the policy that it replaces.
    "policy": KindCapabilities("policy", rank=200, marked=False, labels={"name": Label("policy")}),
}


class ReadBack(StrEnum):
    """How a mark that we left on an effect can be read again."""

    LIST = "list"
    GET = "get"  # only one by one, through what it belongs to
    NOT = "not at all"


@dataclass(frozen=True, slots=True)
class OperationCapabilities:
    """What a provider lets us find out about one operation that moves money or access: what retries rest on.

    `key` says where an idempotency key goes (`body`, `header`) or None, and `key_window_s` for how long it counts
    (None: for good). `marker` is how our mark can be read back. `settle_s` is how long a write without an answer may
    still take effect: before that, absent counts for nothing. `aggregate` names the field of the level that the effect
    moves, `ceiling` the field that it can never pass, both None where there is none. `one_pending` is whether the
    provider allows one at a time for one target. `level_triggered` is whether doing it twice has the effect of once.
    `part_of` names the kind whose manifest it stands in, with totals that are judged, where it never stands for itself.
    `notes` are what the provider leaves open and people who approve it should know.
    """

    operation: str
    key: Literal["body", "header"] | None
    key_window_s: float | None
    marker: ReadBack
    settle_s: Mapping[str, float]  # by mode of the account
    aggregate: str | None = None
    ceiling: str | None = None
    one_pending: bool = False
    level_triggered: bool = False
    part_of: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done at one provider, by kind of object; and the types of events that its webhooks can report.

    `kinds` holds the kinds of actions too, whose `operations` say how their effects are found again. `by_hand` names
    what its API does not tell, and only people can set.
    """

    provider: str
    kinds: Mapping[str, KindCapabilities]
    event_types: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    operations: Mapping[str, OperationCapabilities] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What is done here is the same beside every provider."""
        drift = KindCapabilities("drift", rank=190, marked=False, labels=_of_decisions(self.kinds))
        object.__setattr__(self, "kinds", {"drift": drift, **LOCAL, **self.kinds})

    def is_action(self, kind: str) -> bool:
        """Whether a kind is one of actions, which are executed, rather than of objects that are kept as specs ask."""
        return kind in self.operations or kind in LOCAL_KINDS


def _of_decisions(kinds: Mapping[str, KindCapabilities]) -> Mapping[str, Label]:
    """How a decision about drift is told: it holds fields of an object below the name of the object's kind."""
    said = {"decision": "decision", "until": "until", "reason": "reason", "gone": "it is gone"}
    own = {name: Label(text) for name, text in said.items()}
    quiet = {name: Label(name, quiet=True) for name in ("object", "fields")}

    def below(kind: str, path: str) -> str:
        return f"{kind}.{path}" if path else ""

    told = {
        below(kind, path): replace(
            label, currency=below(kind, label.currency), count=below(kind, label.count), unit=below(kind, label.unit)
        )
        for kind, capabilities in kinds.items()
        for path, label in capabilities.labels.items()
    }
    return {**own, **quiet, **told}
