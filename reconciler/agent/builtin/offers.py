"""Drafts that are no plan: webhooks, regional prices, discount codes."""

from __future__ import annotations

import difflib

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, lookup, operator, slug
from reconciler.agent.builtin.phrases import Code, Destination, Hook, Mark, Region, Target
from reconciler.agent.builtin.places import EU_AS_OF, names_of_codes
from reconciler.agent.port import Correction, Draft, Field, Source, SourceKind, Span

# What people call an event, and what it means: the first that the provider has.
HABITS: dict[str, tuple[str, ...]] = {
    "subscription.created": ("subscription.active", "subscription.activated"),
    "subscription.activated": ("subscription.active", "subscription.created"),
    "customer.subscription.created": ("subscription.created", "subscription.active"),
    "customer.subscription.deleted": ("subscription.deleted", "subscription.cancelled"),
    "customer.subscription.updated": ("subscription.updated",),
    "subscription.canceled": ("subscription.cancelled",),
    "subscription.cancelled": ("subscription.canceled",),
    "subscription.deleted": ("subscription.cancelled", "subscription.canceled"),
    "payment.succeed": ("payment.succeeded",),
    "payment_intent.succeeded": ("payment.succeeded",),
    "payment_intent.payment_failed": ("payment.failed",),
    "invoice.paid": ("payment.succeeded",),
    "invoice.payment_failed": ("payment.failed",),
    "charge.refunded": ("refund.succeeded",),
}


def draft_hook(context: Context, hook: Hook, names: set[str]) -> list[Draft]:
    """A webhook: its address and its events."""
    url = _url(context, hook.destination)
    events: list[tuple[str, Source]] = []
    if hook.events is None:
        answer = context.ask(ask.webhook_events())
        if answer is not None:
            for said in answer.replace(",", " ").split():
                known = _known(context, said)
                if known is None:
                    context.questions.append(ask.webhook_events())
                    return []
                events.append((known, context.answered("webhook-events")))
    else:
        for said, span in hook.events.names:
            found = _event(context, said, span)
            if found is not None:
                events.append(found)
    if url is None or not events:
        return []
    purpose = hook.destination.purpose
    first = events[0][0].split(".")[0]
    name = slug(purpose) if purpose else f"{'all' if first == '*' else first}-events"
    while name in names or ("Webhook", name) in context.view.documents:
        name = f"{name}-2"
    names.add(name)
    context.assume(f"the webhook is called {name}")
    listed = list(dict.fromkeys(event for event, _ in events))
    spans = tuple(span for _, source in events for span in source.spans)
    kinds = {source.kind for _, source in events}
    source = (
        events[0][1]
        if len(events) == 1
        else Source(
            SourceKind.LOOKUP if SourceKind.LOOKUP in kinds else SourceKind.OPERATOR,
            spans,
            "event types of the provider",
        )
    )
    fields = (Field(("spec", "url"), url[0], url[1]), Field(("spec", "events"), listed, source))
    return [Draft("Webhook", name, False, fields)]


def _url(context: Context, destination: Destination) -> tuple[str, Source] | None:
    if destination.url:
        if destination.url.startswith("https://"):
            return destination.url, operator(destination.span)
        if not destination.url.startswith("http://"):
            context.assume(f"the address is https: https://{destination.url}")
            return f"https://{destination.url}", operator(destination.span, detail="https is assumed")
        context.note("events carry customer data: an http address is not taken")
    purpose = destination.purpose
    aliases = context.view.aliases
    if purpose and not destination.url:
        for alias in (f"{slug(purpose)}-endpoint", slug(purpose), f"{slug(purpose)}-webhook"):
            if alias in aliases:
                return f"alias:{alias}", lookup(f"the alias {alias} of the workspace", destination.span)
    what = f"our {purpose} endpoint" if purpose else "the endpoint"
    answer = context.ask(ask.webhook_url(what))
    return None if answer is None else (answer, context.answered("webhook-url"))


def _known(context: Context, said: str) -> str | None:
    types = context.view.event_types
    if not types or said in types:
        return said
    if said == "*":
        return said
    return said if said.endswith(".*") and any(event.startswith(said[:-1]) for event in types) else None


def _event(context: Context, said: str, span: Span) -> tuple[str, Source] | None:
    types = list(context.view.event_types)
    if said == "*":
        context.note("all events: name the families, such as subscription.* and payment.*")
        answer = context.ask(ask.webhook_events())
        return (
            None if answer is None or _known(context, answer) is None else (answer, context.answered("webhook-events"))
        )
    known = _known(context, said)
    if known is not None:
        return known, operator(span)
    for meant in HABITS.get(said, ()):
        if meant in types:
            context.corrections.append(
                Correction(span, meant, f"{context.view.provider} has no event {said}; {meant} is what means it")
            )
            return meant, lookup(f"event types of {context.view.provider}: {said} → {meant}", span)
    near = difflib.get_close_matches(said, types, n=3)
    answer = context.ask(ask.event_type(said, near))
    if answer is None:
        return None
    if _known(context, answer) is None:
        context.questions.append(ask.event_type(said, near))
        return None
    return answer, context.answered("event-type")


def draft_regions(context: Context, regions: list[Region], targets: list[Target], parity: bool) -> list[Draft]:
    """Prices by country: a country wins over a group, and nothing stacks."""
    single: dict[str, Region] = {}
    for region in regions:
        for place in region.places:
            if not place.group:
                if place.codes[0] in single:
                    context.not_understood.append(region.span)
                    context.note(f"{place.name} has two percentages")
                    return []
                single[place.codes[0]] = region
    fields: list[Field] = []
    taken: set[str] = set(single)
    for index, region in enumerate(regions):
        codes: list[str] = []
        source = operator(*[place.span for place in region.places])
        for place in region.places:
            if not place.group:
                codes.append(place.codes[0])
                continue
            rest = [code for code in place.codes if code not in taken]
            if any(code in codes for code in rest) or any(
                other is not region and any(p.group for p in other.places) for other in regions
            ):
                context.not_understood.append(region.span)
                return []
            own = [code for code in place.codes if code in single]
            names = names_of_codes()
            for code in own:
                context.assume(
                    f"{names[code]} is in the EU: its own {single[code].percent.text} holds, and nothing stacks"
                )
            context.note(f"EU (members since {EU_AS_OF}): {', '.join(f'{names[c]} ({c})' for c in rest)}")
            source = lookup(
                f"the {len(rest)} other members of the European Union, as of {EU_AS_OF}"
                if own
                else f"the {len(rest)} members of the European Union, as of {EU_AS_OF}",
                place.span,
            )
            codes.extend(rest)
        fields.append(Field(("spec", "prices", index, "countries"), codes, source))
        fields.append(Field(("spec", "prices", index, "percent"), region.percent.text, operator(region.percent.span)))
    context.assume("regional prices change the fixed fee only, not usage")
    plans = _plans(context, targets, "the regional prices")
    if plans is None:
        return []
    name = "purchasing-power-parity" if parity else "regional"
    if ("RegionalPricing", name) in context.view.documents:
        context.note(f"there are regional prices {name} already: edit them in the spec")
        context.not_understood.append(regions[0].span)
        return []
    context.assume(f"the regional prices are called {name}")
    return [Draft("RegionalPricing", name, False, (Field(("spec", "plans"), plans[0], plans[1]), *fields))]


def _plans(context: Context, targets: list[Target], what: str) -> tuple[list[str], Source] | None:
    named = [target for target in targets if target.name]
    documents = context.view.documents
    known = [name for t in named if t.name for name in (t.name, slug(t.name)) if ("Plan", name) in documents]
    if named and len(set(known)) == len(named):
        return list(dict.fromkeys(known)), operator(*[target.span for target in named])
    question = ask.which_plan(what, context.view.names("Plan"), several=True)
    answer = context.ask(question)
    if answer is None:
        return None
    chosen = list(context.view.names("Plan")) if answer == ask.ALL else [slug(part) for part in answer.split(",")]
    if not chosen or any(("Plan", name) not in documents for name in chosen):
        context.note(f'"{answer}" is no plan of the workspace: make the plan first')
        context.questions.append(question)
        return None
    return chosen, context.answered("which-plan")


def draft_code(
    context: Context, code: Code, targets: list[Target], extra: list[Mark], *, first_time: bool
) -> list[Draft]:
    """A discount code."""
    fields = [Field(("spec", "code"), code.code, operator(code.span))]
    if code.percent is not None:
        fields.append(Field(("spec", "percent"), code.percent.text, operator(code.percent.span)))
    elif code.amount is not None:
        money = context.money(code.amount)
        if money is None:
            return []
        fields.append(Field(("spec", "amount"), money[0], money[1]))
    if any(target.name for target in targets):
        plans = _plans(context, targets, "the discount")
        if plans is None:
            return []
        fields.append(Field(("spec", "plans"), plans[0], plans[1]))
    else:
        context.assume("the discount is for all plans")
    if first_time:
        fields.append(Field(("spec", "customers"), "first-time", operator(code.span)))
    cycles = [mark for mark in extra if mark.what == "cycles"]
    uses = [mark for mark in extra if mark.what == "uses"]
    if len(cycles) > 1 or len(uses) > 1:
        context.not_understood.extend(mark.span for mark in extra)
        return []
    for mark, path in [(m, ("spec", "cycles")) for m in cycles] + [(m, ("spec", "limits", "total")) for m in uses]:
        if mark.number is not None:
            fields.append(Field(path, mark.number.whole(), operator(mark.number.span)))
    if not cycles:
        answer = context.ask(ask.discount_cycles())
        if answer is None:
            return []
        if answer != ask.ALL:
            fields.append(Field(("spec", "cycles"), int(answer), context.answered("discount-cycles")))
    name = slug(code.code)
    if ("Discount", name) in context.view.documents:
        context.not_understood.append(code.span)
        context.note(f"there is a discount {name} already")
        return []
    return [Draft("Discount", name, False, tuple(fields))]
