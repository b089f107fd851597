"""How a change set reads: as text for a terminal and as Markdown for a review, the same facts in both.

Amounts, targets and counts come from the bodies of the changes; text that somebody else wrote is escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from reconciler.base.money import Money
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Undo, Unmanaged, Verb
from reconciler.plan.drift_decisions import KIND as DECISION
from reconciler.plan.effects import customer_count, customers_of, money_moved
from reconciler.plan.fields import Line, escape, level_lines, lines
from reconciler.plan.impact import Impact
from reconciler.plan.invoices import invoice_lines
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.migration_words import migration_lines
from reconciler.plan.ownership import is_unowned
from reconciler.plan.settings import waiting_lines

if TYPE_CHECKING:
    from reconciler.plan.verdict import Verdict

SYMBOLS = {
    Verb.CREATE: "+",
    Verb.UPDATE: "~",
    Verb.REPLACE: "±",
    Verb.ARCHIVE: "-",
    Verb.RESTORE: "^",
    Verb.DELETE: "-",
    Verb.ADOPT: "=",
    Verb.EXECUTE: "!",
}
# What the policy answers to each change by its key, and by None to all of them.
Needs: TypeAlias = "Mapping[str | None, Verdict]"
ARROW = "→"
_LISTED = 10
POLICY = "policy"


def as_text(change_set: ChangeSet, capabilities: Capabilities, needs: Needs | None = None) -> str:
    """The change set for a terminal: a line a change, its fields below, then what it means in all.

    `needs` are the policy's answers, by the key of a change and by None for all of it.
    """
    said = needs or {}
    if change_set.changes:
        out = [f"Change set {change_set.short} for {_account(change_set)}"]
    else:
        out = [f"No changes for {_account(change_set)}: {_as_asked(change_set)}."]
    if change_set.reverts:
        out.append(f"It undoes the change set {change_set.reverts.removeprefix('sha256:')[:12]}.")
    if change_set.changes:
        out.append("")
    for change in change_set.changes:
        out.append(f"  {SYMBOLS[change.verb]} {change.verb:<8} {change.address:<28} {_title(change)}")
        out += (f"      {text}" for text in _details(change, capabilities))
        out += [f"      {said[change.key].sentence()}"] if change.key in said else []
        out.append("")
    if change_set.changes:
        out += totals(change_set)
        out += [f"{said[None].sentence()}."] if None in said else []
    out += _notes(change_set)
    out += _unmanaged(change_set.unmanaged)
    out += (f"Warning: {warning}" for warning in change_set.warnings)
    out += waiting_lines(change_set.settings)
    # Line by line and last of all, so that no text of any part is forgotten.
    return "\n".join(map(escape, out)) + "\n"


def as_markdown(change_set: ChangeSet, capabilities: Capabilities, needs: Needs | None = None) -> str:
    """The change set for a review: the totals and who is needed first, then each change."""
    said = needs or {}
    out = [f"### Change set `{change_set.short}` for {_plain(_account(change_set))}", ""]
    if not change_set.changes:
        out.append(f"No changes: {_as_asked(change_set)}.")
    else:
        out += (f"- {text}" for text in totals(change_set))
        out += [f"- {_plain(said[None].sentence())}."] if None in said else []
        out += ["", "| | Change | Object | What |", "|---|---|---|---|"]
        for change in change_set.changes:
            told = _details(change, capabilities, aligned=False)
            told += [said[change.key].sentence()] if change.key in said else []
            what = "<br>".join(_plain(text) for text in told)
            called = f"<code>{_plain(change.address)}</code> {_plain(_title(change))}"
            out.append(f"| {SYMBOLS[change.verb]} | {change.verb} | {called} | {what} |")
    for text in [
        *_notes(change_set),
        *_unmanaged(change_set.unmanaged),
        *(f"Warning: {warning}" for warning in change_set.warnings),
        *(line.strip() for line in waiting_lines(change_set.settings)),
    ]:
        out += ["", _plain(text)]
    out += ["", f"Digest: `{change_set.digest}`"]
    return "\n".join(map(escape, out)) + "\n"


def _as_asked(change_set: ChangeSet) -> str:
    if change_set.settings:
        return "what can be read is what the specs ask for, and something waits for a person"
    return "live is what the specs ask for"


def totals(change_set: ChangeSet) -> Iterator[str]:
    """What the change set is in all: counts by verb, money, and what cannot be undone."""
    replaced = {change.id for change in change_set.changes if change.verb is Verb.REPLACE}
    superseded = sum(1 for change in change_set.changes if change.superseded and change.id in replaced)
    counts = Counter(
        str(change.verb) for change in change_set.changes if not change.superseded or change.id not in replaced
    )
    yield (
        "In all: "
        + ", ".join(f"{count} to {verb}" for verb, count in counts.items())
        + (f" ({superseded} of them archived after the new one is made)." if superseded else ".")
    )
    foreign = [
        change.id for change in change_set.changes if change.after is None and is_unowned(change.address, change.id)
    ]
    if foreign:
        are = "1 of them is" if len(foreign) == 1 else f"{len(foreign):,} of them are"
        yield f"{are} not ours: removed since the kind is authoritative here, and no spec asks for what was there."
    yield from _leaving(change_set)
    impacts = [impact for change in change_set.changes if (impact := _on_revenue(change)) is not None]
    if impacts:
        subscriptions = sum(impact.subscriptions for impact in impacts)
        before = _sum([amount for impact in impacts for amount in impact.mrr_before])
        after = _sum([amount for impact in impacts for amount in impact.mrr_after])
        if subscriptions:
            yield (
                f"Money: {_count(subscriptions, 'subscription')} behind what changes, worth {before} a month now "
                f"and {after} after."
            )
        else:
            yield "Money: nobody subscribes to what changes; revenue stays as it is."
    final = change_set.irreversible()
    if final:
        named = ", ".join(change.address for change in final[:_LISTED])
        more = f" and {len(final) - _LISTED:,} more" if len(final) > _LISTED else ""
        yield f"{_count(len(final), 'change')} cannot be undone: {named}{more}."
    elif all(change.kind == DECISION for change in change_set.changes):
        yield "Nothing is changed at the provider."
    else:
        yield "All of it can be undone with `ratecard revert`."


def _leaving(change_set: ChangeSet) -> Iterator[str]:
    """The money that moves at once, by currency, and to how many: read from the bodies, never from a sentence."""
    moving = [change for change in change_set.changes if money_moved(change)]
    if not moving:
        return
    amounts = [amount for change in moving for amount in money_moved(change)]
    # Those of a migration are counted in it, and named in its manifest alone.
    unnamed = sum(customer_count(change) - len(customers_of(change)) for change in moving)
    customers = _count(len({one for change in moving for one in customers_of(change)}) + unnamed, "customer")
    leaves, comes = (_sum([a for a in amounts if a.minor > 0]), _sum([-a for a in amounts if a.minor < 0]))
    parts = [f"{words} {sums}" for words, sums in ((leaves, "leaves"), (comes, "comes in")) if words != "nothing"]
    yield f"Money at once: {' and '.join(parts)}, for {customers}."


def _on_revenue(change: Change) -> Impact | None:
    """What a change means for what recurs: nothing where it is an action that touches no subscription."""
    if change.impact is None or (change.verb is Verb.EXECUTE and not change.impact.subscriptions):
        return None
    return change.impact


def _details(change: Change, capabilities: Capabilities, *, aligned: bool = True) -> list[str]:
    out = []
    if change.reason:
        out.append(change.reason)
    kind = capabilities.kinds[change.kind]
    if change.kind == MIGRATION:
        out += migration_lines(change.after or {})
        out += invoice_lines(change.impact.invoices, change.impact.invoice_requests) if change.impact else ()
    elif change.kind == POLICY and change.after is not None:
        from reconciler.plan.policy_words import policy_difference  # with models, which other change sets need not load

        out += policy_difference(change.before, change.after)
    elif change.verb is Verb.EXECUTE:
        out += _level_rows(level_lines(change.before, change.after, kind), aligned=aligned)
    elif change.verb in (Verb.UPDATE, Verb.REPLACE):
        out += _rows(lines(change.before, change.after, kind), new=False, aligned=aligned)
    else:
        # What is only taken away, brought back or taken over is told by its title, unless that is not its own.
        rows = lines(None, change.after if change.verb is Verb.CREATE else change.before, kind)
        if change.verb is Verb.CREATE or all(row.after != escape(change.title) for row in rows):
            out += _rows(rows, new=True, aligned=aligned)
    if change.impact:
        out.append(change.impact.sentence)
    if change.reverse.undo is Undo.IRREVERSIBLE:
        out.append(f"! cannot be undone: {change.reverse.reason}")
    return out


def _notes(change_set: ChangeSet) -> Iterator[str]:
    """What the provider cannot hold and somebody else must see to: each note once, with all that it is about."""
    about: dict[str, list[str]] = {}
    for change in change_set.changes:
        if change.verb in (Verb.CREATE, Verb.REPLACE, Verb.EXECUTE):
            for note in change.notes:
                about.setdefault(note, []).append(change.address)
    for note, addresses in about.items():
        more = f" and {len(addresses) - _LISTED:,} more" if len(addresses) > _LISTED else ""
        yield f"Note for {', '.join(addresses[:_LISTED])}{more}: {note}."


def _rows(rows: Sequence[Line], *, new: bool, aligned: bool) -> Iterator[str]:
    width = min(max((len(row.label) for row in rows), default=0), 28)
    for row in rows:
        label = f"{row.label:<{width}} " if aligned else f"{row.label}:"
        yield f"{label} {row.after}" if new else f"{label} {row.before or 'none'} {ARROW} {row.after or 'none'}"


def _level_rows(rows: Sequence[tuple[Line, bool]], *, aligned: bool) -> Iterator[str]:
    width = min(max((len(row.label) for row, _ in rows), default=0), 28)
    for row, moves in rows:
        label = f"{row.label:<{width}} " if aligned else f"{row.label}:"
        yield f"{label} {row.before or 'none'} {ARROW} {row.after or 'none'}" if moves else f"{label} {row.after}"


def _title(change: Change) -> str:
    # The address of an action names its target already.
    where = f" ({change.id})" if change.id and change.verb not in (Verb.UPDATE, Verb.EXECUTE) else ""
    return f"{change.title}{where}"


def _account(change_set: ChangeSet) -> str:
    account = change_set.account
    identity = f", {account.id}" if account.id else ""
    return f"account {account.name} ({account.provider}, {account.mode}{identity})"


def _unmanaged(items: Sequence[Unmanaged]) -> list[str]:
    if not items:
        return []
    names = [
        f'{item.kind} "{item.title}" ({item.id}' + (f", of workspace {item.owner})" if item.owner else ")")
        for item in items[:_LISTED]
    ]
    more = f" and {len(items) - _LISTED:,} more" if len(items) > _LISTED else ""
    are = "live object is" if len(items) == 1 else "live objects are"
    return [f"{len(items):,} {are} not managed here and not touched: {', '.join(names)}{more}."]


def _sum(amounts: Sequence[Money]) -> str:
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums[amount.currency] + amount if amount.currency in sums else amount
    return " and ".join(sums[currency].display() for currency in sorted(sums)) or "nothing"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is a link, a tag, a mention or a table border."""
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", text)


_MARKDOWN = re.compile(r"[\\`*_\[\]<>|!#@&]")
