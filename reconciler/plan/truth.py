"""Truth: what a change set says of the provider and of the account must be so, whoever made the file that it came in.

Digest and seal only show that a change set is whole: a stranger can compute both. So what it says is held against what
the provider can do before anybody approves it, and against the account and the journal before the first write.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.base.clock import parse_time
from reconciler.base.errors import RefusedError
from reconciler.plan.capabilities import LOCAL_KINDS, Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Undo, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.ownership import is_unowned
from reconciler.plan.resource import (
    REFERENCE,
    Binding,
    Live,
    LiveResource,
    foreign,
    level_fingerprint,
    rewrite_body,
)

# What an action is about: no action changes it.
_TARGETS = ("customer", "payment", "subscription", "currency")
# By which field of its level an action names its target; all others name a subscription.
_NAMED_BY = {"refund": "payment", "credit_grant": "customer"}
_IN_MONEY = frozenset({"refund", "credit_grant"})
# What a subscription costs is read again with it, so that nobody can make little of what ends.
_COST = ("currency", "amount_before", "every")
_COSTING = frozenset({"cancellation", "pause"})
_HINT = "do not apply it; make one of your own with `ratecard plan`"


def refuse_impossible(change_set: ChangeSet, capabilities: Capabilities) -> None:
    """Raise RefusedError when a change set says what cannot be at its provider, or hides that it cannot be undone."""
    for change in change_set.changes:
        kind = capabilities.kinds.get(change.kind)
        if kind is None:
            raise RefusedError(
                f'{change.key}: {capabilities.provider} has no kind "{change.kind}"',
                hint="was it made by a newer ratecard? Then install that; else " + _HINT,
            )
        if (change.verb is Verb.EXECUTE) is not capabilities.is_action(change.kind):
            what = "an action, which is executed" if capabilities.is_action(change.kind) else "no action"
            raise RefusedError(f"{change.key}: a {change.kind} is {what}", hint=_HINT)
        if (operation := capabilities.operations.get(change.kind)) is not None and operation.part_of:
            raise RefusedError(f"{change.key}: it comes as a part of a {operation.part_of} only", hint=_HINT)
        if kind.specs and change.address.partition("/")[0] not in kind.specs:
            raise RefusedError(f"{change.key}: no {change.kind} is kept under {change.address}", hint=_HINT)
        if change.verb is Verb.EXECUTE:
            _refuse_impossible_level(change, capabilities)
        reverse = reverse_of(change.verb, kind)
        if reverse.undo is Undo.IRREVERSIBLE and change.reverse.undo is not Undo.IRREVERSIBLE:
            raise RefusedError(
                f"{change.key} is said to be {change.reverse.undo}, and cannot be undone: {reverse.reason}", hint=_HINT
            )


def _refuse_impossible_level(change: Change, capabilities: Capabilities) -> None:
    """Raise RefusedError when an action says of its level what cannot be, or hides which target it acts on."""
    operation = capabilities.operations.get(change.kind)
    before, after = change.before, change.after
    if change.kind in LOCAL_KINDS:
        if change.kind == "policy" and before is None and change.reverse.undo is not Undo.IRREVERSIBLE:
            raise RefusedError(f"{change.key}: a first policy is not taken away again, which it hides", hint=_HINT)
        writes = change.kind == "migration" and (after or {}).get("message") is not None
        if writes and change.reverse.undo is not Undo.IRREVERSIBLE:
            raise RefusedError(f"{change.key}: what is written to customers stays written, which it hides", hint=_HINT)
        return
    assert before is not None, "what acts at a provider has a level before"
    assert after is not None, "and one after"
    lost = [name for name in before if name not in after]
    if lost:
        raise RefusedError(f"{change.key}: the level wanted says nothing of {', '.join(lost)}", hint=_HINT)
    held = [name for name in _TARGETS if name in before or (name in after and _is_level(name, change.kind))]
    named = before.get(_NAMED_BY.get(change.kind, "subscription"))
    if change.id != named or "customer" not in before or any(before.get(name) != after.get(name) for name in held):
        raise RefusedError(
            f"{change.key}: it says that it is about {change.id}, and its level is another's", hint=_HINT
        )
    if change.kind in _COSTING and any(name not in before or before[name] != after.get(name) for name in _COST):
        raise RefusedError(f"{change.key}: it does not say what the subscription costs now", hint=_HINT)
    if change.fingerprint != level_fingerprint(before):
        raise RefusedError(f"{change.key}: its fingerprint is not that of the level before", hint=_HINT)
    if change.kind == "trial_extension" and _days_longer(before, after) > _most_days():
        raise RefusedError(f"{change.key}: no trial is made longer by more than {_most_days()} days", hint=_HINT)
    if before.get("status") != after.get("status") == "cancelled" and change.reverse.undo is not Undo.IRREVERSIBLE:
        raise RefusedError(f"{change.key}: what is cancelled at once does not come back, which it hides", hint=_HINT)
    if operation is None or operation.aggregate is None or operation.ceiling is None:
        return
    wanted, most = after.get(operation.aggregate), before.get(operation.ceiling)
    if not isinstance(wanted, int) or not isinstance(most, int) or isinstance(wanted, bool) or wanted > most:
        raise RefusedError(
            f"{change.key}: {operation.aggregate} would be {wanted}, and can never pass {operation.ceiling}, {most}",
            hint=_HINT,
        )


def _is_level(name: str, kind: str) -> bool:
    """Whether a field is part of what an action moves, and so must be read; else `after` says it for itself alone."""
    return name != "currency" or kind in _IN_MONEY


def _most_days() -> int:
    """What a spec may say at most; its module brings the models of specs, which an unedited plan does without."""
    from reconciler.spec.kinds.trial_extension import MOST_DAYS

    return MOST_DAYS


def _days_longer(before: Body, after: Body) -> float:
    """By how many days a trial is put off; endless where that cannot be read."""
    try:
        ends, wanted = (parse_time(str(body.get("next_billing_at"))) for body in (before, after))
    except ValueError:
        return math.inf
    return (wanted - ends) / timedelta(days=1)


def refuse_untrue(
    change_set: ChangeSet, live: Live, bindings: Mapping[str, Binding], capabilities: Capabilities
) -> None:
    """Raise RefusedError when a change set, not yet begun, is untrue of the account.

    `bindings` are all of the journal's, archived ones too. An object must be ours under the address that the change
    set gives it, and be before what the change set shows; an address that is referred to must stand for that object.
    """
    found = list(_Account(change_set, live, bindings, capabilities).untrue())
    if found:
        raise RefusedError(
            "the change set is not true of this account: " + "; ".join(dict.fromkeys(found)),
            hint=_HINT,
        )


class _Account:
    def __init__(
        self, change_set: ChangeSet, live: Live, bindings: Mapping[str, Binding], capabilities: Capabilities
    ) -> None:
        self.change_set = change_set
        self.live = {item.id: item for item in live.resources}
        self.capabilities = capabilities
        self.bound = {address: binding.id for address, binding in bindings.items()}
        # What addresses stand for, first by the journal: in another checkout by what the change set says itself.
        self.known = {address: target for c in change_set.changes for address, target in (c.ids or {}).items()}
        self.known |= {c.address: c.id for c in change_set.changes if c.id is not None and not c.superseded}
        self.known |= self.bound
        self.moved = {c.address: c.moved_from for c in change_set.changes if c.moved_from is not None}
        self.addresses = {binding.id: address for address, binding in bindings.items()}
        self.adopted = {c.id: c.address for c in change_set.changes if c.verb is Verb.ADOPT}
        self.back = {
            (c.address, c.id) for c in change_set.changes if c.verb in (Verb.RESTORE, Verb.ADOPT) and not c.superseded
        }

    def untrue(self) -> Iterator[str]:
        for change in self.change_set.changes:
            for address, target in (change.ids or {}).items():
                if (address, target) not in self.back and not self._stands_for(address, self.live.get(target), target):
                    yield f"{address}, which {change.address} refers to, is not {target}"
            now = self.live.get(change.id or "")
            if change.id is None or now is None:
                continue  # what is gone makes the change set stale, which is told elsewhere
            if now.kind != change.kind:
                yield f"{change.id} is a {now.kind}, not a {change.kind}"
            elif not self._may_change(change, now):
                yield f"{change.id} is not the object of {change.address}, and what is not ours is never changed"
            elif change.before is not None and not self._is_before(change, now):
                yield f"{change.address} ({change.id}) is not what the change set shows as before"

    def _may_change(self, change: Change, now: LiveResource) -> bool:
        if now.owner is not None and now.owner.workspace != self.change_set.workspace:
            return False
        if change.verb is Verb.ADOPT:
            owner = self.addresses.get(now.id) or (now.owner.address if now.owner else None)
            return owner in (None, change.address)
        if is_unowned(change.address, now.id) and now.owner is None and now.id not in self.addresses:
            return True
        return self.adopted.get(now.id) == change.address or self._stands_for(change.address, now, now.id)

    def _stands_for(self, address: str, now: LiveResource | None, provider_id: str) -> bool:
        """Whether an address is that object's, by the journal or by its mark.

        An object without a place for a mark that no journal here knows may have been bound in another checkout.
        """
        names = (address, self.moved.get(address, address))
        if now is None or any(self.bound.get(name) == provider_id for name in names):
            return True
        owner = now.owner
        if owner is not None:
            return owner.workspace == self.change_set.workspace and owner.address in names
        if self.adopted.get(provider_id) == address:
            return True
        return not self.capabilities.kinds[now.kind].marked and provider_id not in self.addresses

    def _is_before(self, change: Change, now: LiveResource) -> bool:
        assert change.before is not None, "only what was there has a body before"
        if change.verb in (Verb.UPDATE, Verb.REPLACE, Verb.ADOPT):
            return self._resolved(change.before) == self._resolved(now.body)
        # What is only taken away or brought back keeps its body: what it refers to may have lost its address by now.
        return _without_references(change.before) == _without_references(now.body)

    def _resolved(self, body: Body) -> JSON:
        def resolve(marker: str, target: str) -> JSON:
            return foreign(self.known[target]) if marker == REFERENCE and target in self.known else {marker: target}

        return _unordered(rewrite_body(body, resolve))


def _without_references(body: Body) -> JSON:
    return _unordered(rewrite_body(body, lambda _marker, _target: ""))


def _unordered(value: JSON) -> JSON:
    """Lists of objects and references come in the order of names, which depend on what is bound."""
    if isinstance(value, Mapping):
        return {name: _unordered(part) for name, part in value.items()}
    if isinstance(value, list):
        parts = [_unordered(part) for part in value]
        return sorted(parts, key=canonical_json) if any(isinstance(part, Mapping) for part in parts) else parts
    return value
