"""Each fault: what the client meets, and whether the effect happened, which only the ledger knows."""

import threading
import time
from typing import Any

import httpx
import pytest

from reconciler.sandbox.faults import Rule

from . import bodies


def put(http: httpx.Client, *rules: dict[str, Any]) -> None:
    assert http.post("/_sandbox/faults", json={"rules": list(rules)}).status_code == 200


def effects(http: httpx.Client) -> list[str]:
    return [entry["what"] for entry in http.get("/_sandbox/ledger").json()["entries"]]


def create(http: httpx.Client) -> httpx.Response:
    return http.post("/products", json=bodies.product())


@pytest.mark.parametrize(("fault", "happens"), [("reset", False), ("lost_answer", True)])
def test_a_connection_is_cut_without_a_byte(http: httpx.Client, fault: str, happens: bool):
    put(http, {"fault": fault, "match": {"method": "POST", "route": "/products"}, "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        create(http)
    assert effects(http) == ["product created"] * happens
    assert create(http).status_code == 200


@pytest.mark.parametrize(("fault", "happens"), [("500_before", False), ("500_after", True)])
def test_an_error_of_the_server_tells_nothing_about_the_effect(http: httpx.Client, fault: str, happens: bool):
    put(http, {"fault": fault, "times": 1})
    answer = create(http)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert effects(http) == ["product created"] * happens


def test_a_429_has_no_effect_and_says_how_long_to_wait(http: httpx.Client):
    put(http, {"fault": "429", "retry_after": 7, "times": 1})
    answer = create(http)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["code"] == "TOO_MANY_REQUESTS"
    assert effects(http) == []


def test_a_truncated_body_is_shorter_than_promised_and_the_effect_happened(http: httpx.Client):
    put(http, {"fault": "truncated", "times": 2})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        create(http)
    assert effects(http) == ["product created"]
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/products")


def test_an_empty_answer_is_truncated_too(http: httpx.Client):
    product_id = create(http).json()["product_id"]
    put(http, {"fault": "truncated", "match": {"method": "DELETE"}})
    with pytest.raises(httpx.RemoteProtocolError):
        http.delete(f"/products/{product_id}")
    assert effects(http) == ["product created", "product archived"]


def test_a_page_of_html_with_status_200_has_no_effect(http: httpx.Client):
    put(http, {"fault": "html_200", "times": 1})
    answer = create(http)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<html>")
    assert effects(http) == []


@pytest.mark.parametrize("fault", ["latency", "slow_body"])
def test_a_slow_answer_is_whole_in_the_end(http: httpx.Client, fault: str):
    put(http, {"fault": fault, "seconds": 0.2, "times": 1})
    begin = time.monotonic()
    answer = create(http)
    assert time.monotonic() - begin >= 0.19
    assert answer.json()["name"] == "Pro"
    assert effects(http) == ["product created"]


@pytest.mark.parametrize(("fault", "happens"), [("stall", False), ("stall_after", True)])
def test_a_stalled_request_is_given_up_by_the_client(http: httpx.Client, fault: str, happens: bool):
    put(http, {"fault": fault, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        http.post("/products", json=bodies.product(), timeout=0.3)
    assert effects(http) == ["product created"] * happens
    assert create(http).status_code == 200


def test_a_stalled_request_does_not_keep_the_others_waiting(http: httpx.Client, sandbox):
    put(http, {"fault": "stall", "match": {"route": "/meters"}})
    failures: list[type[Exception]] = []

    def wait_for_nothing() -> None:
        try:
            httpx.get(f"{sandbox.url}/meters", timeout=0.5)
        except httpx.HTTPError as error:
            failures.append(type(error))

    waiting = threading.Thread(target=wait_for_nothing)
    waiting.start()
    assert create(http).status_code == 200
    waiting.join()
    assert failures == [httpx.ReadTimeout]


def test_a_rule_strikes_the_nth_request_of_its_route_only(http: httpx.Client):
    put(http, {"fault": "500_before", "match": {"method": "GET", "route": "/products/{id}"}, "nth": 2})
    product_id = create(http).json()["product_id"]
    answers = [http.get(f"/products/{product_id}").status_code for _ in range(4)]
    assert answers == [200, 500, 200, 200]
    assert http.get("/products").status_code == 200
    (rule,) = http.get("/_sandbox/faults").json()["rules"]
    assert (rule["seen"], rule["fired"]) == (4, 1)


def test_a_rule_strikes_several_times_from_the_nth_on(http: httpx.Client):
    put(http, {"fault": "429", "match": {"route": "/product*"}, "nth": 2, "times": 2})
    assert [http.get("/products").status_code for _ in range(5)] == [200, 429, 429, 200, 200]


def test_the_first_of_two_rules_wins_and_latency_goes_with_any(http: httpx.Client):
    put(
        http,
        {"fault": "latency", "seconds": 0.1},
        {"fault": "500_before", "times": 1},
        {"fault": "429", "times": 1},
    )
    begin = time.monotonic()
    assert [http.get("/products").status_code for _ in range(3)] == [500, 429, 200]
    assert time.monotonic() - begin >= 0.29


def test_a_rate_draws_the_same_requests_every_time():
    def struck(seed: int) -> list[int]:
        rule = Rule.model_validate({"fault": "reset", "rate": 0.25, "seed": seed})
        return [seen for seen in range(1, 1001) if rule.strikes(seen, 0)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 200 < len(struck(1)) < 300


def test_faults_are_taken_away(http: httpx.Client):
    put(http, {"fault": "500_before"})
    assert http.get("/products").status_code == 500
    assert http.delete("/_sandbox/faults").json() == {"rules": []}
    assert http.get("/products").status_code == 200


def test_the_controls_meet_no_faults(http: httpx.Client):
    put(http, {"fault": "reset"}, {"fault": "reset", "match": {"route": "/_sandbox/*"}})
    assert http.get("/_sandbox/ledger").status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"fault": "flood"},
        {"fault": "reset", "nth": 0},
        {"fault": "reset", "rate": 1.5},
        {"fault": "latency", "seconds": -1},
        {"fault": "reset", "when": "now"},
    ],
)
def test_a_rule_that_is_not_right_is_refused(http: httpx.Client, rule: dict[str, Any]):
    answer = http.post("/_sandbox/faults", json={"rules": [rule]})
    assert (answer.status_code, set(answer.json())) == (422, {"code", "message"})
    assert http.get("/_sandbox/faults").json() == {"rules": []}
