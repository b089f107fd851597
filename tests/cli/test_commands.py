"""Every command with right input and wrong: what is printed where, and the exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS

from .conftest import Command, edit


@pytest.mark.parametrize("name", [*COMMANDS])
def test_each_command_explains_itself(ratecard: Command, name: str):
    ended = ratecard(name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: ratecard {name}")
    assert ended.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plna"], 'there is no command "plna"; did you mean plan?'),
        (["zzzz"], 'there is no command "zzzz"'),
        (["plan", "--nope"], "No such option '--nope'"),
        (["plan", "more"], "Got unexpected extra argument (more)"),
        (["revert"], "Missing argument 'CHANGE_SET'"),
        (["apply"], "no change set is named"),
        (["plan", "--workspace", "nowhere"], "the folder nowhere is not there"),
        (["plan", "--now", "yesterday"], '--now: "yesterday" has no time of day'),
        (["plan", "--account", "nobody"], 'there is no account "nobody" in ratecard.yaml'),
        (["log", "verify", "--head", "abc"], '--head: "abc" is no hash'),
        (["log", "--account", "nobody"], 'there is no account "nobody" in ratecard.yaml'),
        (["approve", "74ab"], "there is no terminal to ask on"),
        (["sandbox", "serve", "--port", "99999"], "Invalid value for '--port'"),
        (["init", "--name", "Bad Name", "new"], '"Bad Name" is not a name'),
    ],
)
def test_a_mistake_in_the_command_line_exits_64_with_words_on_stderr_only(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ended = ratecard(*arguments)
    assert (ended.code, ended.out) == (64, "")
    assert message in ended.err
    assert ended.err.startswith("error: ")


def test_no_command_shows_the_help_as_words(ratecard: Command):
    ended = ratecard()
    assert (ended.code, ended.out) == (64, "")
    assert ended.err.startswith("Usage: ratecard")


def test_a_workspace_is_begun_once_and_named_after_its_folder(
    tmp_path: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    ended = ratecard("init", "My Böllîng #1")
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "My Böllîng #1/ratecard.yaml"
    assert "Next: `ratecard plan --workspace 'My Böllîng #1'`." in ended.err
    assert "name: my-bolling-1\n" in (tmp_path / "My Böllîng #1/ratecard.yaml").read_text(encoding="utf-8")
    again = ratecard("init", "My Böllîng #1")
    assert (again.code, again.out) == (1, "")
    assert "is there already; nothing was written" in again.err


def test_init_in_a_folder_that_is_no_folder_writes_nothing(tmp_path: Path, ratecard: Command):
    (tmp_path / "file").write_text("kept")
    assert ratecard("init", tmp_path / "file").code == 64
    below = ratecard("init", tmp_path / "file" / "below", "--name", "x")
    assert below.code == 1
    assert "cannot be written: Not a directory" in below.err
    assert (tmp_path / "file").read_text() == "kept"


def test_all_mistakes_of_all_specs_are_told_with_their_places(workspace: Path, ratecard: Command):
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 49")
    edit(workspace / "specs/webhook.yaml", "alias:billing-endpoint", "http://plain.example.com")
    for name in ("validate", "plan"):
        ended = ratecard(name)
        assert (ended.code, ended.out) == (1, "")
        assert "specs/pro.yaml:23:15: spec.prices.monthly.amount:" in ended.err
        assert "specs/webhook.yaml:7:8: spec.url:" in ended.err
        assert ended.err.endswith("2 mistakes. Nothing was changed.\n")


def test_validate_counts_specs_and_objects(workspace: Path, ratecard: Command):
    ended = ratecard("validate")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "4 specs are valid; at dodo they are 5 objects.\n"


def test_fmt_check_names_files_and_fmt_rewrites_them_with_their_comments(workspace: Path, ratecard: Command):
    path = workspace / "specs/launch.yaml"
    canonical = path.read_text()
    path.write_text("# kept\n" + canonical.replace("  title: Launch", "  title:    'Launch'"))
    checked = ratecard("fmt", "--check")
    assert (checked.code, checked.out) == (1, "specs/launch.yaml\n")
    assert "Launch'" in path.read_text()
    assert ratecard("fmt").out == "specs/launch.yaml\n"
    assert path.read_text() == "# kept\n" + canonical
    assert ratecard("fmt", "--check").code == 0


def test_a_plan_is_printed_to_stdout_and_what_is_next_to_stderr(workspace: Path, ratecard: Command):
    ended = ratecard("plan")
    assert ended.code == 0
    assert ended.out.startswith("Change set ")
    assert "  + create   Plan/pro:monthly" in ended.out
    assert "Planning took 10 provider requests and changed nothing." in ended.err
    assert "\x1b" not in ended.out + ended.err
    assert ratecard("plan", "--detailed-exitcode").code == 2
    assert ratecard("plan", "--format", "markdown").out.startswith("### Change set `")


def test_options_may_come_before_the_command_between_and_after(workspace: Path, ratecard: Command, tmp_path: Path):
    ratecard("plan")
    for arguments in (
        ["--workspace", workspace, "log", "verify"],
        ["log", "--workspace", workspace, "verify"],
        ["log", "verify", "--workspace", workspace],
        ["--workspace", tmp_path, "log", "verify", "--workspace", workspace],
    ):
        ended = ratecard(*arguments)
        assert ended.code == 0, ended.err
        assert ended.out.startswith("--head ")


def test_the_next_command_names_the_same_workspace_and_account(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(workspace.parent)
    ended = ratecard("plan", "--workspace", "billing", "--account", "sandbox")
    assert " --workspace billing --account sandbox`, then `ratecard apply " in ended.err


def test_out_never_takes_the_place_of_a_file_that_is_no_change_set(workspace: Path, ratecard: Command):
    before = (workspace / "specs/pro.yaml").read_text()
    ended = ratecard("plan", "--out", "specs/pro.yaml")
    assert ended.code == 1
    assert "specs/pro.yaml is there and holds no change set" in ended.err
    assert (workspace / "specs/pro.yaml").read_text() == before
    assert ratecard("plan", "--out", "p.json").code == 0
    assert ratecard("plan", "--out", "p.json").code == 0
    assert sorted(path.name for path in workspace.glob(".*.new")) == []


def test_a_saved_change_set_is_shown_without_workspace_or_key(
    workspace: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    shown = ratecard("plan", "--out", tmp_path / "p.json", "--json").out
    monkeypatch.delenv("RATECARD_TEST_KEY")
    monkeypatch.chdir(tmp_path)
    assert ratecard("show", "p.json", "--json").out == shown
    assert ratecard("show", "p.json").code == 0


@pytest.mark.parametrize("command", [["show"], ["approve", "--yes"], ["apply"], ["reject"], ["revert"]])
def test_a_file_that_was_tampered_with_is_refused_everywhere(workspace: Path, ratecard: Command, command: list[str]):
    ratecard("plan", "--out", "p.json")
    edit(workspace / "p.json", '"code": "LAUNCH20"', '"code": "LAUNCH90"')
    ended = ratecard(*command, "p.json")
    assert (ended.code, ended.out) == (1, "")
    assert "p.json was changed after it was made, so no approval covers it" in ended.err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("ffff", 'no change set starts with "ffff"'),
        ("zz", '"zz" does not name a change set'),
        ("gone.json", "there is no file gone.json"),
        ("specs", "specs is a folder"),
        ("ratecard.yaml", "ratecard.yaml is not JSON"),
    ],
)
def test_a_target_that_names_no_change_set_is_told(planned: str, ratecard: Command, target: str, message: str):
    ended = ratecard("show", target)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


def test_an_approval_says_whose_until_when_and_that_nobody_proved_it(planned: str, ratecard: Command):
    ended = ratecard("approve", planned, "--yes", "--as", "Ann", "--now", "2027-01-01T10:00:00.5Z")
    assert ended.code == 0
    assert f"Approved {planned} as Ann until 2027-01-02T10:00:00Z. The name is not proven" in ended.err


def test_deciding_needs_no_key(planned: str, ratecard: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RATECARD_TEST_KEY")
    assert ratecard("approve", planned, "--yes").code == 0
    assert ratecard("reject", planned, "--reason", "too dear").code == 0


def test_nobody_approves_what_is_for_another_account(planned: str, ratecard: Command):
    ratecard("plan", "--out", "p.json")
    ended = ratecard("approve", "p.json", "--yes", "--account", "test")
    assert ended.code == 1
    assert "is for account sandbox (dodo, sandbox), not for test (dodo, test)" in ended.err


def test_a_count_of_final_changes_must_be_right(applied: str, ratecard: Command):
    reverse = ratecard("revert", applied, "--json").digest
    for count in ([], ["--confirm", "3"]):
        ended = ratecard("approve", reverse, "--yes", *count)
        assert ended.code == 1
        assert "2 of the changes cannot be undone" in ended.err
    assert ratecard("approve", reverse, "--yes", "--confirm", "2").code == 0


def test_a_count_where_everything_can_be_undone_is_refused(planned: str, ratecard: Command):
    ended = ratecard("approve", planned, "--yes", "--confirm", "3")
    assert ended.code == 1
    assert "can be undone, and the number given is 3" in ended.err


def test_what_is_not_approved_rejected_or_expired_is_not_applied(planned: str, ratecard: Command):
    assert "nobody has approved it" in ratecard("apply", planned).err
    ratecard("approve", planned, "--yes", "--as", "Ann")
    assert "the approval by Ann expired" in ratecard("apply", planned, "--now", "2099-01-01T00:00:00Z").err
    ratecard("reject", planned, "--as", "Bob")
    assert "Bob rejected it" in ratecard("apply", planned).err
    assert ratecard("plan", "--detailed-exitcode").code == 2


def test_apply_tells_each_change_and_that_it_converged_and_goes_once(planned: str, ratecard: Command):
    ratecard("approve", planned, "--yes", "--as", "Ann")
    ended = ratecard("apply", planned)
    assert ended.code == 0
    assert ended.out.count("  done      create   ") == 5
    assert "5 of 5 changes done" in ended.err
    assert ended.err.endswith("Converged: planning again gives no changes.\n")
    again = ratecard("apply", planned)
    assert (again.code, again.out) == (1, "")
    assert "each approval is for one run" in again.err
    assert ratecard("plan", "--detailed-exitcode").out.startswith("No changes")


@pytest.mark.parametrize("target", [[], ["74ab"]])
def test_there_is_nothing_to_resume_unless_a_run_was_interrupted(planned: str, ratecard: Command, target: list[str]):
    ended = ratecard("apply", *([planned] if target else []), "--resume")
    assert (ended.code, ended.out) == (1, "")
    assert "no run was interrupted, so there is nothing to resume" in ended.err


def test_a_price_change_is_reverted_and_a_second_revert_has_nothing_to_undo(
    applied: str, workspace: Path, ratecard: Command
):
    edit(workspace / "specs/pro.yaml", "amount: 49 USD", "amount: 59 USD")
    raised = ratecard("plan", "--json").digest
    never = ratecard("revert", raised)
    assert (never.code, never.out) == (1, "")
    assert "was never applied, so there is nothing to undo" in never.err
    ratecard("approve", raised, "--yes")
    ratecard("apply", raised)
    reverse = ratecard("revert", raised, "--json").digest
    ratecard("approve", reverse, "--yes")
    back = ratecard("apply", reverse)
    assert back.code == 0
    assert "Not converged: planning again gives 2 changes" in back.err
    assert "the specs still ask for it" in back.err
    assert ratecard("revert", raised).code == 1


def test_looking_at_the_log_makes_no_journal(workspace: Path, ratecard: Command):
    ended = ratecard("log")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "The journal has no entry yet.\n"
    assert ratecard("log", "verify").code == 1
    assert not (workspace / ".ratecard/journal.db").exists()


def test_the_log_shows_the_newest_last_and_says_that_there_are_more(applied: str, ratecard: Command):
    ended = ratecard("log", "--limit", "2")
    finished, let_go = ended.out.splitlines()
    assert finished.endswith("finished: applied")
    assert "lease 1 let go" in let_go
    assert "There are earlier entries: `ratecard log --limit COUNT`." in ended.err


def test_the_anchor_that_verify_prints_is_what_verify_takes(applied: str, ratecard: Command):
    anchor = ratecard("log", "verify").out.split()
    assert ratecard("log", "verify", *anchor).code == 0
    ended = ratecard("log", "verify", "--head", "0" * 64, "--count", anchor[-1])
    assert (ended.code, ended.out) == (1, "")
    assert "NOT sound: 1 problem." in ended.err


def test_a_live_account_is_refused_before_anything_is_sent(workspace: Path, ratecard: Command):
    edit(workspace / "ratecard.yaml", "      mode: test\n", "      mode: live\n")
    ratecard("plan", "--out", "p.json")
    ended = ratecard("approve", "p.json", "--yes", "--account", "test")
    assert (ended.code, ended.out) == (1, "")
    assert "approving or applying is refused for a live account" in ended.err


def test_the_journal_is_all_json(applied: str, ratecard: Command):
    kinds = [entry["kind"] for entry in json.loads(ratecard("log", "--json").out)["entries"]]
    assert kinds[:4] == ["change_set", "approval", "lease", "run_started"]
    assert kinds[-2:] == ["run_finished", "lease"]
