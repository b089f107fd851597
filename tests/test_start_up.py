"""What each command imports: a library that a command does not need costs people its start. No time is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.sandbox.embedded import EmbeddedSandbox

PLAN = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: pro
spec:
  title: Pro
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
"""

WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: acme
spec:
  account: books
  accounts:
    books:
      provider: dodo
      mode: sandbox
      url: URL
  specs: [specs]
"""

# Runs one command line as `ratecard` does, then prints what was imported, each on a line, after its exit code.
PROGRAM = """\
import contextlib, io, sys
from reconciler.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(code, *sorted(sys.modules), sep="\\n")
"""


def imported_by(*arguments: str) -> set[str]:
    """The modules that a command line imports, which ends well."""
    line = [sys.executable, "-c", PROGRAM, *arguments]
    code, *modules = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert code == "0"
    assert "reconciler.cli.main" in modules
    return set(modules)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace whose sandbox is said to run at an address where nobody listens."""
    return write_workspace(tmp_path, "http://127.0.0.1:9")


def write_workspace(folder: Path, url: str) -> Path:
    (folder / "specs").mkdir()
    (folder / "specs" / "pro.yaml").write_text(PLAN, encoding="utf-8")
    (folder / "ratecard.yaml").write_text(WORKSPACE.replace("URL", url), encoding="utf-8")
    return folder


def test_help_imports_no_library_at_all():
    modules = imported_by("--help")
    libraries = {"aiohttp", "click", "deepdiff", "filelock", "httpx", "orjson", "pydantic", "rich", "ruamel", "yaml"}
    assert modules & (libraries | {"sqlite3"}) == set()
    assert {name for name in modules if name.startswith("reconciler.")} == {"reconciler.cli", "reconciler.cli.main"}


def test_validating_imports_nothing_of_networks_journals_sandboxes_or_renderings(workspace):
    modules = imported_by("validate", "--workspace", str(workspace))
    assert {"aiohttp", "deepdiff", "filelock", "httpx", "rich", "ruamel", "sqlite3"} & modules == set()
    assert [name for name in modules if name.startswith(("reconciler.journal", "reconciler.sandbox"))] == []


def test_an_unchanged_plan_compares_without_the_library_that_names_differences(tmp_path):
    with EmbeddedSandbox() as sandbox:
        where = ["--workspace", str(write_workspace(tmp_path, sandbox.url))]
        change_set = tmp_path / "change-set.json"
        assert run(["plan", "--out", str(change_set), *where]) == 0
        assert run(["approve", str(change_set), "--as", "ada", "--yes", *where]) == 0
        assert run(["apply", str(change_set), *where]) == 0
        modules = imported_by("plan", *where)
    assert {"deepdiff", "ruamel"} & modules == set()
    assert "httpx" in modules  # it did ask the account


def test_a_plan_against_a_sandbox_that_runs_already_imports_no_web_server(tmp_path):
    with EmbeddedSandbox() as sandbox:
        modules = imported_by("plan", "--workspace", str(write_workspace(tmp_path, sandbox.url)))
    assert "aiohttp" not in modules
    assert [name for name in modules if name.startswith("reconciler.sandbox")] == []
