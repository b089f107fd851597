"""The commands behind `ratecard`, by click: finds the one that was typed and turns failures into words."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.main import COMMANDS, help_text

USAGE = 64
INTERRUPTED = 130
SAID = "ratecard.said"


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named. Raises UsageError, with those that are spelled like it, when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=2)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f'there is no command "{args[0]}"{meant}', ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of work, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"reconciler.cli.commands.{COMMANDS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command), "each module of commands has its command"
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The text of --help, which is there without click."""
        formatter.write(help_text())


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ratecard", message="ratecard %(version)s")
@click.option("--workspace", metavar="DIR", help="As the option of the commands, said before them.")
@click.option("--account", metavar="NAME", help="As the option of the commands, said before them.")
@click.pass_context
def cli(context: click.Context, /, **said: str | None) -> None:
    """What is said before a command's name; `help_text` describes it."""
    context.meta[SAID] = {name: value for name, value in said.items() if value is not None}


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code: 0 done, 1 error, 2 changes present, 64 usage, 75 account is held."""
    try:
        result = cli.main(args=list(arguments), prog_name="ratecard", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort as stop:
        # click turns Ctrl-C into this; at a question it is a person's no.
        asked = not isinstance(stop.__cause__, KeyboardInterrupt)
        hint = None if asked else "`ratecard log` shows what was done; `ratecard apply --resume` goes on with a run"
        return _fail("stopped: nothing was approved" if asked else "interrupted", hint, INTERRUPTED, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.ClickException as error:
        # click exits 2 on usage, which here means that there are changes.
        context = error.ctx if isinstance(error, click.UsageError) else None
        hint = f"`{context.command_path} --help` shows how" if context is not None else None
        return _fail(error.format_message().rstrip("."), hint, USAGE, arguments)
    except RatecardError as error:
        return _fail(error.message, error.hint, error.exit_code, arguments)


def _fail(message: str, hint: str | None, code: int, arguments: Sequence[str]) -> int:
    """Tell why a command ended: in words to stderr and, with --json, as a document to stdout."""
    if "--json" in arguments:
        from reconciler.cli.common import write_json
        from reconciler.cli.shapes import Error

        write_json(Error(message=_writable(message), hint=hint and _writable(hint), exit_code=code))
    from reconciler.plan.fields import escape

    # What a message quotes may be anybody's: a file's name, what was typed, what a provider answered.
    words = f"error: {message}" + (f"\n  hint: {hint}" if hint else "")
    click.echo("\n".join(map(escape, words.split("\n"))), err=True)
    return code


def _writable(text: str) -> str:
    """Text without the halves of characters that the bytes of a file's name can leave in it."""
    return text.encode("utf-8", "backslashreplace").decode()
