"""The schemas for editors: what `init` writes names one that is there and holds for it; formatting agrees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from .conftest import Command, edit

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


OVERLAY = """\
# yaml-language-server: $schema=../../schemas/overlay.json
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro, labels: {team: growth}}
spec:
  prices: {monthly: {amount: 59 USD}}
  trial: {days: 30}
  usage: [{meter: events, rate: 0.001 USD}]
remove: [spec.features]
"""


def test_an_overlay_may_leave_out_what_is_merged_and_its_schema_marks_what_is_wrong_in_it(
    workspace: Path, ratecard: Command
):
    path = workspace / "overlays/sandbox/pro.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(OVERLAY)
    edit(workspace / "ratecard.yaml", "provider: dodo\n      mode: sandbox\n", PLACED)
    assert ratecard("validate").code == 0
    named = LINE.match(OVERLAY)
    assert named is not None
    editor = Draft202012Validator(json.loads((path.parent / named[1]).read_text()))
    editor.validate(yaml.safe_load(OVERLAY))
    wrong = {
        "59 USD": "59",  # no currency
        "trial: {days: 30}": "trail: {days: 30}",
        "{meter: events, rate: 0.001 USD}": "{rate: 0.001 USD}",  # a list is taken whole, and each line needs its meter
        "{name: pro,": "{",
        "kind: Plan": "kind: Plam",
        "[spec.features]": "[3]",
    }
    for old, new in wrong.items():
        assert OVERLAY.count(old) == 1
        changed = OVERLAY.replace(old, new)
        assert not editor.is_valid(yaml.safe_load(changed)), f"an editor marks {new}"
        path.write_text(changed)
        assert ratecard("validate").code == 1, f"and so does validate: {new}"


PLACED = "provider: dodo\n      overlays: [overlays/sandbox]\n      mode: sandbox\n"


def test_any_one_key_of_an_example_is_a_part_that_its_schema_takes():
    shapes = json.loads((ROOT / "schemas/overlay.json").read_text())
    head = ("apiVersion", "kind")
    for path in sorted((ROOT / "specs").rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] == "Workspace":
                continue
            editor = Draft202012Validator({"$ref": f"#/$defs/{document['kind']}Part", "$defs": shapes["$defs"]})
            about = {name: document[name] for name in head} | {"metadata": {"name": document["metadata"]["name"]}}
            for part in parts(document["spec"]):
                editor.validate(about | {"spec": part})


def parts(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each key of a mapping alone, down to what is no mapping."""
    for key, part in value.items():
        for below in parts(part) if isinstance(part, dict) and part else (part,):
            yield {key: below}


def test_the_settings_for_editors_name_the_files_that_init_writes(workspace: Path):
    (workspace / "overlays/live").mkdir(parents=True)
    (workspace / "overlays/live/pro.yaml").write_text(OVERLAY)
    settings = json.loads((ROOT / "integrations/editors/settings.json").read_text())
    for name, patterns in settings["yaml.schemas"].items():
        assert (workspace / name).is_file()
        assert all(list(workspace.glob(pattern)) for pattern in patterns)
