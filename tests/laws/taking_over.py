"""Taking over an account that was filled by hand, and changing any field of what was taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from reconciler.engine.importing import differing, import_account, write_specs
from reconciler.plan.change_set import ChangeSet, Verb
from reconciler.providers.dodo.untold import TABLES, Tell, untold

from .changing import Mutation, change_by_hand, differences, in_turn
from .fields import Covered
from .outside import Item, Outside
from .place import Account, Place, Work

# What no spec says: pairs of others, headers of others, and prices for countries that nobody of us set up.
THEIRS = ("metadata", "headers", "pricing_mode")


def take_over(folder: Path, account: Account, number: int, size: int, covered: Covered, count: int = 12) -> None:
    """The whole law for one random account: so many objects, of which so many are changed, a field each.

    `covered` counts what was drawn and what was changed, over all accounts.
    """
    here = Place(folder, account.url, memory=True)
    account.reset()
    outside, random = Outside(account, covered), Random(number)
    outside.fill(number, size, below=True)
    before = outside.said()
    with here.open() as work:
        left = _import(here, work, before)
        _same(outside.said(), before, "taking over changes our marks alone")
        mutations = change_by_hand(outside, left, in_turn(number, count), random, count, covered)
        _undo(work, outside, before, mutations)
    covered.accounts += 1


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


def _undo(work: Work, outside: Outside, start: Mapping[Item, Any], mutations: list[Mutation]) -> None:
    """Plan, apply and revert what puts back what was changed by hand."""
    changed = outside.said()
    change_set = work.plan()
    staying = [mutation for mutation in mutations if _stays(mutation)]
    for mutation in staying:
        body = {name: value for name, value in mutation.after.items() if name != "headers"}  # of a request of its own
        told = untold(mutation.item.kind, body) if mutation.item.kind in TABLES else ()
        assert all(any(what in warning for warning in change_set.warnings) for what in told), f"not told: {mutation}"
    _only_those(change_set, [mutation for mutation in mutations if mutation not in staying])
    if not change_set.changes:
        return
    work.apply(change_set)
    restored = {**start, **{mutation.item: changed[mutation.item] for mutation in staying}}
    _same(outside.said(), restored, "what was changed by hand is put back, and nothing else")
    undone = work.revert(change_set)
    _same(outside.said(), changed, "reverting brings back what was there")
    work.revert(undone)


def _stays(mutation: Mutation) -> bool:
    """Whether no spec says the field: it stays as others left it, and is told of where it holds something."""
    paths = [path for path, _, _ in differences(mutation.item, mutation.before, mutation.after)]
    return all(path.partition(".")[0] in THEIRS or _untold(mutation.item.kind, path) for path in paths)


def _untold(kind: str, path: str) -> bool:
    """Whether the tables of what no spec says have it."""
    rule: Any = TABLES.get(kind, {})
    for name in path.split("."):
        rule = rule.get(name, {}) if isinstance(rule, Mapping) else {}
    return isinstance(rule, Tell)


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
        told = differences(mutation.item, mutation.before, mutation.after)
        assert 1 <= len(found) <= len(told), f"{found} instead of {mutation}"


def _same(found: Mapping[Item, Any], wanted: Mapping[Item, Any], law: str) -> None:
    told = [
        f"{item.kind} {item.id} {path}: {found.get(item, {}).get(path.partition('.')[0])} "
        f"instead of {wanted.get(item, {}).get(path.partition('.')[0])}"
        for item in {**found, **wanted}
        for path in differing(found.get(item, {}), wanted.get(item, {}))
    ]
    assert not told, "\n".join([law, *told])
