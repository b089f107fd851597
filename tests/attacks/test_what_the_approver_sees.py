"""Whatever is applied is shown: nothing of a change is hidden, doubled away, or dressed as something else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from reconciler.cli.main import run
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Unmanaged, Verb
from reconciler.plan.fields import escape, lines
from reconciler.plan.render import as_markdown, as_text
from reconciler.providers.dodo.capabilities import CAPABILITIES

PRODUCT, WEBHOOK = CAPABILITIES.kinds["product"], CAPABILITIES.kinds["webhook"]
HOSTILE = "x\x1b[2J\r\nIn all: nothing. \u202eevil\u2069\U000e0041\u3164"


def usage(meter: str, rate: str) -> dict[str, object]:
    return {"meter_id": {"$ref": meter}, "price_per_unit": rate, "free_threshold": 0}


def product(price: int, *meters: dict[str, object]) -> dict[str, object]:
    recurring = {"type": "usage_based_price", "currency": "USD", "fixed_price": price, "meters": list(meters)}
    return {"name": "Pro", "price": recurring}


def changes(*found: Change) -> ChangeSet:
    return ChangeSet(AccountIdentity("books", "dodo", "sandbox", "bus_1"), "acme", found)


ARCHIVE = Change(
    Verb.ARCHIVE, "Plan/pro", "product", "Pro", "pdt_1", product(4900), None, Reverse(Undo.REVERSIBLE, Verb.RESTORE)
)


def test_every_event_that_comes_or_goes_is_told_wherever_it_stands_in_the_list() -> None:
    chance = random.Random(1)
    for _ in range(500):
        before, after = (sorted(chance.sample("abcdefgh", chance.randrange(1, 7))) for _ in range(2))
        told = lines({"filter_types": before}, {"filter_types": after}, WEBHOOK)
        gone, new = {line.before for line in told}, {line.after for line in told}
        assert set(before) - set(after) <= gone, (before, after, told)
        assert set(after) - set(before) <= new, (before, after, told)


def test_a_price_of_nothing_is_told() -> None:
    assert ("price", "0 USD") in [(line.label, line.after) for line in lines(None, product(0), PRODUCT)]


def test_a_rate_names_its_meter_where_there_are_several() -> None:
    before = product(100, usage("Meter/calls", "0.2"), usage("Meter/files", "0.2"))
    after = product(100, usage("Meter/calls", "0.2"), usage("Meter/files", "0.4"))
    (line,) = lines(before, after, PRODUCT)
    assert (line.label, line.before, line.after) == ("rate (Meter/files)", "0.002 USD", "0.004 USD")


def test_another_meter_is_told_in_peoples_words() -> None:
    (line,) = lines(product(1, usage("Meter/a", "1")), product(1, usage("Meter/b", "1")), PRODUCT)
    assert (line.label, line.before, line.after) == ("usage of", "Meter/a", "Meter/b")


@pytest.mark.parametrize("letter", ["\x1b", "\u00ad", "\u034f", "\u2067", "\u3164", "\U000e0041", "\ufe01", "\ue000"])
def test_what_has_no_ink_is_shown_as_an_escape(letter: str) -> None:
    assert escape(f"Pro{letter}") == f"Pro\\u{ord(letter):04x}"


@pytest.mark.parametrize("field", ["address", "title", "id", "reason", "notes", "before", "reverse", "unmanaged"])
@pytest.mark.parametrize("render", [as_text, as_markdown])
def test_no_text_of_a_change_set_acts_on_a_terminal_or_makes_a_line(field: str, render) -> None:
    change = replace(ARCHIVE, verb=Verb.REPLACE, after=product(5900))
    plain = render(changes(change), CAPABILITIES).count("\n")
    hostile = {
        "notes": (HOSTILE,),
        "before": {**product(4900), HOSTILE: HOSTILE},
        "reverse": Reverse(Undo.IRREVERSIBLE, reason=HOSTILE),
    }
    found = changes(change)
    if field == "unmanaged":
        found = replace(found, unmanaged=(Unmanaged(HOSTILE, HOSTILE, HOSTILE, HOSTILE),))
    else:
        found = changes(replace(change, **{field: hostile.get(field, HOSTILE)}))
    text = render(found, CAPABILITIES)
    assert all(letter not in text for letter in "\x1b\r\u202e\u2069\U000e0041\u3164")
    assert text.count("\n") <= plain + 3
    assert "\nIn all: nothing" not in text


def test_a_table_in_markdown_keeps_its_columns_whatever_an_address_holds() -> None:
    text = as_markdown(changes(replace(ARCHIVE, address="Plan/x` | `<img src=//evil>")), CAPABILITIES)
    (row,) = [line for line in text.splitlines() if line.startswith("| -")]
    assert row.count("|") == 5
    assert "<img" not in row


def test_what_is_archived_is_called_by_its_own_name_too() -> None:
    text = as_text(changes(replace(ARCHIVE, title="An old test")), CAPABILITIES)
    assert "title  Pro" in text


def test_a_leftover_counts_among_what_is_archived() -> None:
    leftover = replace(ARCHIVE, superseded=True)
    assert "In all: 1 to archive." in as_text(changes(leftover), CAPABILITIES)


def test_what_an_error_quotes_does_not_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["show", "a\x1b[31m.json"])
    assert code == 1
    assert "a\\u001b[31m.json" in capsys.readouterr().err
