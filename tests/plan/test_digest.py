"""The digest: any change of effect changes it, nothing else does."""

from __future__ import annotations

import copy
from dataclasses import replace
from random import Random

import pytest

from reconciler.base.canonical import digest
from reconciler.plan.change_set import AccountIdentity, ChangeSet
from reconciler.testing.builders import change_set

from .test_document import IMPACT, example
from .test_stories import Story


def others(value):
    """The value with one leaf changed, once for each leaf."""
    if isinstance(value, dict):
        for key in value:
            for part in others(value[key]):
                yield {**value, key: part}
        yield {**value, "another": 1}
    elif isinstance(value, list):
        for index, part in enumerate(value):
            for changed in others(part):
                yield [*value[:index], changed, *value[index + 1 :]]
        yield [*value, "another"]
    else:
        yield "other" if value is None else not value if isinstance(value, bool) else None


def shuffled(value, random: Random):
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(part, random) for part in value] if isinstance(value, list) else value


def plain(effect):
    return copy.deepcopy(dict(effect))


@pytest.mark.parametrize("number", [None, *range(0, 40, 2)])
def test_every_leaf_of_an_effect_counts(number):
    story = None if number is None else Story(number, meddled=True)
    written = example() if story is None else story.account.plan(story.wanted).change_set
    effects = [plain(change.effect()) for change in written.changes]
    seen = {digest(effects)}
    for index, effect in enumerate(effects):
        for changed in others(effect):
            found = digest([*effects[:index], changed, *effects[index + 1 :]])
            assert found not in seen, f"not told apart: {changed}"
            seen.add(found)


EFFECTS = ("verb", "address", "kind", "id", "before", "after", "fingerprint", "superseded", "needs", "ids")
WORDS = {"title": "other", "reason": "other", "notes": ("other",), "impact": IMPACT}


@pytest.mark.parametrize("field", EFFECTS)
def test_the_effect_of_a_change_holds_each_of_its_fields(field):
    assert field in example().changes[0].effect()


@pytest.mark.parametrize("field", WORDS)
def test_wording_and_impact_do_not_count(field):
    written = example()
    changed = written.with_changes(tuple(replace(each, **{field: WORDS[field]}) for each in written.changes))
    assert changed.digest == written.digest


def test_warnings_requests_and_what_is_not_ours_do_not_count():
    written = example()
    assert replace(written, warnings=(), unmanaged=(), requests={"GET": 9}).digest == written.digest


@pytest.mark.parametrize(
    "fields",
    [
        {"account": AccountIdentity("other", "simulated", "sandbox", "acc_1")},
        {"account": AccountIdentity("books", "other", "sandbox", "acc_1")},
        {"account": AccountIdentity("books", "simulated", "live", "acc_1")},
        {"account": AccountIdentity("books", "simulated", "sandbox", "acc_2")},
        {"account": AccountIdentity("books", "simulated", "sandbox", None)},
        {"workspace": "other"},
        {"policy": "other"},
        {"reverts": "sha256:0"},
    ],
)
def test_account_mode_workspace_policy_and_what_is_reverted_count(fields):
    written = example()
    assert replace(written, **fields).digest != written.digest


def test_the_order_of_changes_counts():
    written = example()
    assert written.with_changes(written.changes[::-1]).digest != written.digest


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_in_bodies_does_not_count(seed):
    written = example()
    random = Random(seed)
    changes = tuple(
        replace(each, before=shuffled(each.before, random), after=shuffled(each.after, random))
        for each in written.changes
    )
    assert written.with_changes(changes).digest == written.digest


def test_the_short_name_is_the_beginning_of_the_digest():
    empty: ChangeSet = change_set([])
    assert empty.digest.startswith(f"sha256:{empty.short}")
    assert len(empty.short) == 12
