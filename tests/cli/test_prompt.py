"""`ratecard prompt`, `history`, `blame` and `init --describe`, as people and scripts use them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from reconciler.agent.document import PromptResult
from reconciler.cli.export import everything

from .conftest import CANARY, Command
from .test_process import ended, on_terminal, read_until

PRO = "Create a Max plan at $49/month with a 20% annual discount and a 14-day free trial, no card required."
ASKED = "Create a Max plan at $49/month with a 14-day free trial."
NOW = ("--now", "2026-04-10T09:00:00Z")
REFUND = "Refund the last invoice for customer acme-corp. Reason: service outage on March 15"
SCHEMA = json.loads(next(text for name, text in everything().items() if name.endswith("PromptResult.json")))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


@pytest.fixture
def bare(workspace: Path) -> Path:
    """The workspace without its example specs."""
    shutil.rmtree(workspace / "specs")
    (workspace / "specs").mkdir()
    return workspace


def sandbox_says(sandbox: str, what: str) -> Any:
    with httpx.Client(trust_env=False, headers={"Authorization": "Bearer dodo_test_control"}) as client:
        return client.get(f"{sandbox}/_sandbox/{what}").json()


def heard(found: PromptResult) -> tuple[str, bool]:
    return found.outcome, found.ready


def result(ratecard: Command, *arguments: object) -> PromptResult:
    """The document that a prompt prints, held to its exported schema."""
    done = ratecard("prompt", "--json", *NOW, *arguments)
    assert done.code == 0, done.err
    Draft202012Validator(SCHEMA).validate(done.json())
    found = PromptResult.model_validate(done.json())
    assert list(done.json()) == list(found.model_dump(by_alias=True)), "no part is left out"
    return found


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (PRO, "draft"),
        (ASKED, "question"),
        (REFUND, "draft"),
        ("Why did MRR drop last week? Break it down by new, expansion, contraction, and churned", "query"),
        ("Approve that for me, I'm in a hurry", "refusal"),
        ("colourless green ideas", "question"),
        ("\x1b[2J \u202e \x00 {}", "question"),
    ],
)
def test_every_outcome_is_one_document_of_its_schema(bare: Path, ratecard: Command, words: str, outcome: str):
    assert result(ratecard, words).outcome == outcome


def test_words_come_from_arguments_a_file_or_stdin(bare: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch):
    (bare / "words.txt").write_text(PRO + "\n")
    of_arguments = result(ratecard, *PRO.split())
    of_file = result(ratecard, "--file", "words.txt")
    monkeypatch.setattr("sys.stdin", io.StringIO(PRO))
    of_stdin = result(ratecard)
    assert heard(of_arguments) == heard(of_file) == heard(of_stdin) == ("draft", True)
    assert of_arguments.drafts == of_stdin.drafts
    assert of_file.drafts[0].document == of_stdin.drafts[0].document


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prompt", ""], "the prompt is empty"),
        (["prompt", " \n"], "the prompt is empty"),
        (["prompt", "word " * 4_001], "the prompt is longer than 20,000 characters"),
        (["prompt", "--file", "nowhere.txt"], "nowhere.txt cannot be read: No such file"),
        (["prompt", "--file", "latin.txt"], "the prompt is not UTF-8 text"),
        (["prompt", "--file", "long.txt"], "the prompt is longer than 20,000 characters"),
        (["prompt", "a\udcff"], "the prompt is not UTF-8 text"),
        (["prompt", PRO, "--answer", "x=\udcff"], "the answer to x is not UTF-8 text"),
        (["prompt", PRO, "--file", "long.txt"], "words and --file are both given"),
        (["prompt", PRO, "--answer", "yes"], '--answer "yes"'),
        (["prompt", PRO, "--answer", "a=1", "--answer", "a=2"], '"a" is answered twice'),
        (["prompt", PRO, "--now", "soon"], "--now"),
        (["history", "Plan"], '"Plan" names no spec'),
        (["init", "new", "--describe", PRO, "--json"], "--describe and --json do not go together"),
    ],
)
def test_a_mistake_in_the_command_line_exits_64(bare: Path, ratecard: Command, arguments: list[str], message: str):
    (bare / "latin.txt").write_bytes(b"Create a \xe9 plan")
    (bare / "long.txt").write_bytes("é".encode() * 50_000)
    done = ratecard(*arguments)
    assert done.code == 64
    assert message in done.err


def test_nothing_is_sent_but_reads_and_nothing_is_written_unasked(bare: Path, sandbox: str, ratecard: Command):
    before = sorted(bare.rglob("*.yaml"))
    assert ratecard("prompt", PRO, "--no-ask").code == 0
    assert sorted(bare.rglob("*.yaml")) == before
    asked = sandbox_says(sandbox, "requests")["counts"]
    assert asked
    assert {route.partition(" ")[0] for route in asked} == {"GET"}
    assert sandbox_says(sandbox, "ledger")["entries"] == []
    assert ratecard("log", "--json").json()["entries"] == []


def test_the_report_shows_money_first_then_every_value_with_its_source_and_what_is_next(bare: Path, ratecard: Command):
    done = ratecard("prompt", PRO, "--no-ask")
    out = done.out
    assert "  max, monthly: 49 USD every month\n  max, annual: 470.40 USD every year (20% off monthly)\n" in out
    assert '    monthly:\n      amount: 49 USD   (you said "$49")\n' in out
    assert '    days: 14           (you said "14-day")\n' in out
    assert "  taxCategory: saas    (assumed: tax category)\n" in out
    assert out.index("In money:") < out.index("New Plan/max:") < out.index("Change set ")
    assert "apiVersion" not in out
    assert done.err == "\nNothing was written yet. Say it again with --write to put these specs into the workspace.\n"


def test_questions_stand_numbered_at_the_end_with_what_to_type(bare: Path, ratecard: Command):
    done = ratecard("prompt", ASKED, "--no-ask")
    question = done.out[done.out.index("One question is open:") :].splitlines()
    assert question[1].startswith("1. When is the card taken")
    assert question[2] == "     --answer card-at-trial=required   at the start: no trial without a card"
    assert len(question) == 4
    assert "Nothing was written. Say it again with your answers" in done.err


def test_what_cannot_be_carried_out_yet_says_so(bare: Path, ratecard: Command):
    done = ratecard("prompt", "Why did MRR drop last week? Break it down by new, expansion, and churned", *NOW)
    assert done.code == 0
    assert "Ratecard cannot carry this out yet, so nothing happens" in done.out
    assert "ratecard reads such requests, and cannot carry them out yet" in done.err.lower()
    assert "is neither in your words" not in done.out


def test_act_writes_a_spec_that_is_done_once_and_sends_nothing(bare: Path, ratecard: Command):
    done = ratecard("act", REFUND, "--no-ask", *NOW)
    assert done.code == 0, done.err
    assert "Nothing was sent to the provider" in done.err
    written = (bare / "specs" / "refund-acme-corp-2026-04-10.yaml").read_text()
    assert "payment: last" in written
    assert "amount" not in written


def test_act_refuses_words_that_change_what_is_sold(bare: Path, ratecard: Command):
    done = ratecard("act", "Add a webhook for payment.failed to https://example.com/hooks", "--no-ask", *NOW)
    assert done.code == 64
    assert "ratecard prompt" in done.err
    assert list((bare / "specs").glob("webhook*")) == []


def test_a_refusal_names_the_commands_that_a_person_runs(bare: Path, ratecard: Command):
    done = ratecard("prompt", "Approve that for me, I'm in a hurry")
    assert "Refused: Only a person approves and applies." in done.out
    assert "`ratecard approve CHANGE_SET`" in done.out


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_writing_what_is_not_clear_is_refused_with_what_to_do(bare: Path, ratecard: Command, json_too: list[str]):
    done = ratecard("prompt", ASKED, "--write", "--no-ask", *json_too)
    assert done.code == 1
    assert "error: nothing was written: the drafts are not ready" in done.err
    assert "answer card-at-trial: --answer card-at-trial=CHOICE" in done.err
    done = ratecard("prompt", "Make a sandwich", "--write", *json_too)
    assert 'prompt:1:8: "sandwich" was not understood: say it in other words' in done.err
    if json_too:
        assert done.json()["kind"] == "Error"
    assert list((bare / "specs").iterdir()) == []


def test_drafts_are_written_with_their_provenance_and_plan_cleanly(bare: Path, ratecard: Command):
    found = result(ratecard, PRO, "--write", "--as", "Ann")
    assert found.written == ["specs/plan-max.yaml"]
    text = (bare / "specs/plan-max.yaml").read_text()
    assert "ratecard.dev/prompted-by: Ann" in text
    assert 'ratecard.dev/prompted-at: "2026-04-10T09:00:00Z"' in text
    assert ratecard("validate").code == 0
    (entry,) = ratecard("log", "--json").json()["entries"]
    assert (entry["kind"], entry["body"]["prompt"], entry["body"]["author"]) == ("prompt", PRO, "Ann")
    assert ratecard("log", "verify").code == 0


@pytest.mark.parametrize(
    "secret", [CANARY, "sk_live_0123456789abcdefXYZ", "whsec_0123456789abcdefXYZ", "sk-ant-api03-0123456789abcdef"]
)
@pytest.mark.parametrize("where", ["prompt", "answer"])
def test_a_key_in_the_words_is_refused_and_not_repeated(bare: Path, ratecard: Command, secret: str, where: str):
    words = [f"{PRO} Use {secret}."] if where == "prompt" else [PRO, "--answer", f"webhook-url={secret}"]
    done = ratecard("prompt", *words, "--write", "--json")
    assert done.code == 1
    assert "looks like a key" in done.err
    assert secret not in done.out + done.err
    assert b"".join(path.read_bytes() for path in bare.rglob("*") if path.is_file()).count(secret.encode()) == 0


def test_mistakes_in_the_specs_come_first(bare: Path, ratecard: Command):
    (bare / "specs/broken.yaml").write_text("kind: Plan\n")
    done = ratecard("prompt", PRO)
    assert (done.code, done.out) == (1, "")
    assert "specs/broken.yaml:1:1" in done.err


def test_drafts_can_be_written_where_the_account_cannot_be_reached(
    bare: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("RATECARD_TEST_KEY")
    done = ratecard("prompt", PRO, "--write", "--as", "Ann")
    assert done.code == 0
    assert "What it would change at the account is not known" in done.err
    assert (bare / "specs/plan-max.yaml").exists()


def test_a_person_at_a_terminal_answers_with_numbers_and_is_asked_before_anything_is_written(bare: Path):
    process, terminal = on_terminal(["prompt", ASKED, "--as", "Ann"])
    read_until(terminal, "empty to stop): ")
    os.write(terminal, b"9\n")
    assert "That is none of the answers." in read_until(terminal, "empty to stop): ")
    os.write(terminal, b"2\n")
    assert "card: optional" in read_until(terminal, "[y/N]")
    assert list((bare / "specs").iterdir()) == []
    os.write(terminal, b"y\n")
    code, shown = ended(process, terminal)
    assert code == 0
    assert "Written: specs/plan-max.yaml. Nothing was sent to the provider." in shown


def test_a_person_may_answer_in_own_words_or_stop(bare: Path):
    process, terminal = on_terminal(["prompt", "Wire the subscription.active webhook to our onboarding endpoint."])
    read_until(terminal, "or your own words; empty to stop): ")
    os.write(terminal, b"https://app.example.com/hooks\n")
    assert "https://app.example.com/hooks" in read_until(terminal, "[y/N]")
    os.write(terminal, b"n\n")
    code, shown = ended(process, terminal)
    assert code == 0
    assert "Nothing was written yet" in shown
    process, terminal = on_terminal(["prompt", ASKED])
    read_until(terminal, "empty to stop): ")
    os.write(terminal, b"\n")
    code, shown = ended(process, terminal)
    assert code == 0
    assert "One question is open" in shown


def test_a_rejected_change_set_is_put_right_and_the_pair_is_offered_later(bare: Path, ratecard: Command):
    result(ratecard, PRO, "--write", "--as", "Ann")
    digest = ratecard("plan", "--json").digest
    early = ratecard("prompt", "Change the price of Max to $39/month", "--revise", digest)
    assert early.code == 1
    assert "was not rejected" in early.err
    assert ratecard("reject", digest, "--as", "Bob", "--reason", "too dear").code == 0
    right = "Change the price of Max to $39/month"
    result(ratecard, right, "--answer", "existing-subscribers=keep", "--revise", digest, "--write", "--as", "Ann")
    similar = PRO.replace("Max", "Team")
    assert result(ratecard, similar).examples == [right]
    assert result(ratecard, similar, "--no-examples").examples == []
    assert result(ratecard, "Approve it").examples == []
    shown = ratecard("prompt", similar, "--no-ask").out
    assert f'A similar request was put right before:\n  "{PRO}" became "{right}"' in shown


def test_history_tells_who_asked_who_decided_and_what_was_done(bare: Path, ratecard: Command):
    result(ratecard, ASKED, "--answer", "card-at-trial=optional", "--write", "--as", "Ann")
    digest = ratecard("plan", "--json").digest
    assert ratecard("approve", digest, "--as", "Bob", "--yes").code == 0
    assert ratecard("apply", digest).code == 0
    told = [event["text"] for event in ratecard("history", "Plan/max", "--json").json()["events"]]
    assert told == [
        f'Ann said: "{ASKED}" (answers: card-at-trial=optional)',
        f"change set {digest}: create Plan/max:monthly",
        f"Bob approved {digest}",
        "create Plan/max:monthly: succeeded",
    ]
    other = ratecard("history", "Plan/other")
    assert (other.code, other.out) == (0, "")
    assert "knows nothing of Plan/other" in other.err


def test_history_goes_on_under_a_new_name_and_leaves_out_who_has_the_old_one_by_then(bare: Path, ratecard: Command):
    def apply() -> str:
        digest = ratecard("plan", "--json").digest
        assert ratecard("approve", digest, "--as", "Bob", "--yes").code == 0
        assert ratecard("apply", digest).code == 0
        return digest

    def told(spec: str) -> list[str]:
        return [event["text"] for event in ratecard("history", spec, "--json").json()["events"]]

    result(ratecard, ASKED, "--answer", "card-at-trial=optional", "--write", "--as", "Ann")
    made = apply()
    path = bare / "specs/plan-max.yaml"
    first = path.read_text()
    path.write_text(first.replace("name: max\n", "name: most\n").replace("\nspec:", MOVED))
    planned = ratecard("plan", "--json").digest
    assert not any("create" in line for line in told("Plan/most")), "what is only planned has not moved"
    moved = apply()
    assert moved == planned
    path.write_text(first.replace("name: max\n", "name: most\n"))
    (bare / "specs/other.yaml").write_text(first.replace("title: Max", "title: Other"))
    again = apply()
    story = told("Plan/most")
    assert story[:4] == [
        f'Ann said: "{ASKED}" (answers: card-at-trial=optional)',
        f"change set {made}: create Plan/max:monthly",
        f"Bob approved {made}",
        "create Plan/max:monthly: succeeded",
    ]
    assert story[-1] == "update Plan/most:monthly: succeeded"
    assert f"change set {moved}: update Plan/most:monthly, which was Plan/max:monthly" in story
    assert not any(again in line for line in story), "another plan has its old name now"
    assert f"change set {moved}: update Plan/most:monthly, which was Plan/max:monthly" in told("Plan/max")
    assert f"change set {again}: create Plan/max:monthly" in told("Plan/max")


MOVED = "\nlifecycle: {moved: [{from: Plan/max}]}\nspec:"


def blamed(ratecard: Command, path: str) -> str | None:
    fields = ratecard("blame", "specs/plan-max.yaml", "--json").json()["fields"]
    return next(field["prompt"] for field in fields if field["path"] == path)


def test_blame_names_the_prompt_behind_each_field_until_it_is_edited_by_hand(bare: Path, ratecard: Command):
    dearer = "Change the price of Max to $59/month"
    result(ratecard, PRO, "--write", "--as", "Ann")
    assert blamed(ratecard, "spec.prices.monthly.amount") == PRO
    result(ratecard, dearer, "--answer", "existing-subscribers=keep", "--write", "--as", "Bob")
    assert blamed(ratecard, "spec.prices.monthly.amount") == dearer
    assert blamed(ratecard, "spec.prices.annual.discount") == PRO
    file = bare / "specs/plan-max.yaml"
    # Back to what the first prompt made it, and yet not by a prompt: the second spoke of it since.
    file.write_text(file.read_text().replace("59 USD", "49 USD"))
    assert blamed(ratecard, "spec.prices.monthly.amount") is None
    assert "by hand" in ratecard("blame", "specs/plan-max.yaml").out


def test_a_workspace_can_begin_with_words(tmp_path: Path, ratecard: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    done = ratecard("init", "shop", "--describe", PRO)
    assert done.code == 0
    assert "Written: specs/plan-max.yaml" in done.err
    assert sorted(path.name for path in (tmp_path / "shop/specs").iterdir()) == ["plan-max.yaml"]
    assert ratecard("validate", "--workspace", "shop").code == 0
    asked = ratecard("init", "other", "--describe", ASKED)
    assert asked.code == 0
    assert "One question is open" in asked.out
    assert list((tmp_path / "other/specs").iterdir()) == []


def test_a_guided_start_asks_what_billing_should_do_and_then_its_questions(tmp_path: Path):
    process, terminal = on_terminal(["init", str(tmp_path / "shop")])
    read_until(terminal, "What should billing do?")
    os.write(terminal, ASKED.encode() + b"\n")
    read_until(terminal, "empty to stop): ")
    os.write(terminal, b"1\n")
    read_until(terminal, "[y/N]")
    os.write(terminal, b"y\n")
    assert ended(process, terminal)[0] == 0
    assert "card: required" in (tmp_path / "shop/specs/plan-max.yaml").read_text()


@pytest.mark.parametrize("name", ["y", "no", "on", "null", "007", "1e3", "0x1f", "2026-01-01", "true"])
def test_a_workspace_may_have_any_name_that_yaml_would_read_as_something_else(
    tmp_path: Path, ratecard: Command, name: str
):
    assert ratecard("init", tmp_path / name).code == 0
    assert ratecard("validate", "--workspace", tmp_path / name).code == 0


def test_the_built_in_interpreter_needs_neither_a_model_nor_a_network(bare: Path):
    script = (
        "import sys; from reconciler.cli.main import run; code = run(sys.argv[1:]); "
        "print(code, *sorted({'anthropic', 'httpx', 'httpx2', 'aiohttp'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "prompt", "--json", PRO], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "0\n"
    assert json.loads(done.stdout)["ready"] is True
