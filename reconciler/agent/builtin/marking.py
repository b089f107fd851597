"""Names in a prompt: countries, plans of the workspace; and typos of the words that rules know."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.agent.builtin.context import Context, mapping, slug
from reconciler.agent.builtin.items import Item, Place, cover
from reconciler.agent.builtin.places import GROUPS, countries
from reconciler.agent.builtin.vocabulary import FILLER, RESERVED, correct
from reconciler.agent.port import Correction, View

_LONGEST_PLACE = 5
# Words of the grammar that, with a capital inside a sentence, are usual names of plans.
NAMES_TOO = frozenset({"Plus", "Unlimited"})


def correct_typos(context: Context, items: list[Item], known: frozenset[str]) -> list[Item]:
    """Misspelt words of the rules, read as what they must be and shown. Never a name, never what holds a digit."""
    done: list[Item] = []
    for index, item in enumerate(items):
        first = index == 0 or items[index - 1].kind in ("STOP", "COLON")
        if item.text in NAMES_TOO and not first:
            done.append(Item("QUOTED", "", item.text, item.span, item.text))
            continue
        meant = None
        if not item.kind and item.word not in known and (first or item.text.islower()) and _free(context, item.word):
            meant = correct(item.word)
        if meant is None:
            done.append(item)
        else:
            context.corrections.append(Correction(item.span, meant, "a typo"))
            done.append(Item("", meant, item.text, item.span))
    return done


def _free(context: Context, word: str) -> bool:
    names = {name for _, name in context.view.documents}
    return word not in RESERVED and word not in FILLER and word not in names and word not in countries()


def mark_places(items: list[Item]) -> list[Item]:
    """Names of countries and groups as one item of kind PLACE, the longest name first."""
    known = countries()
    done: list[Item] = []
    index = 0
    while index < len(items):
        for size in range(min(_LONGEST_PLACE, len(items) - index), 0, -1):
            part = items[index : index + size]
            if any(item.kind not in ("", "EVENT", "URL") for item in part):
                continue
            name = " ".join(item.text.lower() for item in part)
            if size == 1 and part[0].text == "US":
                name = "usa"
            span = cover(part[0].span, part[-1].span)
            text = " ".join(item.text for item in part)
            if name in known:
                done.append(Item("PLACE", "", text, span, Place(text, (known[name],), False, span)))
            elif name in GROUPS:
                done.append(Item("PLACE", "", text, span, Place(text, GROUPS[name], True, span)))
            else:
                continue
            index += size
            break
        else:
            done.append(items[index])
            index += 1
    return done


def mark_plans(items: list[Item], names: Sequence[str], view: View) -> list[Item]:
    """Names and titles of plans as one item of kind REF whose value is the name."""
    known: dict[tuple[str, ...], str] = {}
    for name in names:
        spec = mapping(view.documents.get(("Plan", name), {}).get("spec"))
        for title in (name, name.replace("-", " "), str(spec.get("title", name))):
            words = tuple(title.lower().split())
            if words:
                known[words] = slug(name)
    if not known:
        return items
    longest = min(4, max(len(words) for words in known))
    done: list[Item] = []
    index = 0
    while index < len(items):
        for size in range(min(longest, len(items) - index), 0, -1):
            part = items[index : index + size]
            if any(item.kind for item in part) or tuple(i.word for i in part) not in known:
                continue
            after = items[index + size].word if index + size < len(items) else ""
            capital = all(item.text[:1].isupper() for item in part)
            if (
                all(i.word in RESERVED | FILLER for i in part)
                and not (capital and index > 0)
                and after not in ("plan", "tier")
            ):
                continue
            span = cover(part[0].span, part[-1].span)
            name = known[tuple(i.word for i in part)]
            done.append(Item("REF", "", " ".join(i.text for i in part), span, name))
            index += size
            break
        else:
            done.append(items[index])
            index += 1
    return done
