"""`ratecard prompt`: plain words become drafts, questions or a refusal; specs are written only on the person's word."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.base.records import dataclass
from reconciler.cli.common import Where, desk_for, open_workspace, person_named, say, session_for, tell, with_where

if TYPE_CHECKING:
    from reconciler.agent.conversation import Conversation
    from reconciler.agent.judge import Judged
    from reconciler.agent.port import Interpreter, Question, Words
    from reconciler.engine.session import Desk

LONGEST = 20_000


@click.command("prompt")
@click.argument("words", nargs=-1)
@click.option("--file", "source", type=click.Path(path_type=Path), help="Read the words from a file; - is stdin.")
@click.option("--answer", "answers", multiple=True, metavar="ID=CHOICE", help="Answer a question; may be repeated.")
@click.option("--write", is_flag=True, help="Write the drafts into the workspace, when nothing is open.")
@click.option(
    "--interpreter", type=click.Choice(["built-in", "claude"]), help="Else claude with a key, built-in without."
)
@click.option("--revise", metavar="DIGITS", help="The change set that was rejected and that these words put right.")
@click.option("--examples/--no-examples", default=True, help="Offer earlier corrections of similar requests.")
@click.option("--as", "person", metavar="NAME", help="Who says it; else the user of this machine.")
@click.option("--no-ask", is_flag=True, help="Print questions instead of asking them on a terminal.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    words: tuple[str, ...],
    source: Path | None,
    answers: tuple[str, ...],
    write: bool,
    interpreter: str | None,
    revise: str | None,
    examples: bool,
    person: str | None,
    no_ask: bool,
) -> int:
    """Describe billing in plain WORDS; see the specs and the change set that would come of it.

    Nothing reaches a provider: drafts are specs, which are planned, approved and applied like any others.
    """
    from reconciler.agent.port import Words

    said = Words(prompt_of(words, source), answers_of(answers))
    ask = not no_ask and not where.json and can_ask()
    wanted = Wanted(interpreter, write, revise, examples, person, ask)
    return converse(where, said, wanted)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a conversation is to be led: by which interpreter, whether to write, whose words, whether to ask."""

    interpreter: str | None = None
    write: bool = False
    revise: str | None = None
    examples: bool = True
    person: str | None = None
    ask: bool = False
    write_if_ready: bool = False
    actions_only: bool = False


def converse(where: Where, said: Words, wanted: Wanted) -> int:
    """Hear the words, show what was made of them, ask what is open, and write the drafts when that is wanted."""
    from reconciler.agent import conversation as agent
    from reconciler.agent.interpreters import choose
    from reconciler.agent.report import as_text
    from reconciler.agent.result import result_of

    workspace = open_workspace(where)
    with desk_for(where) as desk:
        talk = agent.open_conversation(workspace, desk.provider, where.clock())
        if talk.diagnostics:
            tell(talk.diagnostics, where, workspace.folder)
            return 1
        revised = _rejected(wanted.revise, desk) if wanted.revise else None
        alike = agent.examples(desk.journal, desk.account_name, said.prompt) if wanted.examples else []
        chosen = choose(wanted.interpreter, talk, os.environ)
        judged = talk.hear(chosen, said)
        if wanted.ask:
            judged, said = _ask(talk, chosen, judged, said)
        if wanted.actions_only:
            _refuse_configuration(judged)
        files: list[str] = []
        result = result_of(judged, said, talk.view, chosen, examples=[example.corrected for example in alike])
        if not where.json:
            click.echo(as_text(judged, said, talk.view, alike), nl=False)
            if judged.ready:
                _show_change_set(where, talk, judged)
            elif judged.interpretation.outcome == "investigate":
                _investigate(where, judged)
        if wanted.write or (judged.ready and _is_wanted(wanted)):
            author = person_named(wanted.person)
            written = talk.files(judged, said, author, chosen.name)
            agent.keep(talk, desk.journal, desk.account_name, written, result, said, author, revised)
            files = [file.file for file in written]
    if where.json:
        click.echo(json.dumps(result | {"written": files}, ensure_ascii=False, indent=2))
    else:
        say(f"\n{_next(where, judged, files)}")
    return 0


def _refuse_configuration(judged: Judged) -> None:
    """Raise UsageError for drafts that configure: they are no actions, and lie in wait for another command."""
    from reconciler.spec.kinds.action import Action
    from reconciler.spec.kinds.registry import KINDS

    configured = [draft.kind for draft in judged.interpretation.drafts if not issubclass(KINDS[draft.kind], Action)]
    if configured:
        raise UsageError(
            f"these words change what is sold ({', '.join(dict.fromkeys(configured))}), which is no action",
            hint="say them to `ratecard prompt`",
        )


def _is_wanted(wanted: Wanted) -> bool:
    return wanted.write_if_ready or (wanted.ask and click.confirm("Write these specs?", err=True))


def _next(where: Where, judged: Judged, files: Sequence[str]) -> str:
    """What became of the words, and what a person does next."""
    said = judged.interpretation
    if files:
        return (
            f"Written: {', '.join(files)}. Nothing was sent to the provider.\n"
            f"Next: {where.next_command('plan')}, then approve and apply what it shows."
        )
    if said.refusal:
        return "Nothing was written."
    if said.questions:
        again = where.next_command('prompt "..."')
        return f"Nothing was written. Say it again with your answers, as shown: {again}."
    if judged.ready:
        return "Nothing was written yet. Say it again with --write to put these specs into the workspace."
    if said.outcome == "investigate":
        return "Nothing was written or done: an investigation only reads."
    if said.actions or said.query:
        return "Nothing was written or done: Ratecard reads such requests, and cannot carry them out yet."
    return "Nothing was written: say it in other words."


def prompt_of(words: tuple[str, ...], source: Path | None) -> str:
    """The words, from the command line, a file or stdin. Raises UsageError."""
    if words and source is not None:
        raise UsageError("words and --file are both given", hint="give one of them")
    try:
        text = _read(words, source)
        text.encode()
    except UnicodeError:
        raise UsageError("the prompt is not UTF-8 text", hint="save or type it as UTF-8") from None
    if len(text) > LONGEST:
        raise UsageError(f"the prompt is longer than {LONGEST:,} characters", hint="say one thing at a time")
    if not text.strip():
        raise UsageError(
            "the prompt is empty", hint='write, for example: ratecard prompt "Create a Pro plan at $49/month"'
        )
    return text


def _read(words: tuple[str, ...], source: Path | None) -> str:
    if source is not None and str(source) != "-":
        try:
            with source.open("rb") as file:
                data = file.read(LONGEST * 4 + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
            raise UsageError(f"{source} cannot be read: {reason}") from None
        # Cut inside a character, it is too long anyway.
        return data.decode("utf-8-sig", "ignore" if len(data) > LONGEST * 4 else "strict")
    if words:
        return " ".join(words)
    if source is None and sys.stdin.isatty():
        typed: str = click.prompt("What should billing do", err=True)
        return typed
    return sys.stdin.read(LONGEST + 1)


def answers_of(answers: tuple[str, ...]) -> dict[str, str]:
    """The answers by question. Raises UsageError."""
    found: dict[str, str] = {}
    for answer in answers:
        question, equals, choice = answer.partition("=")
        if not equals or not question or not choice:
            raise UsageError(
                f'--answer "{answer}"', hint="write --answer ID=CHOICE, with the id that the question shows"
            )
        if question in found:
            raise UsageError(f'"{question}" is answered twice', hint="keep one of the answers")
        try:
            choice.encode()
        except UnicodeError:
            raise UsageError(f"the answer to {question} is not UTF-8 text") from None
        found[question] = choice
    return found


def _rejected(prefix: str, desk: Desk) -> str:
    """The digest of a change set that was rejected. Raises RatecardError when it was not."""
    from reconciler.engine.session import decisions

    digest = desk.journal.find_change_set(prefix, desk.account_name).text("digest")
    said = decisions(desk.journal, digest, desk.account_name)
    if not said or said[-1].approved:
        raise RatecardError(
            f"the change set {digest.removeprefix('sha256:')[:12]} was not rejected, so there is nothing to revise",
            hint="reject it first: `ratecard reject DIGITS --reason ...`",
        )
    return digest


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(talk: Conversation, interpreter: Interpreter, judged: Judged, said: Words) -> tuple[Judged, Words]:
    """Ask the open questions one after the other, each answer taken before the next is asked."""
    while judged.interpretation.questions:
        question = judged.interpretation.questions[0]
        answer = _answer(question)
        if not answer:
            break
        said = replace(said, answers={**said.answers, question.id: answer})
        heard = talk.hear(interpreter, said)
        if [q.id for q in heard.interpretation.questions][:1] == [question.id]:
            say("That is none of the answers.")
            said = replace(said, answers={k: v for k, v in said.answers.items() if k != question.id})
            continue
        judged = heard
    return judged, said


def _answer(question: Question) -> str:
    say(f"\n{question.text}")
    for number, choice in enumerate(question.choices, start=1):
        say(f"  {number}. {choice.id}: {choice.text}")
    hint = "a number, or your own words" if question.free else "a number"
    text: str = click.prompt(f"Your answer ({hint}; empty to stop)", default="", show_default=False, err=True).strip()
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(question.choices):
        return question.choices[int(text) - 1].id
    return text


def _investigate(where: Where, judged: Judged) -> None:
    """What the records say of the customer that the words are about; and what would put it right, as text."""
    from reconciler.insight.drafting import drafts
    from reconciler.insight.gathering import look_into
    from reconciler.insight.report import as_text

    query = judged.interpretation.query
    asked = {".".join(map(str, field.path)): field.value for field in query.fields} if query else {}
    customer, invoices = asked.get("customer"), asked.get("invoices")
    if not isinstance(customer, str):
        return
    click.echo()
    last = invoices if isinstance(invoices, int) else None
    try:
        with session_for(where) as session:
            books, now = session.connection.books, session.clock.now()
            found = look_into(books, session.journal, session.account_name, customer, now, last=last)
    except RatecardError as error:
        say(f"The records cannot be read: {error.message}")
        return
    click.echo(as_text(found), nl=False)
    proposed = drafts(found, as_credit=asked.get("then") == "draft-credit")
    if proposed:
        click.echo(f"\nA spec that would put it right; save it, then plan, approve and apply:\n\n{proposed}", nl=False)


def _show_change_set(where: Where, talk: Conversation, judged: Judged) -> None:
    """What the drafts would do at the account, before anything is written."""
    from reconciler.cli.change_sets import print_change_set
    from reconciler.engine.planning import make_change_set

    click.echo()
    try:
        with session_for(where) as session:
            planned = make_change_set(session, talk.desired(judged))
    except RatecardError as error:
        say(f"What it would change at the account is not known: {error.message}")
        return
    if planned.change_set is None:
        tell(planned.diagnostics, where, talk.workspace.folder)
        return
    print_change_set(talk.provider.capabilities, planned.change_set, "text")
