"""Writing the same documents in many ways: order of keys, style of scalars, comments, files, spelling of values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

PLAIN = re.compile(r"[A-Za-z][A-Za-z]*( [A-Za-z]+)*")
AMOUNT = re.compile(r"([0-9]+)( USD| EUR)")
AMBIGUOUS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}


def spell(document: Mapping[str, Any], random: Random | None = None) -> str:
    """A document as YAML: plain JSON without `random`, one of its many spellings with it."""
    if random is None:
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return "\n".join(_block(respell(document, random), random, 0)) + "\n"


def respell(value: Any, random: Random) -> Any:
    """Equal values in other words: `49 USD` as `49.00 USD`, `month` as `1 month`, keys in another order."""
    if isinstance(value, Mapping):
        keys = list(value)
        random.shuffle(keys)
        spelled = {key: respell(value[key], random) for key in keys}
        for key in ("every", "per"):
            if spelled.get(key) in ("month", "year") and random.random() < 0.5:
                spelled[key] = f"1 {spelled[key]}"
        for key in ("amount", "minimum", "rate"):
            found = AMOUNT.fullmatch(spelled[key]) if isinstance(spelled.get(key), str) else None
            if found and random.random() < 0.5:
                spelled[key] = f"{found[1]}.00{found[2]}"
        return spelled
    return [respell(part, random) for part in value] if isinstance(value, list) else value


def files(documents: Sequence[Mapping[str, Any]], random: Random) -> dict[str, str]:
    """The documents in random order, several to a file, by file name."""
    shuffled = list(documents)
    random.shuffle(shuffled)
    found: dict[str, list[str]] = {}
    for document in shuffled:
        folder = random.choice(["", "deep/"])
        found.setdefault(f"{folder}{random.choice('abc')}.yaml", []).append(spell(document, random))
    return {name: "---\n".join(texts) for name, texts in found.items()}


def _block(value: Any, random: Random, depth: int) -> list[str]:
    out = []
    indent = "  " * depth
    items = value.items() if isinstance(value, Mapping) else ((None, part) for part in value)
    for key, part in items:
        if random.random() < 0.15:
            out.append(f"{indent}# {random.choice(['a remark: of no effect', 'TODO', '---'])}")
        head = f"{indent}-" if key is None else f"{indent}{key}:"
        nested = isinstance(part, Mapping | list) and part
        if nested and random.random() < 0.7:
            out += [head, *_block(part, random, depth + 1)]
        else:
            remark = "  # a remark" if random.random() < 0.1 else ""
            out.append(f"{head} {_flow(part, random)}{remark}")
    return out


def _flow(value: Any, random: Random) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part, random)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part, random) for part in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    styles = [json.dumps(value, ensure_ascii=random.random() < 0.5), "'" + value.replace("'", "''") + "'"]
    if PLAIN.fullmatch(value) and value.lower() not in AMBIGUOUS:
        styles.append(value)
    return random.choice(styles)
