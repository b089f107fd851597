"""Text to tokens: words, and values read exactly, each with the characters that it covers. Nothing is ever a float."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from reconciler.agent.builtin.items import Amount, Item, Number, Percentage
from reconciler.agent.builtin.vocabulary import words
from reconciler.agent.port import Span
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import exponent

# What a sign stands for. `$` and `¥` are shared: what they are taken as is shown, or asked.
SIGNS = {
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "R$": "BRL", "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₪": "ILS", "₺": "TRY", "₴": "UAH", "₦": "NGN",
}  # fmt: skip
SHARED_SIGNS = {"$": ("USD", "AUD", "CAD", "NZD", "HKD", "SGD", "MXN"), "¥": ("JPY", "CNY")}
OTHER_DOLLARS = words("ARS BBD BMD BND BSD BZD CLP COP FJD GYD JMD KYD LRD NAD SBD SRD TTD TWD UYU XCD")
NAMED = {"dollars": "$", "dollar": "$", "euros": "EUR", "euro": "EUR", "yen": "JPY", "rupees": "INR", "rupee": "INR"}

_MULTIPLES = {"k": 1000, "m": 1_000_000, "b": 1_000_000_000, "bn": 1_000_000_000, "mn": 1_000_000}
_COUNTED = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "fourteen": 14, "thirty": 30,
}  # fmt: skip

_CHUNK = r"[0-9](?:[0-9.,']*[0-9])?"
_SIGN = "|".join(re.escape(sign) for sign in sorted((*SIGNS, *SHARED_SIGNS), key=len, reverse=True))
_NAMES = "|".join(sorted(NAMED, key=len, reverse=True))
_END = r"(?![A-Za-z0-9_])"

_TOKEN = re.compile(
    rf"""
    (?P<line>[ \t]*\n[\s]*(?:[-*•][ \t]+|[0-9]{{1,2}}[.)][ \t]+)?)
  | (?P<space>\s+)
  | (?P<link>https?://[!-;=?-~]*[A-Za-z0-9/])
  | (?P<email>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
  | (?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?/[!-;=?-~]*[A-Za-z0-9/])
  | (?P<iso>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_END}
  | (?P<sequence>[0-9]+(?:-[0-9]+){{2,}}){_END}
  | (?P<negative>(?<![A-Za-z0-9)])[-−](?=[$€£¥₹]?[0-9.]))
  | (?P<signed>(?P<sign>{_SIGN})[ ]?(?P<signed_number>{_CHUNK})(?P<signed_scale>[kKmMbB][nN]?(?![A-Za-z]))?
        (?:[ ]?(?P<signed_code>[A-Z]{{3}}){_END})?)
  | (?P<before>(?P<before_code>[A-Z]{{3}})[ ]?(?P<before_number>{_CHUNK})
        (?P<before_scale>[kKmMbB][nN]?(?![A-Za-z]))?){_END}
  | (?P<after>(?P<after_number>{_CHUNK})(?P<after_scale>[kKmMbB][nN]?)?[ ]?
        (?P<after_code>(?-i:[A-Z]{{3}})|€|£|(?i:usd|eur|gbp|jpy|inr|{_NAMES})){_END})
  | (?P<percent>(?P<percent_number>{_CHUNK})(?:[ ]?%|[ ]percent{_END}))
  | (?P<ordinal>[0-9]+(?:st|nd|rd|th)){_END}
  | (?P<number>(?P<bare>{_CHUNK})(?P<scale>[kKmMbB][nN]?)?(?:-(?=[A-Za-z])|(?![A-Za-z0-9_])))
  | (?P<unreadable>[0-9][0-9.,']*[A-Za-z0-9_]*)
  | (?P<quoted>"[^"\n]{{1,80}}"|“[^”\n]{{1,80}}”)
  | (?P<dotted>[A-Za-z][A-Za-z0-9_]*(?:\.(?:[A-Za-z][A-Za-z0-9_]*|\*))+)
  | (?P<word>[A-Za-z][A-Za-z0-9]*(?:[-'’_][A-Za-z0-9]+)*)
  | (?P<mark>[,.;:!?()/&+–—-])
  | (?P<other>.)
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
# A group never begins with a zero: 0,002 is a decimal of much of the world, and never 2.
_GROUPED = re.compile(r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?", re.ASCII)
_MARKS = {
    ",": "COMMA", ".": "STOP", ";": "STOP", "!": "STOP", "?": "STOP", ":": "COLON", "(": "LPAR", ")": "RPAR",
    "/": "SLASH", "&": "AMP", "+": "PLUS",
}  # fmt: skip
_TOP_LEVEL = words("com io dev app net org co ai cloud xyz site tech me us uk de fr in example test")
_FRAMEWORKS = frozenset({"next.js", "node.js", "vue.js", "nuxt.js"})
_SPLIT = re.compile(r"[A-Za-z0-9]+|[-'’_]")


def lex(text: str) -> list[Item]:
    """The tokens of a prompt in order. What no rule reads is of kind OTHER; spaces are left out."""
    items: list[Item] = []
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        # lastgroup names the last group that closed: the outer one, since every alternative is one group
        if kind == "space":
            continue
        items.extend(_read(kind, found, text))
    if items and items[-1].kind != "STOP":  # the last sentence ends too
        items.append(Item("STOP", "", "", Span(len(text), len(text))))
    return items


def _read(kind: str, found: re.Match[str], text: str) -> Iterator[Item]:
    span, raw = Span(*found.span()), found[0]
    if kind == "line":
        yield Item("STOP", "", "\n", span)
    elif kind in ("link", "host"):
        yield Item("URL", "", raw, span, raw)
    elif kind == "email":
        yield Item("EMAIL", "", raw, span, raw)
    elif kind in ("iso", "sequence", "ordinal", "negative"):
        yield Item(
            {"iso": "ISO", "sequence": "SEQUENCE", "ordinal": "ORDINAL", "negative": "NEGATIVE"}[kind],
            "",
            raw,
            span,
            raw,
        )
    elif kind in ("signed", "before", "after"):
        yield from _money(kind, found, span)
    elif kind == "percent":
        number = _decimal(found["percent_number"])
        yield (
            _bad(raw, span)
            if number is None
            else Item("PERCENT", "", raw, span, Percentage(_plain(number) + "%", number, span))
        )
    elif kind == "number":
        yield _number(found["bare"], found["scale"], raw, span)
    elif kind == "unreadable":
        yield _bad(raw, span)
    elif kind == "quoted":
        yield Item("QUOTED", "", raw, span, raw[1:-1])
    elif kind == "dotted":
        yield _dotted(raw, span)
    elif kind == "word":
        yield from _words(raw, span.start)
    elif kind == "mark":
        yield _mark(raw, span, text)
    else:
        yield Item("OTHER", "", raw, span)


def _mark(raw: str, span: Span, text: str) -> Item:
    if raw in "-–—":
        after = text[span.end : span.end + 2].lstrip()
        before = text[max(0, span.start - 2) : span.start].rstrip()
        ranged = (before[-1:].isdigit() or before[-1:] == "%") and (after[:1].isdigit() or after[:1] in tuple("$€£¥"))
        return Item("RANGE" if ranged else "DASH", "", raw, span)
    return Item(_MARKS[raw], "", raw, span)


def _words(raw: str, start: int) -> Iterator[Item]:
    """A word; `per-document` and `real-time` style compounds with a leading `per` are two."""
    lowered = raw.lower().replace("’", "'")
    if lowered.startswith("per-"):
        yield Item("", "per", raw[:3], Span(start, start + 4))
        yield Item("", lowered[4:], raw[4:], Span(start + 4, start + len(raw)))
    elif lowered in _COUNTED:
        span = Span(start, start + len(raw))
        yield Item("NUM", "", raw, span, Number(Decimal(_COUNTED[lowered]), span))
    else:
        yield Item("", lowered, raw, Span(start, start + len(raw)))


def _dotted(raw: str, span: Span) -> Item:
    lowered = raw.lower()
    if lowered in _FRAMEWORKS:
        return Item("", lowered, raw, span)
    if lowered.rsplit(".", 1)[-1] in _TOP_LEVEL:
        return Item("URL", "", raw, span, raw)
    return Item("EVENT", "", raw, span, lowered)


def _number(bare: str, scale: str | None, raw: str, span: Span) -> Item:
    value = _decimal(bare)
    if value is None or len(bare) > 24:
        return _bad(raw, span)
    if scale:
        value *= _MULTIPLES[scale.lower()]
    if value != value.to_integral_value() or value > 2**53 - 1:
        return _bad(raw, span)  # 1.000 may be a thousand elsewhere: a count with a fraction is not guessed at
    if "." in bare and not scale:
        return _bad(raw, span)
    return Item("NUM", "", raw, span, Number(value.to_integral_value(), span))


def _bad(raw: str, span: Span) -> Item:
    return Item("UNREADABLE", "", raw, span)


def _decimal(chunk: str) -> Decimal | None:
    return Decimal(chunk.replace(",", "")) if len(chunk) <= 40 and _GROUPED.fullmatch(chunk) else None


@lru_cache(maxsize=256)
def known_currency(code: str) -> bool:
    """Whether ISO 4217 has this currency."""
    try:
        exponent(code)
    except Mistake:
        return False
    return True


def _money(kind: str, found: re.Match[str], span: Span) -> Iterator[Item]:
    raw, chunk, scale = found[0], found[f"{kind}_number"], found[f"{kind}_scale"]
    sign: str | None = None
    currency: str | None = None
    if kind == "signed":
        sign = found["sign"]
        currency = SIGNS.get(sign)
        code = found["signed_code"]
        if code and known_currency(code):
            fits = code in SHARED_SIGNS.get(sign, (currency,)) or (sign == "$" and code in OTHER_DOLLARS)
            currency = code if fits else None
            if currency is None:
                yield _bad(raw, span)
                return
        elif code:  # a word in capitals after the amount, not a currency
            end = span.start + raw.rindex(code)
            trimmed = raw[: raw.rindex(code)].rstrip()
            yield _amount(trimmed, chunk, scale, currency, sign, Span(span.start, span.start + len(trimmed)))
            yield Item("", code.lower(), code, Span(end, end + len(code)))
            return
    else:
        code = found[f"{kind}_code"]
        named = NAMED.get(code.lower(), SIGNS.get(code, code.upper()))
        sign, currency = ("$", None) if named == "$" else (None, named)
        if currency is not None and not known_currency(currency):
            yield from _not_money(kind, found, span)
            return
    yield _amount(raw, chunk, scale, currency, sign, span)


def _not_money(kind: str, found: re.Match[str], span: Span) -> Iterator[Item]:
    """`500 API` and `API 500`: a number beside a word in capitals."""
    raw, code, chunk, scale = found[0], found[f"{kind}_code"], found[f"{kind}_number"], found[f"{kind}_scale"]
    if kind == "before":
        at = span.start + len(raw) - len(raw[3:].lstrip())
        yield Item("", code.lower(), code, Span(span.start, span.start + 3))
        yield _number(chunk, scale, raw[3:].strip(), Span(at, span.end))
    else:
        size = len(chunk) + len(scale or "")
        yield _number(chunk, scale, raw[:size], Span(span.start, span.start + size))
        yield Item("", code.lower(), code, Span(span.end - len(code), span.end))


def _amount(raw: str, chunk: str, scale: str | None, currency: str | None, sign: str | None, span: Span) -> Item:
    number = _decimal(chunk)
    if number is None or len(chunk) > 24:
        return _bad(raw, span)
    doubt = None
    if scale:
        number, doubt = number * _MULTIPLES[scale.lower()], raw
    whole, _, part = chunk.partition(".")
    thousandths = currency is not None and exponent(currency) == 3
    if len(part) == 3 and whole != "0" and not thousandths:
        doubt = raw  # 1.250 is a thousand and more in much of the world
    if whole.count(",") == 1 and not part and thousandths:
        doubt = raw  # and 1,250 dinars may be one and a quarter
    return Item("MONEY", "", raw, span, Amount(number, currency, sign, span, doubt))


def _plain(number: Decimal) -> str:
    """A number without trailing zeros or exponents: 20, 12.5."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
