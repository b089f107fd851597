"""Units, meters and usage lines: which meter a unit is, a new Meter where there is none, rates and free units."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.agent.builtin.context import Context, default, lookup, mapping, operator, slug
from reconciler.agent.builtin.vocabulary import plural, singular
from reconciler.agent.port import Draft, Field, Source, Span

# Units that events hold an amount of: counting the events would charge for the wrong thing.
MEASURED = frozenset(
    {
        "byte", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "kilobyte", "megabyte", "gigabyte", "terabyte",
        "second", "minute", "hour", "character", "word", "pixel", "mile", "kilometre", "kilometer", "km", "kg",
        "kilogram", "watt", "kwh", "token",
    }
)  # fmt: skip
_CAPITALS = {
    "api": "API",
    "ai": "AI",
    "llm": "LLM",
    "sms": "SMS",
    "gb": "GB",
    "mb": "MB",
    "tb": "TB",
    "gpu": "GPU",
    "cpu": "CPU",
}


def one(unit: str) -> str:
    """A unit in the singular: `api calls` → `api call`."""
    *before, last = unit.split()
    return " ".join([*before, singular(last)])


def shown(unit: str) -> str:
    """A unit with its capitals: `api call` → `API call`."""
    return " ".join(_CAPITALS.get(word, word) for word in unit.split())


class Meters:
    """The meters of one prompt: looked up in the workspace, or drafted once."""

    def __init__(self, context: Context, units: list[str]) -> None:
        self.context = context
        self.said = sorted({one(unit) for unit in units}, key=lambda unit: (-len(unit.split()), unit))
        self.drafts: dict[str, Draft] = {}

    def full(self, unit: str) -> str:
        """The longest way in which the prompt names this unit: `call` is `api call` where only that is said."""
        unit = one(unit)
        longer = [said for said in self.said if said != unit and said.endswith(" " + unit)]
        return longer[0] if len(longer) == 1 and len(unit.split()) == 1 else unit

    def name(self, unit: str, span: Span) -> tuple[str, Source]:
        """The meter that counts this unit, and where its name comes from."""
        unit = self.full(unit)
        several = " ".join([*unit.split()[:-1], plural(unit.split()[-1])])
        found = self._in_workspace(unit)
        if found:
            return found, lookup(f"the meter {found} of the workspace counts {shown(unit)}", span)
        name = slug(several)
        if unit.split()[-1] in MEASURED:
            self.context.not_understood.append(span)
            self.context.note(
                f"{shown(unit)} is measured, not counted: make a meter that sums a property of your events"
            )
        if name not in self.drafts:
            event = slug(unit).replace("-", "_")
            title = shown(several)
            self.drafts[name] = Draft(
                "Meter",
                name,
                False,
                (
                    Field(("spec", "title"), title[:1].upper() + title[1:], operator(span)),
                    Field(("spec", "unit"), shown(unit), operator(span)),
                    Field(("spec", "event"), event, default("the name of the usage events")),
                    Field(("spec", "aggregation", "type"), "count", default("each event is one unit")),
                ),
            )
            self.context.assume(f'the new meter {name} counts usage events named "{event}", one unit each')
        return name, operator(span)

    def _in_workspace(self, unit: str) -> str | None:
        names = self.context.view.names("Meter")
        exact, near = [], []
        for name in names:
            spec = mapping(self.context.view.documents["Meter", name].get("spec"))
            known = {name.replace("-", " "), str(spec.get("unit", "")).lower(), str(spec.get("title", "")).lower()}
            singles = {one(words) for words in known if words.strip()}
            if unit in singles:
                exact.append(name)
            elif unit.split()[-1] in {words.split()[-1] for words in singles} and len(unit.split()) == 1:
                near.append(name)
        if len(exact) == 1:
            return exact[0]
        if not exact and len(near) == 1:
            self.context.assume(f'"{unit}" is read as what the meter {near[0]} counts')
            return near[0]
        return None

    def all(self) -> Iterator[Draft]:
        """The meters to be made, in order of mention."""
        yield from self.drafts.values()
