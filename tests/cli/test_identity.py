"""Signed approvals and checkpoints on the command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.engine.clock import SystemClock
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.engine.identity.keys import make_key

from .conftest import Command


def test_a_journal_is_signed_exported_and_verified_on_the_command_line(applied: str, ratecard: Command, tmp_path: Path):
    key, file = tmp_path / "audit", tmp_path / "checkpoint.json"
    made = ratecard("log", "checkpoint", "--new-key", key, "--out", file)
    assert made.code == 0
    assert made.out == file.read_text(encoding="utf-8")
    public = f"{key}.pub"
    again = ratecard("log", "verify", "--checkpoint", file, "--public-key", public)
    assert (again.code, again.err.count("sound")) == (0, 1)
    exported = ratecard("log", "export")
    (tmp_path / "journal.jsonl").write_text(exported.out, encoding="utf-8")
    from_file = ratecard("log", "verify", "--file", tmp_path / "journal.jsonl", "--checkpoint", file, "--json")
    assert (from_file.code, from_file.json()["sound"]) == (0, True)
    assert ratecard("log", "export", "--format", "csv").out.startswith("sequence,at,kind,account,digest,run,by,body")
    assert "checkpoint over the first" in ratecard("log").out
    ratecard("log", "checkpoint", "--new-key", tmp_path / "other", "--out", tmp_path / "other.json")
    wrong = ratecard("log", "verify", "--checkpoint", tmp_path / "other.json", "--public-key", public)
    assert wrong.code == 1
    assert "is signed with the key" in wrong.err
    assert ratecard("log", "checkpoint", "--key", key, "--out", file).code == 1
    assert ratecard("log", "export", "--since", "yesterday").code == 64
    assert ratecard("log", "verify", "--public-key", public).code == 64


def test_an_approval_is_signed_travels_as_a_file_and_is_verified_again(planned: str, ratecard: Command, tmp_path: Path):
    key = make_key(tmp_path, "ann")
    ended = ratecard("approve", planned, "--yes", "--key", key.path, "--out", tmp_path / "ann.json", "--json")
    assert (ended.code, ended.json()["proven"], ended.json()["person"]) == (0, True, key.fingerprint)
    again = ratecard("approve", planned, "--yes", "--key", key.path)
    assert "already" in again.err
    assert "says already" in ratecard("approve", "--from", tmp_path / "ann.json").err
    assert ratecard("approve", "--from", tmp_path / "ann.json", "--as", "Ann").code == 64
    assert ratecard("approve", "--yes").code == 64
    assert ratecard("approve", planned, "--yes", "--as", "Ann", "--key", key.path).code == 64
    assert ratecard("approve", planned, "--yes", "--token-file", "env:NO_TOKEN_HERE").code == 64
    done = ratecard("apply", planned)
    assert done.code == 0
    assert f"approved by {key.fingerprint}" in done.err


def test_an_approval_beside_the_specs_is_enough(planned: str, ratecard: Command, workspace: Path, tmp_path: Path):
    key = make_key(tmp_path, "ann")
    (workspace / "approvals").mkdir()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(workspace, elsewhere)
    signed = ("approve", planned, "--yes", "--key", key.path, "--workspace", elsewhere)
    assert ratecard(*signed, "--out", workspace / "approvals" / "ann.json").code == 0
    assert ratecard("apply", planned).code == 0
    second = ratecard("apply", planned)
    assert "each approval is for one run" in second.err


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["approval", "checkpoint"])
def test_who_is_killed_while_recording_leaves_the_journal_whole(
    planned: str, ratecard: Command, workspace: Path, tmp_path: Path, when: str, kind: str
):
    ann, audit = make_key(tmp_path, "ann"), make_key(tmp_path, "audit")
    commands = {
        "approval": ["approve", planned, "--yes", "--key", str(ann.path)],
        "checkpoint": ["log", "checkpoint", "--key", str(audit.path), "--out", str(tmp_path / "c.json")],
    }
    environment = {**os.environ, "RATECARD_FAILPOINT": f"journal.{when}_commit.{kind}:1"}
    line = [sys.executable, "-m", "reconciler.cli.main", *commands[kind]]
    ended = subprocess.run(
        line, env=environment, capture_output=True, text=True, cwd=workspace, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with Journal.open(workspace / ".ratecard" / "journal.db", SystemClock()) as journal:
        assert verify(journal).sound
        assert len(list(journal.entries(kind=EntryKind(kind)))) == (1 if when == "after" else 0)
    assert not (tmp_path / "c.json").exists()
    again = ratecard(*commands[kind])
    assert again.code == (1 if (kind, when) == ("approval", "after") else 0)
    if kind == "approval":
        assert ratecard("apply", planned).code == 0
