"""Drafts into files: what is there stays as people wrote it, nothing else is overwritten, all or nothing is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.agent.conversation import Conversation
from reconciler.agent.drafting import document_of
from reconciler.agent.port import Draft, Field, Source, SourceKind
from reconciler.agent.writing import (
    ANNOTATIONS,
    LONGEST_PROMPT,
    Written,
    home_of,
    provenance_fields,
    written,
)
from reconciler.base.errors import RatecardError
from reconciler.spec.editing import read_file, staged
from reconciler.spec.format import format_text
from reconciler.spec.load import load_text

from .saying import PRO, WORKSPACE, assumed, conversation

COMMENTED = """\
# What we sell.
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: pro
spec:
  title: Pro # as on the page
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month} # since March
    annual:
      discount: 20% # agreed with finance
      of: monthly
      every: year
---
# The other one.
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: team
spec:
  title: Team
  taxCategory: saas
  prices:
    monthly: {amount: 99 USD, every: month}
"""
NEW = Draft(
    "Plan",
    "max",
    False,
    (
        assumed("spec.title", "Max"),
        assumed("spec.taxCategory", "saas"),
        assumed("spec.prices.monthly.amount", "199 USD"),
        assumed("spec.prices.monthly.every", "month"),
    ),
)
EDIT = Draft("Plan", "pro", True, (assumed("spec.prices.monthly.amount", "59 USD"),))


def files_for(talk: Conversation, *drafts: Draft) -> list[Written]:
    folder = talk.workspace.folder
    home = home_of(talk.workspace.spec.specs, folder)
    return written(drafts, talk.specs, talk.view, home, lambda name: read_file(folder, name))


def write(talk: Conversation, *drafts: Draft) -> list[str]:
    files = files_for(talk, *drafts)
    with staged(files, talk.workspace.folder):
        pass
    return [file.file for file in files]


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_edit_changes_its_value_and_keeps_every_comment_and_the_order(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    assert write(talk, EDIT) == ["specs/all.yaml"]
    after = (tmp_path / "specs/all.yaml").read_text()
    assert after == format_text(COMMENTED, "x").replace("49 USD", "59 USD")


def test_two_documents_of_one_file_are_edited_together(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    (file,) = files_for(talk, EDIT, replace(EDIT, name="team"))
    assert file.text.count("59 USD") == 2
    assert list(file.fields) == ["Plan/pro", "Plan/team"]


def test_a_removed_key_goes_and_the_rest_stays(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    gone = Field(("spec", "prices", "annual"), None, Source(SourceKind.DEFAULT), remove=True)
    (file,) = files_for(talk, Draft("Plan", "pro", True, (gone,)))
    assert "annual" not in file.text
    assert "# since March" in file.text


def test_what_is_written_is_canonical_and_means_what_the_draft_means(tmp_path: Path):
    talk = conversation(tmp_path, {})
    (file,) = files_for(talk, NEW)
    assert file.file == "specs/plan-max.yaml"
    assert format_text(file.text, "x") == file.text
    (spec,) = load_text(file.text, "x").specs
    assert spec.document.model_dump(mode="json", by_alias=True, exclude_unset=True) == document_of(NEW, talk.view)


@pytest.mark.parametrize("there", [PRO.replace("name: pro", "name: basic"), "# nothing yet\n", ""])
def test_a_file_of_that_name_that_is_something_else_is_never_overwritten(tmp_path: Path, there: str):
    talk = conversation(tmp_path, {"specs/plan-max.yaml": there})
    assert write(talk, NEW) == ["specs/plan-max-2.yaml"]
    assert (tmp_path / "specs/plan-max.yaml").read_text() == there


def test_a_workspace_whose_specs_are_one_file_gets_new_ones_in_it(tmp_path: Path):
    talk = conversation(tmp_path, {"billing.yaml": COMMENTED}, f"{WORKSPACE}  specs: [billing.yaml]\n")
    assert write(talk, NEW, EDIT) == ["billing.yaml"]
    after = (tmp_path / "billing.yaml").read_text()
    assert [spec.name for spec in load_text(after, "x").specs] == ["pro", "team", "max"]
    assert after.startswith("# What we sell.\n")
    assert "59 USD" in after


def test_a_file_that_changed_since_it_was_read_is_left_alone(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    (tmp_path / "specs/all.yaml").write_text(COMMENTED.replace("Team", "Teams"))
    with pytest.raises(RatecardError, match=r"specs/all\.yaml was changed meanwhile"):
        files_for(talk, EDIT)


@pytest.mark.parametrize("draft", [EDIT, NEW])
def test_a_file_that_changes_at_the_last_moment_is_left_alone(tmp_path: Path, draft: Draft):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    (file,) = files_for(talk, draft)
    (tmp_path / file.file).write_text("# mine now\n")
    before = all_files(tmp_path)
    with pytest.raises(RatecardError, match="nothing was written"), staged([file], tmp_path):
        raise AssertionError("never reached")
    assert all_files(tmp_path) == before


def test_when_the_block_fails_every_file_is_as_it_was(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    files, before = files_for(talk, EDIT, NEW), all_files(tmp_path)
    with pytest.raises(RuntimeError, match="no journal"), staged(files, tmp_path):
        raise RuntimeError("no journal")
    assert all_files(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    (tmp_path / "other").write_text("a file")
    (file,) = files_for(talk, NEW)
    with (
        pytest.raises(RatecardError, match=r"other/max\.yaml cannot be written"),
        staged([replace(file, file="other/max.yaml")], tmp_path),
    ):
        raise AssertionError("never reached")


def test_an_edit_that_an_anchor_would_carry_further_is_refused_or_kept_apart(tmp_path: Path):
    shared = COMMENTED.replace("monthly: {amount: 49 USD", "monthly: &m {amount: 49 USD")
    shared = shared.replace("      discount: 20% # agreed with finance\n      of: monthly\n      every: year\n", "")
    shared = shared.replace("    annual:\n", "    other: *m\n")
    talk = conversation(tmp_path, {"specs/all.yaml": shared})
    if talk.diagnostics:  # anchors are not read at all
        assert "anchor" in str(talk.diagnostics[0])
        return
    with pytest.raises(RatecardError, match="without changing more than was said"):
        files_for(talk, EDIT)


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path: Path):
    (tmp_path / "kept.yaml").write_text(COMMENTED)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/all.yaml").symlink_to(tmp_path / "kept.yaml")
    talk = conversation(tmp_path, {})
    if not talk.specs:  # links are not read at all
        return
    write(talk, EDIT)
    assert (tmp_path / "specs/all.yaml").is_symlink()
    assert "59 USD" in (tmp_path / "kept.yaml").read_text()


def test_annotations_tell_of_the_newest_prompt_only(tmp_path: Path):
    talk = conversation(tmp_path, {"specs/all.yaml": COMMENTED})
    for prompt, author in (("first", "Ann"), ("second\nline", "Bob")):
        notes = provenance_fields(prompt, author, "2026-04-10T09:00:00Z", "built-in")
        write(talk, replace(EDIT, fields=(*EDIT.fields, *notes)))
        talk = conversation(tmp_path, {})
    (annotations,) = [spec.document.metadata.annotations for spec in talk.specs if spec.name == "pro"]
    assert list(annotations) == list(ANNOTATIONS)
    assert list(annotations.values()) == ["second line", "Bob", "2026-04-10T09:00:00Z", "built-in"]


def test_a_long_prompt_is_shortened_in_the_annotations():
    first = provenance_fields("word " * 10_000, "Ann", "2026-04-10T09:00:00Z", "built-in")[0]
    assert isinstance(first.value, str)
    assert len(first.value) <= LONGEST_PROMPT
    assert first.value.endswith(" …")
