"""The command `ratecard`: finds the command that was typed, imports only that one, and turns failures into words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from reconciler.base.errors import RatecardError

USAGE = 64
INTERRUPTED = 130

# name -> (module, one line for --help). The list is here so that help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Start a workspace: ratecard.yaml and an example spec."),
    "validate": ("validate", "Check all specs, offline; tell every mistake with its place."),
    "fmt": ("fmt", "Rewrite specs in canonical form; comments stay."),
    "plan": ("plan", "Make the change set that brings an account to what the specs ask for."),
    "show": ("show", "Show a change set from a file or the journal."),
    "approve": ("approve", "Say yes to exactly one change set."),
    "reject": ("reject", "Say no to a change set."),
    "apply": ("apply", "Apply an approved change set, once."),
    "revert": ("revert", "Make the reverse of an applied change set, to be approved in its turn."),
    "log": ("log", "Show the journal, or verify it."),
    "sandbox": ("sandbox", "Run a billing system on this machine to try things on."),
    "demo": ("demo", "Watch a plan go all the way, in a sandbox; nothing is left behind."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in --help, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ratecard", message="ratecard %(version)s")
def cli() -> None:
    """Billing as code: specs become a change set, a person approves it, it is applied once and can be reversed."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code: 0 done, 1 error, 2 changes present, 64 usage, 75 account is held."""
    try:
        result = cli.main(args=list(arguments), prog_name="ratecard", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        # click exits 2 on usage, which here means that there are changes.
        click.echo(f"error: {error.format_message()}", err=True)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"  hint: `{error.ctx.command_path} --help` shows how", err=True)
        return USAGE
    except RatecardError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"  hint: {error.hint}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        click.echo("Interrupted. `ratecard log` shows what was done.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at exit.
        sys.stderr.close()
        return 1


def main() -> None:
    """The entry point of the command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
