"""Diff: which changes make Live what the specs ask for, by address. Pure; nothing that is not ours is ever changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.base.canonical import JSON, Body
from reconciler.plan.capabilities import Capabilities, KindCapabilities
from reconciler.plan.change_set import Change, Reverse, Undo, Unmanaged, Verb
from reconciler.plan.matching import PLAIN, Matching, Problem, Treatment, changed_immutable, natural_key
from reconciler.plan.ownership import OwnershipMode, unowned_address
from reconciler.plan.resource import (
    REFERENCE,
    Binding,
    Live,
    LiveResource,
    Resource,
    foreign,
    foreign_ids,
    in_order_of_references,
    reference,
    references_in,
    rewrite_body,
    same_value,
    with_values_of,
)
from reconciler.plan.untold import with_what_no_spec_says


@dataclass(frozen=True, slots=True)
class Difference:
    """What is told of an object and not changed: its body as it is live, None where it is not there, and as asked for.

    Of one whose fields are ignored in part, the two differ in those fields alone.
    """

    address: str
    kind: str
    live: Body | None
    wanted: Body


@dataclass(frozen=True, slots=True)
class Diff:
    """The changes, not yet in order; the live objects that are not ours; what stands in the way; how many are equal.

    `ignored` differ in fields that their specs ignore, `observed` are of kinds that are only observed. `stays` tells
    what no spec asks for any more and cannot be removed, a sentence each.
    """

    changes: tuple[Change, ...]
    unmanaged: tuple[Unmanaged, ...]
    problems: tuple[Problem, ...]
    unchanged: int
    ignored: tuple[Difference, ...] = ()
    observed: tuple[Difference, ...] = ()
    stays: tuple[str, ...] = ()


def diff(
    desired: Sequence[Resource],
    live: Live,
    bindings: Mapping[str, Binding],
    capabilities: Capabilities,
    workspace: str,
    treatment: Treatment = PLAIN,
) -> Diff:
    """Compare both sides by address.

    A live object is ours when the journal binds it or its owner mark names this workspace. What is ours and no longer
    desired is archived (deleted where the provider only deletes), and the change says so. What is nobody's is removed
    only where its kind is authoritative.
    """
    return _Comparison(desired, live, bindings, capabilities, workspace, treatment).run()


@dataclass
class _Comparison(Matching):
    """The working state of one diff: what is decided of each address once it is known which object that is."""

    changes: list[Change] = field(default_factory=list)
    ignored: list[Difference] = field(default_factory=list)
    observed: list[Difference] = field(default_factory=list)
    unchanged: int = 0
    stays: list[str] = field(default_factory=list)

    def run(self) -> Diff:
        self.match()
        settled: set[str] = set()
        for resource in self.desired:
            self._settle(resource, settled)
        removed = self._remove_what_is_no_longer_desired()
        removed |= self._remove_what_is_nobodys()
        self._mark_what_cannot_be_undone()
        ours = {item.id for item in self.matched.values()} | removed
        unmanaged = (
            Unmanaged(item.kind, item.id, item.title, item.owner.workspace if item.owner else None)
            for item in self.live.resources
            if item.id not in ours and not item.archived and item.id not in self.bound_ids
        )
        return Diff(
            changes=tuple(self.changes),
            unmanaged=tuple(sorted(unmanaged, key=lambda item: (item.kind, item.title, item.id))),
            problems=tuple(self.problems),
            unchanged=self.unchanged,
            stays=tuple(self.stays),
            ignored=tuple(self.ignored),
            observed=tuple(self.observed),
        )

    def _settle(self, resource: Resource, settled: set[str]) -> None:
        """Decide what happens to one address, after all that it refers to, or referred to until now."""
        if resource.address in settled:
            return
        settled.add(resource.address)
        found = self.matched.get(resource.address)
        if self.observes and self.ownership.of_address(resource.address) is OwnershipMode.OBSERVE:
            self._observe(resource, found)
            return
        asked = resource
        if found is not None and resource.ignored:
            resource = replace(resource, body=with_values_of(resource.body, found.body, resource.ignored))
        same = found is not None and _alike(found.body, resource)
        if found is not None and not same:
            resource = self._with_what_no_spec_says(resource, found.body)
            same = _alike(found.body, resource)
        formerly = references_in(found.body) if found is not None and not same else ()
        for address in (*resource.references, *formerly):
            if address in self.by_address:
                self._settle(self.by_address[address], settled)
        if self.observes:
            self._check_observed(resource)
        if same and found is not None and self._is_as_seen(resource, found):
            self.unchanged += 1
            return
        if found is None:
            if not any(problem.address == resource.address for problem in self.problems):
                gone = self.left.get(resource.address)
                self._create(resource, f"{gone} was deleted outside of Ratecard" if gone else None)
            return
        before = self._as_seen_now(found.body)
        if asked.ignored:
            resource = replace(asked, body=with_values_of(asked.body, before, asked.ignored))
            if not same_value(resource.body, asked.body):
                self.ignored.append(Difference(asked.address, asked.kind, resource.body, asked.body))
        resource = self._with_what_no_spec_says(resource, before)
        adopted = found.id in self.taken and found.id not in self.bound_ids and found.owner is None
        former = self.moved.get(resource.address) if not adopted else None
        if adopted:
            self.changes.append(self._change(Verb.ADOPT, resource, found, before, before))
        equal = same if before is found.body else _alike(before, resource)
        immutable = [] if equal else changed_immutable(before, resource.body, self._kind(resource.kind))
        if found.archived and immutable:
            # Restored, it would only be replaced and archived again: it stays as it is.
            self.left[resource.address] = found.id
            names = " and ".join(immutable)
            self._create(resource, f"{found.id} is archived, and {names} cannot change on a {resource.kind}")
            return
        if former is not None and (found.archived or immutable):
            fixed = " and ".join(immutable)
            what = "is archived" if found.archived else f"would be replaced, since {fixed} cannot change"
            hint = f"plan and apply one at a time: first the other change, under the name {former}"
            message = f"it moves here from {former}, and {found.id} {what}"
            self._problem(resource, "moved/replaced", message, hint)
            return
        if found.archived:
            self.changes.append(self._change(Verb.RESTORE, resource, found, before, before))
        if equal and former is None:
            self.unchanged += not (adopted or found.archived)
            return
        if immutable:
            self._replace(resource, found, before, immutable)
        elif not self._check_natural_key(resource, found):
            reason = f"moved from {former}: the same object under another name" if former else None
            update = self._change(Verb.UPDATE, resource, found, before, resource.body, reason=reason)
            self.changes.append(replace(update, moved_from=former) if former else update)

    def _with_what_no_spec_says(self, resource: Resource, live: Body) -> Resource:
        kind = self._kind(resource.kind)
        body = with_what_no_spec_says(resource.body, live, kind) if kind.let_be else resource.body
        return resource if body is resource.body else replace(resource, body=body)

    def _is_as_seen(self, resource: Resource, found: LiveResource) -> bool:
        """Whether what is equal is all that there is to tell: as it is of nearly all."""
        left = self.left or self.rebound or self.taken
        return not (left or found.archived or resource.ignored or resource.address in self.moved)

    def _observe(self, resource: Resource, found: LiveResource | None) -> None:
        """Tell how an object differs that is never written."""
        before = self._as_seen_now(found.body) if found is not None and not found.archived else None
        if before is None or not _alike(before, resource):
            self.observed.append(Difference(resource.address, resource.kind, before, resource.body))
        else:
            self.unchanged += 1

    def _check_observed(self, resource: Resource) -> None:
        """Whether what it refers to is there, or will be: what is only observed is made by nobody here."""
        for address in resource.references:
            if address in self.by_address and address not in self.matched:
                kind = address.partition("/")[0]
                if self.ownership.of(kind) is OwnershipMode.OBSERVE:
                    self._problem(
                        resource,
                        "observe/missing",
                        f"it refers to {address}, which is not live and is only observed here",
                        f"make it at the provider, or let ownership of {kind} in ratecard.yaml be additive",
                    )

    def _create(self, resource: Resource, reason: str | None) -> None:
        self.changes.append(
            Change(
                verb=Verb.CREATE,
                address=resource.address,
                kind=resource.kind,
                title=resource.title,
                id=None,
                before=None,
                after=resource.body,
                reverse=self._reverse(Verb.CREATE, resource.kind),
                ids=self._ids(resource.body),
                reason=reason,
                notes=resource.notes,
            )
        )

    def _replace(self, resource: Resource, found: LiveResource, before: Body, immutable: Sequence[str]) -> None:
        names = " and ".join(immutable)
        if self._kind(resource.kind).removal == "never":
            self._replace_what_stays(resource, found, before, names)
            return
        self.left[resource.address] = found.id
        reason = f"{names} cannot change on a live {resource.kind}, so a new one is made and this one is archived"
        made = self._change(Verb.REPLACE, resource, found, before, resource.body, reason=reason)
        self.changes.append(made)
        self._remove(found, resource.address, superseded=True, reason="a new one takes its place")

    def _replace_what_stays(self, resource: Resource, found: LiveResource, before: Body, names: str) -> None:
        """Make another one beside one that can neither change nor go, where the two can be told apart."""
        own = natural_key(found.kind, found.body, self.capabilities)
        if own is not None and natural_key(resource.kind, resource.body, self.capabilities) == own:
            hint = f"keep it as it is, or give it another {' and '.join(self._kind(resource.kind).natural_key)}"
            message = f"{names} cannot change on a live {resource.kind}, and {found.id} cannot be removed"
            self._problem(resource, "replace/stays", message, hint)
        elif not self._check_natural_key(resource, found):
            reason = f"{names} cannot change on a live {resource.kind}, so a new one is made and {found.id} stays"
            self.changes.append(self._change(Verb.REPLACE, resource, found, before, resource.body, reason=reason))

    def _remove_what_is_no_longer_desired(self) -> set[str]:
        removed = {change.id for change in self.changes if change.superseded and change.id}
        kept = {item.id for item in self.matched.values()}
        bound = ((address, binding.id) for address, binding in self.bindings.items() if binding.id not in kept)
        owned = [(address, self.by_id.get(object_id)) for address, object_id in bound]
        owned += [(address, item) for address, items in self.marked.items() for item in items if item.id not in kept]
        # Addresses that stand for an object already: what else carries their mark was left over by a stopped run.
        stand = set(self.by_address)
        for address, item in owned:
            if item is None or item.archived or item.id in kept or item.id in removed:
                continue
            if any(problem.address == address for problem in self.problems) or self._goes_by_itself(item, kept):
                continue
            if self._kind(item.kind).removal == "never":
                self.stays.append(f"{address} is in no spec any more and stays: {item.id} cannot be removed")
                continue
            if self.ownership.of_address(address) is OwnershipMode.OBSERVE:
                continue
            removed.add(item.id)
            leftover = address in stand
            stand.add(address)
            reason = "left over: another one has its address" if leftover else "no longer in the specs"
            if item.id in self.made_twice:
                reason = f"made twice by two runs at once: {self.made_twice[item.id]} is older and stays"
            elif item.id not in self.bound_ids and self.bindings:
                # A fresh checkout has no bindings at all. Where there are some, what they lack is worth a question.
                reason += "; ours by its mark only, this journal never made it: has another workspace the same name?"
            self._remove(item, address, superseded=leftover, reason=reason)
        return removed

    def _remove_what_is_nobodys(self) -> set[str]:
        """Remove what no spec asks for and nobody marked, of kinds that are authoritative and no part of another."""
        removed: set[str] = set()
        modes = {name: self.ownership.of_any(kind.specs) for name, kind in self.capabilities.kinds.items()}
        if OwnershipMode.AUTHORITATIVE not in modes.values():
            return removed
        known = {item.id for item in self.matched.values()}
        for item in self.live.resources:
            kind = self._kind(item.kind)
            mode = modes[item.kind]
            if mode is not OwnershipMode.AUTHORITATIVE or item.archived or item.owner is not None or kind.accessory:
                continue
            if item.id in known or item.id in self.bound_ids:
                continue
            removed.add(item.id)
            name = " and ".join(sorted(kind.specs))
            reason = f"not ours, and in no spec: {name} is authoritative in this account (ownership in ratecard.yaml)"
            address = unowned_address(min(kind.specs), item.id)
            self._remove(item, address, superseded=False, reason=reason)
        return removed

    def _goes_by_itself(self, item: LiveResource, kept: Collection[str]) -> bool:
        """Whether an object is a part of others, none of which stays."""
        if not self._kind(item.kind).goes_along:
            return False
        bound = {self.bindings[one].id for one in references_in(item.body) if one in self.bindings}
        return not (bound | foreign_ids(item.body)) & set(kept)

    def _mark_what_cannot_be_undone(self) -> None:
        """Find what follows from what is irreversible, until nothing more does."""
        while self.changes:
            marked = [(index, reason) for index, reason in self._follows() if self._can_be_undone(index)]
            for index, reason in marked:
                reverse = Reverse(Undo.IRREVERSIBLE, reason=reason)
                self.changes[index] = replace(self.changes[index], reverse=reverse)
            if not marked:
                return

    def _can_be_undone(self, index: int) -> bool:
        return self.changes[index].reverse.undo is Undo.REVERSIBLE

    def _follows(self) -> Iterator[tuple[int, str]]:
        """A change away from what is gone cannot go back to it; what stays keeps all that it refers to."""
        irreversible = (change for change in self.changes if change.reverse.undo is Undo.IRREVERSIBLE)
        stay = [change for change in irreversible if self._kind(change.kind).removal != "never"]
        kept = {address: change.address for change in stay for address in references_in(change.after)}
        replaced = {change.id for change in stay if change.verb is Verb.REPLACE}
        active = {item.id for item in self.live.resources if not item.archived}
        active -= {change.id for change in stay if change.after is None and change.id}
        for index, change in enumerate(self.changes):
            if change.verb in (Verb.UPDATE, Verb.REPLACE) and change.before is not None:
                gone = ", ".join(sorted(self._referred(change.before) - active))
                if gone:
                    yield index, f"it referred to {gone}, which cannot be brought back"
            if change.verb in (Verb.CREATE, Verb.RESTORE, Verb.REPLACE) and change.address in kept:
                yield index, f"{kept[change.address]}, which stays, refers to it"
            elif change.superseded and change.id in replaced:
                yield index, "its successor stays"

    def _referred(self, body: Body) -> set[str]:
        """The ids that a live body refers to, but those of objects that the specs ask for."""
        others = (address for address in references_in(body) if address not in self.by_address)
        return foreign_ids(body) | {self.bindings[address].id for address in others if address in self.bindings}

    def _remove(self, item: LiveResource, address: str, *, superseded: bool, reason: str) -> None:
        verb = Verb.ARCHIVE if self._kind(item.kind).removal == "archive" else Verb.DELETE
        self.changes.append(
            Change(
                verb=verb,
                address=address,
                kind=item.kind,
                title=item.title,
                id=item.id,
                before=self._as_seen_now(item.body),
                after=None,
                reverse=self._reverse(verb, item.kind),
                fingerprint=item.fingerprint(),
                superseded=superseded,
                reason=reason,
            )
        )

    def _change(
        self,
        verb: Verb,
        resource: Resource,
        found: LiveResource,
        before: Body,
        after: Body,
        *,
        reason: str | None = None,
    ) -> Change:
        return Change(
            verb=verb,
            address=resource.address,
            kind=resource.kind,
            title=resource.title,
            id=found.id,
            before=before,
            after=after,
            reverse=self._reverse(verb, resource.kind),
            fingerprint=found.fingerprint(),
            ids={**self._ids(before), **self._ids(after)},
            reason=reason,
            notes=resource.notes if verb is not Verb.ADOPT else (),
        )

    # References

    def _as_seen_now(self, body: Body) -> Body:
        """A live body with references as they will be seen: an object that is left behind is no longer its address."""
        if not self.left and not self.rebound:
            return body

        def see(marker: str, target: str) -> JSON:
            if marker == REFERENCE:
                return foreign(self.left[target]) if target in self.left else reference(target)
            return reference(self.rebound[target]) if target in self.rebound else foreign(target)

        return rewrite_body(body, see)

    def _ids(self, body: Body) -> Mapping[str, str]:
        """The ids of referred objects that exist already: those that stay, and those that go and may come back."""
        ids = {}
        for address in references_in(body):
            found = self.matched.get(address)
            if found is None and address not in self.by_address and address in self.bindings:
                going = self.by_id.get(self.bindings[address].id)
                found = going if going is not None and not going.archived else None
            if found is not None and self.left.get(address) != found.id:
                ids[address] = found.id
        return ids

    def _reverse(self, verb: Verb, kind: str) -> Reverse:
        return reverse_of(verb, self._kind(kind))


def reverse_of(verb: Verb, kind: KindCapabilities) -> Reverse:
    """How a verb on a kind is undone, or why not."""
    reason = (kind.irreversible or {}).get(verb)
    if reason is not None:
        return Reverse(Undo.IRREVERSIBLE, reason=reason)
    remove = Verb.ARCHIVE if kind.removal == "archive" else Verb.DELETE
    if verb in (Verb.CREATE, Verb.RESTORE):
        return Reverse(Undo.REVERSIBLE, remove)
    if verb is Verb.REPLACE:
        return Reverse(Undo.REVERSIBLE, remove, "the old one is restored, the new one archived")
    if verb is Verb.ADOPT:
        return Reverse(Undo.NOTHING, reason="taking over changes nothing that customers see")
    if verb in (Verb.UPDATE, Verb.EXECUTE):
        return Reverse(Undo.REVERSIBLE, verb)
    if kind.restorable:
        return Reverse(Undo.REVERSIBLE, Verb.RESTORE)
    return Reverse(Undo.IRREVERSIBLE, reason=f"a {kind.kind} cannot be restored")


def _alike(body: Body, resource: Resource) -> bool:
    """Whether a live body is what is asked for; in which order it lists what it refers to does not matter."""
    if same_value(body, resource.body):
        return True
    if not resource.references:
        return False
    return same_value(in_order_of_references(body), in_order_of_references(resource.body))
