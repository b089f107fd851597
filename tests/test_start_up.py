"""What each command imports: a library that a command does not need costs people its start. No time is measured."""

from __future__ import annotations

import os
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
from reconciler.cli.main import main
sys.argv[0] = "ratecard"
try:
    with contextlib.redirect_stdout(io.StringIO()):
        main()
except SystemExit as end:
    print(end.code, *sorted(sys.modules), sep="\\n")
"""


def imported_by(*arguments: str, index: Path | None = None) -> set[str]:
    """The modules that a command line imports, which ends well, with an index in a folder or without one."""
    line = [sys.executable, "-c", PROGRAM, *arguments]
    remembered = {"XDG_CACHE_HOME": str(index)} if index is not None else {"RATECARD_INDEX": "off"}
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, **remembered})
    code, *modules = done.stdout.splitlines()
    assert code == "0", done.stderr
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
    kinds = {f"reconciler.spec.kinds.{kind}" for kind in ("discount", "meter", "product", "refund", "webhook")}
    assert kinds & modules == set()  # there is no spec of them
    # Its core validates; what would look for plugins, or parse a table of currencies, has nothing to do.
    assert {"annotated_types", "email", "importlib.metadata", "iso4217", "pydantic", "xml"} & modules == set()
    assert {name for name in modules if name.startswith("pydantic_core")} == {"pydantic_core._pydantic_core"}
    # What is for mistakes, for comparing and for changes: here are none.
    assert {"difflib", "hashlib", "reconciler.plan.change_set", "reconciler.plan.impact"} & modules == set()


def test_validating_unedited_specs_imports_no_models_and_no_parser(workspace, tmp_path_factory):
    index = tmp_path_factory.mktemp("cache")
    command = ("validate", "--workspace", str(workspace))
    assert {"pydantic_core._pydantic_core", "yaml"} <= imported_by(*command, index=index)
    warm = imported_by(*command, index=index)
    assert {
        "aiohttp",
        "deepdiff",
        "email",
        "httpx",
        "pydantic",
        "pydantic_core._pydantic_core",
        "ruamel",
        "sqlite3",
        "yaml",
    } & warm == set()
    assert [name for name in warm if name.startswith(("reconciler.spec.kinds", "reconciler.plan.document"))] == []
    (workspace / "specs" / "pro.yaml").write_text(PLAN.replace("49 USD", "59 USD"), encoding="utf-8")
    edited = imported_by(*command, index=index)
    assert {"pydantic_core._pydantic_core", "yaml"} <= edited
    assert "pydantic" not in edited


def test_the_built_in_interpreter_imports_no_model_and_nothing_that_only_documents_or_applies(workspace):
    words = "raise the monthly price of pro to 59 USD"
    modules = imported_by("prompt", "--json", "--interpreter", "built-in", "--workspace", str(workspace), words)
    assert {
        "aiohttp",
        "anthropic",
        "deepdiff",
        "email",
        "filelock",
        "httpx",
        "httpx2",
        "pydantic",
        "rich",
        "ruamel",
    } & modules == set()
    assert {name for name in modules if name.startswith("pydantic_core")} == {"pydantic_core._pydantic_core"}
    assert {"reconciler.agent.document", "reconciler.cli.shapes", "reconciler.plan.document"} & modules == set()
    assert [name for name in modules if name.startswith(("reconciler.agent.claude", "reconciler.sandbox"))] == []


def test_an_unchanged_plan_compares_without_the_library_that_names_differences(tmp_path, tmp_path_factory):
    with EmbeddedSandbox() as sandbox:
        where = ["--workspace", str(write_workspace(tmp_path, sandbox.url))]
        change_set = tmp_path / "change-set.json"
        assert run(["plan", "--out", str(change_set), *where]) == 0
        assert run(["approve", str(change_set), "--as", "ada", "--yes", *where]) == 0
        assert run(["apply", str(change_set), *where]) == 0
        modules = imported_by("plan", *where)
        index = tmp_path_factory.mktemp("cache")  # one within the workspace counts for nothing
        imported_by("plan", *where, index=index)
        warm = imported_by("plan", *where, index=index)
    assert {"deepdiff", "filelock", "ruamel"} & modules == set()
    assert {"alembic", "psycopg", "sqlalchemy"} & modules == set()  # this journal is a file
    assert {"pydantic", "pydantic_core._pydantic_core", "yaml"} & warm == set()
    assert "httpx" in modules  # it did ask the account


def test_a_plan_against_a_sandbox_that_runs_already_imports_no_web_server(tmp_path):
    with EmbeddedSandbox() as sandbox:
        modules = imported_by("plan", "--workspace", str(write_workspace(tmp_path, sandbox.url)))
    assert "aiohttp" not in modules
    assert [name for name in modules if name.startswith("reconciler.sandbox")] == []
