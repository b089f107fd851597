"""Numbers, moments and addresses as words say them: each with its form and its place, read exactly or not at all.

What is ambiguous (`49,50`, `1.250,00`, `2nd`) is read as nothing: whoever looks for it does not find it, and asks.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from reconciler.agent.port import Span
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import exponent
from reconciler.base.records import dataclass


class Form(StrEnum):
    """What kind of value a piece of text is."""

    MONEY = "money"
    PERCENT = "percent"
    DURATION = "duration"
    NUMBER = "number"
    MOMENT = "moment"
    URL = "url"
    EMAIL = "e-mail"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One value that stands in the words.

    `unit` is the currency of money, none of a plan that is free, and the unit of a duration (`day`); `text` an
    address, or a day as `2026-04-15` (`-04-15` when no year is said).
    """

    form: Form
    span: Span
    number: Decimal | None = None
    unit: str | None = None
    text: str = ""


_SYMBOLS = {
    "US$": "USD", "A$": "AUD", "C$": "CAD", "R$": "BRL", "$": "USD",
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "zł": "PLN",
}  # fmt: skip
_NAMED = {"dollar": "USD", "euro": "EUR", "rupee": "INR", "yen": "JPY"}
_SCALES = {"k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "b": 10**9, "billion": 10**9}
_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_TWELVE_MONTHS = "january february march april may june july august september october november december"
_SEVEN_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_SPELLED = {word: number for number, word in enumerate(_TO_TWENTY.split())} | {"thirty": 30, "sixty": 60, "ninety": 90}
_MONTHS = _TWELVE_MONTHS.split()
_WEEKDAYS = _SEVEN_DAYS.split()

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,18})(?:\.[0-9]{1,18})?|\.[0-9]{1,18}"
_NUMBER = rf"(?<![\w.,])(?P<n>{_DIGITS})(?:\s?(?P<scale>[kKmMbB]|thousand|million|billion))?(?![\w]|[.,][0-9])"
_AFTER_SYMBOL = _NUMBER.replace(r"(?<![\w.,])", "", 1)
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}(?!\w)")
_URL = re.compile(
    r"(?<![\w@.-])(?P<scheme>https?://)?(?P<host>(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}|localhost|\[?[0-9.]{7,15}\]?)"
    r"(?P<port>:[0-9]{1,5})?(?P<path>[/?#][^\s\"'<>,;]*)?(?![\w@])"
)
_MOMENT = re.compile(
    r"(?<![\w-])(?:(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9:.]+Z)?"
    rf"|(?P<month>{_MONTH})\.? (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>20[0-9]{{2}}))?"
    rf"|(?P<day2>[0-9]{{1,2}})(?:st|nd|rd|th)? (?P<month2>{_MONTH})(?: (?P<year2>20[0-9]{{2}}))?"
    rf"|(?P<near>today|tomorrow|yesterday)|(?:next |on )(?P<weekday>{'|'.join(_WEEKDAYS)}))(?![\w])",
    re.IGNORECASE,
)
_SECOND = _AFTER_SYMBOL.replace("?P<n>", "?P<n2>").replace("?P<scale>", "?P<scale2>")
_THIRD = _NUMBER.replace("?P<n>", "?P<n3>").replace("?P<scale>", "?P<scale3>").removesuffix(r"(?![\w]|[.,][0-9])")
_MONEY = re.compile(
    rf"(?P<symbol>US\$|A\$|C\$|R\$|[$€£¥₹₩]) ?{_AFTER_SYMBOL}(?: (?P<code>[A-Z]{{3}})(?!\w))?"
    rf"|(?<!\w)(?P<before>[A-Z]{{3}}) {_SECOND}"
    rf"|{_THIRD}\s?(?P<after>[A-Z]{{3}}(?!\w)|€|£|zł|(?:dollar|euro|rupee)s?(?!\w)|yen(?!\w))"
)
_PERCENT = re.compile(rf"(?<![\w.,])(?P<n>{_DIGITS})(?P<scale>)\s?(?:%|(?:percent|per cent|pct)(?!\w))")
_SPELT = "|".join(sorted(_SPELLED, key=len, reverse=True))
_DURATION = re.compile(
    rf"(?<![\w.,])(?:(?P<n>{_DIGITS})|(?P<word>{_SPELT}))(?P<scale>)[ -]?(?P<unit>hour|day|week|month|year)s?(?!\w)",
    re.IGNORECASE,
)
_PLAIN = re.compile(_NUMBER)
# Of a plan only: a free trial, or free units, say nothing of a price.
_FREE = re.compile(r"(?<!\w)(?:Free(?=\s*\(|\s+(?:plan|tier)\b)|free(?=\s+(?:plan|tier)\b))")
_WORD = re.compile(rf"(?<!\w)(?P<word>{_SPELT})(?!\w)", re.IGNORECASE)


def read_evidence(text: str, now: datetime) -> tuple[Evidence, ...]:
    """All values in a text, in its order; no two overlap."""
    found: list[Evidence] = []
    taken = [False] * len(text)
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            evidence = read(match, now)
            if evidence is not None:
                taken[evidence.span.start : evidence.span.end] = [True] * (evidence.span.end - evidence.span.start)
                found.append(evidence)
    return tuple(sorted(found, key=lambda evidence: evidence.span.start))


def address(text: str) -> str:
    """An address for comparing: without `https://`, its host in lower case, without a last slash."""
    bare = re.sub(r"^https://", "", text.strip(), flags=re.IGNORECASE)
    host, slash, path = bare.partition("/")
    return (host.lower() + slash + path).rstrip("/")


def _number(digits: str, scale: str | None) -> Decimal:
    return Decimal(digits.replace(",", "")) * _SCALES.get((scale or "").lower(), 1)


def _email(match: re.Match[str], now: datetime) -> Evidence:
    return Evidence(Form.EMAIL, Span(*match.span()), text=match[0].rstrip("."))


def _url(match: re.Match[str], now: datetime) -> Evidence | None:
    text = match[0].rstrip(".,:;!?)'")
    host = match["host"]
    said = match["scheme"] or match["path"] or match["port"] or host == "localhost"
    if not said and host.count(".") < 2:  # subscription.created, Next.js: words with a point, not addresses
        return None
    if host.replace(".", "").isdigit() and not match["scheme"]:
        return None
    return Evidence(Form.URL, Span(match.start(), match.start() + len(text)), text=text)


def _moment(match: re.Match[str], now: datetime) -> Evidence | None:
    span = Span(*match.span())
    if match["iso"]:
        return Evidence(Form.MOMENT, span, text=match["iso"])
    if match["near"]:
        days = {"today": 0, "tomorrow": 1, "yesterday": -1}[match["near"].lower()]
        return Evidence(Form.MOMENT, span, text=(now + timedelta(days=days)).date().isoformat())
    if match["weekday"]:
        ahead = (_WEEKDAYS.index(match["weekday"].lower()) - now.weekday() - 1) % 7 + 1
        return Evidence(Form.MOMENT, span, text=(now + timedelta(days=ahead)).date().isoformat())
    name = (match["month"] or match["month2"]).lower()[:3]
    month = next(number for number, full in enumerate(_MONTHS, start=1) if full.startswith(name))
    day = int(match["day"] or match["day2"])
    year = match["year"] or match["year2"] or ""
    return Evidence(Form.MOMENT, span, text=f"{year}-{month:02d}-{day:02d}") if 1 <= day <= 31 else None


def _money(match: re.Match[str], now: datetime) -> Evidence | None:
    digits = match["n"] or match["n2"] or match["n3"]
    number = _number(digits, match["scale"] or match["scale2"] or match["scale3"])
    after = match["after"] or ""
    currency = match["code"] or match["before"] or _SYMBOLS.get(match["symbol"] or after)
    if currency is None:
        currency = _NAMED.get(after.rstrip("s")) or after
    try:
        exponent(currency)
    except Mistake:
        return None
    return Evidence(Form.MONEY, Span(*match.span()), number, currency)


def _percent(match: re.Match[str], now: datetime) -> Evidence:
    return Evidence(Form.PERCENT, Span(*match.span()), _number(match["n"], None))


def _duration(match: re.Match[str], now: datetime) -> Evidence:
    number = _number(match["n"], None) if match["n"] else Decimal(_SPELLED[match["word"].lower()])
    return Evidence(Form.DURATION, Span(*match.span()), number, match["unit"].lower())


def _free(match: re.Match[str], now: datetime) -> Evidence:
    return Evidence(Form.MONEY, Span(*match.span()), Decimal(0))


def _plain(match: re.Match[str], now: datetime) -> Evidence:
    return Evidence(Form.NUMBER, Span(*match.span()), _number(match["n"], match["scale"]))


def _word(match: re.Match[str], now: datetime) -> Evidence:
    return Evidence(Form.NUMBER, Span(*match.span()), Decimal(_SPELLED[match["word"].lower()]))


# The order is the order of claims: what an address or a date holds is no number of its own.
_READERS = (
    (_EMAIL, _email), (_URL, _url), (_MOMENT, _moment), (_MONEY, _money), (_PERCENT, _percent),
    (_DURATION, _duration), (_FREE, _free), (_PLAIN, _plain), (_WORD, _word),
)  # fmt: skip
