"""The controls: clock, limits, counts, ledger, reset."""

import httpx
import pytest

from . import bodies


def test_the_clock_is_set_advanced_stopped_and_started(http: httpx.Client):
    def now() -> str:
        return http.get("/_sandbox/clock").json()["now"]

    assert now() == "2026-03-01T09:00:00Z"
    http.post("/_sandbox/clock", json={"now": "2027-01-31T00:00:00+01:00"})
    assert now() == "2027-01-30T23:00:00Z"
    http.post("/_sandbox/clock", json={"advance_seconds": 86400.5})
    assert now() == "2027-01-31T23:00:00.500000Z"
    stopped = http.post("/_sandbox/clock", json={"frozen": True}).json()
    assert stopped["frozen"]
    assert http.post("/_sandbox/clock", json={"advance_seconds": 1}).json()["frozen"]
    started = http.post("/_sandbox/clock", json={"frozen": False}).json()
    assert (started["frozen"], started["now"]) == (False, "2027-01-31T23:00:01.500000Z")


def test_created_at_and_updated_at_follow_the_clock(http: httpx.Client):
    product_id = http.post("/products", json=bodies.product()).json()["product_id"]
    http.post("/_sandbox/clock", json={"advance_seconds": 3600})
    http.patch(f"/products/{product_id}", json={"name": "Team"})
    read = http.get(f"/products/{product_id}").json()
    assert (read["created_at"], read["updated_at"]) == ("2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z")


def test_a_discount_is_active_while_the_clock_says_so(http: httpx.Client):
    body = bodies.discount(starts_at="2026-03-01T09:00:00.5Z", expires_at="2026-03-02T00:00:00Z")
    http.post("/discounts", json=body)

    def active() -> int:
        return len(http.get("/discounts?active=true").json()["items"])

    seen = [active()]
    for seconds in (0.5, 50_000, 8_000):
        http.post("/_sandbox/clock", json={"advance_seconds": seconds})
        seen.append(active())
    assert seen == [0, 1, 1, 0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"now": "soon"},
        {"now": "2026-01-01T00:00:00Z", "advance_seconds": 1},
        {"advance_seconds": 1e12},
        {"speed": 2},
    ],
)
def test_a_clock_move_that_is_not_right_is_refused(http: httpx.Client, body: dict[str, object]):
    assert http.post("/_sandbox/clock", json=body).status_code == 422
    assert http.get("/_sandbox/clock").json()["now"] == "2026-03-01T09:00:00Z"


def test_the_clock_cannot_leave_the_years_that_are_known(http: httpx.Client):
    http.post("/_sandbox/clock", json={"now": "9999-12-31T00:00:00Z"})
    assert http.post("/_sandbox/clock", json={"advance_seconds": 1e9}).status_code == 422
    product_id = http.post("/products", json=bodies.product()).json()["product_id"]
    assert http.post("/subscriptions", json=bodies.subscription(product_id)).status_code == 422


def test_without_a_limit_there_are_no_headers_of_one(http: httpx.Client):
    answer = http.get("/products")
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_over_the_limit_is_429_until_time_passes(http: httpx.Client):
    limits = {"burst": {"count": 4, "seconds": 1}, "sustained": {"count": 6, "seconds": 60}}
    assert http.post("/_sandbox/limits", json=limits).status_code == 200
    answers = [http.get("/products") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["3", "2", "1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "4"
    assert answers[4].headers["Retry-After"] == "1"
    assert answers[4].json()["code"] == "TOO_MANY_REQUESTS"
    http.post("/_sandbox/clock", json={"advance_seconds": 1})
    answers = [http.get("/products") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["X-RateLimit-Limit"], answers[2].headers["Retry-After"]) == ("6", "9")
    assert http.post("/_sandbox/limits", content="null").json() is None
    assert http.get("/products").status_code == 200


def test_a_request_over_the_limit_has_no_effect(http: httpx.Client):
    http.post("/_sandbox/limits", json={"burst": {"count": 1, "seconds": 10}})
    assert [http.post("/products", json=bodies.product()).status_code for _ in range(2)] == [200, 429]
    assert len(http.get("/_sandbox/ledger").json()["entries"]) == 1


def test_requests_are_counted_by_method_and_route_whatever_they_answer(http: httpx.Client):
    product_id = http.post("/products", json=bodies.product()).json()["product_id"]
    http.get("/products")
    http.get(f"/products/{product_id}")
    http.get("/products/pdt_none")
    http.post("/products", json={})
    http.get("/products", headers={"Authorization": ""})
    http.get("/addons")
    assert http.get("/_sandbox/requests").json() == {
        "total": 7,
        "counts": {"GET /addons": 1, "GET /products": 2, "GET /products/{id}": 2, "POST /products": 2},
    }
    assert http.delete("/_sandbox/requests").json() == {"total": 0, "counts": {}}
    http.get("/products")
    assert http.post("/_sandbox/requests/reset").json()["total"] == 0


def test_the_ledger_tells_what_happened_and_nothing_else(http: httpx.Client):
    product_id = http.post("/products", json=bodies.product()).json()["product_id"]
    http.post("/products", json={})
    http.get("/products")
    http.patch(f"/products/{product_id}", json={"name": "Team", "description": None})
    http.delete(f"/products/{product_id}")
    http.delete(f"/products/{product_id}")
    entries = http.get("/_sandbox/ledger").json()["entries"]
    assert [(entry["seq"], entry["method"], entry["route"], entry["what"]) for entry in entries] == [
        (1, "POST", "/products", "product created"),
        (2, "PATCH", "/products/{id}", "product changed"),
        (3, "DELETE", "/products/{id}", "product archived"),
    ]
    assert {entry["object_id"] for entry in entries} == {product_id}
    assert entries[0]["body"] == bodies.product()
    assert entries[1]["body"] == {"name": "Team", "description": None}
    assert entries[1]["at"] == "2026-03-01T09:00:00Z"
    assert http.get("/_sandbox/ledger?after=2").json()["entries"] == entries[2:]


def test_an_unarchive_of_what_is_not_archived_is_no_effect(http: httpx.Client):
    product_id = http.post("/products", json=bodies.product()).json()["product_id"]
    assert http.post(f"/products/{product_id}/unarchive").status_code == 200
    assert len(http.get("/_sandbox/ledger").json()["entries"]) == 1


def test_the_ledger_holds_no_value_of_a_webhook_header(http: httpx.Client):
    body = {"url": "https://example.com", "headers": {"Authorization": "hush-1"}}
    webhook_id = http.post("/webhooks", json=body).json()["id"]
    http.patch(f"/webhooks/{webhook_id}/headers", json={"headers": {"X-Other": "hush-2"}})
    ledger = http.get("/_sandbox/ledger").text
    assert "X-Other" in ledger
    assert "hush" not in ledger


def test_a_reset_forgets_everything(http: httpx.Client):
    http.post("/products", json=bodies.product())
    http.post("/_sandbox/clock", json={"advance_seconds": 60, "frozen": True})
    http.post("/_sandbox/faults", json={"rules": [{"fault": "500_before"}]})
    http.post("/_sandbox/limits", json={"burst": {"count": 1, "seconds": 1}})
    assert http.post("/_sandbox/reset").status_code == 200
    assert http.get("/_sandbox/ledger").json() == {"entries": []}
    assert http.get("/_sandbox/requests").json()["total"] == 0
    assert http.get("/_sandbox/clock").json() == {"now": "2026-03-01T09:00:00Z", "offset_seconds": 0, "frozen": False}
    assert http.get("/products").json() == {"items": []}
    assert http.get("/products").json() == {"items": []}
    assert http.post("/products", json=bodies.product()).status_code == 200
    assert http.get("/_sandbox/ledger").json()["entries"][0]["seq"] == 1


def test_an_unknown_control_is_told_as_such(http: httpx.Client):
    answer = http.get("/_sandbox/time")
    assert (answer.status_code, set(answer.json())) == (404, {"code", "message"})


@pytest.mark.parametrize("path", ["clock", "faults", "limits", "seed"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"[" * 5000])
def test_a_control_refuses_a_hostile_body(http: httpx.Client, path: str, content: bytes):
    assert http.post(f"/_sandbox/{path}", content=content).status_code in (400, 422)
