"""`ratecard demo`: one plan goes all the way, in a sandbox, by the same commands that people type."""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from pathlib import Path

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.commands.init import write_workspace

SUBSCRIBERS = 40
PERSON = "demo"
PLAN = "specs/plan-pro.yaml"
PROMPT = (
    "Create a Pro plan at $49/month with annual billing at 20% off. Add 14-day free trial, no card required. "
    "Include usage-based pricing at $0.002 per event above 10,000 free monthly events. "
    "Wire subscription lifecycle events to my webhook endpoint at api.myapp.com/billing/webhooks."
)


@click.command("demo")
def command() -> int:
    """Watch a plan go all the way, in a sandbox; nothing is left behind.

    A prompt becomes specs, which are validated, planned, approved and applied; people subscribe; a price is changed
    with its impact shown, applied and reverted; the journal is verified.
    """
    from reconciler.sandbox.embedded import EmbeddedSandbox

    with tempfile.TemporaryDirectory(prefix="ratecard-demo-") as name:
        folder = Path(name)
        # From inside the folder, so that what is printed is what people would type there.
        with EmbeddedSandbox(folder / "sandbox.db") as sandbox, contextlib.chdir(folder):
            Demo(folder, sandbox.url).play()
    return 0


class Demo:
    """The steps of the demo, each a command line, in one folder against one sandbox."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def play(self) -> None:
        """Run all steps. Raises RatecardError when a command fails."""
        write_workspace(self.folder, "demo", examples=False)
        self._edit("ratecard.yaml", "mode: sandbox\n", f"mode: sandbox\n      url: {self.url}\n")
        _heading("1. Say what billing should do; what the provider cannot do is asked first")
        self._run("prompt", PROMPT, "--interpreter", "built-in", "--no-ask")
        _heading("   Answer the two questions, and the specs are written")
        answers = ("--answer", "trial-on-usage-pro=at-checkout", "--answer", "included-period-pro=pooled")
        self._run("prompt", PROMPT, *answers, "--interpreter", "built-in", "--write", "--as", PERSON, "--no-ask")
        click.echo((self.folder / PLAN).read_text(encoding="utf-8"))
        self._run("validate")
        _heading("2. Plan: what would make the account what the specs ask for")
        first = self._plan()
        _heading("3. Approve exactly that change set, then apply it")
        self._approve_and_apply(first)
        self._run("plan")
        _heading(f"4. {SUBSCRIBERS} people subscribe, then the price goes from 49 USD to 59 USD")
        self._seed_subscribers()
        self._edit(PLAN, "amount: 49 USD", "amount: 59 USD")
        second = self._plan()
        self._approve_and_apply(second)
        _heading("5. Revert: the reverse is a change set of its own")
        self._run("revert", second)
        self._edit(PLAN, "amount: 59 USD", "amount: 49 USD")
        self._approve_and_apply(self._newest())
        _heading("6. The journal: everything that happened, in a chain that shows any change")
        self._run("history", "Plan/pro")
        self._run("log", "--limit", "12")
        self._run("log", "verify")
        click.echo(
            f"\nDone: words became specs, a plan went live in the sandbox, {SUBSCRIBERS} people subscribed, a price "
            "change was applied and reverted, and the journal is sound. Nothing keeps running."
        )

    def _run(self, *arguments: str) -> None:
        from reconciler.cli.main import run

        typed = shlex.join(arguments)
        click.secho(f"$ ratecard {typed}", bold=True)
        code = run(arguments)
        click.echo()
        if code != 0:
            raise RatecardError(f"`ratecard {typed}` ended with exit code {code}")

    def _plan(self) -> str:
        self._run("plan")
        return self._newest()

    def _approve_and_apply(self, short: str) -> None:
        self._run("approve", short, "--as", PERSON, "--yes")
        self._run("apply", short)

    def _newest(self) -> str:
        from reconciler.engine.clock import SystemClock
        from reconciler.engine.config import load_workspace
        from reconciler.engine.session import open_journal
        from reconciler.journal.entries import EntryKind

        workspace, _ = load_workspace(self.folder)
        assert workspace is not None, "the demo's workspace has no mistakes"
        with open_journal(workspace, SystemClock()) as journal:
            entry = next(journal.entries(kind=EntryKind.CHANGE_SET, newest_first=True, limit=1))
        return entry.text("digest").removeprefix("sha256:")[:12]

    def _seed_subscribers(self) -> None:
        import httpx

        subscriptions = [
            {"product": {"metadata": {"ratecard_address": "Plan/pro:monthly"}}, "count": SUBSCRIBERS - 10},
            {"product": {"metadata": {"ratecard_address": "Plan/pro:annual"}}, "count": 10},
        ]
        response = httpx.post(f"{self.url}/_sandbox/seed", json={"subscriptions": subscriptions}, timeout=30)
        if response.status_code >= 300:
            raise RatecardError(f"the sandbox refused the subscribers: {json.dumps(response.json())}")

    def _edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands once in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def _heading(text: str) -> None:
    click.secho(f"\n{text}\n", bold=True, underline=True)
