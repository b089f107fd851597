"""Running pieces in processes of their own, in turns, and what each took of processor and memory."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sysconfig.get_path("scripts")) / "ratecard")

# Where `make bench` installs what we are measured beside.
PEER = ROOT / ".venv" / "peers" / "bin" / "python"

Figures = dict[str, Any]


def piece(name: str, *arguments: object) -> Figures:
    """Run one piece of `tests.bench.pieces` in a fresh process: what it found, and the process's peak memory in KiB."""
    return _measured([sys.executable, "-m", "tests.bench.pieces", name, *map(str, arguments)], name)


def peer(count: int, folder: Path) -> Figures | None:
    """The same of octoDNS with so many records; None where it is not installed."""
    if not PEER.exists():
        return None
    return _measured([str(PEER), str(ROOT / "tests" / "bench" / "peer.py"), str(count), str(folder)], "peer")


def _measured(line: Sequence[str], name: str) -> Figures:
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None, "it is a pipe"
        answer = process.stdout.read()
        usage = _wait(process)
    if process.returncode != 0:
        raise RuntimeError(f"the piece {name} ended with exit code {process.returncode}")
    return {**json.loads(answer), "peak_kib": usage.ru_maxrss}


def in_turns(pieces: Mapping[str, Sequence[object]], rounds: int) -> dict[str, Figures]:
    """Run pieces (key -> name and arguments) one after the other, round by round: the median of each figure."""
    found: dict[str, list[Figures]] = {key: [] for key in pieces}
    for _ in range(rounds):
        for key, (name, *arguments) in pieces.items():
            found[key].append(piece(str(name), *arguments))
    return {key: {name: _median([run[name] for run in runs]) for name in runs[0]} for key, runs in found.items()}


def commands_in_turns(
    commands: Mapping[str, Sequence[str]], rounds: int, environments: Mapping[str, Mapping[str, str]]
) -> dict[str, float]:
    """The median CPU seconds, user and system, of whole command lines run in turns.

    `environments` are the variables that a command has beside ours, by its key.
    """
    found: dict[str, list[float]] = {key: [] for key in commands}
    for _ in range(rounds):
        for key, line in commands.items():
            environment = {**os.environ, **environments.get(key, {})}
            with subprocess.Popen(
                line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process:
                usage = _wait(process)
            if process.returncode != 0:
                raise RuntimeError(f"{' '.join(line)} ended with exit code {process.returncode}")
            found[key].append(usage.ru_utime + usage.ru_stime)
    return {key: statistics.median(runs) for key, runs in found.items()}


@contextlib.contextmanager
def sandbox() -> Iterator[str]:
    """A sandbox in a process of its own, with its books in memory; its address."""
    line = [sys.executable, "-m", "reconciler.cli.main", "sandbox", "serve"]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None, "it is a pipe"
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the sandbox did not start")
            yield url
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[Any]) -> Any:
    """Wait for a child and tell its own usage, which `getrusage` would only give for all children together."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _median(values: list[Any]) -> Any:
    return statistics.median(values) if all(isinstance(value, int | float) for value in values) else values[-1]
