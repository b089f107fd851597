"""Words about who may do what, as a policy: a draft of rules that lets nothing through by itself, or a question. Pure.

What is allowed to a role is asked of that role, what is beyond it of another one, or denied; what is forbidden is
denied. Nobody is made a member by words: a role without people approves nothing, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.agent.port import Action, Assumption, Choice, Draft, Field, Question, Source, SourceKind, View
from reconciler.base.canonical import JSON

NAME, ORDER = "main", "policy-order"
_SHORT = {"CreditGrant": "credits", "Refund": "refunds", "PlanChange": "plan-changes"}


@dataclass
class PolicyDrafted:
    """What becomes of an action of kind Policy: a draft, or what must be asked first; and what is assumed."""

    draft: Draft | None = None
    assumptions: list[Assumption] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Said:
    """One rule as it was said."""

    kind: Field
    effect: Field
    roles: Field | None
    up_to: Field | None
    above: Field | None

    @property
    def names(self) -> tuple[str, ...]:
        """The roles that it names."""
        value = self.roles.value if self.roles is not None else None
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def policy_draft(action: Action, view: View, answers: Mapping[str, str]) -> PolicyDrafted:
    """The policy that an action says. Where one is there already its rules stay, and their order is asked."""
    said = list(_rules(action))
    if not said:
        return PolicyDrafted()
    names = view.names("Policy")
    making = _Making(action, view)
    if not names:
        making.new(said)
        return making.done(NAME, edit=False)
    there = view.documents["Policy", names[0]].get("spec")
    rules = there.get("rules") if isinstance(there, Mapping) else None
    answer = answers.get(ORDER)
    if answer not in ("before", "after"):
        text = f"Policy/{names[0]} has rules already, and the first that holds counts. Where do the new ones go?"
        choices = (Choice("before", "before the others"), Choice("after", "after the others"))
        return PolicyDrafted(questions=[Question(ORDER, text, choices)])
    assert isinstance(there, Mapping), "a spec that was read has one"
    making.add(said, there, list(rules) if isinstance(rules, list | tuple) else [], before=answer == "before")
    return making.done(names[0], edit=True)


def _rules(action: Action) -> Iterator[_Said]:
    by: dict[int, dict[str, Field]] = {}
    for one in action.fields:
        if len(one.path) == 3 and one.path[0] == "rules" and isinstance(one.path[1], int):
            by.setdefault(one.path[1], {})[str(one.path[2])] = one
    for _, fields in sorted(by.items()):
        if "action" in fields and "effect" in fields:
            yield _Said(
                fields["action"], fields["effect"], fields.get("roles"), fields.get("upTo"), fields.get("above")
            )


class _Making:
    """The fields of one policy."""

    def __init__(self, action: Action, view: View) -> None:
        self.view = view
        self.said = {".".join(map(str, one.path)): one for one in action.fields}
        self.fields: list[Field] = []
        self.rules: list[list[Field]] = []
        self.names: set[str] = set()
        self.out = PolicyDrafted()

    def new(self, said: Sequence[_Said]) -> None:
        """A policy of its own: everything that was said and nothing else."""
        self._make_rules(said)
        self._roles(said, [])
        for index, rule in enumerate(self.rules):
            self._put(rule, index)
        currencies = self.said.get("otherCurrencies")
        if currencies is not None:
            self.fields.append(Field(("spec", "otherCurrencies"), currencies.value, currencies.source))
        self.out.assumptions.append(Assumption(f"the policy of this workspace is called Policy/{NAME}"))

    def add(self, said: Sequence[_Said], there: Mapping[str, JSON], rules: list[JSON], *, before: bool) -> None:
        """More rules in the policy that is there; nothing of it is taken away."""
        self.names = {str(rule["name"]) for rule in rules if isinstance(rule, Mapping) and "name" in rule}
        self._make_rules(said, starts=there.get("startsOn"))
        roles = there.get("roles")
        self._roles(said, [str(role) for role in roles] if isinstance(roles, list | tuple) else [])
        kept = Source(SourceKind.LOOKUP, detail="the rules that are there already")
        if before:
            self.fields.append(Field(("spec", "rules"), [], kept))
        first = 0 if before else len(rules)
        for index, rule in enumerate(self.rules):
            self._put(rule, first + index)
        if before:
            for index, old in enumerate(rules):
                self.fields.append(Field(("spec", "rules", len(self.rules) + index), old, kept))
        currencies = self.said.get("otherCurrencies")
        if currencies is not None and currencies.value == "deny":
            self.fields.append(Field(("spec", "otherCurrencies"), "deny", currencies.source))
        elif currencies is not None and there.get("otherCurrencies") == "deny":
            self.out.notes.append("money in other currencies stays denied, as the policy that is there says")

    def done(self, name: str, *, edit: bool) -> PolicyDrafted:
        """What came of it."""
        self.out.draft = Draft("Policy", name, edit, tuple(self.fields))
        return self.out

    def _put(self, rule: Sequence[Field], index: int) -> None:
        self.fields += [Field(("spec", "rules", index, *one.path), one.value, one.source) for one in rule]

    def _make_rules(self, said: Sequence[_Said], starts: JSON = None) -> None:
        during = self._window(starts)
        for one in said:
            for rule in self._of(one, said):
                self.rules.append([*rule, *during])

    def _of(self, one: _Said, said: Sequence[_Said]) -> Iterator[list[Field]]:
        """The rules that one sentence comes to."""
        short = _SHORT.get(str(one.kind.value), str(one.kind.value).lower())
        who = " or ".join(one.names) or "nobody in particular"
        if one.effect.value == "deny":
            yield [*self._head(f"no-{short}", one, one.above, "above"), *self._asking(one), _answer(one)]
            return
        if one.effect.value == "only":
            yield [*self._head(f"{short}-above" if one.above else short, one, one.above, "above"), *_ask(one, one)]
            if one.above is not None:
                self._assume(
                    f"{short} of {one.above.value} or less are in no rule: they ask 1 person, not the requester"
                )
            return
        name = f"{short}-up-to" if one.up_to else short
        own = Field(("ask", "notRequester"), False, Source(SourceKind.DEFAULT, detail=f"{who} may do it themselves"))
        yield [*self._head(name, one, one.up_to, "upTo"), *_ask(one, one), own]
        self._assume(f"{short} that are allowed to {who} are asked of {who}, and who asks may be the one who says yes")
        if one.up_to is None:
            return
        head = self._head(f"{short}-beyond", one, one.up_to, "above")
        other = next((each for each in said if each.effect.value == "only" and each.names != one.names), None)
        if other is not None:
            self._assume(f"{short} above {one.up_to.value} are asked of {' or '.join(other.names)}")
            yield [*head, *_ask(one, other)]
        else:
            self._assume(f"{short} above {one.up_to.value} that {who} asks for are denied")
            yield [*head, *self._asking(one), Field(("answer",), "deny", one.effect.source)]

    def _head(self, name: str, one: _Said, limit: Field | None, bound: str) -> list[Field]:
        called, number = name, 2
        while called in self.names:
            called, number = f"{name}-{number}", number + 1
        self.names.add(called)
        found = [
            Field(("name",), called, Source(SourceKind.DEFAULT)),
            Field(("when", "kinds"), [one.kind.value], one.kind.source),
        ]
        if limit is not None:
            found.append(Field(("when", "amount", bound), [limit.value], limit.source))
        return found

    def _asking(self, one: _Said) -> list[Field]:
        if one.roles is None:
            return []
        return [Field(("when", "requestedBy"), list(one.names), one.roles.source)]

    def _window(self, starts: JSON) -> list[Field]:
        first, last = self.said.get("window.fromWeek"), self.said.get("window.toWeek")
        if first is None or last is None:
            return []
        weeks = str(first.value) if first.value == last.value else f"{first.value} to {last.value}"
        source = Source(first.source.kind, (*first.source.spans, *last.source.spans), first.source.detail)
        if starts is None:
            today = self.view.now.date().isoformat()
            by = Source(SourceKind.LOOKUP, detail="today, from which weeks are counted")
            self.fields.append(Field(("spec", "startsOn"), today, by))
            self._assume(f"weeks are counted from today, {today}; outside of them these rules are not there")
        else:
            self._assume(
                f"weeks are counted from {starts}, as the policy says; outside of them these rules are not there"
            )
        return [Field(("during", "weeks"), weeks, source)]

    def _roles(self, said: Sequence[_Said], there: Sequence[str]) -> None:
        named: dict[str, Source] = {}
        for one in said:
            for role in one.names:
                if one.roles is not None and role not in there:
                    named.setdefault(role, one.roles.source)
        for index, (role, source) in enumerate(named.items()):
            self.fields.append(Field(("spec", "roles", len(there) + index), role, source))
        for role in named:
            self.out.notes.append(
                f"who is in {role}? Nobody yet, so that nobody can say yes for it: add each person to the members of "
                f'the policy, as {{name: …, roles: [{role}], ssh: ["the line of a .pub file"]}}'
            )

    def _assume(self, text: str) -> None:
        self.out.assumptions.append(Assumption(text))


def _ask(one: _Said, other: _Said) -> list[Field]:
    """Who is asked: the roles of a rule, which may be another one than that which the limit is of."""
    if other.roles is None:
        return [Field(("ask", "people"), 1, Source(SourceKind.DEFAULT))]
    return [Field(("ask", "roles"), list(other.names), other.roles.source)]


def _answer(one: _Said) -> Field:
    return Field(("answer",), "deny", one.effect.source)
