"""Effects travel beside the file of a change set, and are held against it where they arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.base.errors import RefusedError
from reconciler.engine.manifests import ManifestWriter, beside, lines, save, take_in, verify_all
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Verb

LINE = {
    "id": "sub_1",
    "every": "month",
    "before": {"customer": "cus_1", "subscription": "sub_1", "product": {"$id": "p"}, "quantity": 1},
    "after": {"amount_before": 4900, "amount_after": 5900, "charge": 1000, "currency": "USD", "every": "month"},
}


def written(folder: Path) -> ChangeSet:
    with ManifestWriter(folder) as writer:
        for name in ("sub_2", "sub_1", "sub_2"):
            writer.add({**LINE, "id": name})
        digest = writer.write()
    after = {**writer.totals.as_body(), "manifest": digest}
    change = Change(
        Verb.EXECUTE, "PlanMigration/m", "migration", "m", "m", {"moved": 0}, after, Reverse(Undo.REVERSIBLE)
    )
    return ChangeSet(AccountIdentity("a", "dodo", "sandbox"), "acme", (change,))


def test_effects_are_each_once_and_in_order_and_their_sum_is_what_is_told(tmp_path: Path) -> None:
    change_set = written(tmp_path)
    after = change_set.changes[0].after
    assert after is not None
    assert [line["id"] for line in lines(tmp_path, str(after["manifest"]))] == ["sub_1", "sub_2"]
    assert after["moved"] == 2
    verify_all(tmp_path, change_set)


def test_effects_that_were_carried_elsewhere_are_the_same_there(tmp_path: Path) -> None:
    change_set = written(tmp_path / "here")
    save(tmp_path / "here", change_set, tmp_path / "plan.json")
    take_in(tmp_path / "there", tmp_path / "plan.json")
    verify_all(tmp_path / "there", change_set)


def test_effects_that_were_changed_on_the_way_are_refused(tmp_path: Path) -> None:
    change_set = written(tmp_path / "here")
    save(tmp_path / "here", change_set, tmp_path / "plan.json")
    carried = beside(tmp_path / "plan.json")
    carried.write_bytes(carried.read_bytes().replace(b'"amount_after":5900', b'"amount_after":5800', 1))
    take_in(tmp_path / "there", tmp_path / "plan.json")
    with pytest.raises(RefusedError, match="are not there"):
        verify_all(tmp_path / "there", change_set)
