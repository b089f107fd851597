"""`--json`: each command prints one document of its documented shape, when it fails as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli import shapes
from reconciler.cli.export import everything
from reconciler.plan.document import ChangeSetDocument

from .conftest import CANARY, Command, edit

SCHEMAS = {name: text for name, text in everything().items() if name.startswith("output/")}


def check(document: dict[str, Any]) -> str:
    """Hold a document to the model and the exported schema of its kind; returns the kind."""
    import json

    kind = document["kind"]
    Draft202012Validator(json.loads(SCHEMAS[f"output/{kind}.json"])).validate(document)
    models = {shape.model_fields["kind"].default: shape for shape in shapes.SHAPES} | {"ChangeSet": ChangeSetDocument}
    models[kind].model_validate(document)
    return str(kind)


def test_every_command_prints_its_shape(workspace: Path, ratecard: Command, tmp_path: Path):
    planned = ratecard("plan", "--json")
    kinds = [
        check(ended.json())
        for ended in (
            planned,
            ratecard("init", tmp_path / "other", "--json"),
            ratecard("validate", "--json"),
            ratecard("fmt", "--json"),
            ratecard("show", planned.digest, "--json"),
            ratecard("reject", planned.digest, "--json"),
            ratecard("approve", planned.digest, "--yes", "--json"),
            ratecard("apply", planned.digest, "--json"),
            ratecard("revert", planned.digest, "--json"),
            ratecard("log", "--json"),
            ratecard("log", "verify", "--json"),
        )
    ]
    assert kinds == [
        "ChangeSet",
        "Initialised",
        "Validation",
        "Format",
        "ChangeSet",
        "Decision",
        "Decision",
        "ApplyResult",
        "ChangeSet",
        "Log",
        "Verification",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "--json", "--account", "nobody"], 64),
        (["plan", "--json", "--nope"], 64),
        (["plan", "--json", "--format", "text"], 64),
        (["plan", "--json", "--account", "test"], 1),
        (["plan", "--json", "--workspace", "/"], 64),
        (["show", "ffff", "--json"], 1),
        (["apply", "--json"], 64),
        (["apply", "--resume", "--json"], 1),
        (["log", "verify", "--json"], 1),
        (["init", "--json"], 1),
        (["nonsense", "--json"], 64),
    ],
)
def test_a_failure_is_a_document_on_stdout_and_words_on_stderr(
    workspace: Path, ratecard: Command, arguments: list[str], code: int
):
    ended = ratecard(*arguments)
    document = ended.json()
    assert check(document) == "Error"
    assert (ended.code, document["exitCode"]) == (code, code)
    assert ended.err.startswith(f"error: {document['message']}\n")


def test_mistakes_in_specs_and_in_the_workspace_file_are_documents(workspace: Path, ratecard: Command):
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 49")
    assert check(ratecard("validate", "--json").json()) == "Validation"
    assert check(ratecard("fmt", "--json").json()) == "Diagnostics"
    assert check(ratecard("plan", "--json").json()) == "Diagnostics"
    edit(workspace / "ratecard.yaml", "account: sandbox", "account: nobody")
    assert check(ratecard("log", "--json").json()) == "Diagnostics"


def test_a_name_of_bytes_that_are_no_text_is_told(workspace: Path, ratecard: Command):
    assert check(ratecard("show", "\udcff\udcfe", "--json").json()) == "Error"


def test_the_key_is_in_no_output_and_in_no_file(workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch):
    printed = [ratecard("plan", "--out", "p.json"), ratecard("plan", "--json")]
    printed += [ratecard("approve", "p.json", "--yes", "--reason", f"key is {CANARY}")]
    assert printed[-1].code == 1
    printed += [
        ratecard("approve", "p.json", "--yes"),
        ratecard("apply", "p.json", "--json"),
        ratecard("log", "--json"),
    ]
    for wrong in (CANARY.replace("test", "live"), CANARY + " x", "sk_" + CANARY):
        monkeypatch.setenv("RATECARD_TEST_KEY", wrong)
        printed.append(ratecard("plan", "--json"))
        assert printed[-1].code == 1
    edit(workspace / "ratecard.yaml", "key: env:RATECARD_TEST_KEY", f"key: {CANARY}")
    printed.append(ratecard("plan", "--json"))
    assert printed[-1].code == 1
    edit(workspace / "ratecard.yaml", CANARY, "env:GONE")
    assert not any("CANARY" in ended.out + ended.err for ended in printed)
    files = [path for path in workspace.rglob("*") if path.is_file()]
    assert any(path.name == "journal.db" for path in files)
    assert not any(b"CANARY" in path.read_bytes() for path in files)
