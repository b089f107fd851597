"""The rules of configuration: which words make a price, a trial, usage, a discount, a webhook, a change of price."""

from __future__ import annotations

from reconciler.agent.builtin.cascade import Rule
from reconciler.agent.builtin.phrases import (
    Card,
    Mark,
    number_of,
    read_allowance,
    read_annual,
    read_change,
    read_charge,
    read_code,
    read_commitment,
    read_destination,
    read_events,
    read_hook,
    read_named_plan,
    read_new_plan,
    read_price,
    read_quota,
    read_region,
    read_saying,
    read_target,
    read_trial,
    unit_of,
)


def mark(what: str, pattern: str) -> Rule:
    """A rule for words that name a subject and carry no value."""
    return Rule("MARK", pattern, lambda match: Mark(what, match.span))


_CREATE = "(create|add|make|set up|launch|introduce|build|need|want)"
_OF = (
    "(?:api|ai|input|output|llm|text|email|chat|build|compute|voice|video|image|data|phone|search|storage"
    "|gpu|cpu|audio)"
)
UNIT = f"unit=({_OF}? WORD)"
_VERB = "verb=(increase|raise|bump|decrease|lower|reduce|cut|drop|change|update|set)"
_AT_PRICE = " ((at|for|costing|COLON|DASH)? price=PRICE)?"
_FAMILY = "family=(subscription|payment|refund|dispute|dunning|payout|credit|entitlement)"
_METHOD = "(credit)? (card|cards|payment method|payment details)"

CHANGES = (
    Rule(
        "CHANGE",
        f"{_VERB} THE? plan=REF? (plan)? (usage|usage-based|overage|metered)* (rate|price|charge|fee) (rate)? "
        f"((of|for|on) (the)? of=REF (plan)?)? (from old=MONEY)? to new=MONEY ((per|SLASH) {UNIT})?",
        lambda match: (
            read_change(match)
            if {i.word for i in match.items} & {"usage", "usage-based", "overage", "metered", "rate", "per"}
            else None
        ),
    ),
    Rule(
        "CHANGE",
        f"{_VERB} THE? plan=REF? (plan)? (adv=ADVERB)? (price|fee)? ((of|for|on) (the)? of=REF (plan)?)? "
        "(from old=MONEY (PER oldevery=PERIOD)?)? to new=MONEY (PER newevery=PERIOD)?",
        read_change,
    ),
)

PRICES = (
    Rule("PRICE", "amount=MONEY PER every=PERIOD", read_price),
    Rule("PRICE", "amount=MONEY every n=NUM every=PERIOD", read_price),
    Rule("PRICE", "amount=MONEY every=ADVERB", read_price),
    Rule("PRICE", "(at|for|costs) amount=NUM (per|SLASH) every=PERIOD", read_price),
    Rule(
        "PRICE",
        "every=(monthly|yearly|annual|quarterly|weekly) (price|fee|base)? (of|at|is|COLON) amount=MONEY",
        read_price,
    ),
)

MODIFIERS = (
    Rule("ANNUAL", "pct=PERCENT (off)? YEARLY (billing|plan|plans|price|prepay)? discount", read_annual),
    Rule(
        "ANNUAL",
        "pct=PERCENT (off|discount) (on|for|with)? (the)? YEARLY (billing|plan|plans|price|payment|payments|prepay)?",
        read_annual,
    ),
    Rule(
        "ANNUAL",
        "YEARLY (billing|plan|price|option|payment|payments)? (at|with|for|COLON)? (a|an)? pct=PERCENT (off|discount)",
        read_annual,
    ),
    Rule("ANNUAL", "YEARLY discount (of|at|COLON) pct=PERCENT", read_annual),
    Rule("TRIAL", "n=NUM in=(day|days|week|weeks) free? trial period?", read_trial),
    Rule("TRIAL", "free? trial (period)? (of|for|COLON)? n=NUM in=(day|days|week|weeks)", read_trial),
    Rule(
        "CARD",
        f"(no|without) (a|any)? {_METHOD} (is)? (required|needed|necessary|upfront|up front)*",
        lambda m: Card("optional", m.span),
    ),
    Rule("CARD", f"{_METHOD} (is|are)? (not (required|needed)|optional)", lambda m: Card("optional", m.span)),
    Rule("CARD", f"(with)? (a)? {_METHOD} (is|are)? (required|needed|mandatory)", lambda m: Card("required", m.span)),
    Rule("CARD", f"(require|requires|requiring) (a)? {_METHOD}", lambda m: Card("required", m.span)),
    Rule("COMMITMENT", f"price=PRICE for n=NUM {UNIT}", read_commitment),
    mark(
        "commitments",
        "(committed-use|committed use|commitment|commitments|commit) "
        "(tier|tiers|plan|plans|pricing|discount|discounts|level|levels)? COLON?",
    ),
    Rule(
        "CHARGE",
        f"(then|charge|(that|which)? charges|charging)? amount=MONEY (per|SLASH|each|for each|for every) n=NUM? {UNIT}",
        read_charge,
    ),
    Rule(
        "CHARGE",
        f"per {UNIT} (overage|usage)? (billing|pricing|charges|charge|fee|rate) (at|of|COLON)? amount=MONEY",
        read_charge,
    ),
    Rule(
        "ALLOWANCE",
        "(above|beyond|over|after|past|exceeding) (the)? (first)? n=NUM FREE? adv=ADVERB? FREE? "
        f"{UNIT}? FREE? (PER every=PERIOD)?",
        read_allowance,
    ),
    Rule("ALLOWANCE", f"(the)? first n=NUM {UNIT}? (PER every=PERIOD)? (are)? free", read_allowance),
    Rule("ALLOWANCE", f"n=NUM FREE adv=ADVERB? {UNIT} (PER every=PERIOD)?", read_allowance),
    Rule("ALLOWANCE", f"n=NUM adv=ADVERB FREE {UNIT}", read_allowance),
    Rule("ALLOWANCE", f"(includes|including|include|with) n=NUM {UNIT} FREE? (PER every=PERIOD)", read_allowance),
    Rule("ALLOWANCE", f"n=NUM {UNIT} (PER every=PERIOD)? FREE", read_allowance),
    mark(
        "usage",
        "(usage|usage-based|metered|overage|pay-as-you-go|consumption-based) (usage|overage)? "
        "(billing|pricing|charge|charges|component|price|rate|fee|fees)* ((that|which) (charges|costs))? "
        "(at|of|COLON|charging)?",
    ),
    Rule("QUOTA", f"LPAR (up to)? n=NUM {UNIT} (PER every=PERIOD)? RPAR", read_quota),
    Rule("QUOTA", f"LPAR unlimited {UNIT}? RPAR", read_quota),
)

SUBJECTS = (
    Rule(
        "CODE",
        "THE? (discount|coupon|promo|promotion) (code)? (called|named)? code=WORD "
        "(for|with|giving|worth|of|COLON|DASH)? (pct=PERCENT|amount=MONEY) (off|discount)",
        read_code,
    ),
    Rule(
        "CODE",
        "(create|add|make)? THE? code=WORD (discount|coupon|promo) (code)? "
        "(for|with|giving|worth|of|COLON|DASH)? (pct=PERCENT|amount=MONEY) (off|discount)",
        read_code,
    ),
    mark("first-time", "for (new|first-time) customers"),
    Rule(
        "CYCLES",
        "(for|on) (the)? (first)? n=NUM (months|cycles|billing cycles|payments)",
        lambda m: Mark("cycles", m.span, number_of(m, "n")),
    ),
    Rule(
        "USES",
        "(limited to|limit|max|maximum) (of)? n=NUM (uses|redemptions|times)",
        lambda m: Mark("uses", m.span, number_of(m, "n")),
    ),
    Rule(
        "METER",
        f"(create|add|make|set up) THE? meter (for|counting|of|named|called) {UNIT}",
        lambda m: Mark("meter", m.span, words=(unit_of(m) or "",)) if unit_of(m) else None,
    ),
    Rule(
        "PLAN",
        f"{_CREATE} THE? (new)? name=(NAME|free) (subscription|pricing)? (plan|tier|product|subscription){_AT_PRICE}",
        read_new_plan,
    ),
    Rule(
        "PLAN",
        f"{_CREATE} THE? (new)? (plan|tier|product|subscription) (called|named) name=NAME{_AT_PRICE}",
        read_new_plan,
    ),
    Rule(
        "PLAN",
        "name=(NAME|free) (plan|tier)? (at|COLON|for|costs|costing|is|DASH|LPAR)? price=PRICE RPAR? quota=QUOTA?",
        read_named_plan,
    ),
    Rule("PLAN", "name=(NAME|free) (plan|tier)? (COLON|DASH)? quota=QUOTA", read_named_plan),
    Rule("PLAN", f"{_CREATE} THE? (new)? (subscription)? (plan|product|tier) COLON?", read_new_plan),
    Rule(
        "COUNT",
        "(need|want|create|add|have)? n=NUM (pricing)? (plans|tiers|products) COLON?",
        lambda m: Mark("count", m.span, number_of(m, "n")),
    ),
)

REGIONS = (
    mark(
        "regions",
        "(purchasing power parity|ppp|regional|geographic|localized|location-based) "
        "(discount|discounts|pricing|prices|price)? COLON?",
    ),
    Rule(
        "REGION",
        "pct=PERCENT (off|discount|cheaper)* (for|in) (the)? PLACE ((AMP|and|COMMA and|COMMA) (the)? PLACE)*",
        read_region,
    ),
    Rule(
        "REGION", "PLACE ((AMP|and) PLACE)* (COLON|at|DASH|gets|get)? pct=PERCENT (off|discount|cheaper)*", read_region
    ),
)

WEBHOOKS = (
    Rule(
        "EVENTS",
        "THE? EVENT ((COMMA and|COMMA|and) (THE)? EVENT)* (webhook|webhooks|event|events|notification|notifications)*",
        read_events,
    ),
    Rule(
        "EVENTS",
        f"(all)? (the|my|our)? {_FAMILY} lifecycle (event|events|webhooks|webhook events|webhook)",
        read_events,
    ),
    Rule("EVENTS", f"all (of)? (the|my|our)? {_FAMILY} (event|events|webhooks|webhook events)", read_events),
    Rule("EVENTS", "every=(all|every) (the|my|our)? (webhook)? (event|events|webhooks)", read_events),
    Rule(
        "DESTINATION",
        "(to|at) THE? (webhook|webhooks|billing|backend)? (endpoint|handler|url|server|address)? (at|COLON)? url=URL",
        read_destination,
    ),
    Rule("DESTINATION", "to THE purpose=WORD{1,3} (webhook)? (endpoint|handler|url|webhook|server)", read_destination),
    Rule("DESTINATION", "to THE (webhook)? (endpoint|handler|url|webhook|server)", read_destination),
    Rule(
        "HOOK",
        "(wire|send|forward|deliver|route|post|connect|hook|push) (up)? (the)? (webhooks|webhook)? (for)? "
        "events=EVENTS to=DESTINATION",
        read_hook,
    ),
    Rule(
        "HOOK",
        "(create|add|set up|register|configure) THE? webhook (endpoint)? (for|on) events=EVENTS to=DESTINATION",
        read_hook,
    ),
    Rule(
        "HOOK",
        "(create|add|set up|register|configure) THE? webhook (endpoint)? to=DESTINATION "
        "(for|on|with|listening to) events=EVENTS",
        read_hook,
    ),
    Rule(
        "HOOK",
        "(create|add|set up|register|configure|wire|send) THE? (webhook|webhooks) (endpoint)? to=DESTINATION",
        read_hook,
    ),
)

CONTEXT = (
    Rule("MARK", "(i am|i'm|we are|we're) building TEXT", lambda m: read_saying("context", m)),
    Rule("MARK", "integrate TEXT", lambda m: read_saying("integration", m)),
)

TARGETS = (
    Rule("TARGET", "(to|for|on|of) (the|our|my)? name=REF kind=(plan|tier|product)?", read_target),
    Rule("TARGET", "(to|for|on|of) (the|our|my) (plan|product)", read_target),
    Rule("TARGET", "(to|for|on|of) (the|our|my)? name=NAME kind=(plan|tier)", read_target),
    Rule("TARGET", "(to|for|on) name=NAME (?=STOP)", read_target),
)
