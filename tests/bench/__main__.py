"""`python -m tests.bench [--quick] [--part NAME] [--json FILE]`: measure, and print one table with a verdict a row.

A budget that is not met is told, never an error: on a noisy machine only ratios within one run mean something.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.processes import COMMAND, ROOT, commands_in_turns, in_turns, peer, piece, sandbox
from tests.bench.table import Row, as_text
from tests.bench.workload import write_move, write_workspace

Figures = Mapping[str, Any]
PROMPT = "raise the monthly price of plan-1 to 39 USD"
NO_SANDBOX = "http://127.0.0.1:9"


PARTS = ("start-up", "sizes", "pairs", "apply", "window", "migration")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without 10,000 specs, and each figure once")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    options = parser.parse_args()
    parts = options.part or PARTS
    # Without compiled modules each start would compile them again: that is not what people wait for.
    compileall.compile_dir(ROOT / "reconciler", quiet=2)
    compileall.compile_dir(ROOT / "tests" / "bench", quiet=2)
    began = time.perf_counter()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="ratecard-bench-") as name:
        folder = Path(name)
        if "start-up" in parts:
            _told("start-up", start_up(folder / "start", 3 if options.quick else 9), rows)
        costs: dict[int, Figures] = {}
        for size in _sizes(parts, quick=options.quick):
            rounds = 1 if options.quick or size > 1000 else 3
            found, costs[size] = of_size(folder / str(size), size, rounds)
            _told(f"{size:,} specs", found, rows)
            if size >= 1000 and size // 10 in costs:
                _told("growth", growth(costs[size // 10], costs[size], size // 10, size), rows)
        if "pairs" in parts:
            size = 100 if options.quick else 1000
            _told(
                "pairs and positions", pairs_and_positions(folder, size, 1 if options.quick else 3, costs[size]), rows
            )
        if "apply" in parts:
            _told("apply", overhead(folder / "overhead", 100 if options.quick else 1000), rows)
        if "window" in parts:
            _told("window", window(folder / "window", 40 if options.quick else 400), rows)
        if "migration" in parts:
            _told("migration", migration(folder / "migration", 200, 2000), rows)
    missed = sum(row.met is False for row in rows)
    judged = sum(row.met is not None for row in rows)
    print(f"\n{as_text(rows)}\n")  # noqa: T201 - the table is what this program is for
    _say(f"{judged - missed} of {judged} budgets met. Measured in {time.perf_counter() - began:.0f} s.")
    if options.json:
        document = {"quick": options.quick, "python": sys.version.split()[0], "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _sizes(parts: Sequence[str], *, quick: bool) -> Sequence[int]:
    """The numbers of specs that these parts need."""
    if "sizes" in parts:
        return (100, 1000) if quick else (100, 1000, 10_000)
    return ((100,) if quick else (1000,)) if "pairs" in parts else ()


def start_up(folder: Path, rounds: int) -> list[Row]:
    """Whole processes as multiples of a bare interpreter, in turns with it."""
    with sandbox() as url:
        write_workspace(folder, 10, url)
        piece("apply_account", folder)
        where = ["--workspace", str(folder)]
        write_workspace(folder / "asked", 100, NO_SANDBOX)
        asked = ["--workspace", str(folder / "asked")]
        lines = {
            "validate": [COMMAND, "validate", *where],
            "plan": [COMMAND, "plan", *where],
            "prompt": [COMMAND, "prompt", "--json", "--interpreter", "built-in", *asked, PROMPT],
        }
        cold, warm = {"RATECARD_INDEX": "off"}, {"XDG_CACHE_HOME": str(folder.parent / "cache")}
        (folder.parent / "cache").mkdir(mode=0o700)
        commands_in_turns(lines, 1, dict.fromkeys(lines, warm))  # from here on all is remembered
        took = commands_in_turns(
            {
                "bare": [sys.executable, "-c", "pass"],
                "help": [COMMAND, "--help"],
                **{f"{key}, cold": line for key, line in lines.items()},
                **{f"{key}, warm": line for key, line in lines.items()},
            },
            rounds,
            {f"{key}, {name}": environment for key in lines for name, environment in (("cold", cold), ("warm", warm))},
        )
    bare = took["bare"]
    beside = f"python -c pass: {bare * 1000:.0f} ms CPU"

    def row(what: str, size: int, key: str, budget: float | None) -> Row:
        return Row(what, size, took[key] / bare, "x bare", budget, f"{took[key] * 1000:.0f} ms CPU; {beside}")

    return [
        row("ratecard --help", 0, "help", 3),
        row("ratecard validate, cold", 10, "validate, cold", 10),
        row("ratecard validate, warm", 10, "validate, warm", 10),
        row("ratecard plan, unchanged, with its requests, cold", 10, "plan, cold", None),
        row("ratecard plan, unchanged, with its requests, warm", 10, "plan, warm", None),
        *(
            Row(f"ratecard prompt, built-in, {how}", 100, took[f"prompt, {how}"] * 1000, "ms CPU", 300, beside)
            for how in ("cold", "warm")
        ),
    ]


def of_size(folder: Path, size: int, rounds: int) -> tuple[list[Row], Figures]:
    """All that depends on the number of specs: requests against a sandbox, then CPU and memory from files.

    Up to 1,000 the specs are applied; more are seeded, and only what changes is applied.
    """
    same, other, live = folder / "same", folder / "other", folder / "live"
    rows: list[Row] = []
    with sandbox() as url:
        write_workspace(same, size, url)
        write_workspace(other, size, url, changed_every=100)
        first = piece("read_account", same)
        rows.append(Row("requests, first plan", size, first["requests"], "requests", 6 + 5, "six empty lists"))
        if size <= 1000:
            made = piece("apply_account", same)
            rows.append(_apply_row("requests, apply of all", size, made, first["requests"]))
        else:
            piece("plant", same)
        kept = piece("save_pages", same, live)
        piece("read_account", same)  # what lists leave out is remembered from here on
        rows.append(_unchanged_row(size, piece("read_account", same), kept["counts"]))
        write_workspace(same, size, url, changed_every=100)
        rows.append(_apply_row("requests, apply of 1 %", size, piece("apply_account", same), rows[-1].value))
        write_workspace(same, size, url)
    piece("remember", same, live)
    found = in_turns(
        {
            "csafe": ("csafe", same),
            "load": ("load", same),
            "plan": ("plan", same, live),
            "recall": ("recall", same),
            "warm plan": ("warm_plan", same, live),
            "equal": ("diff", same, live),
            "changed": ("diff", other, live),
            "changed plan": ("plan", other, live),
        },
        rounds,
    )
    rows += _cost_rows(found, size, kept["objects"])
    rows += beside_a_peer(folder / "peer", size, kept["objects"], found)
    return rows, {**found, "objects": kept["objects"]}


def beside_a_peer(folder: Path, size: int, objects: int, found: Mapping[str, Figures]) -> list[Row]:
    """An unchanged plan beside that of octoDNS, with as many records as there are objects, where it is installed."""
    took = peer(objects, folder)
    if took is None:
        _say("octoDNS is not installed: no peer")
        return []
    ours, theirs = found["plan"], took
    beside = f"{ours['cpu_s']:.3f} s CPU, {ours['peak_kib'] / 1024:.0f} MiB; octoDNS {theirs['cpu_s']:.3f} s, "
    beside += f"{theirs['peak_kib'] / 1024:.0f} MiB, {objects:,} records"
    ratio, budget = ours["cpu_s"] / theirs["cpu_s"], 0.4 if size >= 10_000 else None
    memory = ours["peak_kib"] / theirs["peak_kib"]
    return [
        Row("whole local plan, unchanged, beside octoDNS", size, ratio, "x octoDNS", budget, beside),
        Row("memory of a whole local plan, beside octoDNS", size, memory, "x octoDNS", None, beside),
    ]


def _unchanged_row(size: int, found: Figures, counts: Mapping[str, int]) -> Row:
    budget = sum(math.ceil(count / 100) for count in counts.values()) + 5
    beside = f"{sum(counts.values()):,} objects on pages of 100; {found['changes']} changes"
    return Row("requests, unchanged plan", size, found["requests"], "requests", budget, beside)


def _apply_row(what: str, size: int, made: Figures, listing: float) -> Row:
    """The account is read before and after: those lists are re-reads, and the second is longer than the first."""
    beside = f"{made['changes']:,} changes, {made['writes']:,} writes, {made['requests']:,} requests with all lists"
    return Row(what, size, made["writes"] / made["changes"], "writes a change", 2, beside)


def _cost_rows(found: Mapping[str, Figures], size: int, objects: int) -> list[Row]:
    base = found["csafe"]["cpu_s"]

    def row(what: str, key: str, budget: float | None) -> Row:
        took, peak = found[key]["cpu_s"], found[key]["peak_kib"] / 1024
        beside = f"{took:.3f} s CPU, peak {peak:.0f} MiB; CSafeLoader {base:.3f} s"
        return Row(what, size, took / base, "x CSafeLoader", budget, beside)

    peak = found["plan"]["peak_kib"]
    return [
        row("load", "load", None),
        row("diff, all equal", "equal", None),
        row("diff, 1 % changed", "changed", None),
        row("whole local plan, unchanged", "plan", 0.9 if size >= 1000 else None),
        row("whole local plan, 1 % changed", "changed plan", 0.9 if size >= 1000 else None),
        row("specs from the index", "recall", None),
        _warm_row(found, size),
        Row(
            "memory of a whole local plan",
            size,
            peak / objects,
            "KiB an object",
            12 if size >= 10_000 else None,
            f"peak {peak / 1024:.0f} MiB with the interpreter, {objects:,} objects",
        ),
    ]


def _warm_row(found: Mapping[str, Figures], size: int) -> Row:
    """Nothing was edited, and no page of the account is another: how much is left of a plan."""
    cold, warm = found["plan"]["cpu_s"], found["warm plan"]["cpu_s"]
    beside = f"{warm:.3f} s CPU; cold {cold:.3f} s; CSafeLoader {found['csafe']['cpu_s']:.3f} s"
    return Row(
        "whole local plan, unchanged, warm", size, warm / cold, "x cold", 0.1 if size >= 10_000 else None, beside
    )


def growth(few: Figures, many: Figures, small: int, large: int) -> list[Row]:
    """What ten times the specs cost."""
    rows = []
    for what, key in (("load", "load"), ("diff", "changed"), ("whole local plan", "plan")):
        times = many[key]["cpu_s"] / few[key]["cpu_s"]
        beside = f"{few[key]['cpu_s']:.3f} s -> {many[key]['cpu_s']:.3f} s CPU, from {small:,} specs"
        rows.append(Row(f"growth of {what}", large, times, "x", 11 * large / small / 10, beside))
    return rows


def pairs_and_positions(folder: Path, size: int, rounds: int, costs: Figures) -> list[Row]:
    """One pair against DeepDiff on the same pair; one mistake's place."""
    same, all_changed, broken = folder / str(size) / "same", folder / "all-changed", folder / "broken"
    live = folder / str(size) / "live"
    write_workspace(all_changed, size, NO_SANDBOX, changed_every=1)
    write_workspace(broken, size, NO_SANDBOX, broken=True)
    found = in_turns(
        {
            "equal": ("decide", same, live),
            "whole equal": ("diff", same, live),
            "deepdiff equal": ("deepdiff", same, live),
            "changed": ("decide", all_changed, live),
            "whole changed": ("diff", all_changed, live),
            "deepdiff changed": ("deepdiff", all_changed, live),
            "load": ("load", same),
            "broken": ("load", broken),
        },
        rounds,
    )
    rows = []
    for key, budget in (("equal", 300), ("changed", 50)):
        ours = found[key]["cpu_s"] / found[key]["pairs"]
        whole = found[f"whole {key}"]["cpu_s"] / costs["objects"]
        theirs = found[f"deepdiff {key}"]["cpu_s"] / found[f"deepdiff {key}"]["pairs"]
        beside = f"{ours * 1e6:.1f} us a pair; DeepDiff {theirs * 1e6:.0f} us"
        rows.append(Row(f"{key} pair: whether, and which verb", size, ours / theirs, "x DeepDiff", 1 / budget, beside))
        beside = f"{whole * 1e6:.1f} us a pair: matched by address, decided, made into a change where there is one"
        rows.append(Row(f"{key} pair: its share of a whole diff", size, whole / theirs, "x DeepDiff", None, beside))
    mistakes = found["broken"]["mistakes"]
    each = (found["broken"]["cpu_s"] - found["load"]["cpu_s"]) / size * 1000
    beside = f"{mistakes:,} mistakes; {found['broken']['cpu_s']:.3f} s against {found['load']['cpu_s']:.3f} s without"
    return [*rows, Row("place of an error, a failing document", size, each, "ms CPU", 0.3, beside)]


def overhead(folder: Path, size: int) -> list[Row]:
    """What the engine takes for a change, with a provider that answers at once."""
    write_workspace(folder, size, NO_SANDBOX)
    found = piece("overhead", folder)
    beside = (
        f"{found['changes']:,} changes; wall less commits {found['own_ms']:.2f} ms, CPU with commits "
        f"{found['cpu_ms']:.2f} ms, commits alone {found['commits_ms']:.2f} ms"
    )
    # On a busy disk the commits alone may take longer than they did in the run: then the processor's time speaks.
    own = max(found["own_ms"], found["cpu_ms"])
    return [Row("apply, own overhead a change", size, own, "ms", 5, beside)]


def window(folder: Path, count: int) -> list[Row]:
    """What may lie between the last look at a target and the write to it."""
    from reconciler.engine.execution import FRESH_S
    from tests.bench.windows import windows

    found = windows(folder, count)
    middle = f"half of them within {found[len(found) // 2] * 1000:.0f} ms; eight at once, each with its intent on disk"
    return [Row("last look at a target to its write, longest", count, found[-1] * 1000, "ms", FRESH_S * 1000, middle)]


def migration(folder: Path, few: int, many: int) -> list[Row]:
    """The peak memory of planning and applying a move of ten times as many subscriptions."""
    peaks = {}
    for count in (few, many):
        with sandbox() as url:
            write_move(folder / str(count), url, moving=False)
            piece("apply_account", folder / str(count))
            piece("subscribe", folder / str(count), count)
            write_move(folder / str(count), url, moving=True)
            peaks[count] = piece("apply_account", folder / str(count))["peak_kib"]
    beside = f"peak {peaks[few] / 1024:.0f} MiB for {few:,}, {peaks[many] / 1024:.0f} MiB for {many:,}"
    return [Row("migration, peak memory for ten times as many", many, peaks[many] / peaks[few], "x", 1.25, beside)]


def _told(step: str, found: list[Row], rows: list[Row]) -> None:
    rows.extend(found)
    _say(f"measured: {step}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - words for whoever waits


if __name__ == "__main__":
    main()
