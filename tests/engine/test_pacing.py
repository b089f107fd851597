"""How fast a run goes: never past the provider's limit, as fast as it allows, and people are told how long beforehand.

Time is virtual: it moves when somebody waits for the limit, and with each answer.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.desired import Desired, Specs
from reconciler.engine.pacing import duration
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import NoProgress, Session, open_session
from reconciler.journal.entries import EntryKind, binding_body
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.resource import Resource
from reconciler.providers.base import Kept
from reconciler.providers.dodo.capabilities import PATHS
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.limiter import DEFAULT_TIER, Limiter
from reconciler.providers.dodo.marks import owner_mark
from reconciler.providers.dodo.pace import requests_for
from reconciler.sandbox.embedded import EmbeddedSandbox

# No moment of a change is a whole second, after which another change could have the same.
BEGIN = datetime(2026, 4, 1, 12, 0, 0, 7, tzinfo=UTC)
ANSWER_S = 0.25  # what a request takes, about as far as from another continent


class VirtualTime:
    """Seconds since the beginning, each thread at its own: whoever waits is where they waited to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._own = threading.local()
        self._guard = threading.Lock()

    def read(self) -> float:
        with self._guard:
            self._own.at = self.seconds
            return self.seconds

    def wait(self, seconds: float) -> None:
        """From where this thread looked at the time last."""
        with self._guard:
            self._own.at += seconds
            self.seconds = max(self.seconds, self._own.at)

    def now(self) -> datetime:
        """As the clock of a sandbox."""
        return BEGIN + timedelta(seconds=self.seconds)


class Wire(httpx.BaseTransport):
    """What goes over the wire, with the moment at which each request left and what it was answered."""

    def __init__(self, time: VirtualTime, inner: httpx.BaseTransport) -> None:
        self.log: list[tuple[float, str, int]] = []
        self._time = time
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left = self._time.seconds
        answer = self._inner.handle_request(request)
        self.log.append((left, request.method, answer.status_code))
        self._time.read()
        self._time.wait(ANSWER_S / 100)
        return answer

    def close(self) -> None:
        self._inner.close()

    def most_in_any(self, window_s: float) -> int:
        moments = sorted(moment for moment, _, _ in self.log)
        return max(bisect_left(moments, one + window_s - 1e-9) - index for index, one in enumerate(moments))


class Told(NoProgress):
    """What people are told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def tell(self, words: str) -> None:
        self.words.append(words)


@contextmanager
def session_over(session: Session, time: VirtualTime, transport: httpx.BaseTransport) -> Iterator[tuple[Session, Told]]:
    """The session with a connection that keeps the limit of the default tier in virtual time."""
    limiter = Limiter(DEFAULT_TIER, clock=time.read, wall_clock=time.read, sleep=time.wait)
    client = Client("http://127.0.0.1:1", "dodo_test_key", limiter, sleep=time.wait, transport=transport)
    connection, told = DodoConnection(client), Told()
    try:
        yield replace(session, connection=connection, progress=told), told
    finally:
        connection.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Session]:
    """A workspace of no specs, whose account is asked through other connections only."""
    write_workspace(tmp_path, "acme")
    for path in (tmp_path / "specs").glob("*.yaml"):
        path.unlink()
    config = tmp_path / "ratecard.yaml"
    config.write_text(config.read_text().replace("mode: sandbox\n", "mode: sandbox\n      url: http://127.0.0.1:1\n"))
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as session:
        yield session


def write_plans(session: Session, count: int, dollars: int) -> None:
    plans = (
        f"apiVersion: ratecard.dev/v1alpha1\nkind: Plan\nmetadata: {{name: plan-{number}}}\nspec:\n"
        f"  title: Plan {number}\n  taxCategory: saas\n"
        f"  prices: {{monthly: {{amount: {dollars if number < 60 else 9} USD, every: month}}}}\n"
        for number in range(count)
    )
    (session.workspace.folder / "specs/many.yaml").write_text("---\n".join(plans))


def carry_out(session: Session) -> Applied:
    change_set = make_change_set(session).change_set
    assert change_set is not None
    remember(session, change_set)
    approve(session, change_set, "Ann")
    return apply_change_set(session, change_set)


def test_two_hundred_objects_apply_without_one_429(opened: Session):
    """And sixty of them change within the same minute: the limit is known, so nothing ever runs into it."""
    time = VirtualTime()
    with EmbeddedSandbox(clock=time) as sandbox:
        limits = {"burst": {"count": 40, "seconds": 1}, "sustained": {"count": 240, "seconds": 60}}
        httpx.post(f"{sandbox.url}/_sandbox/limits", json=limits, trust_env=False).raise_for_status()
        wire = Wire(time, Redirected(sandbox.url))
        with session_over(opened, time, wire) as (session, told):
            assert isinstance(session.connection, DodoConnection)
            session.connection.keep_with(Memory())
            session.connection.read({})
            empty = len(wire.log)
            write_plans(session, 200, dollars=9)
            assert carry_out(session).left == ()
            write_plans(session, 200, dollars=12)
            before = len(wire.log)
            changed = carry_out(session)
    assert (len(changed.done), changed.left) == (60, ())
    assert {status for _, _, status in wire.log} == {200}
    writes = sum(method != "GET" for _, method, _ in wire.log)
    assert writes == 200 + 60, "each change is written once"
    lists = empty + 2  # of products there are two pages more: a full one, and an empty one after it
    # Planning asks who subscribes to each; then each is looked at again, written, and read back since Dodo answers
    # with nothing. The account is listed to plan, before the first write, and to plan again; to plan, without the nine
    # lists in which nothing was and is asked for.
    assert len(wire.log) - before == 3 * lists - 2 * 9 + 60 + 60 + 2 * 60
    assert wire.most_in_any(1.0) <= DEFAULT_TIER.per_second
    assert wire.most_in_any(60.0) <= 2 * DEFAULT_TIER.per_minute, "a minute's bucket, and what fills it meanwhile"
    assert wire.log[-1][0] <= 1.1 * (len(wire.log) - 240) / 4
    assert told.words[0] == "Applying 200 changes takes 200 requests, about 5 s at the known limit."
    assert told.words[1].startswith("Applying 60 changes takes 120 requests, about ")
    intents = sum(1 for _ in opened.journal.entries(opened.account_name, EntryKind.INTENT))
    assert intents == 260, "nothing was tried twice"


@pytest.mark.soak
def test_a_thousand_changes_take_hardly_longer_than_the_limit_and_as_long_as_was_told(opened: Session):
    time = VirtualTime()
    with EmbeddedSandbox(clock=time) as sandbox:
        limits = {"burst": {"count": 40, "seconds": 1}, "sustained": {"count": 240, "seconds": 60}}
        httpx.post(f"{sandbox.url}/_sandbox/limits", json=limits, trust_env=False).raise_for_status()
        wire = Wire(time, Redirected(sandbox.url))
        with session_over(opened, time, wire) as (session, told):
            write_plans(session, 1_000, dollars=9)
            assert len(carry_out(session).done) == 1_000
    assert {status for _, _, status in wire.log} == {200}
    writes = [moment for moment, method, _ in wire.log if method == "POST"]
    took = writes[-1] - writes[0]
    before = sum(moment < writes[0] for moment, _, _ in wire.log)
    assert len(writes) == 1_000
    assert took <= 1.1 * (before + 1_000 - 240) / 4
    assert told.words[0] == f"Applying 1,000 changes takes 1,000 requests, about {duration(took)} at the known limit."
    assert wire.most_in_any(1.0) <= DEFAULT_TIER.per_second


class Redirected(httpx.BaseTransport):
    """Over loopback to a sandbox, wherever the request was to go."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self._url.port)
        request.headers["host"] = f"127.0.0.1:{self._url.port}"
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def test_what_was_told_beforehand_is_what_it_takes():
    time = VirtualTime()
    limiter = Limiter(DEFAULT_TIER, clock=time.read, wall_clock=time.read, sleep=time.wait)
    for _ in range(100):
        limiter.acquire()
    for requests in (1, 40, 300, 1_000):
        told, began = limiter.forecast(requests), time.read()
        for _ in range(requests):
            limiter.acquire()
        assert told == pytest.approx(time.seconds - began, abs=1e-6)
    assert Limiter(None).forecast(1_000) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a moment"), (40.2, "40 s"), (99, "99 s"), (150, "2 min"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("verb", "kind", "takes"),
    [
        (Verb.CREATE, "product", 1),
        (Verb.UPDATE, "product", 2),
        (Verb.UPDATE, "discount", 1),
        (Verb.ARCHIVE, "product", 1),
        (Verb.RESTORE, "product", 2),
        (Verb.EXECUTE, "refund", 2),
        (Verb.EXECUTE, "drift", 0),
    ],
)
def test_a_change_takes_its_write_and_a_second_request_where_the_answer_is_empty(verb: Verb, kind: str, takes: int):
    body = {"name": "Pro"}
    after = None if verb is Verb.ARCHIVE else body
    change = Change(verb, "Plan/pro:monthly", kind, "Pro", "pdt_1", body, after, Reverse(Undo.REVERSIBLE))
    assert requests_for(change) == takes


# Ten thousand objects


def price(cents: int) -> dict[str, Any]:
    return {
        "type": "recurring_price",
        "currency": "USD",
        "discount_bps": 0,
        "tax_inclusive": False,
        "purchasing_power_parity": False,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 20,
        "subscription_period_interval": "Year",
        "price": cents,
        "trial_period_days": 0,
        "trial_payment_method_optional": False,
        "zero_amount_payment_method_optional": False,
    }


def large_account(products: int, discounts: int) -> tuple[tuple[Resource, ...], dict[str, list[dict[str, Any]]]]:
    """What is asked for, and the same as lists show it: each twentieth product has an add-on, which they leave out."""
    addon = {"name": "Seat", "description": None, "tax_category": "saas", "price": 900, "currency": "USD"}
    moments = {"created_at": "2026-03-01T00:00:00.5Z", "updated_at": "2026-03-01T00:00:00.5Z"}
    wanted = [Resource("Addon/seat", "addon", "Seat", addon)]
    lists: dict[str, list[dict[str, Any]]] = {"addon": [{"id": "adn_1", "business_id": "bus_1", **addon, **moments}]}
    for number in range(products):
        address, attached = f"Plan/p{number}:monthly", number % 20 == 0
        mark = owner_mark("acme", address, "made") | ({"ratecard_addons": "attached"} if attached else {})
        body = {
            "name": f"Plan {number}",
            "description": "For teams that ship every week.",
            "tax_category": "saas",
            "features": [],
            "entitlements": [],
            "credit_entitlements": [],
            "addons": [{"$ref": "Addon/seat"}] if attached else [],
            "brand_id": None,
            "price": price(100 + number),
        }
        references = ("Addon/seat",) if attached else ()
        wanted.append(Resource(address, "product", f"Plan {number}", body, references))
        kept = {name: body[name] for name in ("name", "description", "tax_category")}
        item = {"product_id": f"pdt_{number}", "business_id": "bus_1", **kept, "metadata": mark, **moments}
        item |= {"price": 100 + number, "price_detail": price(100 + number), "entitlements": [], "pricing_mode": None}
        lists.setdefault("product", []).append(item)
    for number in range(discounts):
        body = {
            "code": f"CODE{number}",
            "name": None,
            "type": "percentage",
            "amount": 1_000,
            "currency_options": [],
            "restricted_to": [],
            "customer_eligibility": "any",
            "usage_limit": None,
            "per_customer_usage_limit": None,
            "subscription_cycles": None,
            "starts_at": None,
            "expires_at": None,
            "preserve_on_plan_change": False,
        }
        address = f"Discount/d{number}"
        wanted.append(Resource(address, "discount", f"CODE{number}", body))
        mark = owner_mark("acme", address, "made")
        item = {"discount_id": f"dsc_{number}", "business_id": "bus_1", **body, "metadata": mark, **moments}
        lists.setdefault("discount", []).append(item)
    return tuple(wanted), lists


class Books:
    """An account in this process: lists by page, and each product by itself; every answer takes its time."""

    def __init__(self, time: VirtualTime, lists: dict[str, list[dict[str, Any]]]) -> None:
        self._time = time
        self._lists = {PATHS[kind]: items for kind, items in lists.items()}
        self._whole = {item["product_id"]: item for item in lists["product"]}
        self.asked: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self._time.read()
        self._time.wait(ANSWER_S)
        path = request.url.path
        self.asked.append(path)
        product = self._whole.get(path.removeprefix("/products/"))
        found: Any = {"data": [], "done": True}
        if product is not None:
            attached = "ratecard_addons" in product["metadata"]
            detail = {"credit_entitlements": [], "addons": ["adn_1"] if attached else [], "brand_id": "bus_1"}
            found = product | {"price": product["price_detail"]} | detail
        elif path != "/webhooks":
            start = 100 * int(request.url.params.get("page_number", "0"))
            found = {"items": self._lists.get(path, [])[start : start + 100]}
        return httpx.Response(200, stream=httpx.ByteStream(orjson.dumps(found)))


class Memory:
    """A keeper that forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def recall(self, kind: str, object_id: str) -> Kept | None:
        return self.kept.get(object_id)

    def keep(self, kind: str, object_id: str, kept: Kept) -> None:
        self.kept[object_id] = kept

    def keep_only(self, kind: str, ids: object) -> None:
        """Nothing goes."""


def unchanged(
    session: Session, wanted: tuple[Resource, ...], memory: Memory, lists: dict[str, Any]
) -> tuple[float, int]:
    """The provider's time that an unchanged plan takes from the beginning of a run, and its requests."""
    time = VirtualTime()
    books = Books(time, lists)
    with session_over(session, time, httpx.MockTransport(books.answer)) as (over, _):
        assert isinstance(over.connection, DodoConnection)
        over.connection.keep_with(memory)
        read: Callable[[], Specs] = lambda: Specs((), ())  # noqa: E731 - no spec is asked for
        planned = make_change_set(over, Desired(wanted, (), len(wanted), read))
    assert planned.change_set is not None
    assert (planned.change_set.changes, planned.unchanged) == ((), len(wanted))
    return time.seconds, len(books.asked)


def test_ten_thousand_unchanged_objects_plan_within_a_minute_of_the_providers_time(
    opened: Session, capsys: pytest.CaptureFixture[str]
):
    _, empty = unchanged(opened, (), Memory(), {"product": []})
    wanted, lists = large_account(products=9_799, discounts=200)
    ids = [f"pdt_{one.address[6:].partition(':')[0]}" if one.kind == "product" else None for one in wanted]
    bound = [
        binding_body(one.address, one.kind, found or ("adn_1" if one.kind == "addon" else f"dsc_{one.address[10:]}"))
        for one, found in zip(wanted, ids, strict=True)
    ]
    opened.journal.append_many([(EntryKind.BINDING, opened.account_name, body) for body in bound])
    memory = Memory()
    first_s, first = unchanged(opened, wanted, memory, lists)
    again_s, again = unchanged(opened, wanted, memory, lists)
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what this test is about
            f"\n10,000 objects unchanged at 240 requests a minute, {ANSWER_S} s an answer: {again} requests in "
            f"{again_s:.0f} s of the provider's time; with nothing remembered {first} in {first_s:.0f} s"
        )
    lists_only = empty + 97 + 2  # a page of each list there is anyway, and as many more as are full
    assert (first, again) == (lists_only + 490, lists_only - 7)  # seven lists were empty, and nobody asks for them
    assert again_s < 60
