"""Moving back: the reverse of a migration is a migration, of exactly those whom the run moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.base.canonical import JSON, Body
from reconciler.engine.manifests import ManifestWriter, lines
from reconciler.engine.migrating import done_lines
from reconciler.engine.session import Session
from reconciler.plan.change_set import Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.facts import Proration, Timing
from reconciler.plan.migration import KIND, levels_of, swapped
from reconciler.plan.migration_totals import StopRules, wave_sizes
from reconciler.plan.resource import REFERENCE, foreign, level_fingerprint

_SIZE = 500


def move_back(session: Session, change_set: ChangeSet, run: str) -> Iterator[Change]:
    """A migration back for each migration of a change set of which this run moved anybody, all of it or not.

    What was charged stays charged, and nothing is charged for the way back. Writes manifests, nothing at the provider.
    """
    bound = {address: binding.id for address, binding in session.bindings().items()}
    for index, change in enumerate(change_set.changes, start=1):
        if change.kind != KIND or change.after is None:
            continue
        count = change.after.get("moved")
        assert isinstance(count, int), "a migration says how many it moves"
        done = done_lines(session, run, f"{run}-{index:05d}", count)
        if not any(done):
            continue
        with ManifestWriter(session.manifests) as writer:
            for number, line in enumerate(lines(session.manifests, str(change.after.get("manifest"))), start=1):
                if done[number]:
                    writer.add(swapped(_with_ids(line, bound)))
            digest = writer.write()
        yield _change(change, writer.totals.count, writer.totals.as_body(), digest)


def _with_ids(line: Mapping[str, JSON], bound: Mapping[str, str]) -> Mapping[str, JSON]:
    """The line with the product by its id, where it was made by the same change set."""
    _, after = levels_of(line)
    product = after["product"]
    if not isinstance(product, Mapping) or REFERENCE not in product:
        return line
    return {**line, "after": {**after, "product": foreign(bound[str(product[REFERENCE])])}}


def _change(change: Change, count: int, money: Body, digest: str) -> Change:
    before: dict[str, JSON] = {"migration": change.address, "moved": 0}
    sizes: Sequence[int] = list(wave_sizes(count, min(10, count), _SIZE))
    was = change.after or {}
    after: dict[str, JSON] = {
        "migration": change.address,
        "to": "what they had before",
        "products": was.get("products"),
        "timing": str(Timing.NOW),
        "proration": str(Proration.NONE),
        **money,
        "left_out": {},
        "previewed": 0,
        "computed": count,
        "canary": True,
        "waves": list(sizes),
        "stop": StopRules().as_body(),
        "manifest": digest,
    }
    return Change(
        verb=Verb.EXECUTE,
        address=change.address,
        kind=KIND,
        title=f"move {count:,} subscriptions back",
        id=change.id,
        before=before,
        after=after,
        reverse=Reverse(Undo.REVERSIBLE, Verb.EXECUTE),
        fingerprint=level_fingerprint(before),
        reason="brings back what the run that is undone had moved; what was charged then stays charged",
    )
