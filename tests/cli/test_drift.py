"""`ratecard drift` on the command line: three verbs, exit codes and a stable shape for pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

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
