"""Every example workspace: in canonical form, and planned, approved, applied and planned again in the sandbox."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest

from reconciler.cli.main import run
from reconciler.sandbox.embedded import EmbeddedSandbox
from reconciler.spec.format import format_text

SPECS = Path(__file__).parents[1] / "specs"
GALLERY = sorted(path.parent.name for path in SPECS.glob("*/ratecard.yaml"))

# What nobody can find out without the journal, and so is asked: the value of a header that the provider hides.
UNKNOWABLE = {"publishing": {"Webhook/shop:headers"}}


def copied(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An example, with the environment that it asks for."""
    monkeypatch.setenv("SHOP_TOKEN", "token-of-the-shop")
    monkeypatch.setenv("SHOP_SENDER", "billing")
    shutil.copytree(SPECS / name, folder / name, ignore=shutil.ignore_patterns(".ratecard"))
    return folder / name


def secrets_in(folder: Path) -> list[str]:
    """What the signing secrets of webhooks are, where an example puts them."""
    return [path.read_text() for path in sorted((folder / ".ratecard").glob("*.env"))]


def test_the_gallery_shows_eleven_ways_to_sell_beside_the_first_example():
    assert GALLERY == [
        "ai-tokens", "commitments", "credits", "flat", "freemium", "licence-keys", "one-time", "per-seat",
        "publishing", "regional", "saas", "usage",
    ]  # fmt: skip


WRITTEN = sorted([*SPECS.glob("*/specs/*.yaml"), *SPECS.glob("*/overlays/*/*.yaml")])


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(SPECS)))
def test_an_example_is_written_as_formatting_would_write_it(path: Path):
    text = path.read_text(encoding="utf-8")
    assert format_text(text, path.name, whole=False) == text


@pytest.mark.parametrize("name", GALLERY)
def test_an_example_is_applied_and_nothing_is_left_to_do_also_once_its_journal_was_lost_and_recovered(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    folder = copied(name, tmp_path, monkeypatch)

    def ratecard(*arguments: str) -> int:
        command, *rest = arguments
        return run([command, "--workspace", str(folder), *rest])

    assert ratecard("validate") == 0
    capsys.readouterr()
    assert ratecard("plan", "--json", "--detailed-exitcode") == 2
    planned = json.loads(capsys.readouterr().out)
    assert {change["verb"] for change in planned["changes"]} == {"create"}
    digest = planned["digest"].removeprefix("sha256:")[:12]
    for_good = sum(change["reverse"]["undo"] == "irreversible" for change in planned["changes"])
    assert ratecard("approve", digest, "--as", "reader", "--yes", "--confirm", str(for_good)) == 0
    assert ratecard("apply", digest) == 0
    assert ratecard("plan", "--detailed-exitcode") == 0
    before = secrets_in(folder)
    for lost in (folder / ".ratecard").glob("journal.db*"):
        lost.unlink()
    capsys.readouterr()
    ratecard("recover", "--json")
    recovered = json.loads(capsys.readouterr().out)
    assert recovered["missing"] == []
    asked = {one["address"]: next(iter(one["choices"])) for one in recovered["questions"]}
    assert asked.keys() == UNKNOWABLE.get(name, set())
    if asked:
        choices = [part for address, found in asked.items() for part in ("--choose", f"{address}={found}")]
        assert ratecard("recover", "--json", *choices) == 0
        recovered = json.loads(capsys.readouterr().out)
    assert {change["verb"] for change in recovered["changeSet"]["changes"]} == {"adopt"}
    assert len(recovered["changeSet"]["changes"]) == len(planned["changes"])
    assert secrets_in(folder) == before
    digest = recovered["changeSet"]["digest"].removeprefix("sha256:")[:12]
    assert ratecard("approve", digest, "--as", "reader", "--yes") == 0
    assert ratecard("apply", digest) == 0
    assert ratecard("plan", "--detailed-exitcode") == 0
    assert ratecard("drift") == 0


def test_an_overlay_of_an_account_says_which_of_its_customers_a_discount_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    folder = copied("publishing", tmp_path, monkeypatch)
    with EmbeddedSandbox() as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as http:
        people = [{"id": f"cus_{name}", "name": name, "email": f"{name}@example.com"} for name in ("ada", "ben")]
        assert http.post("/_sandbox/seed", json={"customers": people}).is_success
        test = "mode: test\n      key: env:DODO_PAYMENTS_API_KEY\n"
        text = (folder / "ratecard.yaml").read_text()
        assert test in text
        (folder / "ratecard.yaml").write_text(text.replace(test, f"mode: sandbox\n      url: {sandbox.url}\n"))
        where = ["--workspace", str(folder), "--account", "test"]
        assert run(["plan", "--json", *where]) == 0
        planned = json.loads(capsys.readouterr().out)
        digest = planned["digest"].removeprefix("sha256:")[:12]
        assert run(["approve", digest, "--as", "reader", "--yes", "--confirm", "1", *where]) == 0
        assert run(["apply", digest, *where]) == 0
        assert run(["plan", "--detailed-exitcode", *where]) == 0
        headers = {"Authorization": "Bearer dodo_test_0123456789abcdef"}
        [discount] = http.get("/discounts", headers=headers).json()["items"]
        allowed = http.get(f"/discounts/{discount['discount_id']}/customers", headers=headers).json()["items"]
    assert sorted(one["customer_id"] for one in allowed) == ["cus_ada", "cus_ben"]
