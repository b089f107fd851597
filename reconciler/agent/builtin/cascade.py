"""Rules over items: a pattern of words and kinds, and what a match becomes. Rules run in order over the whole prompt.

A pattern is a regular expression whose letters are items: a lower-case word is that word, capitals are a kind or a
macro of `MACROS`, `name=KIND` keeps what matched. A match is replaced by one item of the rule's kind, so that an item
belongs to one phrase at most and a later rule builds on phrases of earlier ones. (A general parser was measured first:
lark's Earley took 0.1 s to build and 1.5 ms a token to parse, more than a whole answer may take.)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache

from reconciler.agent.builtin.items import Item, cover
from reconciler.agent.builtin.vocabulary import RESERVED
from reconciler.agent.port import Span
from reconciler.base.records import dataclass

MACROS = {
    # Any one plain word that is not a word of the grammar itself.
    "WORD": r"(?:[a-z][^ ]*@ )",
    # Anything up to the end of the sentence.
    "TEXT": r"(?:(?!STOP#)[^ ]+ )+",
    "PER": "(?:per|each|every|a|an|SLASH)",
    "PERIOD": "(?:month|months|mo|year|years|yr|annum|week|weeks|day|days|quarter|quarters)",
    "ADVERB": "(?:monthly|yearly|annually|annual|weekly|daily|quarterly)",
    "YEARLY": "(?:annual|annually|yearly)",
    "THE": "(?:the|a|an|my|our|your)",
    "JOIN": "(?:and|AMP|COMMA|COMMA and|PLUS)",
    "UNIT": "(?:WORD{1,3})",
    "NAME": "(?:WORD{1,3}|QUOTED|REF)",
    "FREE": "(?:free|included|complimentary)",
    "DO": "(?:can you|could you|please|i want to|i would like to|we want to|i need to|let's|we need to)",
}
_ATOM = re.compile(r"\{[0-9,]+\}|([a-z_]+)=|([A-Z]+)|([a-z0-9][a-z0-9.'’-]*)|(\(\?[:!=])|([()|?*+])|(\s+)")
_OPTIONAL = re.compile(r"\s*(?:[?*]|\{0?,)")
# The others are expressions over letters.
_MACROS_OF_ITEMS = MACROS.keys() - {"WORD", "TEXT"}


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule matched: its items, and the items of each named part."""

    items: Sequence[Item]
    parts: dict[str, Sequence[Item]]

    @property
    def span(self) -> Span:
        """The characters of the whole match."""
        return cover(self.items[0].span, self.items[-1].span)

    def has(self, name: str) -> bool:
        """Whether a named part is there."""
        return bool(self.parts.get(name))

    def one(self, name: str) -> Item:
        """The first item of a named part."""
        return self.parts[name][0]

    def text(self, name: str) -> str:
        """The words of a named part as written, with one space between."""
        return " ".join(str(item.value) if item.kind == "QUOTED" else item.text for item in self.parts[name])

    def span_of(self, name: str) -> Span:
        """The characters of a named part."""
        part = self.parts[name]
        return cover(part[0].span, part[-1].span)


Build = Callable[[Match], object]


@dataclass(frozen=True, slots=True)
class Rule:
    """Items that match `pattern` become one item of `kind` with the value that `build` makes, unless that is None."""

    kind: str
    pattern: str
    build: Build


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\S)" + _expand(pattern))


@lru_cache(maxsize=1024)
def _needed(pattern: str) -> tuple[frozenset[str], ...]:
    """Sets of words and kinds: a match has one of each. Most rules are spared their expression by these."""
    return tuple(_clauses(pattern, 0)[0])


def _clauses(pattern: str, position: int) -> tuple[list[frozenset[str]], int]:
    """The sets of what stands from a position up to the end of its group, and where that is."""
    branches: list[list[frozenset[str]]] = [[]]
    while position < len(pattern):
        atom = _ATOM.match(pattern, position)
        assert atom is not None, f"a pattern that cannot be read: {pattern[position:]}"
        position = atom.end()
        _, kind, word, look, mark, _ = atom.groups()
        found: list[frozenset[str]] = []
        if mark == ")":
            break
        if mark == "|":
            branches.append([])
        elif look or mark == "(":
            found, position = _clauses(pattern, position)
        elif kind in _MACROS_OF_ITEMS:
            found = [*_needed(MACROS[kind])]
        elif word or (kind and kind not in MACROS):
            found = [frozenset({word or kind})]
        if look != "(?!" and not _OPTIONAL.match(pattern, position):
            branches[-1] += found
    if len(branches) == 1:
        return branches[0], position
    # Of each branch one set is enough: whichever matches, one of all these is there.
    either = frozenset().union(*(min(branch, key=len) for branch in branches)) if all(branches) else None
    return [either] if either else [], position


def _expand(pattern: str) -> str:
    parts: list[str] = []
    name: str | None = None
    position = 0
    while position < len(pattern):
        found = _ATOM.match(pattern, position)
        assert found is not None, f"a pattern that cannot be read: {pattern[position:]}"
        position = found.end()
        named, kind, word, _, mark, blank = found.groups()
        if blank:
            continue
        if named:
            name = named
            continue
        if kind:
            body = MACROS.get(kind)
            atom = f"(?:{kind}# )" if body is None else body if kind in ("WORD", "TEXT") else _expand(body)
        elif word:
            atom = f"(?:{re.escape(word)}[#@] )"
        else:
            atom = "(?:" if mark == "(" else found[0]
            if mark == "(" and name:
                atom, name = f"(?P<{name}>", None
        if name and (kind or word):
            quantifier = re.compile(r"\{[0-9,]+\}|[*+]").match(pattern, position)
            repeated = quantifier[0] if quantifier else ""
            position += len(repeated)
            atom, name = f"(?P<{name}>{atom}{repeated})", None
        parts.append(atom)
    return "".join(parts)


def words_of(rules: Sequence[Rule]) -> frozenset[str]:
    """Every word that a pattern of the rules knows: none of them is a typo of another."""
    patterns = " ".join(rule.pattern for rule in rules) + " " + " ".join(MACROS.values())
    return frozenset(re.findall(r"[a-z][a-z0-9.'’-]*", patterns))


def apply(rules: Sequence[Rule], items: list[Item]) -> list[Item]:
    """The items after every rule, in order."""
    for rule in rules:
        items = _apply(rule, items)
    return items


def _apply(rule: Rule, items: list[Item]) -> list[Item]:
    there = {item.code() for item in items}
    if any(there.isdisjoint(one) for one in _needed(rule.pattern)):
        return items
    codes = [f"{item.code()}{'#' if item.kind or item.word in RESERVED else '@'} " for item in items]
    text = "".join(codes)
    starts, at = [], 0
    for code in codes:
        starts.append(at)
        at += len(code)
    made: list[tuple[int, int, Item]] = []
    pattern = _compiled(rule.pattern)
    for found in pattern.finditer(text):
        if found.end() == found.start():
            continue
        first, last = bisect_right(starts, found.start()) - 1, bisect_right(starts, found.end() - 1)
        parts: dict[str, Sequence[Item]] = {
            name: items[bisect_right(starts, found.start(name)) - 1 : bisect_right(starts, found.end(name) - 1)]
            for name, value in found.groupdict().items()
            if value
        }
        match = Match(items[first:last], parts)
        value = rule.build(match)
        if value is not None:
            made.append((first, last, Item(rule.kind, "", " ".join(i.text for i in match.items), match.span, value)))
    for first, last, item in reversed(made):
        items = [*items[:first], item, *items[last:]]
    return items
