"""`ratecard drift` on the command line: three verbs, exit codes and a stable shape for pipelines."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.engine.clock import SystemClock
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal
from reconciler.sandbox.embedded import EmbeddedSandbox

from .conftest import CANARY, Command

WEBHOOK = "Webhook/billing"


@pytest.fixture
def http(sandbox: str) -> httpx.Client:
    return httpx.Client(base_url=sandbox, headers={"Authorization": f"Bearer {CANARY}"}, trust_env=False)


@pytest.fixture
def drifted(applied: str, http: httpx.Client) -> None:
    """Somebody pointed the webhook elsewhere."""
    with http:
        webhook = http.get("/webhooks").json()["data"][0]["id"]
        http.patch(f"/webhooks/{webhook}", json={"url": "https://new.example.com/hooks"}).raise_for_status()


def shape(ended: Any) -> Any:
    document = ended.json()
    return (ended.code, [one["address"] for one in document["drifts"]], [one["address"] for one in document["ignored"]])


def test_a_pipeline_reads_what_when_and_who_and_the_code_says_whether_there_is_any(drifted: None, ratecard: Command):
    ended = ratecard("drift", "--json")
    [one] = ended.json()["drifts"]
    assert ended.code == 2
    assert one["values"] == [
        {"field": "url", "left": "https://api.example.com/billing/webhooks", "live": "https://new.example.com/hooks"}
    ]
    assert (one["gravity"], one["by"]) == ("access", "not told by dodo")
    assert one["since"] < one["changedAt"] < one["firstSeen"]
    assert ratecard("drift", "--json").json()["drifts"][0]["firstSeen"] == one["firstSeen"]


def test_what_is_accepted_is_edited_shown_approved_and_applied(drifted: None, ratecard: Command, workspace: Path):
    ended = ratecard("drift", "--accept", f"{WEBHOOK}:url", "--json")
    assert (ended.code, ended.json()["written"]) == (2, ["specs/webhook.yaml"])
    assert "url: https://new.example.com/hooks" in (workspace / "specs/webhook.yaml").read_text()
    digest = ended.json()["changeSet"]["digest"].removeprefix("sha256:")[:12]
    assert ratecard("approve", digest, "--yes", "--as", "Ann").code == 0
    done = ratecard("apply", digest)
    assert (done.code, "Converged" in done.err) == (0, True), done.err
    assert shape(ratecard("drift", "--json")) == (0, [], [])
    assert ratecard("plan", "--detailed-exitcode").code == 0


def test_what_is_ignored_is_no_drift_for_a_pipeline_until_its_day(drifted: None, ratecard: Command):
    ended = ratecard("drift", "--ignore", WEBHOOK, "--until", "2099-01-01", "--reason", "moving hosts", "--json")
    digest = ended.json()["changeSet"]["digest"].removeprefix("sha256:")[:12]
    assert shape(ratecard("drift", "--json")) == (2, [WEBHOOK], []), "until it is approved and applied"
    assert ratecard("approve", digest, "--yes", "--as", "Ann").code == 0
    assert ratecard("apply", digest).code == 0
    assert shape(ratecard("drift", "--json")) == (0, [], [WEBHOOK])
    told = ratecard("drift")
    assert "Ignored until 2099-01-01T00:00:00Z: Webhook/billing:url (moving hosts), approved by Ann." in told.err
    assert shape(ratecard("drift", "--json", "--now", "2099-01-01T00:00:00Z")) == (2, [WEBHOOK], [])


@pytest.mark.parametrize("kind", EntryKind)
def test_the_log_has_a_sentence_for_every_kind_of_entry_also_for_an_empty_one(
    workspace: Path, ratecard: Command, kind: EntryKind
):
    body = {"address": "Plan/pro", "kind": "product", "id": None, "archived": False}
    if kind is EntryKind.DRIFT:
        body = {"address": "Plan/pro:monthly", "kind": "product", "fields": ["price.price"], "seen": "0" * 32}
    with Journal.open(workspace / ".ratecard" / "journal.db", SystemClock()) as journal:
        journal.append(kind, "sandbox", body)
    ended = ratecard("log")
    assert (ended.code, len(ended.out.splitlines())) == (0, 1), ended.err
    if kind is EntryKind.DRIFT:
        assert "drift of Plan/pro:monthly seen for the first time: price.price" in ended.out


def test_drift_is_found_by_the_core_alone_with_no_service_no_key_and_no_network(
    tmp_path: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    """The account is a file beside the specs: what others sell as a service is tried here before anybody signs up."""
    reached: list[str] = []
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        reached.append(str(address[0]) if isinstance(address, tuple) else str(address))
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.delenv("DODO_PAYMENTS_API_KEY", raising=False)
    folder = tmp_path / "billing"
    assert ratecard("init", folder).code == 0
    monkeypatch.chdir(folder)
    digest = ratecard("plan", "--json").digest
    assert ratecard("approve", digest, "--yes", "--as", "Ann").code == 0
    assert ratecard("apply", digest).code == 0
    assert shape(ratecard("drift", "--json")) == (0, [], [])
    with EmbeddedSandbox(folder / ".ratecard" / "sandbox.sandbox.db") as sandbox:
        headers = {"Authorization": "Bearer dodo_test_by_hand"}
        with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as http:
            webhook = http.get("/webhooks").json()["data"][0]["id"]
            http.delete(f"/webhooks/{webhook}").raise_for_status()
    assert shape(ratecard("drift", "--json")) == (2, [WEBHOOK], [])
    assert set(reached) <= {"127.0.0.1"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--accept"], "--accept needs to know what"),
        (["--ignore", WEBHOOK], "--ignore and --until go together"),
        ([WEBHOOK, "--until", "2099-01-01"], "--ignore and --until go together"),
        (["--ignore", WEBHOOK, "--until", "soon", "--reason", "x"], "--until"),
        (["--issue", "github"], "GITHUB_REPOSITORY is empty"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_read(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    ended = ratecard("drift", *arguments)
    assert (ended.code, told in ended.err) == (64, True), ended.err
