"""Clocks set by hand, places that kill, files named like digests: none of them decides about a real account."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.document import write_document
from tests.cli.conftest import Command, edit

NOW = "2026-04-15T09:00:00Z"


@pytest.fixture
def test_account(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace with an account in mode test as well. Nothing listens there, and nothing is sent."""
    monkeypatch.setenv("RATECARD_TEST_KEY", "dodo_test_CANARY0123456789abcdef")
    accounts = "  accounts:\n"
    edit(
        workspace / "ratecard.yaml",
        accounts,
        accounts + "    trial: {provider: dodo, mode: test, key: env:RATECARD_TEST_KEY}\n",
    )
    return workspace


def saved(folder: Path, name: str, account: str, mode: str) -> Path:
    change = Change(Verb.CREATE, "Plan/x", "product", "X", None, None, {"name": "X"}, Reverse(Undo.REVERSIBLE))
    path = folder / name
    path.write_bytes(write_document(ChangeSet(AccountIdentity(account, "dodo", mode), "billing", (change,))))
    return path


@pytest.mark.parametrize("command", [("approve", "--yes", "--as", "Ann"), ("reject", "--as", "Ann"), ("apply",)])
def test_the_clock_of_a_real_account_is_not_set_by_hand(test_account: Path, ratecard: Command, command) -> None:
    name, *rest = command
    path = saved(test_account, "x.json", "trial", "test")
    ended = ratecard(name, path, *rest, "--account", "trial", "--now", NOW)
    assert ended.code == 1
    assert "--now" in ended.err


def test_a_place_that_kills_is_not_armed_for_a_real_account(
    test_account: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_FAILPOINT", "apply.locked:1")
    ended = ratecard("apply", saved(test_account, "x.json", "trial", "test"), "--account", "trial")
    assert ended.code == 64
    assert "RATECARD_FAILPOINT" in ended.err


def test_a_file_that_is_named_like_a_digest_is_not_taken_for_it(workspace: Path, ratecard: Command) -> None:
    digits = ratecard("plan", "--json").digest
    saved(workspace, digits, "sandbox", "sandbox")
    ended = ratecard("approve", digits, "--yes", "--as", "Ann")
    assert ended.code == 1
    assert f"./{digits}" in ended.err
    assert ratecard("show", f"./{digits}").code == 0


@pytest.mark.parametrize("path", ["../secret.txt", "{absolute}", "link.txt"])
def test_a_seed_from_outside_the_workspace_is_neither_read_nor_quoted(
    workspace: Path, ratecard: Command, path: str
) -> None:
    secret = workspace.parent / "secret.txt"
    secret.write_text("hunter2: [\nsecond line hunter2\n", encoding="utf-8")
    (workspace / "link.txt").symlink_to(secret)
    text = (workspace / "ratecard.yaml").read_text(encoding="utf-8")
    seeded = f"mode: sandbox\n      seed: {path.format(absolute=secret)}\n"
    text = re.sub(r"mode: sandbox\n +url: .*\n +key: .*\n", seeded, text)
    (workspace / "ratecard.yaml").write_text(text, encoding="utf-8")
    ended = ratecard("plan")
    assert ended.code == 1
    assert "outside" in ended.err
    assert "hunter2" not in ended.err + ended.out


def test_who_approves_a_strangers_change_set_is_told_so(workspace: Path, ratecard: Command) -> None:
    ended = ratecard("approve", saved(workspace, "x.json", "sandbox", "sandbox"), "--yes", "--as", "Ann")
    assert ended.code == 0
    assert "not planned here" in ended.err
    own = ratecard("approve", ratecard("plan", "--json").digest, "--yes", "--as", "Ann")
    assert own.code == 0
    assert "not planned here" not in own.err
