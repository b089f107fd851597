"""The schemas for editors: what `init` writes names one that is there and holds for it; formatting agrees."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from .conftest import Command

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def test_each_file_of_a_new_workspace_names_a_schema_that_is_there_and_holds_for_it(tmp_path: Path, ratecard: Command):
    assert ratecard("init", tmp_path / "new").code == 0
    files = sorted((tmp_path / "new").rglob("*.yaml"))
    assert len(files) == 4
    for path in files:
        named = LINE.match(path.read_text())
        assert named is not None, path
        schema = json.loads((path.parent / named[1]).read_text())
        for document in yaml.safe_load_all(path.read_text()):
            Draft202012Validator(schema).validate(document)


def test_the_line_is_no_reason_to_format_and_is_kept_by_formatting(workspace: Path, ratecard: Command):
    assert ratecard("fmt", "--check").code == 0
    path = workspace / "specs/launch.yaml"
    canonical = path.read_text()
    path.write_text(canonical.replace("  title: Launch", "  title:   Launch"))
    assert ratecard("fmt").code == 0
    assert path.read_text() == canonical


def test_old_schemas_are_written_anew_and_those_of_this_version_are_left(workspace: Path, ratecard: Command):
    assert (ratecard("schema").out, ratecard("schema").code) == ("", 0)
    old = workspace / "schemas/spec.json"
    old.write_text("{}")
    again = ratecard("schema", "--json").json()
    assert [Path(name).name for name in again["files"]] == ["spec.json"]
    assert old.read_bytes() == (ROOT / "schemas/spec.json").read_bytes()


def test_the_settings_for_editors_name_the_files_that_init_writes(workspace: Path):
    settings = json.loads((ROOT / "integrations/editors/settings.json").read_text())
    for name, patterns in settings["yaml.schemas"].items():
        assert (workspace / name).is_file()
        assert all(list(workspace.glob(pattern)) for pattern in patterns)
