import re
from pathlib import Path

from reconciler.cli.main import run

README = (Path(__file__).parents[1] / "README.md").read_text()
DIGITS = re.compile(r"Change set [0-9a-f]{12} for")


def same_digits(text):
    return DIGITS.sub("Change set 000000000000 for", text)


def test_the_change_set_in_the_readme_is_what_the_demo_prints(capfd):
    block = re.search(r"```\n(Change set .*?)```", README, re.DOTALL)
    assert block is not None
    assert run(["demo"]) == 0
    assert same_digits(block[1]) in same_digits(capfd.readouterr().out)


def test_the_readme_names_every_command(capsys):
    run(["--help"])
    commands = re.findall(r"^  ([a-z]+)  +\S", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    assert len(commands) >= 12
    missing = [name for name in commands if name not in README]
    assert missing == []
