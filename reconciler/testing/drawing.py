"""Drawing what others might have written: values, and objects by the one request that makes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

JSON = Any
Send = Callable[[str, str, Mapping[str, JSON]], Mapping[str, JSON]]
Maker = Callable[[], JSON]

WORDS = ("Alpha", "Größe", "日本", "A: b # c", "yes", "3.5", "it's", 'Say "hi"', "Ω—2", "null", "- x")
CURRENCIES = ("USD", "EUR", "JPY", "GBP")
TAXES = ("saas", "digital_products", "e_book", "edtech", "live_tutoring")
EVENTS = ("payment.succeeded", "payment.failed", "refund.succeeded", "subscription.active", "subscription.on_hold")
OPERATORS = (
    "equals", "not_equals", "greater_than", "greater_than_or_equals", "less_than", "less_than_or_equals",
    "contains", "does_not_contain",
)  # fmt: skip
BILLING = (
    "prorated_immediately", "full_immediately", "difference_immediately", "do_not_bill",
    "prorated_immediately_keep_cycle",
)  # fmt: skip
OVERAGES = ("forgive_at_reset", "invoice_at_billing", "carry_deficit", "carry_deficit_auto_repay")
COUNTRIES = ("IN", "BR", "NO", "PL", "US", "ZA", "DE")
FOREVER = {"subscription_period_count": 20, "subscription_period_interval": "Year"}


class Drawing:
    """What all kinds of objects are drawn with. `odd` is how often something is drawn that no spec can say."""

    def __init__(self, random: Random, send: Send, odd: float = 0.04) -> None:
        self._random, self._send, self._odd = random, send, odd
        self._number = 0
        self._made: dict[str, list[str]] = {}
        self._loose: list[str] = []  # products that are in no collection
        self._bought_once: set[str] = set()  # products that are no plans

    def _make(self, path: str, body: Mapping[str, JSON]) -> str:
        answer = self._send("POST", path, body)
        found = next(str(answer[key]) for key in ("id", "product_id", "discount_id", "brand_id") if key in answer)
        self._made.setdefault(path, []).append(found)
        if path == "/products":
            self._loose.append(found)
        return found

    def _change(self, path: str, body: Mapping[str, JSON]) -> None:
        self._send("PATCH", path, body)

    def _any(self, path: str) -> str | None:
        found = self._made.get(path)
        return self._random.choice(found) if found else None

    def _several(self, path: str) -> list[str]:
        found = self._made.get(path, [])
        return self._random.sample(found, min(len(found), self._random.randint(1, 3)))

    def _some(self, **fields: Maker) -> dict[str, JSON]:
        """Any of the fields, or none."""
        return {name: make() for name, make in fields.items() if self._random.random() < 0.5}

    def _one(self, *choices: JSON) -> JSON:
        return self._random.choice(choices)

    def _oddly(self) -> bool:
        return self._random.random() < self._odd

    def _flag(self) -> bool:
        return self._random.random() < 0.5

    def _count(self) -> int:
        return self._random.randint(1, 60)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _word(self) -> str:
        return str(self._random.choice(WORDS))

    def _title(self) -> str:
        """A title, now and then one that is there already."""
        return self._word() if self._random.random() < 0.1 else f"{self._word()} {self._next()}"

    def _text(self) -> str:
        return f"{self._word()}\n{self._word()}" if self._random.random() < 0.2 else f"{self._word()} {self._next()}"

    def _metadata(self) -> JSON:
        return {"theirs": self._word(), "count": self._random.randint(1, 9)}
