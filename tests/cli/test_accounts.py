"""The commands about whole accounts: `promote`, `ids` and `doctor`, against running sandboxes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.export import everything
from reconciler.providers.dodo import client
from reconciler.sandbox.embedded import EmbeddedSandbox

from .conftest import CANARY, Command, edit


@pytest.fixture
def other(workspace: Path) -> Iterator[str]:
    """A second account, `stage`, in a sandbox of its own; returns its url."""
    with EmbeddedSandbox() as sandbox:
        more = f"    stage: {{provider: dodo, mode: sandbox, url: '{sandbox.url}', key: env:RATECARD_TEST_KEY}}\n"
        edit(workspace / "ratecard.yaml", "  accounts:\n", "  accounts:\n" + more)
        yield sandbox.url


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        yield client


def check_shape(document: dict[str, object]) -> None:
    schema = json.loads(everything()[f"output/{document['kind']}.json"])
    Draft202012Validator(schema).validate(document)


def ids_of(ratecard: Command, account: str) -> dict[str, str]:
    found: dict[str, str] = ratecard("ids", "--account", account).json()["ids"]
    return found


def test_what_was_tried_in_one_account_is_carried_to_the_other_without_an_id(
    applied: str, other: str, workspace: Path, ratecard: Command
):
    promoted = ratecard("promote", "sandbox", "stage", "--out", "stage.json", "--detailed-exitcode")
    assert promoted.code == 2
    assert promoted.out.startswith("Under management in sandbox and in stage: 5 different, 0 the same\n")
    assert "Change set " in promoted.out
    assert "Not tried" not in promoted.err
    known = ids_of(ratecard, "sandbox")
    assert len(known) == 5
    assert not any(provider_id in promoted.out + promoted.err for provider_id in known.values())
    assert ratecard("approve", "stage.json", "--yes", "--as", "Ann", "--account", "stage").code == 0
    assert ratecard("apply", "stage.json", "--account", "stage").code == 0
    same = ratecard("promote", "sandbox", "stage")
    assert same.out.startswith("Under management in sandbox and in stage: 0 different, 5 the same\n")
    there = ids_of(ratecard, "stage")
    assert there.keys() == known.keys()
    assert not set(there.values()) & set(known.values())


def test_a_change_that_was_not_tried_is_told_and_what_differs_is_told_by_field(
    applied: str, other: str, workspace: Path, ratecard: Command
):
    first = ratecard("promote", "sandbox", "stage", "--json").json()
    check_shape(first)
    stage = first["changeSet"]["digest"].removeprefix("sha256:")[:12]
    ratecard("approve", stage, "--yes", "--account", "stage")
    ratecard("apply", stage, "--account", "stage")
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 59 USD")
    raised = ratecard("plan", "--json").digest
    ahead = ratecard("promote", "sandbox", "stage")
    assert "Not tried: sandbox is not what the specs ask for, at 2 places" in ahead.err
    ratecard("approve", raised, "--yes")
    ratecard("apply", raised)
    tried = ratecard("promote", "sandbox", "stage", "--json")
    document = tried.json()
    check_shape(document)
    assert document["untried"] == []
    assert {one["address"]: one["standing"] for one in document["objects"]} == {
        "Discount/launch": "same",
        "Meter/events": "same",
        "Plan/pro:annual": "different",
        "Plan/pro:monthly": "different",
        "Webhook/billing": "same",
    }
    monthly = next(one for one in document["objects"] if one["address"] == "Plan/pro:monthly")
    assert monthly["fields"] == [{"label": "price", "from": "59 USD", "to": "49 USD"}]


@pytest.mark.parametrize(
    ("names", "words"),
    [(("sandbox", "sandbox"), 'FROM and TO are both "sandbox"'), (("sandbox", "live"), 'there is no account "live"')],
)
def test_an_account_is_promoted_to_another_that_is_named(
    workspace: Path, ratecard: Command, names: tuple[str, str], words: str
):
    ended = ratecard("promote", *names)
    assert ended.code == 64
    assert words in ended.err


def test_mistakes_in_the_specs_are_told_and_nothing_is_promoted(workspace: Path, other: str, ratecard: Command):
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 49")
    ended = ratecard("promote", "sandbox", "stage")
    assert (ended.code, ended.out) == (1, "")
    assert "spec.prices.monthly.amount" in ended.err


def test_the_map_of_ids_is_read_from_the_journal_without_a_key_and_held_to_a_file(
    applied: str, workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("RATECARD_TEST_KEY")
    printed = ratecard("ids", "--format", "python")
    assert '"Plan/pro:monthly": "pdt_' in printed.out
    (workspace / "ids.py").write_text(printed.out)
    assert ratecard("ids", "--format", "python", "--check", "ids.py").code == 0
    (workspace / "ids.py").write_text(printed.out.replace("pdt_", "pdt_x"))
    stale = ratecard("ids", "--format", "python", "--check", "ids.py")
    assert (stale.code, stale.out) == (1, "")
    assert "make it again" in stale.err
    assert ratecard("ids", "--check", "gone.json").code == 1
    assert ratecard("ids", "--json", "--format", "python").code == 64
    check_shape(ratecard("ids", "--json").json())


def test_nothing_is_wrong_with_a_workspace_that_was_just_applied(applied: str, ratecard: Command):
    ended = ratecard("doctor")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "Nothing is wrong that can be seen.\n"


@pytest.mark.parametrize("command", ["doctor", "drift", "import"])
def test_who_only_looks_at_a_new_workspace_leaves_no_journal_and_no_books(
    tmp_path: Path, ratecard: Command, command: str
):
    assert ratecard("init", tmp_path / "new").code == 0
    before = sorted(tmp_path.rglob("*"))
    ended = ratecard(command, "--workspace", tmp_path / "new")
    assert (ended.code, ended.out) == (0, "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_lost_journal_is_told_by_plan_and_doctor_with_the_command_that_finds_it_again(
    applied: str, workspace: Path, ratecard: Command
):
    (workspace / ".ratecard/journal.db").unlink()
    found = ratecard("doctor", "--json").json()["findings"]
    assert [one["code"] for one in found] == ["mark/not-in-journal"]
    assert "4 live objects with our mark" in found[0]["what"]
    assert "ratecard recover" in found[0]["fix"]
    planned = ratecard("plan")
    assert planned.code == 1
    assert "If one was lost: `ratecard recover` finds what it knew." in planned.err


def test_each_finding_says_where_and_how_to_put_it_right_and_the_doctor_writes_nothing(
    applied: str, workspace: Path, ratecard: Command, http: httpx.Client
):
    known = ids_of(ratecard, "sandbox")
    http.delete(f"/webhooks/{known['Webhook/billing']}").raise_for_status()
    http.post("/webhooks", json={"url": "https://example.com/all"}).raise_for_status()
    month = {"count": 1, "interval": "Month"}
    price = {
        "type": "recurring_price", "currency": "USD", "price": 900, "discount": 0, "purchasing_power_parity": False,
        "payment_frequency_count": month["count"], "payment_frequency_interval": month["interval"],
        "subscription_period_count": month["count"], "subscription_period_interval": month["interval"],
    }  # fmt: skip
    marked = {"ratecard_owner": "billing", "ratecard_address": "Plan/old:monthly"}
    for metadata in ({}, marked):
        body = {"name": "Old", "tax_category": "saas", "price": price, "metadata": metadata}
        http.post("/products", json=body).raise_for_status()
    before = ratecard("log", "verify").out
    ended = ratecard("doctor", "--json")
    assert ended.code == 2
    document = ended.json()
    check_shape(document)
    assert [finding["code"] for finding in document["findings"]] == [
        "binding/gone",
        "mark/no-spec",
        "object/twins",
        "product/one-cycle",
        "product/one-cycle",
        "webhook/no-events",
    ]
    assert all(finding["fix"] and finding["where"] for finding in document["findings"])
    words = ratecard("doctor")
    assert words.out.count("fix: ") == 6
    assert words.err.endswith("6 findings.\n")
    assert ratecard("log", "verify").out == before


def test_a_key_of_another_mode_a_missing_key_and_a_shared_one_are_found_and_never_shown(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    more = "    twin: {provider: dodo, mode: test, key: env:DODO_PAYMENTS_API_KEY}\n"
    more += "    live: {provider: dodo, mode: live, key: env:DODO_PAYMENTS_API_KEY}\n"
    edit(workspace / "ratecard.yaml", "  accounts:\n", "  accounts:\n" + more)
    missing = ratecard("doctor", "--account", "test")
    assert missing.code == 2
    assert "DODO_PAYMENTS_API_KEY holds no key [key/missing]" in missing.out
    assert "fix: export DODO_PAYMENTS_API_KEY" in missing.out
    monkeypatch.setenv("DODO_PAYMENTS_API_KEY", CANARY)
    found = ratecard("doctor", "--account", "live")
    assert found.code == 2
    assert "its key is for test, and its mode is live [key/mode]" in found.out
    assert "twin and test have the same key" in found.out
    assert "the account live was not read" in found.err
    assert "CANARY" not in found.out + found.err


def test_a_key_file_that_others_can_read_or_that_git_has_is_found(workspace: Path, ratecard: Command):
    key = workspace / "dodo.key"
    key.write_text(CANARY)
    edit(workspace / "ratecard.yaml", "key: env:RATECARD_TEST_KEY", "key: file:dodo.key")
    for mode, code in ((0o644, "everybody"), (0o640, "a group"), (0o600, "")):
        key.chmod(mode)
        ended = ratecard("doctor")
        assert ("[key/readable]" in ended.out) is bool(code)
        assert code in ended.out
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine")
    git(workspace, "init", "--quiet")
    assert ratecard("doctor").code == 0
    git(workspace, "add", "--force", "dodo.key")
    assert "the key file dodo.key is in Git" in ratecard("doctor").out


def test_a_journal_that_git_has_or_would_take_is_found(applied: str, workspace: Path, ratecard: Command):
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine")
    git(workspace, "init", "--quiet")
    assert ratecard("doctor").code == 0
    (workspace / ".gitignore").unlink()
    assert "[journal/not-ignored]" in ratecard("doctor").out
    git(workspace, "add", ".ratecard/journal.db")
    assert "[journal/in-git]" in ratecard("doctor").out


def test_a_journal_that_somebody_changed_is_found_and_the_account_is_not_judged_by_it(
    applied: str, workspace: Path, ratecard: Command
):
    import sqlite3

    with sqlite3.connect(workspace / ".ratecard/journal.db") as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE entries SET at = '2020-01-01T00:00:00Z' WHERE sequence = 2")
    connection.close()
    ended = ratecard("doctor")
    assert ended.code == 2
    assert "[journal/unsound]" in ended.out
    assert "entry 2: it was changed after it was written" in ended.out
    assert "the account was not read" in ended.err


def test_a_journal_by_url_whose_url_is_missing_is_a_finding(workspace: Path, ratecard: Command):
    edit(workspace / "ratecard.yaml", "journal: .ratecard/journal.db", "journal: env:RATECARD_NO_JOURNAL")
    ended = ratecard("doctor")
    assert ended.code == 2
    assert "RATECARD_NO_JOURNAL" in ended.out
    assert "[journal/unread]" in ended.out


def test_mistakes_in_the_workspace_file_and_in_specs_are_findings(workspace: Path, ratecard: Command):
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 49")
    ended = ratecard("doctor")
    assert ended.code == 2
    assert "specs/pro.yaml:23:15: spec.prices.monthly.amount" in ended.out
    text = (workspace / "ratecard.yaml").read_text()
    url = next(line.split("url: ")[1] for line in text.splitlines() if "url: " in line)
    (workspace / "ratecard.yaml").write_text(text.replace(url, "http://192.0.2.1:8080"))
    remote = ratecard("doctor")
    assert remote.code == 2
    assert '"http://192.0.2.1:8080" is not where a sandbox of this machine listens [workspace/url]' in remote.out


def test_an_account_that_does_not_answer_is_a_finding(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    text = (workspace / "ratecard.yaml").read_text()
    url = next(line.split("url: ")[1] for line in text.splitlines() if "url: " in line)
    (workspace / "ratecard.yaml").write_text(text.replace(url, "http://127.0.0.1:9"))
    ended = ratecard("doctor")
    assert ended.code == 2
    assert "[account/unread]" in ended.out


def git(folder: Path, *arguments: str) -> None:
    program = shutil.which("git")
    assert program is not None
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)
