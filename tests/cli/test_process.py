"""The command as a process: pipes, terminals, colours, encodings, Ctrl-C, and ends of other programs."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import Command

RATECARD = [sys.executable, "-m", "reconciler.cli.main"]


def read_until(descriptor: int, wanted: str, seen: str = "") -> str:
    """What a terminal shows until a text is there or the program has ended."""
    while wanted not in seen:
        ready, _, _ = select.select([descriptor], [], [], 30)
        assert ready, f"nothing more after {seen!r}"
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the other side has ended
            break
        if not data:
            break
        seen += data.decode(errors="replace")
    return seen


def on_terminal(arguments: list[str], **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*RATECARD, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def ended(process: subprocess.Popen[bytes], terminal: int) -> tuple[int, str]:
    shown = read_until(terminal, "\0")
    os.close(terminal)
    return process.wait(30), shown


def test_a_terminal_sees_progress_and_colours_and_no_color_takes_them_off(workspace: Path):
    code, shown = ended(*on_terminal(["plan"]))
    assert code == 0
    assert "Reading" in shown
    assert "\x1b[32m  + create" in shown
    code, shown = ended(*on_terminal(["plan"], NO_COLOR="1"))
    assert code == 0
    assert "\x1b[32m" not in shown


@pytest.mark.parametrize(("answer", "code", "words"), [("y", 0, "Approved"), ("n", 130, "nothing was approved")])
def test_a_person_at_a_terminal_is_asked(planned: str, answer: str, code: int, words: str):
    process, terminal = on_terminal(["approve", planned, "--as", "Ann"])
    read_until(terminal, f"Approve {planned} as Ann? [y/N]")
    os.write(terminal, f"{answer}\n".encode())
    found, shown = ended(process, terminal)
    assert found == code
    assert words in shown


def test_a_person_types_how_many_changes_cannot_be_undone(applied: str, ratecard: Command):
    reverse = ratecard("revert", applied, "--json").digest
    process, terminal = on_terminal(["approve", reverse])
    read_until(terminal, "Type how many")
    os.write(terminal, b"2\n")
    read_until(terminal, "[y/N]")
    os.write(terminal, b"y\n")
    assert ended(process, terminal)[0] == 0


def test_a_reader_that_leaves_early_is_no_crash(applied: str):
    process = subprocess.Popen([*RATECARD, "log"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_told(applied: str):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*RATECARD, "log"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


def test_an_output_that_cannot_hold_a_character_gets_it_escaped(planned: str):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*RATECARD, "show", planned], env=environment, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0
    assert done.stderr == b""


def test_ctrl_c_stops_a_plan_and_says_so(workspace: Path, sandbox: str):
    headers = {"Authorization": "Bearer dodo_test_control"}
    rule = {"fault": "429", "retry_after": 2}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        answer = client.post("/_sandbox/faults", json=rule)
        assert answer.status_code < 300, answer.text
    process = subprocess.Popen([*RATECARD, "plan"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        while not any(client.get("/_sandbox/requests").json()["counts"].values()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        client.delete("/_sandbox/faults").raise_for_status()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"error: interrupted" in err


def test_a_sandbox_is_served_until_it_is_told_to_stop(tmp_path: Path, ratecard: Command):
    database = tmp_path / "books.db"
    process = subprocess.Popen(
        [*RATECARD, "sandbox", "serve", "--db", str(database)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    try:
        busy = ratecard("sandbox", "serve", "--db", database)
        assert (busy.code, busy.out) == (75, "")
        assert "another sandbox has this database open" in busy.err
        taken = ratecard("sandbox", "serve", "--port", url.rpartition(":")[2])
        assert (taken.code, taken.out) == (1, "")
        assert "cannot listen there" in taken.err
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(30) == 0


def test_a_broken_seed_is_told(tmp_path: Path, ratecard: Command):
    seed = tmp_path / "seed.yaml"
    seed.write_text("products: [{name: x}]\n")
    found = ratecard("sandbox", "serve", "--seed", seed)
    assert (found.code, found.out) == (1, "")
    assert "seed.yaml: products.0.price" in found.err


def test_the_demo_ends_well_and_leaves_nothing(tmp_path: Path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([*RATECARD, "demo"], env=environment, capture_output=True, check=False, timeout=80)
    assert done.returncode == 0, done.stderr
    assert b"the journal is sound. Nothing keeps running." in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
