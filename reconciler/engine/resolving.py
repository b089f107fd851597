"""Actions of a plan: which are done, which are left of what began, and what those that begin come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.engine.gathering import Gathering
from reconciler.engine.levels import is_at, level_now, moved
from reconciler.engine.planning import ActionPlan
from reconciler.engine.session import Session
from reconciler.journal.acts import Act, Begun, read_acts
from reconciler.plan.actions.credit_grant import resolve_credit_grant, too_many
from reconciler.plan.actions.messages import drafts, wants_message
from reconciler.plan.actions.refund import resolve_refund
from reconciler.plan.actions.resolved import LeftOut, Resolving, action_address, spec_digest, with_needs
from reconciler.plan.actions.subscriptions import ADDING, OVER, add_discount_grant
from reconciler.plan.change_set import BegunAction, Change, Verb
from reconciler.plan.document import read_document
from reconciler.plan.order import in_order
from reconciler.plan.resource import Live, LiveResource
from reconciler.spec.kinds.action import ActionSpec, SubscriptionActionSpec
from reconciler.spec.kinds.credit_grant import CreditGrant
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.discount_grant import DiscountGrant
from reconciler.spec.kinds.refund import Refund
from reconciler.spec.load import Spec, diagnostic

# More than a person can look over in one approval; a migration of thousands goes in waves.
MOST_EFFECTS = 1_000

# kind of spec -> kind of its effects
EFFECTS = {
    "Refund": "refund",
    "CreditGrant": "credit_grant",
    "Cancellation": "cancellation",
    "Pause": "pause",
    "TrialExtension": "trial_extension",
    "DiscountGrant": "discount_grant",
}


def resolve_actions(session: Session, specs: Sequence[Spec], configuration: Sequence[Change], live: Live) -> ActionPlan:
    """The actions among specs, to be done after the changes of configuration. Reads facts; writes nothing.

    Raises ProviderError or JournalError.
    """
    actions = sorted((spec for spec in specs if spec.kind in EFFECTS), key=action_address)
    if not actions:
        return ActionPlan()
    session.progress.step("Resolving actions", len(actions))
    planning = _Planning(session, specs, configuration, live)
    for spec in actions:
        planning.one(spec)
        session.progress.advance()
    return planning.planned()


@dataclass
class _Planning:
    session: Session
    specs: Sequence[Spec]
    configuration: Sequence[Change]
    live: Live
    changes: list[Change] = field(default_factory=list)
    begun: list[BegunAction] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gathering = Gathering(self.session, self.live)
        self.acts: Mapping[str, Act] = read_acts(self.session.journal, self.session.account_name)
        self._targets: dict[tuple[str, str], str] = {}
        self._after: dict[str, tuple[str, ...]] = {}

    def planned(self) -> ActionPlan:
        """All of it, in order."""
        ordered = in_order(self.changes, self.session.provider.capabilities)
        after = [with_needs(change, self._after.get(change.key, ())) for change in ordered]
        effects = [change for change in after if change.kind != "message"]
        if len(effects) > MOST_EFFECTS:
            last = next(spec for spec in self.specs if action_address(spec) == effects[-1].address.partition(":")[0])
            self._say(last, too_many(MOST_EFFECTS, at=("spec",)))
        return ActionPlan(tuple(after), tuple(self.begun), tuple(self.warnings), tuple(self.diagnostics))

    def one(self, spec: Spec) -> None:
        """One action: nothing when it is done, its rest when it began, all of it when it did not."""
        act = self.acts.get(action_address(spec), Act())
        last = act.last()
        if last is None:
            self._begin(spec)
        elif last.spec != spec_digest(spec):
            self._say(
                spec,
                Mistake(
                    f"{action_address(spec)} was done on {last.at.date()} otherwise than it says now; "
                    "an action is done once",
                    code="action/done",
                    hint="give the new one another name, or write it again as it was",
                    at=("metadata", "name"),
                ),
            )
        else:
            self._rest(spec, last, act)

    # What began

    def _rest(self, spec: Spec, begun: Begun, act: Act) -> None:
        """What is left of an action, as it was approved then; never resolved anew."""
        left = set(begun.effects) - act.done
        if not left:
            return
        entry = self.session.journal.find_change_set(begun.digest, self.session.account_name)
        document = entry.body.get("document")
        assert isinstance(document, Mapping), "a change set is remembered with its document"
        frozen = read_document(document, f"journal entry {entry.sequence}")
        changes = [change for change in frozen.changes if change.address in left]
        for change in changes:
            level = level_now(self.session, change)
            if is_at(level, change):
                self._add(spec, change)
                continue
            why = "it is so already" if _reached(level, change) else moved(self.session, change, level)
            out = LeftOut(f"{why}; what began is not made anew: give the rest another name", 1, (change.address,))
            self.warnings.append(out.sentence(action_address(spec)))

    # What begins

    def _begin(self, spec: Spec) -> None:
        capabilities, kind = self.session.provider.capabilities, EFFECTS[spec.kind]
        if kind not in capabilities.kinds:
            message = f"{capabilities.provider} cannot do a {spec.kind}"
            self._say(spec, Mistake(message, code="action/provider", hint="remove it", at=("kind",)))
            return
        resolving = Resolving(spec, capabilities.kinds, self.session.workspace.name)
        self._resolve(resolving)
        effects = resolving.resolved()
        if any(found.severity is Severity.ERROR for found in effects.diagnostics):
            self.diagnostics += effects.diagnostics
            return
        written = self._messages(resolving, effects.changes)
        found = resolving.resolved()
        self.diagnostics += found.diagnostics
        self.warnings += (left.sentence(resolving.action) for left in found.left_out)
        if not effects.changes:
            if not found.left_out and isinstance(spec.document.spec, SubscriptionActionSpec):
                message = "nobody matches, so nothing is done"
                at = ("spec", "select") if spec.document.spec.select is not None else ("spec",)
                self._say(spec, Mistake(message, code="action/nobody", at=at), Severity.WARNING)
            return
        operation = capabilities.operations.get(kind)
        open_questions = operation.notes if operation is not None else ()
        for change in effects.changes:
            self._add(spec, replace(change, notes=(*change.notes, *open_questions)))
        for change in written:
            self._add(spec, change)
        self.begun.append(BegunAction(resolving.action, spec_digest(spec)))

    def _resolve(self, resolving: Resolving) -> None:
        document = resolving.spec.document
        if isinstance(document, Refund):
            resolve_refund(resolving, self.gathering.for_refund(document.spec, MOST_EFFECTS))
            return
        if isinstance(document, CreditGrant):
            credited = self.gathering.for_credit(resolving, document.spec, MOST_EFFECTS)
            resolve_credit_grant(resolving, credited, MOST_EFFECTS)
            return
        spec = document.spec
        assert isinstance(spec, SubscriptionActionSpec), "all other actions are on subscriptions"
        discount = self._discount(document) if isinstance(document, DiscountGrant) else None
        for fact in self.gathering.selected(resolving, spec.selector()):
            if fact.status in OVER and not spec.selector().subscriptions:
                continue  # those who left long ago are nobody's news
            if isinstance(document, DiscountGrant):
                # A list does not tell add-ons, and what is not sent again is lost.
                whole = self.gathering.books.subscription(fact.id)
                why = "it is gone" if whole is None else add_discount_grant(resolving, whole, discount)
            else:
                why = ADDING[resolving.spec.kind](resolving, fact)
            if why is not None:
                resolving.leaving.add(fact.id, why)
            if len(resolving.changes) > MOST_EFFECTS:
                resolving.ask(too_many(MOST_EFFECTS, at=("spec", "select")))
                return

    def _discount(self, document: DiscountGrant) -> Discount | None:
        wanted = document.spec
        for spec in self.specs:
            found = spec.document
            if isinstance(found, Discount) and (spec.name == wanted.discount or found.spec.code == wanted.code):
                return found
        return None

    def _messages(self, resolving: Resolving, changes: Sequence[Change]) -> list[Change]:
        spec = resolving.spec.document.spec
        if not changes or not isinstance(spec, ActionSpec) or not wants_message(spec):
            return []
        ids = {str((change.before or {}).get("customer")) for change in changes}
        written = drafts(resolving, changes, {one: self.gathering.customer(one) for one in sorted(ids)})
        # What the outbox says went out already is not written again, though the journal knows nothing of it.
        return [message for message in written if is_at(level_now(self.session, message), message)]

    # Gathering

    def _add(self, spec: Spec, change: Change) -> None:
        """Take up a change, unless another action of this plan moves the same level: then one of them must wait."""
        group = change.kind if change.kind in ("refund", "credit_grant", "message") else "subscription"
        action = action_address(spec)
        if group != "credit_grant":  # each is an entry of its own
            first = self._targets.setdefault((group, change.id or ""), action)
            if first != action:
                self._say(
                    spec,
                    Mistake(
                        f"{first} touches {change.id} in the same plan, and one changes what the other starts from",
                        code="action/twice",
                        hint="take one of the files away until the other is done",
                        at=("metadata", "name"),
                    ),
                )
                return
        if isinstance(spec.document, DiscountGrant) and change.kind != "message":
            discount = self._discount(spec.document)
            address = None if discount is None else f"Discount/{discount.metadata.name}"
            makers = (one.key for one in self.configuration if one.address == address and one.verb is not Verb.EXECUTE)
            self._after[change.key] = tuple(makers)
        self.changes.append(change)

    def _say(self, spec: Spec, mistake: Mistake, severity: Severity = Severity.ERROR) -> None:
        self.diagnostics.append(diagnostic(spec, mistake, severity=severity))


def _reached(level: LiveResource | None, change: Change) -> bool:
    """Whether the level is where the change would bring it, whoever did that."""
    if level is None or change.after is None:
        return level is None and change.after is None
    return all(change.after.get(name) == value for name, value in level.body.items())
