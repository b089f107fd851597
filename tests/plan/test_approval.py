"""Whose approvals count, and when they are enough."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.plan.approval import ANYBODY, NOBODY, Decision, Requester, satisfied, still_holds
from reconciler.plan.people import Member, Requirement
from reconciler.testing.clock import BEGIN

HOUR = timedelta(hours=1)
ADA = Member("Ada", frozenset({"finance"}), keys=("ssh-ed25519 AAAA", "ssh-ed25519 BBBB"))
BEN = Member("Ben", frozenset({"finance", "support"}))
CYD = Member("Cyd", frozenset({"support"}))
BOT = Member("bot", frozenset({"ci"}), machine=True)
MEMBERS = (ADA, BEN, CYD, BOT)
DORA = Requester("Dora", proven=True)
TWO_OF_FINANCE = (Requirement(frozenset({"finance"}), people=2),)
ONE_OF_FINANCE = (Requirement(frozenset({"finance"})),)


def said(person="Ada", *, approved=True, at=BEGIN, until=BEGIN + 24 * HOUR, proven=True):
    return Decision("sha256:a", person, approved, at, until if approved else None, proven)


def found(requirements, *decisions, requester=DORA, now=BEGIN, **more):
    counted, why = satisfied(requirements, decisions, requester, MEMBERS, now, **more)
    return why if counted is None else [decision.person for decision in counted]


def test_an_approval_holds_until_the_moment_it_ends():
    assert found(ANYBODY, said(), now=BEGIN + 23 * HOUR) == ["Ada"]
    assert "the approval by Ada expired at 2026-03-02T09:00:00Z" in found(ANYBODY, said(), now=BEGIN + 24 * HOUR)


def test_an_approval_that_gives_itself_longer_ends_when_the_policy_says():
    long = said(until=BEGIN + 1000 * HOUR)
    assert found(ANYBODY, long, now=BEGIN + HOUR / 2, valid_for=HOUR) == ["Ada"]
    assert "expired at 2026-03-01T10:00:00Z" in found(ANYBODY, long, now=BEGIN + HOUR, valid_for=HOUR)


@pytest.mark.parametrize(
    ("decisions", "why"),
    [
        ([], "nobody has approved it"),
        ([said(), said(approved=False)], "Ada rejected it"),
        ([said(), said("Ben", approved=False)], "Ben rejected it"),
        ([said(until=None)], "expired"),
        ([said(at=BEGIN + HOUR)], "check the clock"),
        ([said(proven=False)], "nothing proves that it was Ada"),
        ([said("Eve")], "Eve is not a member"),
        ([said("bot")], "so far there is nobody"),
    ],
)
def test_without_an_approval_in_force_the_reason_is_told(decisions, why):
    assert why in found(ANYBODY, *decisions)


def test_the_last_word_counts():
    assert found(ANYBODY, said(approved=False), said()) == ["Ada"]


def test_an_approval_from_before_a_rejection_takes_it_back_neither_then_nor_when_it_is_imported_again():
    before, no = said(), said("Ben", approved=False, at=BEGIN + HOUR)
    assert "Ben rejected it" in found(ANYBODY, before, no, now=BEGIN + 2 * HOUR)
    assert "Ben rejected it" in found(ANYBODY, before, no, before, now=BEGIN + 2 * HOUR)
    assert found(ANYBODY, before, no, said(at=BEGIN + 2 * HOUR), now=BEGIN + 2 * HOUR) == ["Ada"]


def test_a_clock_that_is_a_little_behind_does_not_void_an_approval():
    assert found(ANYBODY, said(at=BEGIN + timedelta(minutes=4))) == ["Ada"]


def test_two_decisions_of_one_person_are_one_person():
    assert "2 people with the role finance" in found(TWO_OF_FINANCE, said(), said(at=BEGIN + HOUR / 60))
    assert found(TWO_OF_FINANCE, said(), said("Ben")) == ["Ada", "Ben"]


def test_only_the_roles_that_are_asked_for_count():
    assert "so far there is nobody" in found(ONE_OF_FINANCE, said("Cyd"))
    assert found(ONE_OF_FINANCE, said("Cyd"), said("Ben")) == ["Ben"]


def test_every_requirement_is_fulfilled_or_none_is():
    both = (*ONE_OF_FINANCE, Requirement(frozenset({"support"})))
    assert "role support" in found(both, said())
    assert found(both, said(), said("Cyd")) == ["Ada", "Cyd"]
    assert found(both, said("Ben")) == ["Ben"]


def test_who_asked_for_it_does_not_count_where_that_is_asked():
    asked = Requester("Ada", proven=True)
    assert "other than Ada, who asked for it" in found(ONE_OF_FINANCE, said(), requester=asked)
    assert found(ONE_OF_FINANCE, said(), said("Ben"), requester=asked) == ["Ben"]
    assert found(ANYBODY, said(), requester=asked) == ["Ada"]


@pytest.mark.parametrize("requester", [NOBODY, Requester("Dora"), Requester(None, proven=True)])
def test_where_it_matters_who_asked_that_must_be_proven(requester):
    why = found(ONE_OF_FINANCE, said(), requester=requester)
    assert "who asked for it is not proven" in why
    assert "ratecard plan --key" in why


def test_a_machine_never_counts_whatever_roles_it_has():
    assert "so far there is nobody" in found((Requirement(frozenset({"ci"})),), said("bot"))
    assert "so far there is nobody" in found((Requirement(frozenset()),), said("bot"))


def test_nothing_is_needed_where_nothing_is_required_but_a_rejection_stops_it():
    assert found(()) == []
    assert "Ada rejected it" in found((), said(approved=False))


def test_claims_count_only_where_they_may():
    claim = said("Eve", proven=False)
    assert found(ANYBODY, claim, claims=True) == ["Eve"]
    assert "nothing proves" in found(ANYBODY, claim)
    assert "so far there is nobody" in found(ONE_OF_FINANCE, claim, claims=True, requester=Requester("Dora"))
    assert found(ONE_OF_FINANCE, said(proven=False), claims=True, requester=Requester("Dora")) == ["Ada"]


def test_an_approval_that_is_in_force_is_known_so_that_none_is_given_twice():
    assert still_holds([said()], "Ada", BEGIN, 24 * HOUR) == said()
    assert still_holds([said()], "Ben", BEGIN, 24 * HOUR) is None
    assert still_holds([said()], "Ada", BEGIN + 24 * HOUR, 24 * HOUR) is None
    assert still_holds([said(), said("Ben", approved=False)], "Ada", BEGIN, 24 * HOUR) is None
