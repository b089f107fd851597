"""What was understood of each sentence, in words for the person."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.agent.builtin.items import Item, cover
from reconciler.agent.port import Sentence

_NAMES = {
    "PLAN": "plan",
    "PRICE": "price",
    "ANNUAL": "annual discount",
    "TRIAL": "trial",
    "CARD": "card at the trial",
    "CHARGE": "usage rate",
    "ALLOWANCE": "included units",
    "COMMITMENT": "commitment",
    "QUOTA": "units of the plan",
    "HOOK": "webhook",
    "CHANGE": "change of a price",
    "CODE": "discount code",
    "REGION": "regional price",
    "METER": "meter",
    "TARGET": "for the plan",
    "CYCLES": "billing cycles",
    "USES": "uses",
    "COUNT": "number of plans",
}


def describe(prompt: str, items: list[Item]) -> Iterator[Sentence]:
    """Each sentence with the phrases that were found in it; nothing where none was."""
    sentence: list[Item] = []
    for item in [*items, None]:
        if item is not None and item.kind != "STOP":
            sentence.append(item)
            continue
        if sentence:
            yield _describe(prompt, sentence)
        sentence = []


def _describe(prompt: str, sentence: list[Item]) -> Sentence:
    found = []
    for item in sentence:
        said = prompt[item.span.start : item.span.end].strip()
        if item.kind in _NAMES:
            found.append(f"{_NAMES[item.kind]}: {said}")
        elif item.kind == "FRAME":
            found.append(f"{item.value.name}: {said}" if hasattr(item.value, "name") else said)
        elif item.kind == "MARK":
            found.append(said)
    return Sentence(cover(sentence[0].span, sentence[-1].span), "; ".join(found) or None)
