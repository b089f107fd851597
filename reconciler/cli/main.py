"""The command `ratecard`: its help at once, and everything else by the commands behind it."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType

# name -> (module, one line for --help). The list is here so that help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Start a workspace: ratecard.yaml and example specs."),
    "import": ("import_", "Take over what is live already: write specs for it; nothing live is touched."),
    "prompt": ("prompt", "Describe billing in plain words; see the specs and changes that would come of it."),
    "act": ("act", "Ask in plain words for what is done once: a refund, a credit, a move to another plan."),
    "validate": ("validate", "Check all specs, offline; tell every mistake with its place."),
    "schema": ("schema", "Write the schemas by which editors complete and check specs."),
    "fmt": ("fmt", "Rewrite specs in canonical form; comments stay."),
    "plan": ("plan", "Make the change set from an account to what the specs ask for."),
    "show": ("show", "Show a change set from a file or the journal."),
    "approve": ("approve", "Say yes to exactly one change set."),
    "reject": ("reject", "Say no to a change set."),
    "confirm": ("confirm", "Say that you have set in the dashboard what no API has."),
    "apply": ("apply", "Apply an approved change set, once."),
    "resolve": ("resolve", "Answer, with a second person, what nobody could tell of a write."),
    "promote": ("promote", "Plan the same specs for another account; show how the two differ, without ids."),
    "revert": ("revert", "Make the change set that undoes an applied one."),
    "drift": ("drift", "Find what is no longer as it was left; make the change set that puts it back."),
    "recover": ("recover", "Find again what a lost journal knew; make the change set that takes it over."),
    "policy": ("policy", "Show the policy in force, or look for what cannot be meant in it."),
    "doctor": ("doctor", "Find what is wrong with an account and around it, and how to put it right."),
    "review": ("review", "Plan for a pull request: the change set as one comment; exit 2 on drift."),
    "ids": ("ids", "Print a typed map from addresses to the provider's ids, for applications."),
    "log": ("log", "Show the journal, or verify it."),
    "investigate": ("investigate", "Find out what a customer was charged, and whether each charge was right."),
    "history": ("history", "Tell the story of an object: who asked, who approved, what was done."),
    "blame": ("blame", "Name the prompt behind each field of a spec file."),
    "sandbox": ("sandbox", "Run a billing system on this machine to try things on."),
    "demo": ("demo", "Watch a plan go all the way, in a sandbox; nothing is left behind."),
}

_HELP = """\
Usage: ratecard [OPTIONS] COMMAND [ARGS]...

  Billing as code: specs become a change set, a person approves it, it is
  applied once and can be reversed.

  Exit codes: 0 done, 1 error, 2 changes present (plan --detailed-exitcode),
  64 mistake in the command line, 75 busy: try again later, 130 interrupted.

Options:
  --version        Show the version and exit.
  --workspace DIR  As the option of the commands, said before them.
  --account NAME   As the option of the commands, said before them.
  -h, --help       Show this message and exit.

Commands:
"""


def help_text() -> str:
    """What `ratecard --help` prints, made without any library, so that it is there at once."""
    import textwrap

    column = max(map(len, COMMANDS)) + 2
    lines = []
    for name, (_, text) in COMMANDS.items():
        first, *rest = textwrap.wrap(text, 76 - column)
        lines += [f"  {name:<{column}}{first}", *(f"  {'':<{column}}{line}" for line in rest)]
    return _HELP + "\n".join(lines) + "\n"


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code: 0 done, 1 error, 2 changes present, 64 usage, 75 account is held."""
    if list(arguments) in (["--help"], ["-h"]):
        sys.stdout.write(help_text())
        return 0
    from reconciler.cli.group import run_command  # click takes twice as long to import as the interpreter to start

    return run_command(arguments)


def main() -> None:
    """The entry point of the command."""
    # Starting makes some 200,000 objects that all stay: looking for garbage among them is a third of a short command,
    # most of it at the very end, when Python looks at everything once more before it goes.
    gc.set_threshold(100_000, 20, 20)
    _prepare_pydantic()
    # A terminal or pipe of another encoding gets what it cannot show as \\u2192 rather than a crash.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        # Nobody reads our output any more, or the disk that it goes to is full. What is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            sys.stderr.write(f"error: the output cannot be written: {error.strerror}\n")
        code = 1
    gc.freeze()
    sys.exit(code)


def _prepare_pydantic() -> None:
    """Spare it the search through every installed package for plugins, which would see what we validate.

    Told so, it still imports the module of that search, and with it the libraries for e-mail and archives: an empty
    one in its place, which finds no plugins, is a tenth of a cold start. Should pydantic move it, nothing is lost.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    name = "pydantic.plugin._loader"
    if os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__" and name not in sys.modules:
        sys.modules[name] = search = ModuleType(name)
        vars(search)["get_plugins"] = tuple


if __name__ == "__main__":
    main()
