"""The workspace file: every mistake with its place, keys by reference, live never by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.commands.init import write_workspace
from reconciler.engine.config import access, find_folder, load_workspace
from reconciler.engine.desired import load_desired
from reconciler.providers.registry import find_provider

REPOSITORY = Path(__file__).parents[2]

HEAD = """apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: acme
spec:
"""


def told(folder: Path, spec: str) -> list[str]:
    (folder / "ratecard.yaml").write_text(HEAD + spec)
    workspace, diagnostics = load_workspace(folder)
    assert (workspace is None) == bool(diagnostics)
    return [f"{found.location}: {found.path}: {found.message}" for found in diagnostics]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "  account: b\n  accounts:\n    a: {provider: dodo, mode: sandbox}\n",
            'ratecard.yaml:6:12: spec.account: "b" is not one of the accounts',
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: live, key: env:KEY}\n",
            "ratecard.yaml:6:12: spec.account: a live account is never the default",
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: test}\n",
            "ratecard.yaml:8:5: spec.accounts.a: an account in mode test needs its key, by reference",
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: test, key: dodo_test_CANARY}\n",
            "ratecard.yaml:8:42: spec.accounts.a.key: a key is named here, never written",
        ),
        (
            '  account: a\n  accounts:\n    a: {provider: dodo, mode: sandbox, url: "http://b.c"}\n',
            'ratecard.yaml:8:45: spec.accounts.a.url: "http://b.c" is not where a sandbox of this machine listens',
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: test, key: env:KEY, seed: s.yaml}\n",
            'ratecard.yaml:8:57: spec.accounts.a.seed: "seed" is for sandboxes only, and the mode is test',
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: stripe, mode: sandbox}\n",
            'ratecard.yaml:8:19: spec.accounts.a.provider: "stripe" is not known here',
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: sandbox}\n  aliases:\n    x: http://a.example\n",
            'ratecard.yaml:10:8: spec.aliases.x: "http://a.example" is not an https address',
        ),
        (
            "  account: a\n  accounts:\n    a: {provider: dodo, mode: sandbox}\n  spec: [specs]\n",
            'ratecard.yaml:9:3: spec.spec: "spec" is not a key here',
        ),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, spec: str, expected: str):
    assert told(tmp_path, spec) == [expected]


def test_a_sandbox_that_runs_already_takes_no_books_and_no_seed(tmp_path: Path):
    account = "{provider: dodo, mode: sandbox, url: http://127.0.0.1:1, database: a.db, seed: s.yaml}"
    found = told(tmp_path, f"  account: a\n  accounts:\n    a: {account}\n")
    assert [text.partition(": ")[2].partition(":")[0] for text in found] == [
        "spec.accounts.a.database",
        "spec.accounts.a.seed",
    ]


def test_the_folder_is_found_from_below_and_must_be_there(tmp_path: Path):
    write_workspace(tmp_path, "acme")
    assert find_folder(tmp_path / "specs") == tmp_path.resolve()
    with pytest.raises(UsageError, match="is not there"):
        find_folder(tmp_path / "gone")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        find_folder(tmp_path / "ratecard.yaml")


def key_of(folder: Path, reference: str) -> str:
    assert told(folder, f"  account: a\n  accounts:\n    a: {{provider: dodo, mode: test, key: '{reference}'}}\n") == []
    workspace, _ = load_workspace(folder)
    assert workspace is not None
    name, account = workspace.account(None)
    return access(workspace, name, account).key


def test_keys_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_KEY", " dodo_test_a\n")
    assert key_of(tmp_path, "env:SOME_KEY") == "dodo_test_a"
    (tmp_path / "key").write_text("dodo_test_b\n")
    assert key_of(tmp_path, "file:key") == "dodo_test_b"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_of(tmp_path, "file:~/key") == "dodo_test_b"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NO_SUCH_KEY", "the environment variable NO_SUCH_KEY holds no key"),
        ("env:BLANK_KEY", "the environment variable BLANK_KEY holds no key"),
        ("file:gone", "the key file gone cannot be read: No such file or directory"),
        ("file:.", "the key file . is not a file"),
        ("file:empty", "the key file empty is empty"),
        ("file:binary", "the key file binary cannot be read: it is not plain text"),
    ],
)
def test_a_key_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, message: str):
    monkeypatch.setenv("BLANK_KEY", "  ")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(RatecardError) as caught:
        key_of(tmp_path, reference)
    assert caught.value.message == message


def test_aliases_are_resolved_in_what_is_planned(tmp_path: Path):
    write_workspace(tmp_path, "acme")
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    desired = load_desired(workspace, find_provider("dodo"))
    assert desired.diagnostics == ()
    webhook = next(resource for resource in desired.resources if resource.kind == "webhook")
    assert webhook.body["url"] == "https://api.example.com/billing/webhooks"


def test_the_example_is_what_init_writes(tmp_path: Path):
    _, written = write_workspace(tmp_path, "saas")
    for path in written:
        if path.name != ".gitignore":
            assert path.read_text() == (REPOSITORY / "specs/saas" / path.relative_to(tmp_path)).read_text()
