"""The figures as rows, for people and as JSON: what, how much, beside what, the budget, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `value` is what the budget speaks of, in `unit`; without a budget it is for information."""

    what: str
    size: int
    value: float
    unit: str
    budget: float | None = None
    beside: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value keeps to the budget, None where there is none."""
        return None if self.budget is None else self.value <= self.budget

    def as_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self) | {"met": self.met}


def as_text(rows: Sequence[Row]) -> str:
    """All rows as a table of text."""
    head = ("what", "size", "figure", "budget", "verdict", "beside")
    lines: list[tuple[str, ...]] = [head]
    for row in rows:
        budget = "" if row.budget is None else f"<= {_number(row.budget)}"
        verdict = {None: "", True: "met", False: "NOT MET"}[row.met]
        figure = f"{_number(row.value)} {row.unit}"
        lines.append((row.what, f"{row.size:,}" if row.size else "", figure, budget, verdict, row.beside))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    right = (1, 2)
    return [
        text.rjust(width) if column in right else text.ljust(width)
        for column, (text, width) in enumerate(zip(line, widths, strict=True))
    ]


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 0.01 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
