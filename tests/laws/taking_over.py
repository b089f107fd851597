"""Taking over an account that was filled by hand, and changing any field of what was taken over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from reconciler.engine.importing import differing, import_account, write_specs
from reconciler.plan.change_set import ChangeSet, Verb
from reconciler.providers.dodo.untold import untold
from reconciler.testing.mutations import leaves, shape

from .outside import Item, Mutation, Outside, fields, stable
from .place import Account, Place, Work

Visited = Counter[tuple[str, str]]

# Fields that nobody changes by hand here, with the reason.
NOT_CHANGED = {
    "ratecard_": "our marks: whose an object is, is told by other tests",
    "credit_entitlements[].credit_entitlement_id": "another credit brings terms of its own with it",
    "pricing_mode": "taking it away archives all prices below it",
}
# Pairs that others keep.
THEIRS = "metadata."
TRIES = 5


def take_over(folder: Path, account: Account, seed: int, size: int, visited: Visited, rounds: int) -> None:
    """The whole law for one random account. `visited` counts the fields that were changed, over all accounts.

    In each round a field of each object is changed, in the first of several only one in all.
    """
    here = Place(folder, account.url, memory=True)
    account.reset()
    outside, random = Outside(account), Random(seed)
    outside.fill(seed, size)
    before = outside.said()
    with here.open() as work:
        left = _import(here, work, before)
        _same(outside.said(), before, "taking over changes our marks alone")
        for number in range(rounds):
            _change_any_fields(work, outside, left, visited, random, one=0 == number < rounds - 1)


def _import(here: Place, work: Work, before: Iterable[Item]) -> set[str]:
    """Import, adopt, and see that nothing is left to do. The ids of what no spec can say."""
    found = import_account(work.session)
    assert found.diagnostics == ()
    assert all(reason for _, reason in found.left)
    left = {resource.id for resource, _ in found.left}
    taken = [one for spec in found.specs for one in spec.ids]
    there = {item.id for item in before}
    assert len(set(taken)) == len(taken)
    assert there <= left | set(taken), "every object is taken over or told of"
    assert not left & set(taken)
    write_specs(here.folder, found.specs)
    change_set = work.plan()
    assert all(change.verb is Verb.ADOPT for change in change_set.changes)
    if change_set.changes:
        assert work.apply(change_set).left == ()
    assert work.plan().changes == ()
    return left


def _change_any_fields(
    work: Work, outside: Outside, left: set[str], visited: Visited, random: Random, *, one: bool
) -> None:
    """Change one field of one object, or of each; plan, apply, revert."""
    start = outside.said()
    mutations = mutate(outside, left, visited, random, 1 if one else 1000)
    changed = outside.said()
    change_set = work.plan()
    _only_those(change_set, [mutation for mutation in mutations if not _stays(mutation)])
    if not change_set.changes:
        return
    work.apply(change_set)
    restored = dict(start)
    for mutation in mutations:
        if _stays(mutation):
            restored[mutation.item] = changed[mutation.item]
    _same(outside.said(), restored, "what was changed by hand is put back, and nothing else")
    undone = work.revert(change_set)
    _same(outside.said(), changed, "reverting brings back what was there")
    work.revert(undone)


def _stays(mutation: Mutation) -> bool:
    """Whether no spec says the field: it stays as others left it, and is told of where it holds something."""
    kind, before, after = mutation.item.kind, mutation.before, mutation.after
    return mutation.field.startswith(THEIRS) or untold(kind, before) != untold(kind, after)


def mutate(outside: Outside, left: set[str], visited: Visited, random: Random, count: int) -> list[Mutation]:
    """Change a field of so many objects, those first that were changed least."""
    bodies = outside.read()
    seen = fields(bodies)
    items = [item for item in bodies if item.id not in left]
    random.shuffle(items)
    # Sent again, the credits of a product take from the credits what they do not say: never both at once.
    apart = random.choice(("credit", "credit_entitlements"))
    items = [item for item in items if item.kind != apart]
    mutations: list[Mutation] = []
    for item in items:
        if len(mutations) == count:
            break
        paths = [path for path, _ in leaves(bodies[item]) if not any(word in shape(path) for word in NOT_CHANGED)]
        paths = [path for path in paths if path[0] != apart]
        paths.sort(key=lambda path: (visited[item.kind, shape(path)], random.random()))
        for path in paths[:TRIES]:
            # What is unique is not made the same as another's: a plan says so instead of a change.
            pool = [] if path in (("name",), ("code",)) else seen[item.kind, shape(path)]
            visited[item.kind, shape(path)] += 1
            made = outside.mutate(item, bodies[item], path, pool, random)
            if made is not None:
                mutations.append(made)
                break
    return mutations


def _only_those(change_set: ChangeSet, mutations: list[Mutation]) -> None:
    """Each change undoes one mutation, of exactly that field, and there is no other."""
    by_id = {change.id: change for change in change_set.changes}
    wanted = {mutation.item.id: mutation for mutation in mutations}
    missing = [str(wanted[one]) for one in wanted.keys() - by_id.keys()]
    assert not missing, "not seen:\n" + "\n".join(missing)
    extra = [(by_id[one].kind, by_id[one].verb) for one in by_id.keys() - wanted.keys()]
    assert not extra, f"nobody changed: {extra}"
    for one, mutation in wanted.items():
        change: Any = by_id[one]
        found = differing(change.before or {}, change.after or {})
        assert change.verb is Verb.UPDATE, (mutation.item.kind, mutation.field, change.verb)
        told = differing(stable(mutation.item, mutation.before), stable(mutation.item, mutation.after))
        assert 1 <= len(found) <= len(told), (mutation.item.kind, mutation.field, found)


def _same(found: Mapping[Item, Any], wanted: Mapping[Item, Any], law: str) -> None:
    told = [
        f"{item.kind} {item.id} {path}: {found.get(item, {}).get(path.partition('.')[0])} "
        f"instead of {wanted.get(item, {}).get(path.partition('.')[0])}"
        for item in {**found, **wanted}
        for path in differing(found.get(item, {}), wanted.get(item, {}))
    ]
    assert not told, "\n".join([law, *told])
