"""The attack strings of AgentDojo's banking suite: nine goals in five templates, read out of its source as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

TEMPLATES = (
    "DirectAttack", "IgnorePreviousAttack", "ImportantInstructionsAttack", "InjecAgentAttack", "SystemMessageAttack",
)  # fmt: skip


def attacks() -> list[str]:
    """The 45 strings, in a fixed order."""
    return [template.replace("{goal}", goal) for template in _templates() for goal in _goals()]


def _goals() -> list[str]:
    return [
        goal
        for part in _classes("default_suites/v1/banking/injection_tasks.py")
        if part.name.startswith("InjectionTask")
        for goal in [_goal(part)]
    ]


def _goal(part: ast.ClassDef) -> str:
    """The text of GOAL, an f-string over constants of the same class."""
    constants: dict[str, str] = {}
    for line in part.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            constants[line.targets[0].id] = "".join(_pieces(line.value, constants))
    return constants["GOAL"]


def _pieces(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        for inner in node.values:
            yield from _pieces(inner, constants)
    elif isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        yield constants[node.value.id]


def _templates() -> list[str]:
    files = ("attacks/baseline_attacks.py", "attacks/important_instructions_attacks.py")
    found = {part.name: _template(part) for file in files for part in _classes(file) if part.name in TEMPLATES}
    return [found[name] for name in TEMPLATES]


def _template(part: ast.ClassDef) -> str:
    texts = [
        node.value
        for inner in part.body
        if not (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant))  # the docstring
        for node in ast.walk(inner)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{goal}" in node.value
    ]
    return texts[0]


def _classes(file: str) -> list[ast.ClassDef]:
    found = find_spec("agentdojo")
    assert found, "agentdojo is installed by `make test`"
    assert found.origin
    source = (Path(found.origin).parent / file).read_text(encoding="utf-8")
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
