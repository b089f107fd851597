"""A rule is spared its expression only where that could have matched nothing."""

from __future__ import annotations

import pytest

from reconciler.agent.builtin import cascade
from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.port import Words
from tests.prompts.evaluate import load_cases, view_of


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("raise (the)? price", [{"raise"}, {"price"}]),
        ("(create|add|set up) THE? name=(NAME|free)", [{"create", "add", "set"}]),
        ("(a b|c)* d{0,2} e{1,2}", [{"e"}]),
        ("a (?!b) (?=STOP)", [{"a"}, {"STOP"}]),
        ("YEARLY (QUOTED|x y)", [{"annual", "annually", "yearly"}, {"QUOTED", "x"}]),
        ("(WORD|x) TEXT", []),
        ("a|b c", [{"a", "b"}]),
        ("(a (b|c)?|(d)?)", []),
    ],
)
def test_what_a_pattern_needs_is_read_off_it(pattern, needed):
    assert [set(one) for one in cascade._needed(pattern)] == needed


def test_no_prompt_has_a_match_that_was_not_looked_for(monkeypatch):
    apply, looked = cascade._apply, []

    def checked(rule, items):
        codes = (f"{item.code()}{'#' if item.kind or item.word in cascade.RESERVED else '@'} " for item in items)
        found = cascade._compiled(rule.pattern).search("".join(codes))
        if found and found[0]:
            there = {item.code() for item in items}
            assert not any(there.isdisjoint(one) for one in cascade._needed(rule.pattern)), (rule.pattern, found[0])
            looked.append(rule.pattern)
        return apply(rule, items)

    monkeypatch.setattr(cascade, "_apply", checked)
    for case in load_cases():
        BuiltinInterpreter().interpret(Words(case.prompt, case.answers), view_of(case.workspace))
    assert len(set(looked)) > 80, "the prompts meet many rules"
