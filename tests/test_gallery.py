"""Every example workspace: in canonical form, and planned, approved, applied and planned again in the sandbox."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.spec.format import format_text

SPECS = Path(__file__).parents[1] / "specs"
GALLERY = sorted(path.parent.name for path in SPECS.glob("*/ratecard.yaml"))


def test_the_gallery_shows_ten_ways_to_sell_beside_the_first_example():
    assert GALLERY == [
        "ai-tokens", "commitments", "credits", "flat", "freemium", "licence-keys", "one-time", "per-seat", "regional",
        "saas", "usage",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted(SPECS.glob("*/specs/*.yaml")), ids=lambda path: path.parts[-3] + "/" + path.name
)
def test_an_example_is_written_as_formatting_would_write_it(path: Path):
    text = path.read_text(encoding="utf-8")
    assert format_text(text, path.name) == text


@pytest.mark.parametrize("name", GALLERY)
def test_an_example_is_applied_and_nothing_is_left_to_do_also_once_its_journal_was_lost_and_recovered(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / name
    shutil.copytree(SPECS / name, folder, ignore=shutil.ignore_patterns(".ratecard"))

    def ratecard(*arguments: str) -> int:
        command, *rest = arguments
        return run([command, "--workspace", str(folder), *rest])

    assert ratecard("validate") == 0
    capsys.readouterr()
    assert ratecard("plan", "--json", "--detailed-exitcode") == 2
    planned = json.loads(capsys.readouterr().out)
    assert {change["verb"] for change in planned["changes"]} == {"create"}
    digest = planned["digest"].removeprefix("sha256:")[:12]
    assert ratecard("approve", digest, "--as", "reader", "--yes") == 0
    assert ratecard("apply", digest) == 0
    assert ratecard("plan", "--detailed-exitcode") == 0
    for lost in (folder / ".ratecard").glob("journal.db*"):
        lost.unlink()
    capsys.readouterr()
    assert ratecard("recover", "--json") == 0
    recovered = json.loads(capsys.readouterr().out)
    assert (recovered["questions"], recovered["missing"]) == ([], [])
    assert {change["verb"] for change in recovered["changeSet"]["changes"]} == {"adopt"}
    assert len(recovered["changeSet"]["changes"]) == len(planned["changes"])
    digest = recovered["changeSet"]["digest"].removeprefix("sha256:")[:12]
    assert ratecard("approve", digest, "--as", "reader", "--yes") == 0
    assert ratecard("apply", digest) == 0
    assert ratecard("plan", "--detailed-exitcode") == 0
