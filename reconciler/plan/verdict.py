"""Verdicts: what a policy answers to one effect, and to a whole change set, in words that finance can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reconciler.base.money import Money, parse_money
from reconciler.plan.approval import VALID_FOR
from reconciler.plan.people import Requirement


class Answer(StrEnum):
    """Nobody is asked, somebody is asked, or it may not be."""

    AUTO = "auto"
    ASK = "ask"
    DENY = "deny"

    @property
    def severity(self) -> int:
        """Larger is stricter."""
        return tuple(Answer).index(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy answers, and why.

    `requirements` must all be met when the answer is `ask`. `rule` names the rule or budget that decided, None where
    none did. `valid_for` is how long an approval holds. `confirm` is what who approves must type: exact amounts
    (`1500 USD and 20 EUR`) or the number of changes, None where nothing. `change` is the key of the change that it is
    about, None for the whole change set.
    """

    answer: Answer
    reasons: tuple[str, ...]
    requirements: tuple[Requirement, ...] = ()
    rule: str | None = None
    valid_for: timedelta = VALID_FOR
    confirm: str | None = None
    change: str | None = None

    def sentence(self) -> str:
        """Who is needed and why: `Needs: 1 of finance, not the requester, because …`."""
        because = "; ".join(self.reasons)
        if self.answer is Answer.DENY:
            return f"Denied: {because}"
        if self.answer is Answer.AUTO:
            return f"Needs nobody: {because}"
        needs = " and ".join(needed(one) for one in self.requirements)
        return f"Needs: {needs}" + (f", because {because}" if because else "")

    def confirmed_by(self, typed: str) -> bool:
        """Whether what was typed is exactly what must be: the same amounts in any order, or the same number."""
        return self.confirm is None or _exact(typed) == _exact(self.confirm)


def needed(requirement: Requirement) -> str:
    """A requirement in words: `2 of finance or legal, not the requester`."""
    who = " or ".join(sorted(requirement.roles))
    if who:
        text = f"{requirement.people} of {who}"
    else:
        text = "1 person" if requirement.people == 1 else f"{requirement.people} people"
    return text + (", not the requester" if requirement.not_requester else "")


def merged(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """The same demand without what another one asks for already, in a fixed order."""
    wanted = set(requirements)
    kept = [one for one in wanted if not any(other != one and _covers(other, one) for other in wanted)]
    return tuple(sorted(kept, key=lambda one: (sorted(one.roles), one.people, one.not_requester)))


def _covers(other: Requirement, one: Requirement) -> bool:
    """Whether whoever meets the other meets this one too."""
    narrower = not one.roles or (bool(other.roles) and other.roles <= one.roles)
    return narrower and other.people >= one.people and other.not_requester >= one.not_requester


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on all together: the strictest answer, every requirement, the shortest validity.

    Nothing at all needs nobody.
    """
    all_of_them = list(verdicts)
    if not all_of_them:
        return Verdict(Answer.AUTO, ("nothing changes",))
    answer = max((one.answer for one in all_of_them), key=lambda each: each.severity)
    deciding = [one for one in all_of_them if one.answer is answer]
    rules = sorted({one.rule for one in deciding if one.rule is not None})
    return Verdict(
        answer=answer,
        reasons=tuple(dict.fromkeys(sorted(reason for one in deciding for reason in one.reasons))),
        requirements=merged(need for one in all_of_them for need in one.requirements)
        if answer is not Answer.DENY
        else (),
        rule=rules[0] if len(rules) == 1 else None,
        valid_for=min(one.valid_for for one in all_of_them),
        # One text for the whole change set, whichever of its changes asks for it.
        confirm=next((one.confirm for one in all_of_them if one.confirm is not None), None),
    )


def amounts_text(amounts: Iterable[Money]) -> str:
    """Amounts as they are typed to confirm them: `20 EUR and 1500 USD`."""
    return " and ".join(str(amount) for amount in sorted(amounts, key=lambda each: each.currency))


def _exact(text: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.replace(",", " and ").split(" and ")]
    read = []
    for part in parts:
        try:
            read.append(str(parse_money(part)))
        except ValueError:
            read.append(part)
    return tuple(sorted(part for part in read if part))
