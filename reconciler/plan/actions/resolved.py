"""The shape of what an action comes to: its changes, who is left out and why, and what is asked."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.base.canonical import Body, digest
from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.base.money import Money
from reconciler.plan.capabilities import KindCapabilities
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.fields import escape
from reconciler.plan.impact import Impact
from reconciler.plan.resource import level_fingerprint
from reconciler.spec.load import Spec, diagnostic

# The keys of the mark on an effect at a provider, by which it is known again without our journal.
MARK_WORKSPACE, MARK_ADDRESS = "ratecard_owner", "ratecard_address"
# Of those who are left out for one reason, so many are named.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Those who are left out for one reason: how many, and the first of them by name."""

    reason: str
    count: int
    names: tuple[str, ...]

    def sentence(self, action: str) -> str:
        """For people: `Refund/outage leaves out 2: a dispute is open (pay_1, pay_2)`."""
        more = f" and {self.count - len(self.names):,} more" if self.count > len(self.names) else ""
        return f"{action} leaves out {self.count:,}: {self.reason} ({', '.join(self.names)}{more})"


class Leaving:
    """Gathers who is left out, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, what: str, reason: str) -> None:
        """Somebody is left out."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        names = self._names.setdefault(reason, [])
        insort(names, what)
        del names[_NAMED:]

    def all(self) -> tuple[LeftOut, ...]:
        """Everybody, by reason."""
        return tuple(LeftOut(why, self._counts[why], tuple(self._names[why])) for why in sorted(self._counts))


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one action comes to: its changes by address, who is left out, what is wrong or asked."""

    changes: tuple[Change, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass
class Resolving:
    """Gathers what an action comes to."""

    spec: Spec
    kinds: Mapping[str, KindCapabilities]
    workspace: str
    changes: list[Change] = field(default_factory=list)
    leaving: Leaving = field(default_factory=Leaving)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def action(self) -> str:
        """The address of the action: `Refund/outage`."""
        return action_address(self.spec)

    def ask(self, mistake: Mistake, *, warning: bool = False) -> None:
        """Something is wrong with the spec, or must be said in it."""
        severity = Severity.WARNING if warning else Severity.ERROR
        self.diagnostics.append(diagnostic(self.spec, mistake, severity=severity))

    def add(
        self,
        kind: str,
        target: str,
        *,
        title: str,
        before: Body,
        after: Body,
        impact: Impact,
        final: str | None = None,
        notes: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        """One effect. `final` says why this one cannot be undone where others of its kind can be."""
        reverse = reverse_of(Verb.EXECUTE, self.kinds[kind])
        if final is not None and reverse.undo is not Undo.IRREVERSIBLE:
            reverse = Reverse(Undo.IRREVERSIBLE, reason=final)
        self.changes.append(
            Change(
                verb=Verb.EXECUTE,
                address=f"{self.action}:{target}",
                kind=kind,
                title=title,
                id=target,
                before=before,
                after=after,
                reverse=reverse,
                fingerprint=level_fingerprint(before),
                reason=reason,
                notes=tuple(notes),
                impact=impact,
            )
        )

    def resolved(self) -> Resolved:
        """All of it, in an order that does not depend on that of the facts."""
        changes = sorted(self.changes, key=lambda change: change.address)
        return Resolved(tuple(changes), self.leaving.all(), tuple(self.diagnostics))


def action_address(spec: Spec) -> str:
    """What names an action: `Refund/outage`."""
    return f"{spec.kind}/{spec.name}"


def spec_digest(spec: Spec) -> str:
    """The digest of what an action asks for, however it is spelled: what tells it from another of its name."""
    return digest(spec.document.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def is_ours(marker: Mapping[str, str] | None, workspace: str, action: str) -> bool:
    """Whether a mark at the provider is of an effect of this action."""
    if marker is None or marker.get(MARK_WORKSPACE) != workspace:
        return False
    return marker.get(MARK_ADDRESS, "").startswith(f"{action}:")


def theirs(text: str, most: int = 60) -> str:
    """Text that a customer wrote, as it is shown: short, in quotes, nothing hidden in it and no quote to end it."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return '"' + escape(short).replace('"', "'") + '"'


def moved(
    sentence: str, *, subscriptions: int = 0, before: Iterable[Money] = (), after: Iterable[Money] = ()
) -> Impact:
    """What an effect means for one customer, in a sentence and for monthly revenue."""
    return Impact(
        subscriptions=subscriptions,
        customers=1,
        mrr_before=tuple(before),
        mrr_after=tuple(after),
        pay_more=0,
        pay_less=0,
        sentence=sentence,
    )


def with_needs(change: Change, keys: Iterable[str]) -> Change:
    """The change after others, by their keys."""
    return replace(change, needs=tuple(sorted({*change.needs, *keys})))
