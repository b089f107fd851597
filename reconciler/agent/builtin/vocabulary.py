"""Closed lists of words: what rules know, what may be passed over, what never may, and what a typo may be read as."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Words that say nothing of what is wanted. Short and closed: everything else is claimed by a rule or reported.
FILLER = words(
    "a an the and with at please also plus add include including have has set up create make new want "
    "need would like i we my our us can you could should it's is be for now hi hello hey thanks thank too "
    "offer give let's lets"
)

# Words that turn, limit or refer: never passed over.
GUARDS = words(
    "not no never without unless except excluding only instead if when whenever until till but or either "
    "neither nor than this that these those it them they their he she its same other another rather don't "
    "doesn't isn't won't cannot can't dont doesnt wont cant remove delete cancel stop disable drop "
    "archive approve apply skip bypass ignore override"
)

# Nouns of people and places in a subscription: a price for each is not a price of usage.
SEATS = words(
    "user users seat seats member members person people license licenses licence licences employee "
    "employees agent agents customer customers team teams workspace workspaces organization organizations "
    "account accounts developer developers subscriber subscribers admin admins device devices site sites "
    "project projects head client clients"
)

PERIODS = {
    "month": "month", "months": "month", "mo": "month", "monthly": "month", "year": "year", "years": "year",
    "yr": "year", "annum": "year", "annual": "year", "annually": "year", "yearly": "year",
    "week": "week", "weeks": "week", "weekly": "week", "day": "day", "days": "day", "daily": "day",
    "quarter": "3 months", "quarters": "3 months", "quarterly": "3 months",
}  # fmt: skip

# Words of the grammar that can never be part of a name or of a unit.
RESERVED = (
    words(
        "a an the my our your and or of to at on in by for from with into per each every above beyond over "
        "after past under up plan plans tier tiers price prices pricing billing billed product products usage "
        "usage-based overage overages rate free included include includes including trial trials discount "
        "discounts off annual annually yearly monthly weekly daily quarterly month months year years week "
        "weeks day days quarter quarters mo yr annum committed-use commitment commitments committed card "
        "launch introduce wire send forward deliver route connect charge offer start upgrade downgrade migrate move "
        "switch give grant put sell fee fees base flat total amount amounts tax taxes setup minimum maximum cap limit "
        "webhook webhooks endpoint lifecycle event-types add create make set charge charges charging charged "
        "increase raise decrease lower reduce change update first next last is are was were be will would can "
        "could should has have had above-mentioned unlimited customer customers please also then plus as at i "
        "we you he she they metered no not subscription subscriptions refund credit coupon code currently "
        "right starting new build building need want cost costs costing called named require required "
        "optional needed then where who what why how"
    )
    | GUARDS
) - {"credit"}

# What a typo may be read as: words of the rules only, long enough to be told apart.
CORRECTABLE = words(
    "create monthly annual annually yearly discount trial webhook webhooks endpoint subscription billing "
    "pricing usage overage included include commitment committed committed-use usage-based events "
    "lifecycle required increase decrease refund invoice customer credit upgrade customers prorate "
    "enterprise payment method month months years purchasing parity power failure region revenue "
    "expansion contraction churned involuntary percent documents unlimited requests"
)

# English words that stand one letter from a word above and mean something else.
NOT_TYPOS = words(
    "created creates creator discounts trail trails triad trials monthly annuals charge charged charges "
    "change changes evens event vents mouth mouths moth year yeast ears includes including excluded "
    "exclude excludes increased increases decreased customers customer custom customs credits credited "
    "edit refunds refunded invoices invoiced payments methods request requested requires require required "
    "regions legion document documented percents powers tower lower usages upgraded upgrades prorated "
    "prorates churn churns commit commits committed commitments endpoints subscriptions subscription "
    "billings pricings failures revenues months eating parties party"
)


def correct(word: str) -> str | None:
    """The word of the rules that a typo must be: one letter away from five letters on, two from eight on; else None."""
    if len(word) < 5 or word in CORRECTABLE or word in NOT_TYPOS or not word.replace("-", "").isalpha():
        return None
    most = 2 if len(word) >= 8 else 1
    near = {}
    for known in CORRECTABLE:
        if known[0] == word[0] and abs(len(known) - len(word)) <= most:
            away = _distance(word, known, most)
            if away <= most:
                near[known] = away
    if not near:
        return None
    best = min(near.values())
    closest = [known for known, away in near.items() if away == best]
    return closest[0] if len(closest) == 1 else None


def _distance(left: str, right: str, most: int) -> int:
    """Letters to add, drop, change or swap, counted up to one more than `most`."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (a != b))
            if before and i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before, row = row, current
    return row[-1]


def singular(word: str) -> str:
    """One of a countable thing: calls → call, queries → query. What has no plural stays."""
    if word in ("sms", "gb", "mb", "tb", "storage", "compute") or word.endswith("ss") or len(word) < 3:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def plural(word: str) -> str:
    """Several of a countable thing."""
    if word in ("sms", "gb", "mb", "tb", "storage", "compute"):
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "ch", "sh", "s")) else "s")
