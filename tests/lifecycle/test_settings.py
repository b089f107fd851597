"""Settings that only a person can make: declared, shown as a check-list, confirmed, never sent, never silently done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.base.errors import RefusedError
from reconciler.cli.main import run
from reconciler.engine.confirming import confirm, open_settings
from reconciler.engine.desired import load_desired
from reconciler.engine.identity.proof import Credentials
from reconciler.engine.index import Index
from reconciler.journal.entries import EntryKind
from reconciler.plan.document import read_document, to_document
from reconciler.plan.render import as_markdown, as_text
from reconciler.providers.dodo.provider import Dodo
from tests.lifecycle.conftest import Place

RECOVERY = """
kind: DashboardSetting
metadata: {name: recovery}
spec:
  retries: {days: 13}
  dunning: [{days: [1, 3, 5, 7]}]
  gracePeriod: {days: 3, then: cancel}
  adaptiveCurrency: true
  purchasingPowerParity: {IN: 50%, BR: 30%}
"""


@pytest.fixture
def declared(place: Place) -> Place:
    place.write("specs/recovery.yaml", RECOVERY)
    return place


def confirmed(place: Place, name: str = "Ann") -> None:
    with place.session() as session:
        (setting,) = load_desired(session.workspace, session.provider, session.account).settings
        confirm(session, setting, Credentials(name))


def waiting(place: Place) -> list[tuple[str, str | None]]:
    change_set = place.plan().change_set
    assert change_set is not None
    assert change_set.changes == ()
    return [(one.setting.address, one.last.by if one.last else None) for one in change_set.settings]


def test_a_setting_is_a_check_list_in_the_plan_and_never_a_change(declared: Place):
    change_set = declared.plan().change_set
    assert change_set is not None
    assert change_set.changes == ()
    text = as_text(change_set, Dodo.capabilities)
    assert "what can be read is what the specs ask for, and something waits for a person" in text
    assert "1 setting waits for a person" in text
    for line in (
        "[ ] payment retries: on, for 13 days",
        "Settings → Recovery: Enable Payment Retries, Recovery window (days) (docs.dodopayments.com/",
        "[ ] dunning after a failure: messages after 1-3-5-7 days, for subscriptions that are on hold or past due",
        "[ ] grace period: 3 days, then cancelled",
        "[ ] adaptive currency: on",
        "[ ] purchasing power parity: BR 30% off, IN 50% off",
        "then: ratecard confirm DashboardSetting/recovery",
    ):
        assert line in text
    assert "DashboardSetting/recovery" in as_markdown(change_set, Dodo.capabilities)
    assert read_document(to_document(change_set), "here") == change_set


def test_a_confirmed_setting_waits_no_more_until_it_is_another_one(declared: Place):
    assert waiting(declared) == [("DashboardSetting/recovery", None)]
    confirmed(declared)
    assert waiting(declared) == []
    declared.replace("specs/recovery.yaml", "1, 3, 5, 7", "2, 4")
    assert waiting(declared) == [("DashboardSetting/recovery", "Ann")]
    declared.replace("specs/recovery.yaml", "2, 4", "1, 3, 5, 7")
    assert waiting(declared) == []


def test_the_journal_says_who_has_set_it_and_that_the_name_is_not_proven(declared: Place):
    confirmed(declared)
    with declared.session() as session:
        (entry,) = session.journal.entries(session.account_name, EntryKind.CONFIRMATION)
    assert (entry.text("setting"), entry.text("by"), entry.body["proof"]) == ("DashboardSetting/recovery", "Ann", None)


def test_outside_a_sandbox_a_name_that_nobody_proved_confirms_nothing(declared: Place, monkeypatch: pytest.MonkeyPatch):
    confirmed(declared)
    with declared.session() as session:
        (setting,) = load_desired(session.workspace, session.provider, session.account).settings
        monkeypatch.setitem(session.account.__dict__, "mode", "test")
        assert [one.setting for one in open_settings(session, [setting])] == [setting]
        with pytest.raises(RefusedError, match="a name that nobody proved decides nothing"):
            confirm(session, setting, Credentials("Ann"))


def test_what_waits_does_not_count_in_the_digest_and_is_remembered_with_the_specs(declared: Place, tmp_path: Path):
    with_it = declared.plan().change_set
    confirmed(declared)
    without = declared.plan().change_set
    assert with_it is not None
    assert without is not None
    assert with_it.digest == without.digest
    with declared.session() as session:
        index = Index(tmp_path / "cache")
        object.__setattr__(session.workspace, "index", index)
        first, second = (load_desired(session.workspace, session.provider, session.account) for _ in range(2))
    assert first.settings == second.settings != ()


def test_the_commands_show_it_confirm_it_and_leave_their_exit_codes(declared: Place, capfd: pytest.CaptureFixture[str]):
    where = ["--workspace", str(declared.folder)]
    assert run(["validate", *where]) == 0
    assert "[ ] payment retries: on, for 13 days" in capfd.readouterr().err
    assert run(["plan", "--detailed-exitcode", *where]) == 0
    assert run(["plan", "--confirmed", *where]) == 2
    capfd.readouterr()
    assert run(["drift", *where]) == 0
    assert "1 setting waits for a person" in capfd.readouterr().err
    assert run(["plan", "--json", *where]) == 0
    document = json.loads(capfd.readouterr().out)
    assert [one["address"] for one in document["settings"]] == ["DashboardSetting/recovery"]
    assert run(["confirm", "DashboardSetting/recover", "--as", "Ann", "--yes", *where]) == 64
    assert run(["confirm", "DashboardSetting/recovery", "--as", "Ann", "--yes", *where]) == 0
    assert "The name is not proven" in capfd.readouterr().err
    assert run(["plan", "--confirmed", *where]) == 0
    assert "waits" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("days: 13", "days: 31", "spec.retries.days: retries for 31 days: Dodo takes at most 30"),
        ("{days: 3,", "{days: 45,", "spec.gracePeriod.days: a grace period of 45 days: Dodo takes at most 30"),
        ("1, 3, 5, 7", "1, 2, 3, 4, 5", "spec.dunning[0].days: 5 messages in one sequence: Dodo sends at most 4"),
        ("1, 3, 5, 7", "3, 1", "spec.dunning[0].days: 3, 1: the days do not go up"),
        ("  adaptiveCurrency: true\n", "", "spec.purchasingPowerParity: purchasing power parity works only while"),
        ("IN: 50%", "XX: 50%", '"XX" is not a country of ISO 3166'),
    ],
)
def test_what_cannot_be_set_is_told_with_its_place(declared: Place, old: str, new: str, told: str):
    declared.replace("specs/recovery.yaml", old, new)
    (found,) = declared.mistakes()
    assert found.startswith("specs/recovery.yaml:")
    assert told in found
