"""Phrases that ask, act or rule: questions to the numbers, one-time actions, policy, and what is refused."""

from __future__ import annotations

from reconciler.agent.builtin.cascade import Match, Rule
from reconciler.agent.port import Span
from reconciler.base.records import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence of a known shape, and its parts."""

    name: str
    match: Match
    span: Span


def _frame(name: str, pattern: str) -> Rule:
    return Rule("FRAME", pattern, lambda match: Frame(name, match, match.span))


# What turns a reason into a condition, or is a request of its own: never swallowed as text.
_NO_TEXT = frozenset(
    [
        "unless",
        "except",
        "if",
        "only",
        "until",
        "without",
        "instead",
        "not",
        "also",
        "then",
        "must",
        "should",
        "refund",
        "refunds",
        "credit",
        "credits",
        "apply",
        "cancel",
        "upgrade",
        "downgrade",
        "move",
        "migrate",
        "create",
        "add",
        "remove",
        "delete",
        "change",
        "give",
        "grant",
        "issue",
        "set",
        "raise",
        "lower",
        "send",
        "pause",
    ]
)


def _text(name: str, pattern: str) -> Rule:
    def build(match: Match) -> Frame | None:
        asks = any(item.word in _NO_TEXT or item.kind in ("FRAME", "MONEY", "PERCENT") for item in match.parts["text"])
        return None if asks else Frame(name, match, match.span)

    return Rule("FRAME", pattern, build)


_CUSTOMER = "c=(EMAIL|QUOTED|WORD)"
_METRIC = "metric=(mrr|arr|revenue)"
_MOVEMENT = "(new|expansion|contraction|churned|churn|reactivation|reactivated)"
_CHANGESET = (
    "(that|this|it|them|these|those|all|everything|"
    "(the|my|our|all|any) (change|changes|plan|change set|changes set|draft|drafts|proposal|request))"
)
ROLES = "role=(support|finance|admins|admin|engineering|sales|managers|manager|owners|owner|billing|operations)"

REFUSED = (
    _frame(
        "refused",
        f"(approve|approved|apply|confirm|deploy|publish|execute|ship|push|merge) {_CHANGESET} "
        "(for me|now|immediately|right away|straight away)*",
    ),
    _frame("refused", "(and|then)? (approve|deploy|publish) (now|immediately|right away|straight away)?"),
    _frame("refused", "(and|then) apply (now|immediately|right away|straight away)?"),
    _frame(
        "refused",
        "(skip|bypass|ignore|disable|override|avoid) (the|all|any|every)? "
        "(review|reviews|approval|approvals|approval step|confirmation|policy|policies|checks|safety "
        "checks|gate)",
    ),
    _frame(
        "refused", "(without|no) (any|an|the|asking for|waiting for)? (review|approval|approvals|confirmation|asking)"
    ),
    _frame("refused", "(auto-approve|autoapprove|self-approve|pre-approved|preapproved|auto-apply)"),
    _frame("refused", "(i|we) (hereby)? approve"),
    _frame(
        "refused", "(mark|treat|consider|count) (it|this|that|them|everything|the change) (as)? (approved|reviewed)"
    ),
    _frame("refused", "(push|deploy|go) (it|this|that)? (straight|directly)? (to)? (live|production|prod)"),
)

QUERIES = (
    _frame(
        "movements",
        f"why (did|has) (the|our)? {_METRIC} "
        ""
        "verb=(drop|dropped|fall|fallen|decline|declined|decrease|decreased|rise|risen|grow|grown|increase|"
        "increased|change|changed|(go|gone) "
        "(up|down)) when=DAYS",
    ),
    _frame(
        "breakdown", f"(and)? break (it|this|that) down by parts=({_MOVEMENT} ((COMMA and|COMMA|and) {_MOVEMENT})*)"
    ),
    _frame(
        "failures", "what (is|was|are) (the|our)? payment failure (rate|rates) by=(by (region|country))? when=DAYS?"
    ),
    _frame("worse", "which (regions|countries) (got|became|are getting) worse"),
    _frame(
        "top",
        "(show me|list|give me|who are) (the|our)? top n=NUM customers by by=(expansion|new|total|churned)? "
        "(revenue|mrr) (in|for|during)? when=DAYS?",
    ),
    _frame("their-plans", "(and)? (what|which) plans are they on"),
    _frame(
        "involuntary",
        "how much (revenue|mrr|money) (are|do|did) we (losing|lose) (to|from) involuntary churn (in)? when=DAYS?",
    ),
    _frame("recovery", "what would (a|an) pct=PERCENT improvement in (the|our)? recovery (rate)? be worth"),
    _frame(
        "dropped",
        f"(our|the)? {_METRIC} (dropped|fell|declined|decreased) (by)? pct=PERCENT in (the)? PLACE when=DAYS?",
    ),
    _frame("why", "why COMMA? (and)? (what can we do (about (it|that))?)"),
    _frame("why", "why (?=STOP)"),
    _frame(
        "reprice",
        "what would (our|the)? (revenue|mrr) (look like|be) if we (switched|moved|changed) (the|our)? "
        "plan=NAME plan? from old=PRICE (flat)? to new=PRICE (base)? (plus|PLUS|and) charge=CHARGE",
    ),
    _frame(
        "impact",
        "(and)? show me (the|its)? impact (based on (current|our|the|past)* (customer|customers)? usage "
        "(patterns|pattern|data)?)?",
    ),
    _frame(
        "what-if-usage",
        "what (would happen)? if we (added|add|introduced) (a|an) (usage-based|usage|metered) "
        "(component|price|pricing|charge|fee|part) to (the|our)? plan=NAME plan?",
    ),
    _frame("history-dunning", "why is (the|our)? dunning (sequence|schedule) said=(SEQUENCE) (days|day)?"),
    _frame(
        "history-proration",
        "why does (the|our)? a=NAME plan? prorate differently (from|than|to) (the|our)? b=NAME plan?",
    ),
    _frame("history-override", f"why is there (a|an) manual override for customer {_CUSTOMER}"),
)

ACTIONS = (
    _frame(
        "refund-last",
        "refund (the|their)? (last|latest|most recent) (paid)? (invoice|payment|charge) "
        f"(for|of|to|from) (customer)? {_CUSTOMER}",
    ),
    _frame(
        "refund-that", "(issue|make|give|process) (a|the) full refund (for|of) (that|this) (charge|payment|invoice)"
    ),
    _frame("confirm", "and confirm (it)? with the customer"),
    _frame("refund-amount", f"refund amount=MONEY (to|for) (customer)? {_CUSTOMER}"),
    _text(
        "credit",
        f"(apply|give|grant|issue|add) (a|an) amount=MONEY credit (to|for) (customer)? {_CUSTOMER} "
        "(for|because of|due to) text=TEXT",
    ),
    _frame("credit", f"(apply|give|grant|issue|add) (a|an) amount=MONEY credit (to|for) (customer)? {_CUSTOMER}"),
    _frame(
        "migrate",
        "(upgrade|migrate|move|switch) (all|all of|every) (the|our)? (customers|customer|subscribers) "
        "(on|from) (the|our)? a=((legacy|old|current|existing|new)? NAME) plan? to (the|our)? "
        "b=((legacy|old|current|existing|new)? NAME) plan?",
    ),
    _frame("prorate", "(and)? prorate (it|them)? (from|as of|starting) when=DAYS"),
    _frame(
        "notify",
        "(and)? (send (the|a|out)? (notification|notice) (emails|email|mails|mail)|notify (them|customers|the "
        "customers))",
    ),
    _frame(
        "double",
        "(a|the)? customer (says|said|claims|reports) (that)? they (were|was|got) (double-charged|double "
        "charged|charged twice)",
    ),
    _frame("check-invoices", "check their last n=NUM invoices and issue (a|the)? (credit|refund) if confirmed"),
    _frame("overcharged", "check (if|whether) this customer was overcharged and fix it"),
    _frame(
        "feedback",
        "(customer feedback COLON)? c=EMAIL (says|said|claims) they were charged amount=MONEY after "
        "(cancelling|canceling) when=DAYS?",
    ),
    _frame("check-history", "check their subscription history and tell me what happened"),
    _frame(
        "experiment",
        "(set up|run|start|create) this pricing as (a|an) (a SLASH b|split|ab) test (for (new "
        "(signups|customers|users)|new sign-ups))? (starting|from) when=DAYS",
    ),
    _frame("route", "(and)? route pct=PERCENT to the new (model|pricing|price)"),
)

POLICIES = (
    _frame("may", f"{ROLES} can (issue|give|make) what=(credits|refunds) (of)? up to amount=MONEY"),
    _frame(
        "only-may",
        f"only {ROLES} can (issue|process|make|give|approve) what=(credits|refunds) (above|over|beyond) amount=MONEY",
    ),
    _frame("weeks", "weeks a=NUM (to|RANGE|through) b=NUM COLON?"),
    _frame("limit", "what=(credits|refunds) up to amount=MONEY"),
    _frame("forbid", "(and)? no what=(plan changes|refunds|credits)"),
    _frame("for-role", f"for {ROLES}"),
)

TEXTS = (
    _text("reason", "reason COLON text=TEXT"),
    _text("note", "note COLON text=TEXT"),
)
