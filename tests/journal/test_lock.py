"""The lock of an account, with real other processes."""

from __future__ import annotations

import json
import os
import platform
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.base.errors import JournalError, LockedError
from reconciler.journal.lock import AccountLock, file_name_of
from tests.journal.conftest import StillClock

HOLD = "import sys; from pathlib import Path; from tests.journal.test_lock import hold; hold(Path(sys.argv[1]))"


def hold(folder: Path) -> None:
    """Hold the account until the parent closes our standard input."""
    with AccountLock(folder, "acme", StillClock(), "apply sha256:ab12"):
        print("held", flush=True)  # noqa: T201  (the word to the parent)
        sys.stdin.read()


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        if process.poll() is None:
            process.kill()


def lock(folder: Path, account: str = "acme") -> AccountLock:
    return AccountLock(folder, account, StillClock(), "apply sha256:cd34")


def note_of(folder: Path, account: str = "acme") -> Path:
    return folder / f"{file_name_of(account)}.holder"


def test_a_second_process_is_refused_at_once_and_told_who_holds_the_account(tmp_path, holder):
    with pytest.raises(LockedError) as error, lock(tmp_path):
        raise AssertionError("two hold one account")

    assert error.value.exit_code == 75
    assert error.value.retry
    assert str(error.value) == (
        f"account acme is held by process {holder.pid} on {platform.node()} since 2026-04-15T09:00:00Z: "
        "apply sha256:ab12"
    )
    with lock(tmp_path, "globex"):
        pass


def test_the_account_is_free_when_its_holder_is_done(tmp_path, holder):
    holder.stdin.close()
    assert holder.wait(timeout=30) == 0
    assert not note_of(tmp_path).exists()
    with lock(tmp_path):
        assert json.loads(note_of(tmp_path).read_text())["pid"] == os.getpid()


def test_a_killed_holder_blocks_nobody_and_its_note_is_replaced(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert json.loads(note_of(tmp_path).read_text())["pid"] == holder.pid
    with lock(tmp_path):
        assert json.loads(note_of(tmp_path).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"no json",
        b"[]",
        b"\xff\xfe",
        b'{"pid": "1"}',
        b'{"pid": true}',
        b'{"pid": 0, "host": "HOST"}',
        b'{"pid": 99999999999999999999, "host": "HOST"}',
        b'{"pid": 4194305, "host": "HOST", "command": "long dead"}',
        b"[" * 9000,
    ],
)
def test_the_note_of_a_dead_or_false_holder_is_not_believed(tmp_path, holder, note):
    note_of(tmp_path).write_bytes(note.replace(b"HOST", platform.node().encode()))
    with pytest.raises(LockedError, match="held by another process, which did not say who it is"), lock(tmp_path):
        pass


def test_a_note_cannot_move_the_terminal(tmp_path, holder):
    note = {"pid": 7, "host": "else\x1b[2Jwhere", "since": 5, "command": "\u202eevil\n" + "x" * 5000}
    note_of(tmp_path).write_text(json.dumps(note))
    with pytest.raises(LockedError) as error, lock(tmp_path):
        pass

    assert "process 7 on else?[2Jwhere since 5: ?evil?xxx" in str(error.value)
    assert len(str(error.value)) < 400


def test_one_process_cannot_hold_an_account_twice(tmp_path):
    with lock(tmp_path), pytest.raises(LockedError, match=f"process {os.getpid()} "), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_an_exception_lets_the_account_go(tmp_path):
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        _ = 1 / 0
    with lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be made"), lock(tmp_path / "file"):
        pass


@pytest.mark.parametrize("account", ["../../etc/passwd", "a/b", "CON", "", ".", "Ärger " * 90, "nul\x00", "\ud800"])
def test_any_account_gets_a_file_name_of_its_own_inside_the_folder(tmp_path, account):
    name = file_name_of(account)

    assert name == Path(name).name
    assert name.isascii()
    assert len(name) <= 60
    assert name not in {file_name_of("acme"), file_name_of(account + "x"), file_name_of("A/b")}
    with lock(tmp_path / "locks", account):
        made = sorted((tmp_path / "locks").iterdir())
        assert [one.name for one in made] == [f"{name}.holder", f"{name}.lock"]
        assert stat.S_IMODE(made[1].stat().st_mode) == 0o600
