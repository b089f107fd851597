"""What `ratecard doctor` finds wrong with an account as it was read: pure, one function for each kind of finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.base.clock import format_time, parse_time
from reconciler.base.diagnostics import Severity
from reconciler.plan.capabilities import Capabilities, Label
from reconciler.plan.matching import natural_key
from reconciler.plan.resource import Binding, LiveResource, Resource, foreign_ids, references_in

# A signature or token that is minutes early is refused; a few seconds are the network's.
CLOCK_WARNING = timedelta(seconds=30)
CLOCK_ERROR = timedelta(minutes=5)

_SHOWN = 5
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in words: `code` is stable, `where` is a file, an address or an id, `fix` helps."""

    code: str
    severity: Severity
    what: str
    where: str
    fix: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What findings are drawn from: both sides, what the journal binds (live bindings only), and the moment.

    `elsewhere` says of ids that other accounts of the workspace bind, which can be this one, whose they are there.
    """

    desired: Sequence[Resource]
    live: Sequence[LiveResource]
    bindings: Mapping[str, Binding]
    capabilities: Capabilities
    workspace: str
    now: datetime
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def active(self) -> Iterator[LiveResource]:
        """The live objects that are not archived and whose kind is known."""
        return (item for item in self.live if not item.archived and item.kind in self.capabilities.kinds)


def findings_of(examined: Examined) -> list[Finding]:
    """All findings about objects, the grave ones first."""
    found = [
        *marked_twice(examined),
        *bound_twice(examined),
        *wanted_twice(examined),
        *bound_elsewhere(examined),
        *marked_otherwise(examined),
        *gone(examined),
        *stale_links(examined),
        *marks_without_a_binding(examined),
        *marks_without_a_spec(examined),
        *twins(examined),
        *one_cycle(examined),
        *every_event(examined),
        *expired(examined),
    ]
    return in_order(found)


def in_order(found: Sequence[Finding]) -> list[Finding]:
    """Errors before warnings, then by code and place, so that the same account is told in the same order."""
    return sorted(found, key=lambda one: (one.severity is not Severity.ERROR, one.code, one.where, one.what))


def marked_twice(examined: Examined) -> Iterator[Finding]:
    """Two live objects with our mark for one address."""
    marked: dict[str, list[str]] = defaultdict(list)
    for item in examined.active():
        if item.owner is not None and item.owner.workspace == examined.workspace:
            marked[item.owner.address].append(item.id)
    for address, ids in sorted(marked.items()):
        if len(ids) < 2:
            continue
        bound = examined.bindings.get(address)
        keep = f"keep {bound.id}, which the journal knows" if bound and bound.id in ids else "keep the one that is sold"
        yield Finding(
            "object/marked-twice",
            Severity.ERROR,
            f"{len(ids)} live objects carry our mark for {address}: {', '.join(sorted(ids))}",
            address,
            f"{keep}, and archive the others at the provider",
        )


def bound_twice(examined: Examined) -> Iterator[Finding]:
    """Two addresses that the journal binds to one object."""
    bound: dict[tuple[str, str], list[str]] = defaultdict(list)
    for address, binding in examined.bindings.items():
        bound[binding.kind, binding.id].append(address)
    for (_, provider_id), addresses in sorted(bound.items()):
        if len(addresses) > 1:
            yield Finding(
                "spec/one-object",
                Severity.ERROR,
                f"{_and(addresses)} stand for one live object, so that each undoes what the other asks for",
                provider_id,
                "remove all but one of these specs, and rename rather than copy",
            )


def bound_elsewhere(examined: Examined) -> Iterator[Finding]:
    """Objects that another account of the workspace stands for, too: one account at the provider under two names."""
    for address, binding in sorted(examined.bindings.items()):
        other = examined.elsewhere.get(binding.id)
        if other is not None and not examined.capabilities.is_action(binding.kind):
            yield Finding(
                "account/shared",
                Severity.ERROR,
                f"{binding.id} is {address} here and {other}: it is one account at the provider under two names, "
                "and what is approved and spent is remembered for each by itself",
                address,
                "keep one of the two accounts in ratecard.yaml",
            )


def marked_otherwise(examined: Examined) -> Iterator[Finding]:
    """Bound objects whose mark says that they are another's, or stand at another address."""
    live = {item.id: item for item in examined.live}
    for address, binding in sorted(examined.bindings.items()):
        item = live.get(binding.id)
        if item is None or item.owner is None:
            continue
        theirs = item.owner.workspace != examined.workspace
        if theirs:
            fix = f"let one workspace keep it: remove its spec here, or in {item.owner.workspace}"
        elif item.owner.address != address:
            fix = f"bring back the spec of {item.owner.address}, or let a plan write the mark anew"
        else:
            continue
        whose = f"{item.owner.address} of the workspace {item.owner.workspace}" if theirs else item.owner.address
        yield Finding(
            "mark/other",
            Severity.ERROR,
            f"the journal binds {address} to {binding.id}, and its mark says that it is {whose}",
            address,
            fix,
        )


def stale_links(examined: Examined) -> Iterator[Finding]:
    """Objects that refer to what is archived, or is there no more."""
    live = {item.id: item for item in examined.live}
    for item in sorted(examined.active(), key=lambda one: one.id):
        archived = {one for one in foreign_ids(item.body) if one in live and live[one].archived}
        for address in set(references_in(item.body)):
            found = live.get(examined.bindings[address].id) if address in examined.bindings else None
            if address in examined.bindings and (found is None or found.archived):
                archived.add(address)
        if archived:
            yield Finding(
                "object/stale-link",
                Severity.WARNING,
                f'{item.kind} "{item.title}" ({_whose(item, examined)}) refers to {_and(sorted(archived))}, '
                "which nobody can buy or use any more",
                item.id,
                "plan and apply to put back what the specs ask for; what is not managed here, at the provider",
            )


def wanted_twice(examined: Examined) -> Iterator[Finding]:
    """Two specs that take over one object, or that ask for what an account can hold once."""
    adopted: dict[str, list[str]] = defaultdict(list)
    unique: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for resource in examined.desired:
        if resource.adopt is not None:
            adopted[resource.adopt].append(resource.address)
        key = natural_key(resource.kind, resource.body, examined.capabilities)
        if key is not None:
            unique[key].append(resource.address)
    for provider_id, addresses in sorted(adopted.items()):
        if len(addresses) > 1:
            yield Finding(
                "spec/one-object",
                Severity.ERROR,
                f"{_and(addresses)} both take over {provider_id}",
                provider_id,
                "leave the annotation ratecard.dev/adopt on one of them",
            )
    for key, addresses in sorted(unique.items()):
        if len(addresses) > 1:
            names = _and(examined.capabilities.kinds[key[0]].natural_key)
            yield Finding(
                "spec/one-object",
                Severity.ERROR,
                f"{_and(addresses)} ask for a {key[0]} with the same {names}, which the provider has once",
                sorted(addresses)[0],
                "remove all but one of these specs, or make them differ there",
            )


def gone(examined: Examined) -> Iterator[Finding]:
    """Bindings whose object is no longer there, not even archived."""
    ids = {item.id for item in examined.live}
    for address, binding in sorted(examined.bindings.items()):
        kind = examined.capabilities.kinds.get(binding.kind)
        if kind is None or examined.capabilities.is_action(binding.kind) or binding.id in ids:
            continue
        yield Finding(
            "binding/gone",
            Severity.ERROR,
            f"the journal binds {address} to {binding.id}, and there is no such {binding.kind} any more",
            address,
            "find out who deleted it (`ratecard drift`); the next plan makes it anew while its spec is there",
        )


def marks_without_a_binding(examined: Examined) -> Iterator[Finding]:
    """Live objects that carry our mark and that the journal does not know: told together, since they may be all."""
    wanted = {resource.address for resource in examined.desired} - examined.bindings.keys()
    unknown = {
        item.owner.address
        for item in examined.active()
        if item.owner is not None and item.owner.workspace == examined.workspace and item.owner.address in wanted
    }
    if unknown:
        shown = ", ".join(sorted(unknown)[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
        yield Finding(
            "mark/not-in-journal",
            Severity.WARNING,
            f"{len(unknown):,} live object{'s' * (len(unknown) != 1)} with our mark that this journal does not know: "
            f"{shown}",
            "journal",
            "was it lost, or does somebody else keep another? Use one for all; `ratecard recover` finds them again",
        )


def marks_without_a_spec(examined: Examined) -> Iterator[Finding]:
    """Live objects that carry our mark for an address that no spec has."""
    wanted = {resource.address for resource in examined.desired}
    bound = {binding.id for binding in examined.bindings.values()}
    for item in sorted(examined.active(), key=lambda one: one.id):
        if item.owner is None or item.owner.workspace != examined.workspace or item.owner.address in wanted:
            continue
        if item.id in bound:
            more, fix = "", "plan and apply to archive it, or bring its spec back"
        else:
            more = ", and this journal never made it"
            fix = (
                f"has another workspace the name {examined.workspace}? Then rename one of them; "
                "else write its spec, or let a plan archive it"
            )
        yield Finding(
            "mark/no-spec",
            Severity.WARNING,
            f'{item.kind} "{item.title}" carries our mark for {item.owner.address}, which no spec has{more}',
            item.id,
            fix,
        )


def twins(examined: Examined) -> Iterator[Finding]:
    """Two live objects that are sold with an equal name and an equal price."""
    alike: dict[tuple[str, str, bytes], list[LiveResource]] = defaultdict(list)
    for item in examined.active():
        money = examined.capabilities.kinds[item.kind].money
        if money:
            price: Body = {name: item.body.get(name) for name in sorted(money)}
            alike[item.kind, item.title, canonical_json(price)].append(item)
    for (kind, title, _), items in sorted(alike.items()):
        if len(items) > 1:
            names = ", ".join(sorted(f"{one.id} ({_whose(one, examined)})" for one in items))
            yield Finding(
                "object/twins",
                Severity.WARNING,
                f'{len(items)} {kind}s are called "{title}" and have the same price: {names}',
                min(one.id for one in items),
                "archive those that nobody links to; customers and reports cannot tell them apart",
            )


def one_cycle(examined: Examined) -> Iterator[Finding]:
    """Subscriptions that end when they are first billed again."""
    for item in sorted(examined.active(), key=lambda one: one.id):
        kind = examined.capabilities.kinds[item.kind]
        billed, ends = _length(item.body, kind.billed), _length(item.body, kind.ends)
        if billed is not None and billed == ends:
            yield Finding(
                "product/one-cycle",
                Severity.WARNING,
                f'{item.kind} "{item.title}" is billed each time its whole term is over: a subscription to it expires '
                "after one cycle and is never renewed",
                item.id,
                "make the subscription period longer (10 years, say), or sell it once instead",
            )


def every_event(examined: Examined) -> Iterator[Finding]:
    """Webhook endpoints that name no event, and so are sent all."""
    for item in sorted(examined.active(), key=lambda one: one.id):
        field = examined.capabilities.kinds[item.kind].events
        if field and not item.body.get(field):
            yield Finding(
                "webhook/no-events",
                Severity.WARNING,
                f'{item.kind} "{item.title}" names no event, so it is sent every one, those that are yet to come too',
                item.id,
                "name the events that the application handles",
            )


def expired(examined: Examined) -> Iterator[Finding]:
    """Specs of what is over already."""
    for resource in examined.desired:
        field = examined.capabilities.kinds[resource.kind].expires
        text = resource.body.get(field) if field else None
        if isinstance(text, str) and parse_time(text) <= examined.now:
            yield Finding(
                "discount/expired",
                Severity.WARNING,
                f"{resource.address} ended at {format_time(parse_time(text))} and is still in the specs",
                resource.address,
                "remove its spec, or give it a later end",
            )


def clock_skew(here: datetime, there: datetime, provider: str) -> Iterator[Finding]:
    """A clock of this machine that is far from the provider's."""
    skew = here - there
    if abs(skew) < CLOCK_WARNING:
        return
    yield Finding(
        "clock/skew",
        Severity.ERROR if abs(skew) >= CLOCK_ERROR else Severity.WARNING,
        f"the clock of this machine is {int(abs(skew).total_seconds()):,} s {'ahead of' if here > there else 'behind'} "
        f"that of {provider}: approvals and discounts begin and end at another time than people think",
        "this machine",
        "set it by NTP",
    )


def _length(body: Body, label: Label | None) -> tuple[int, int] | None:
    """The months and days of a period that stands in two fields; None where there is none."""
    count, unit = (_at(body, label.count), _at(body, label.unit)) if label else (None, None)
    if not isinstance(count, int) or not isinstance(unit, str):
        return None
    name = unit.lower()
    return count * _MONTHS.get(name, 0), count * _DAYS.get(name, 0)


def _at(body: Body, path: str) -> JSON:
    value: JSON = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _whose(item: LiveResource, examined: Examined) -> str:
    address = next((address for address, bound in examined.bindings.items() if bound.id == item.id), None)
    if address is None and item.owner is not None:
        own = item.owner.workspace == examined.workspace
        return item.owner.address if own else f"of workspace {item.owner.workspace}"
    return address or "not managed here"


def _and(names: Sequence[str]) -> str:
    return " and ".join(sorted(names))
