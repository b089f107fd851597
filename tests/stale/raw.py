"""The sandbox's books by hand: every single value that an object shows can be made another, behind everybody's back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import orjson

Path_: TypeAlias = tuple[str | int, ...]

# Words of which only some are allowed: what each is made into, so that it stays readable.
_OTHER_WORDS: Mapping[str, str] = {
    "Month": "Year", "Year": "Month", "Day": "Month", "Week": "Month", "USD": "EUR", "EUR": "USD",
    "saas": "digital_products", "e_book": "saas", "percentage": "flat", "IN": "BR",
    "recurring_price": "usage_based_price", "usage_based_price": "recurring_price", "one_time_price": "recurring_price",
    "sum": "max", "count": "sum", "and": "or", "equals": "not_equals", "by_country": "single",
    "payment.succeeded": "payment.failed", "refund.succeeded": "refund.failed", "month": "year",
    "active": "on_hold", "succeeded": "failed",
}  # fmt: skip
_INSTEAD_OF_NOTHING: Mapping[str | int, Any] = {
    "scheduled_change": {
        "id": "spc_1", "product_id": "pdt_max", "quantity": 1, "addons": [],
        "effective_at": "2098-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z",
    },
    "expires_at": "2099-06-01T00:00:00Z", "starts_at": "2026-01-01T00:00:00Z", "usage_limit": 7, "overage_limit": 7,
    "subscription_cycles": 7, "price_per_unit": "7", "max_rollover_count": 7, "expires_after_days": 7,
    "brand_id": "brnd_other", "minimum_amount": 700, "rate_limit": 7, "trial_period_days": 7, "key": "other",
    "proration_billing_mode_on_downgrade": "do_not_bill", "proration_billing_mode_on_upgrade": "do_not_bill",
    "effective_at_on_upgrade": "immediately", "effective_at_on_downgrade": "immediately",
    "on_payment_failure": "apply_change",
}  # fmt: skip
_INSTEAD_OF_EMPTY: Mapping[str | int, Any] = {
    "currency_options": [{"currency": "USD", "is_default": True, "max_amount_possible": 700, "minimum_subtotal": 0}],
    "addons": [{"addon_id": "adn_other", "quantity": 1}],
    "discounts": [{"discount_id": "dsc_other", "code": "OTHER"}],
}
# When it was made and changed, and of which account it is: each has a test of its own.
_NOT_ITS_OWN = frozenset({"created_at", "updated_at", "business_id"})
_MOMENT = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T")


@dataclass(frozen=True, slots=True)
class Spot:
    """One value of one object."""

    kind: str
    id: str
    path: Path_

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {'.'.join(map(str, self.path))}"


class Raw:
    """The database of a sandbox, as it is when this is made."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._before = self._rows("SELECT kind, id, body, item FROM objects")

    def spots(self, *kinds: str) -> list[Spot]:
        """Every value of the objects of these kinds, of all when none are named, but what tells when and whose."""
        found = []
        for kind, object_id, body in self._rows("SELECT kind, id, body FROM objects ORDER BY sequence"):
            if not kinds or kind in kinds:
                found += [
                    Spot(kind, object_id, path)
                    for path, value in leaves(orjson.loads(body))
                    if path[-1] not in _NOT_ITS_OWN and value != object_id
                ]
        return found

    def everything(self) -> list[Spot]:
        """Every value of every object."""
        rows = self._rows("SELECT kind, id, body FROM objects ORDER BY sequence")
        return [Spot(kind, name, path) for kind, name, body in rows for path, _ in leaves(orjson.loads(body))]

    def put(self, kind: str, object_id: str, name: str, value: Any) -> None:
        """Give an object another value under a name."""
        with closing(sqlite3.connect(self._database)) as books, books:
            row = books.execute("SELECT body, item FROM objects WHERE kind = ? AND id = ?", (kind, object_id))
            texts = [orjson.dumps(orjson.loads(text) | {name: value}).decode() for text in row.fetchone()]
            self._write(books, *texts, kind, object_id)

    def remove(self, kind: str, object_id: str) -> None:
        """Let an object be gone."""
        with closing(sqlite3.connect(self._database)) as books, books:
            books.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))

    def ids(self) -> list[str]:
        """The ids of all objects, by kind."""
        return [row[0] for row in self._rows("SELECT id FROM objects ORDER BY kind, id")]

    def _pool(self) -> dict[str | int, Any]:
        """For each name of a list or an object one that is not empty, wherever there is one."""
        found: dict[str | int, Any] = dict(_INSTEAD_OF_EMPTY)
        for _, _, body, _ in self._before:
            found |= {name: value for name, value in orjson.loads(body).items() if value and not _is_plain(value)}
        return found

    def disturb(self, spots: Sequence[Spot]) -> None:
        """Make these values others; all else is as it was."""
        self.restore()
        ids, pool = self.ids(), self._pool()
        with closing(sqlite3.connect(self._database)) as books, books:
            for spot in spots:
                row = books.execute("SELECT body, item FROM objects WHERE kind = ? AND id = ?", (spot.kind, spot.id))
                texts = [_disturbed(text, spot.path, ids, pool) for text in row.fetchone()]
                self._write(books, *texts, spot.kind, spot.id)

    def restore(self) -> None:
        """Put everything back."""
        with closing(sqlite3.connect(self._database)) as books, books:
            for kind, object_id, body, item in self._before:
                self._write(books, body, item, kind, object_id)

    @staticmethod
    def _write(books: sqlite3.Connection, *values: str) -> None:
        books.execute("UPDATE objects SET body = ?, item = ? WHERE kind = ? AND id = ?", values)

    def unmark(self) -> None:
        """Take every mark of ownership away."""
        with closing(sqlite3.connect(self._database)) as books, books:
            for column in ("body", "item"):
                books.execute(
                    f"UPDATE objects SET {column} = json_set({column}, '$.metadata', json('{{}}'))"  # constants
                    f" WHERE json_extract({column}, '$.metadata.ratecard_owner') IS NOT NULL"
                )

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self._database)) as books:
            return books.execute(query).fetchall()


def _is_plain(value: Any) -> bool:
    return not isinstance(value, list | dict)


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value that is no container, and every empty container, with where it is."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from leaves(part, (*path, index))
    else:
        yield path, value


def _disturbed(text: str, path: Path_, ids: Sequence[str], pool: Mapping[str | int, Any]) -> str:
    body: Any = orjson.loads(text)
    inside = body
    for step in path[:-1]:
        if not _has(inside, step):
            return text  # a list shows less than the object itself
        inside = inside[step]
    if _has(inside, path[-1]):
        inside[path[-1]] = other(path[-1], inside[path[-1]], ids, pool)
    if "updated_at" in body:
        body["updated_at"] = "2098-01-01T00:00:00Z"  # whoever changes an object changes this
    return orjson.dumps(body).decode()


def _has(value: Any, step: str | int) -> bool:
    return step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)


def other(name: str | int, value: Any, ids: Sequence[str], pool: Mapping[str | int, Any]) -> Any:
    """Another value of the same sort."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.5
    if value is None:
        return _INSTEAD_OF_NOTHING.get(name, "other")
    if isinstance(value, list | dict):
        return pool.get(name)
    if value in ids or str(value).startswith("bus_"):
        prefix = value.split("_")[0].replace("bus", "brnd")  # the account's own brand has the id of the account
        alike = [one for one in ids if one != value and one.split("_")[0] == prefix]
        return alike[0] if alike else f"{value}x"
    if value in _OTHER_WORDS:
        return _OTHER_WORDS[value]
    if _MOMENT.match(value):
        return value.replace("20", "21", 1)
    return f"1{value}" if value.replace(".", "", 1).isdecimal() else f"{value}x"
