"""A workspace of the template against a running sandbox, and the command line inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.cli.commands.init import write_workspace
from reconciler.cli.main import run
from reconciler.sandbox.embedded import EmbeddedSandbox

CANARY = "dodo_test_CANARY0123456789abcdef"


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def digest(self) -> str:
        return self.json()["digest"].removeprefix("sha256:")[:12]


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as sandbox:
        yield sandbox.url


@pytest.fixture
def sandbox(running_sandbox: str) -> str:
    """The url of a sandbox with empty books."""
    with httpx.Client(trust_env=False, headers={"Authorization": "Bearer dodo_test_control"}) as client:
        client.post(f"{running_sandbox}/_sandbox/reset").raise_for_status()
    return running_sandbox


@pytest.fixture
def ratecard(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run one command line here."""

    def command(*arguments: object) -> Ended:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        return Ended(code, printed.out, printed.err)

    return command


@pytest.fixture
def workspace(tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template, for the running sandbox, with a key from the environment; commands stand inside it."""
    folder = tmp_path / "billing"
    write_workspace(folder, "billing")
    monkeypatch.setenv("RATECARD_TEST_KEY", CANARY)
    # What other tests have read of the same sandbox is not remembered here.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DODO_PAYMENTS_API_KEY", raising=False)
    edit(
        folder / "ratecard.yaml",
        "mode: sandbox\n",
        f"mode: sandbox\n      url: {sandbox}\n      key: env:RATECARD_TEST_KEY\n",
    )
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def planned(workspace: Path, ratecard: Command) -> str:
    """The digits of a change set that was planned from the template."""
    return ratecard("plan", "--json").digest


@pytest.fixture
def applied(planned: str, ratecard: Command) -> str:
    """The digits of a change set that was approved and applied."""
    assert ratecard("approve", planned, "--yes", "--as", "Ann").code == 0
    assert ratecard("apply", planned).code == 0
    return planned


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
