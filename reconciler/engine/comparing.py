"""The diff of a plan; of two sides that were compared before, and were equal, what that came to is remembered.

A diff is a pure function. All that it is given stands in the key: what the specs ask for and what the account shows by
keys of their own, bindings and treatment by their values, the rules by the program. Only where nothing differed and
nothing stood in the way is anything remembered: changes are always made anew, from both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconciler.base.deferred import key_of
from reconciler.base.records import dataclass
from reconciler.plan.change_set import Unmanaged
from reconciler.plan.diff import Diff, diff
from reconciler.plan.matching import PLAIN, Treatment
from reconciler.plan.resource import Binding, Live
from reconciler.plan.untold import untold_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.engine.index import Index
    from reconciler.plan.capabilities import Capabilities
    from reconciler.plan.resource import Resource


@dataclass(frozen=True, slots=True)
class Compared:
    """A diff, and what live objects have that no spec says, a sentence each."""

    diff: Diff
    untold: tuple[str, ...]


def compare(
    index: Index | None,
    desired: Sequence[Resource],
    live: Live,
    bindings: Mapping[str, Binding],
    capabilities: Capabilities,
    workspace: str,
    treatment: Treatment = PLAIN,
) -> Compared:
    """Compare both sides; from the index where the same two are known to be equal."""
    sides = key_of(desired), key_of(live.resources)
    if index is None or None in sides:
        return _compared(desired, live, bindings, capabilities, workspace, treatment)
    bound = [(address, one.kind, one.id, one.keeps) for address, one in bindings.items()]
    taken_over = sorted((address, sorted(ids)) for address, ids in treatment.taken_over.items())
    treated = [treatment.moves, sorted(treatment.moved.items()), treatment.ownership, taken_over]
    key = index.key("compared", sides, bound, capabilities.provider, workspace, treated)
    remembered = _remembered(index.recall(key))
    if remembered is not None:
        return remembered
    compared = _compared(desired, live, bindings, capabilities, workspace, treatment)
    found = compared.diff
    if not (found.changes or found.problems or found.ignored or found.observed):
        index.remember(key, [found.unmanaged, found.unchanged, found.stays, compared.untold])
    return compared


def _compared(
    desired: Sequence[Resource],
    live: Live,
    bindings: Mapping[str, Binding],
    capabilities: Capabilities,
    workspace: str,
    treatment: Treatment,
) -> Compared:
    found = diff(desired, live, bindings, capabilities, workspace, treatment)
    return Compared(found, tuple(untold_of(live)))


def _remembered(value: Any) -> Compared | None:
    """What an index remembers, in the form in which `orjson` writes dataclasses; None when it remembers nothing."""
    if value is None:
        return None
    unmanaged, unchanged, stays, untold = value
    objects = tuple(Unmanaged(**one) for one in unmanaged)
    return Compared(Diff((), objects, (), unchanged, stays=tuple(stays)), tuple(untold))
