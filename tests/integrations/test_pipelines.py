"""The templates for pipelines: each of their steps is run by bash as a forge would run it, against a sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from reconciler.cli.commands.init import write_workspace
from reconciler.cli.main import run
from reconciler.sandbox.embedded import EmbeddedSandbox
from tests.engine.identity.keys import make_key

from .forge import TOKEN, Forge, running_forge

ROOT = Path(__file__).parents[2]
GITHUB = yaml.safe_load((ROOT / "integrations/github/action.yml").read_text())
GITLAB = yaml.safe_load((ROOT / "integrations/gitlab/ratecard.gitlab-ci.yml").read_text())
STEPS = {step["name"]: step for step in GITHUB["runs"]["steps"]}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash, which runs the steps, is not here")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str


@dataclass(frozen=True)
class Runner:
    """A machine of a forge: a checkout, an environment, `ratecard` and a `pip` that only notes what it is asked."""

    folder: Path
    forge: Forge
    environment: Mapping[str, str]

    def bash(self, script: str, extra: Mapping[str, str]) -> Ran:
        line = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            line,
            cwd=self.folder,
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert TOKEN not in done.stdout + done.stderr
        return Ran(done.returncode, done.stdout + done.stderr)

    def github(self, name: str, **inputs: str) -> Ran:
        """Run a step of the action as GitHub does: expressions stand in `env` only."""
        step = STEPS[name]
        given = {"workspace": "billing", "account": "sandbox", "version": "", "extras": "", **inputs}
        known = {
            **{f"inputs.{key}": value for key, value in given.items()},
            "inputs.github-token": TOKEN,
            "github.event.pull_request.number": "7",
            "runner.temp": str(self.folder / "temp"),
        }
        said = {
            key: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)
            for key, value in step.get("env", {}).items()
        }
        return self.bash(step["run"], {"GITHUB_API_URL": self.forge.url, "GITHUB_REPOSITORY": "acme/billing", **said})

    def gitlab(self, job: str) -> Ran:
        """Run the script of a job as GitLab does: line by line in one shell, with its variables."""
        own = {"RATECARD_ACCOUNT": "sandbox", "RATECARD_WORKSPACE": "billing", "GITLAB_TOKEN": TOKEN}
        set_by_gitlab = {"CI_API_V4_URL": self.forge.url, "CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7"}
        script = "\n".join([*GITLAB[".ratecard"]["before_script"], *GITLAB[job]["script"]])
        return self.bash(script, {**GITLAB["variables"], **own, **set_by_gitlab})


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with EmbeddedSandbox() as sandbox, running_forge() as forge:
        write_workspace(tmp_path / "billing", "billing")
        path = tmp_path / "billing/ratecard.yaml"
        path.write_text(path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox.url}\n"))
        programs = tmp_path / "bin"
        for folder in (programs, tmp_path / "temp"):
            folder.mkdir()
        program(programs / "ratecard", f'exec "{sys.executable}" -m reconciler.cli.main "$@"')
        program(programs / "pip", f'printf "%s\\n" "$@" > "{tmp_path}/temp/pip"')
        kept = {name: os.environ[name] for name in ("XDG_CACHE_HOME", "LANG", "HOME") if name in os.environ}
        path_variable = f"{programs}{os.pathsep}{os.environ['PATH']}"
        yield Runner(tmp_path, forge, {**kept, "PATH": path_variable, "PYTHONPATH": str(ROOT), "URL": sandbox.url})


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_pull_request_is_told_in_one_comment_that_is_updated_and_a_merge_is_applied_once_it_is_approved(
    runner: Runner,
):
    assert runner.github("Install", version="1.2.3", extras="postgres").code == 0
    assert (runner.folder / "temp/pip").read_text() == "install\n--quiet\nratecard[postgres]==1.2.3\n"
    assert runner.github("Check the specs").code == 0
    first = runner.github("Review")
    assert first.code == 0, first.out
    assert "Made the comment" in first.out
    edit(runner.folder / "billing/specs/pro.yaml", "amount: 49 USD", "amount: 59 USD")
    second = runner.github("Review")
    assert "Updated the comment" in second.out
    assert len(runner.forge.comments) == 1
    body = runner.forge.comments[0]["body"]
    assert body.startswith("<!-- ratecard review billing/sandbox -->\n### Change set ")
    assert "59 USD" in body
    assert "49 USD" not in body

    unapproved = runner.github("Apply")
    assert unapproved.code == 1
    assert "nobody has approved it" in unapproved.out
    saved = str(runner.folder / "temp/ratecard-change-set.json")
    # On another machine, with a journal of its own: what comes back through Git is the file alone.
    elsewhere, approvals = runner.folder / "elsewhere", runner.folder / "billing/approvals"
    shutil.copytree(runner.folder / "billing", elsewhere)
    approvals.mkdir()
    key = str(make_key(runner.folder, "ann").path)
    signed = ["--key", key, "--out", str(approvals / "ann.json"), "--workspace", str(elsewhere)]
    assert run(["approve", saved, "--yes", *signed]) == 0
    applied = runner.github("Apply")
    assert applied.code == 0, applied.out
    assert "5 of 5 changes done" in applied.out
    again = runner.github("Apply")
    assert again.code == 0
    assert "No changes" in again.out


def test_drift_fails_a_review_and_a_scheduled_look_and_mistakes_are_told_in_the_comment(runner: Runner):
    where = ["--workspace", str(runner.folder / "billing")]
    assert run(["plan", *where, "--out", str(runner.folder / "p.json")]) == 0
    assert run(["approve", str(runner.folder / "p.json"), "--yes", "--as", "ann", *where]) == 0
    assert run(["apply", str(runner.folder / "p.json"), *where]) == 0
    assert runner.gitlab("ratecard-drift").code == 0
    with httpx.Client(
        base_url=runner.environment["URL"], headers={"Authorization": "Bearer dodo_test_x"}, trust_env=False
    ) as http:
        webhook = http.get("/webhooks").json()["data"][0]["id"]
        http.delete(f"/webhooks/{webhook}").raise_for_status()
    drifted = runner.gitlab("ratecard-review")
    assert drifted.code == 2, drifted.out
    assert "Webhook/billing is gone" in runner.forge.comments[0]["body"]
    assert runner.github("Look for drift").code == 2
    assert runner.gitlab("ratecard-drift").code == 2
    [issue] = runner.forge.issues
    assert "Webhook/billing is gone" in issue["description"]
    edit(runner.folder / "billing/specs/pro.yaml", "amount: 49 USD", "amount: 49 ``` @all")
    wrong = runner.gitlab("ratecard-review")
    assert wrong.code == 1
    assert len(runner.forge.comments) == 1
    body = runner.forge.comments[0]["body"]
    assert "### No change set for account sandbox" in body
    assert "\n````\nspecs/pro.yaml:23:15: spec.prices.monthly.amount" in body
    for job in ("ratecard-check", "ratecard-apply"):
        assert runner.gitlab(job).code == 1


def test_a_merge_request_on_gitlab_has_one_note_and_a_merge_is_applied(runner: Runner):
    assert runner.gitlab("ratecard-check").code == 0
    assert (runner.folder / "temp/pip").read_text() == "install\n--quiet\nratecard\n"
    assert "Made the comment" in runner.gitlab("ratecard-review").out
    assert "Updated the comment" in runner.gitlab("ratecard-review").out
    assert len(runner.forge.comments) == 1
    saved = str(runner.folder / "ratecard-change-set.json")
    assert run(["approve", saved, "--yes", "--as", "ann", "--workspace", str(runner.folder / "billing")]) == 0
    assert "5 of 5 changes done" in runner.gitlab("ratecard-apply").out


def runs(value: Any) -> Iterator[str]:
    """Every text that a shell is given, wherever it stands in a template."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("run", "script", "before_script", "after_script"):
                yield from [part] if isinstance(part, str) else part
            else:
                yield from runs(part)
    elif isinstance(value, list):
        for part in value:
            yield from runs(part)


@pytest.mark.parametrize("path", sorted((ROOT / "integrations").rglob("*.yml")), ids=lambda path: path.name)
def test_nothing_from_outside_is_pasted_into_the_text_of_a_script_and_every_variable_is_quoted(path: Path):
    scripts = list(runs(yaml.safe_load(path.read_text())))
    assert scripts or path.name == "workflow.yml"
    for script in scripts:
        assert "${{" not in script
        unquoted = re.sub(r'"[^"]*"', "", script)
        assert "$" not in unquoted.replace("|| ended=$?", "")
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0


def test_an_input_that_is_a_command_is_only_a_name(runner: Runner):
    wicked = '"; touch owned; echo "$(touch owned)'
    for name in ("Check the specs", "Review", "Look for drift", "Apply"):
        assert runner.github(name, workspace=wicked).code == 64
        assert runner.github(name, account=wicked).code != 0
    assert not list(runner.folder.rglob("owned"))


def test_the_hooks_of_pre_commit_run_and_name_what_is_wrong(runner: Runner):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["ratecard-validate", "ratecard-fmt"]
    lines = [f"{hook['entry']} --workspace billing" for hook in hooks]
    assert [runner.bash(line, {}).code for line in lines] == [0, 0]
    edit(runner.folder / "billing/specs/pro.yaml", "  title: Pro", "  title:   Pro")
    assert [runner.bash(line, {}).code for line in lines] == [0, 1]
