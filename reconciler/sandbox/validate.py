"""Reading requests strictly: what is not exactly right is a 400 or 422 that names the field and quotes the value."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.exchange import Call, Refusal
from reconciler.sandbox.vocabulary import COUNTRIES, CURRENCIES

INT32 = 2**31 - 1
INT64 = 2**63 - 1
DEPTH_MAXIMUM = 32
PAGE_SIZE_DEFAULT = 10
PAGE_SIZE_MAXIMUM = 100
METADATA_PAIRS = 50
METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")
UNIT_PRICE = re.compile(r"[0-9]{1,5}(\.[0-9]{1,12})?")
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


class Strict(BaseModel):
    """A body without unknown fields and without coercion: `"1"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def _known_currency(text: str) -> str:
    if text not in CURRENCIES:
        raise ValueError("not a currency that is accepted")
    return text


def _known_country(text: str) -> str:
    if text not in COUNTRIES:
        raise ValueError("not an ISO 3166 country of two letters")
    return text


def _moment(text: str) -> str:
    try:
        return format_time(parse_time(text))
    except OverflowError:
        raise ValueError("outside the years that are known") from None


def _unit_price(text: str) -> str:
    if not UNIT_PRICE.fullmatch(text):
        raise ValueError("write decimal text with at most 5 digits before the point and 12 after it")
    if Decimal(text) == 0:
        raise ValueError("must be greater than zero")
    return text


def _metadata(pairs: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    if len(pairs) > METADATA_PAIRS:
        raise ValueError(f"{len(pairs)} pairs; at most {METADATA_PAIRS}")
    for key, value in pairs.items():
        if not METADATA_KEY.fullmatch(key):
            raise ValueError(f'key "{key[:60]}": 1 to 40 characters of A-Z a-z 0-9 _ -')
        if isinstance(value, str) and len(value) > 500:
            raise ValueError(f'value of "{key}" has {len(value)} characters; at most 500')
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f'value of "{key}" is not a finite number')
    return pairs


Currency = Annotated[str, AfterValidator(_known_currency)]
Country = Annotated[str, AfterValidator(_known_country)]
Moment = Annotated[str, AfterValidator(_moment)]
UnitPrice = Annotated[str, AfterValidator(_unit_price)]
Metadata = Annotated[dict[str, str | int | float | bool], AfterValidator(_metadata)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Description = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Amount = Annotated[int, Field(ge=0, le=INT32)]
Count = Annotated[int, Field(ge=1, le=INT32)]
Interval = Literal["Day", "Week", "Month", "Year"]
TaxCategory = Literal["digital_products", "saas", "e_book", "edtech", "live_tutoring"]


def decode(body: bytes) -> Any:
    """The JSON of a body, strictly. Raises Refusal 400 on anything that is not JSON, or nested beyond all use."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "INVALID_REQUEST_BODY", f"the body is not JSON: {error}") from None
    if body.count(b"[") + body.count(b"{") > DEPTH_MAXIMUM and _too_deep(value):
        raise Refusal(400, "INVALID_REQUEST_BODY", f"the body is nested more than {DEPTH_MAXIMUM} levels deep")
    return value


def _too_deep(value: Any) -> bool:
    """Level by level: what recurses, as validation and `repr` do, would fail on such a value."""
    level = [value]
    for _ in range(DEPTH_MAXIMUM):
        containers = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def read_body(call: Call, model: type[AnyModel]) -> AnyModel:
    """The body as a model. Raises Refusal 400 when it is not JSON, 422 when it is not right."""
    return check(decode(call.body), model)


def check(value: Any, model: type[AnyModel]) -> AnyModel:
    """A decoded value as a model. Raises Refusal 422 telling every mistake."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Refusal(422, "INVALID_REQUEST_BODY", describe(error)) from None


def describe(error: ValidationError) -> str:
    """Every mistake as `path: message (got value)`, values cut short."""
    words = []
    for mistake in error.errors(include_url=False, include_context=False)[:20]:
        path = ".".join(str(part) for part in mistake["loc"]) or "body"
        words.append(f"{path[:200]}: {mistake['msg']} (got {str(mistake['input'])[:80]!r})")
    return "; ".join(words)


def invalid(path: str, message: str) -> Refusal:
    """A 422 about one field of the body."""
    return Refusal(422, "INVALID_REQUEST_BODY", f"{path}: {message}")


def check_query(call: Call, *names: str) -> None:
    """Refuse a query that names anything unknown: a filter that is silently ignored shows the wrong list."""
    for name in call.query:
        if name not in names:
            raise Refusal(
                422, "INVALID_QUERY", f'query: "{name}" is not known here; known: {", ".join(names) or "none"}'
            )


def read_page(query: Mapping[str, str]) -> dict[str, int]:
    """`page_size` (default 10, at most 100) and `page_number` (from 0). Raises Refusal 422."""
    size = _whole(query, "page_size", PAGE_SIZE_DEFAULT)
    if size > PAGE_SIZE_MAXIMUM:
        raise Refusal(422, "INVALID_QUERY", f"page_size: {size} is over {PAGE_SIZE_MAXIMUM}")
    return {"size": size, "number": _whole(query, "page_number", 0)}


def read_whole(query: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    """A whole number of the query. Raises Refusal 422."""
    value = _whole(query, name, default)
    if value > maximum:
        raise Refusal(422, "INVALID_QUERY", f"{name}: {value} is over {maximum}")
    return value


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not WHOLE_NUMBER.fullmatch(text):
        raise Refusal(422, "INVALID_QUERY", f'{name}: "{text[:40]}" is not a whole number')
    return int(text)


def read_flag(query: Mapping[str, str], name: str) -> bool | None:
    """`true` or `false` of the query, None when it is absent. Raises Refusal 422."""
    text = query.get(name)
    if text not in (None, "true", "false"):
        raise Refusal(422, "INVALID_QUERY", f'{name}: "{text[:40]}" is neither true nor false')
    return None if text is None else text == "true"


def read_choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    """One of some words of the query, None when it is absent. Raises Refusal 422."""
    text = query.get(name)
    if text is not None and text not in choices:
        raise Refusal(422, "INVALID_QUERY", f'{name}: "{text[:40]}" is none of {", ".join(choices)}')
    return text


def read_moment(query: Mapping[str, str], name: str) -> datetime | None:
    """A moment of the query, None when it is absent. Raises Refusal 422."""
    text = query.get(name)
    if text is None:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise Refusal(422, "INVALID_QUERY", f"{name}: {error}") from None
