"""The index: what is remembered of unedited files is what reading them gives, and anything else is read anew."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli.main import run
from reconciler.engine import config, index, workspace_file
from reconciler.engine.config import Workspace, load_workspace
from reconciler.engine.desired import Desired, load_desired
from reconciler.engine.index import Index, index_for
from reconciler.plan.diff import diff
from reconciler.plan.resource import Live
from reconciler.providers.base import Lowered
from reconciler.providers.dodo.provider import Dodo

WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {name: acme}
spec:
  account: books
  accounts:
    books: {provider: dodo, mode: sandbox}
    real: {provider: dodo, mode: test, key: env:KEY}
  specs: [specs, more.yaml]
  aliases:
    hook: https://example.com/one
"""
PLAN = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Prо
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
"""
WEBHOOK = """\
apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata: {name: books}
spec: {url: "alias:hook", events: [payment.succeeded]}
"""


@dataclass(frozen=True)
class Place:
    """A workspace with a warning (a title in two scripts) and its index."""

    folder: Path
    cache: Path

    def write(self) -> Place:
        (self.folder / "specs").mkdir(parents=True)
        (self.folder / "ratecard.yaml").write_text(WORKSPACE, encoding="utf-8")
        (self.folder / "specs" / "pro.yaml").write_text(PLAN, encoding="utf-8")
        (self.folder / "more.yaml").write_text(WEBHOOK, encoding="utf-8")
        return self

    def entries(self) -> list[Path]:
        return sorted((self.cache / "ratecard" / "index").glob("*"))

    def workspace(self, *, indexed: bool = True) -> Workspace | None:
        return load_workspace(self.folder, Index(self.cache) if indexed else None)[0]

    def told(self, *, indexed: bool) -> object:
        """All that a command goes by: the workspace with its mistakes, and what its specs ask for."""
        workspace, mistakes = load_workspace(self.folder, Index(self.cache) if indexed else None)
        if workspace is None:
            return mistakes
        desired = load_desired(workspace, Dodo())
        return (
            workspace, desired.resources, desired.diagnostics, desired.count, desired.acts, desired.policy,
            desired.lifecycles, desired.settings, desired.layered,
        )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "books", tmp_path / "cache").write()


def desired_in(place: Place) -> Desired:
    workspace = place.workspace()
    assert workspace is not None
    return load_desired(workspace, Dodo())


def test_what_is_remembered_is_what_reading_gives_down_to_the_digest_and_the_warnings(place):
    cold, filled, warm = place.told(indexed=False), place.told(indexed=True), place.told(indexed=True)
    assert len(place.entries()) == 3
    assert cold == filled == warm
    desired = desired_in(place)
    assert [found.code for found in desired.diagnostics] == ["check/mixed-scripts"]
    changes = diff(desired.resources, Live(()), {}, Dodo.capabilities, "acme").changes
    workspace = place.workspace(indexed=False)
    assert workspace is not None
    assert changes == diff(load_desired(workspace, Dodo()).resources, Live(()), {}, Dodo.capabilities, "acme").changes


def test_the_example_workspaces_mean_the_same_warm_and_cold(tmp_path):
    folders = sorted(path.parent for path in Path("specs").resolve().rglob("ratecard.yaml"))
    assert len(folders) > 5
    for folder in folders:
        example = Place(folder, tmp_path / "cache")
        assert example.told(indexed=False) == example.told(indexed=True) == example.told(indexed=True)
        workspace, *_ = load_workspace(folder)
        assert workspace is not None
        for resource in load_desired(workspace, Dodo()).resources:
            assert _plain(resource.body), f"{resource.address} holds what JSON does not give back"


def test_a_policy_is_remembered_and_what_it_says_by_now_is_seen(place):
    policy = "apiVersion: ratecard.dev/v1alpha1\nkind: Policy\nmetadata: {name: main}\n"
    policy += "spec: {members: [{name: sue, roles: [support]}], roles: [support], rules: [{name: rest, ask: {}}]}\n"
    (place.folder / "specs" / "policy.yaml").write_text(policy)
    place.told(indexed=True)
    warm = desired_in(place)
    assert (warm.policy and warm.policy["name"], warm.acts) == ("main", False)
    (place.folder / "specs" / "policy.yaml").write_text(policy.replace("rest", "other"))
    assert desired_in(place).policy != warm.policy
    (place.folder / "specs" / "policy.yaml").unlink()
    assert desired_in(place).policy is None


def _plain(value: object) -> bool:
    if type(value) is dict:
        return all(type(key) is str and _plain(part) for key, part in value.items())
    return all(map(_plain, value)) if type(value) is list else type(value) in (str, int, bool, type(None))


def test_the_specs_of_a_remembered_workspace_are_those_that_were_compared(place):
    place.told(indexed=True)
    warm = desired_in(place)
    (place.folder / "specs" / "pro.yaml").write_text(PLAN.replace("49 USD", "59 USD"), encoding="utf-8")
    assert [str(spec.document.spec.prices["monthly"].amount) for spec in warm.specs if spec.kind == "Plan"] == [
        "49 USD"
    ]
    assert [spec.document.spec.url for spec in warm.specs if spec.kind == "Webhook"] == ["https://example.com/one"]
    assert [spec.document.spec.url for spec in warm.written if spec.kind == "Webhook"] == ["alias:hook"]


FILES = ("ratecard.yaml", "specs/pro.yaml", "more.yaml")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_edit_of_any_byte_is_never_answered_from_memory(tmp_path, data):
    folder = tmp_path / "edited"
    shutil.rmtree(folder, ignore_errors=True)
    place = Place(folder / "books", tmp_path / "cache").write()
    place.told(indexed=True)
    file = place.folder / data.draw(st.sampled_from(FILES))
    before, status = file.read_bytes(), file.stat()
    at = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(0, 255))
    file.write_bytes(before[:at] + bytes([byte]) + before[at + 1 :])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # as fast as a second edit within one tick
    assert place.told(indexed=True) == place.told(indexed=False)


EDITS = {
    "a file is renamed": lambda folder: (folder / "specs/pro.yaml").rename(folder / "specs/max.yaml"),
    "a file is added": lambda folder: (folder / "specs/b.yaml").write_text(PLAN.replace("name: pro", "name: b")),
    "a file is removed": lambda folder: (folder / "specs/pro.yaml").unlink(),
    "two files change places": lambda folder: (
        (folder / "specs/pro.yaml").write_text(WEBHOOK),
        (folder / "more.yaml").write_text(PLAN, encoding="utf-8"),
    ),
    "an alias leads elsewhere": lambda folder: edit(folder, "example.com/one", "example.com/two"),
    "an alias is gone": lambda folder: edit(folder, "hook:", "hooks:"),
    "an account has another mode": lambda folder: edit(folder, "mode: test", "mode: live"),
    "another account is the default": lambda folder: edit(folder, "account: books", "account: real"),
    "other files are read": lambda folder: edit(folder, "[specs, more.yaml]", "[specs]"),
    "the workspace has another name": lambda folder: edit(folder, "acme", "acne"),
}


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "ratecard.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_a_change_of_the_workspace_is_seen(place, change):
    before = place.told(indexed=True)
    change(place.folder)
    assert place.told(indexed=True) == place.told(indexed=False) != before


def test_each_byte_of_an_entry_that_is_broken_or_missing_makes_it_as_if_it_were_not_there(place):
    truth = place.told(indexed=True)
    assert truth == place.told(indexed=False)
    for entry in place.entries():
        whole = entry.read_bytes()
        memory = Index(place.cache)
        assert memory.recall(entry.name) is not None
        for at in range(len(whole)):
            entry.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            assert memory.recall(entry.name) is None, at
            entry.write_bytes(whole[:at])
            assert memory.recall(entry.name) is None, at
        assert place.told(indexed=True) == truth
        assert entry.read_bytes() == whole, "it is remembered anew"


def test_an_entry_under_the_name_of_another_counts_for_nothing(place):
    place.told(indexed=True)
    one, other, _ = place.entries()
    one.write_bytes(other.read_bytes())
    assert Index(place.cache).recall(one.name) is None


def test_what_others_may_write_or_have_made_counts_for_nothing(place, monkeypatch):
    place.told(indexed=True)
    entry, memory = place.entries()[0], Index(place.cache)
    assert (entry.stat().st_mode & 0o777, entry.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for path in (entry, entry.parent, entry.parent.parent, place.cache):
        mode = path.stat().st_mode
        for writable in (0o020, 0o002):
            path.chmod(mode | writable)
            assert memory.recall(entry.name) is None
        path.chmod(mode)
        assert memory.recall(entry.name) is not None
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert memory.recall(entry.name) is None


def test_links_are_not_followed_to_an_entry_or_a_folder_of_entries(place):
    place.told(indexed=True)
    entry, memory = place.entries()[0], Index(place.cache)
    elsewhere = place.folder / "planted"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)
    assert memory.recall(entry.name) is None
    entry.unlink()
    elsewhere.rename(entry)
    folder = entry.parent
    folder.rename(place.folder / "index")
    folder.symlink_to(place.folder / "index")
    assert memory.recall(entry.name) is None


def test_an_index_is_never_within_the_workspace_nor_where_it_is_switched_off(place, monkeypatch):
    home = {"XDG_CACHE_HOME": str(place.cache)}
    assert index_for(place.folder, home) is not None
    assert index_for(place.folder, {"XDG_CACHE_HOME": str(place.folder / "cache")}) is None
    assert index_for(place.folder, home | {"RATECARD_INDEX": "off"}) is None
    monkeypatch.setenv("HOME", str(place.folder))
    assert index_for(place.folder, {"XDG_CACHE_HOME": "relative"}) is None


def test_an_index_that_cannot_be_written_costs_nothing_but_time(place):
    place.cache.write_text("a file where the folder would be")
    assert place.told(indexed=True) == place.told(indexed=False)
    assert place.cache.read_text() == "a file where the folder would be"


def test_mistakes_are_never_remembered(place):
    (place.folder / "specs" / "pro.yaml").write_text(PLAN.replace("49 USD", "49"), encoding="utf-8")
    place.told(indexed=True)
    assert len(place.entries()) == 1  # ratecard.yaml alone
    assert place.told(indexed=True) == place.told(indexed=False)


def test_old_entries_make_room_for_new_ones(place, monkeypatch):
    monkeypatch.setattr(index, "MOST_ENTRIES", 3)
    memory = Index(place.cache)
    keys = [memory.key("test", number) for number in range(5)]
    for number, key in enumerate(keys):
        memory.remember(key, [number])
        os.utime(place.cache / "ratecard" / "index" / key, ns=(number, number))
    memory.remember(keys[0], [0])
    assert [memory.recall(key) for key in keys] == [[0], None, None, [3], [4]]
    monkeypatch.setattr(index, "LARGEST_ENTRY", 10)
    memory.remember(keys[1], "x" * 20)
    assert memory.recall(keys[1]) is None


def test_another_version_of_the_program_remembers_apart(monkeypatch):
    key = Index(Path("unused")).key("test")
    assert Index(Path("unused")).key("test") == key
    sources = index._sources()
    monkeypatch.setattr(index, "_sources", lambda: sources[:-1])
    assert Index(Path("unused")).key("test") != key


def test_the_program_is_known_by_each_of_its_files(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    (tmp_path / "__init__.py").write_text("")
    file = tmp_path / "inner" / "kind.py"
    file.write_text("LIMIT = 1\n")
    monkeypatch.setattr(index.reconciler, "__file__", str(tmp_path / "__init__.py"))
    before = index._sources()
    file.write_text("LIMIT = 10\n")
    assert index._sources() != before


class Elsewhere(Dodo):
    """A provider that is no part of the program: it may change without its sources being seen."""

    def lower(self, specs):
        return Lowered(super().lower(specs).resources[:1], ())


def test_a_provider_from_elsewhere_is_asked_each_time(place):
    place.told(indexed=True)
    workspace = place.workspace()
    assert workspace is not None
    assert len(load_desired(workspace, Elsewhere()).resources) == 1
    assert len(place.entries()) == 3


def test_what_is_read_of_ratecard_yaml_has_each_field_of_its_models():
    for plain, model in (
        (config.Account, workspace_file.Account),
        (config.WorkspaceSpec, workspace_file.WorkspaceSpec),
    ):
        assert [one.name for one in fields(plain)] == list(model.model_fields)


def test_the_command_says_the_same_cold_warm_and_without_an_index(place, monkeypatch, capsys):
    said = []
    for switch in ("off", "on", "on"):
        monkeypatch.setenv("RATECARD_INDEX", switch)
        monkeypatch.setenv("XDG_CACHE_HOME", str(place.cache))
        assert run(["validate", "--workspace", str(place.folder)]) == 0
        said.append(capsys.readouterr())
        assert place.cache.exists() == (switch == "on")
    assert said[0] == said[1] == said[2]
    assert "mixes Latin letters" in said[0].err
