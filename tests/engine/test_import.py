"""Import: what is live becomes specs that take it over; then there is nothing left to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.importing import import_account, write_specs
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.plan.change_set import Change, Verb
from reconciler.sandbox.embedded import EmbeddedSandbox

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in REPOSITORY.glob("specs/*/ratecard.yaml"))
MARKED = {"products": "product_id", "discounts": "discount_id", "webhooks": "id", "entitlements": "id"}
WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {{name: {name}}}
spec:
  account: sandbox
  accounts:
    sandbox: {{provider: dodo, mode: sandbox, url: {url}}}
"""


@pytest.fixture
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def session(tmp_path: Path, sandbox: str) -> Iterator[Session]:
    folder = tmp_path / "taking-over"
    (folder / "specs").mkdir(parents=True)
    (folder / "ratecard.yaml").write_text(WORKSPACE.format(name="taking-over", url=sandbox))
    with opened(folder) as session:
        yield session


def opened(folder: Path):
    workspace, mistakes = load_workspace(folder)
    assert workspace is not None, mistakes
    return open_session(workspace, None, SystemClock())


def plan_and_apply(session: Session) -> Applied:
    planned = make_change_set(session)
    assert planned.change_set is not None, planned.diagnostics
    remember(session, planned.change_set)
    approve(session, planned.change_set, "Ann", confirmed=len(planned.change_set.irreversible()))
    return apply_change_set(session, planned.change_set)


def by_hand(example: Path, folder: Path, sandbox: str, http: httpx.Client) -> None:
    """Make the objects of an example, and take our marks off them: as if somebody had made them in the dashboard."""
    import shutil

    shutil.copytree(example, folder, dirs_exist_ok=True)
    workspace = (
        (example / "ratecard.yaml").read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n")
    )
    kept = [line for line in workspace.splitlines() if "seed:" not in line and "database:" not in line]
    (folder / "ratecard.yaml").write_text("\n".join(kept) + "\n")
    with opened(folder) as session:
        assert plan_and_apply(session).left == ()
    for path, key in MARKED.items():
        answer = http.get(f"/{path}", params={"limit": 100} if path == "webhooks" else {"page_size": 100}).json()
        for item in answer.get("items") or answer.get("data") or ():
            metadata = {k: v for k, v in (item.get("metadata") or {}).items() if k.startswith("ratecard_feature")}
            assert http.patch(f"/{path}/{item[key]}", json={"metadata": metadata}).is_success


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_what_was_made_by_hand_is_taken_over_without_a_change(example, tmp_path, sandbox, http, session, monkeypatch):
    for name in ("SHOP_SENDER", "SHOP_TOKEN"):
        monkeypatch.setenv(name, "told-to-nobody")
    by_hand(example, tmp_path, sandbox, http)
    found = import_account(session)
    assert (found.left, found.diagnostics) == ((), ())
    write_specs(session.workspace.folder, found.specs)
    before = http.get("/_sandbox/ledger").json()
    planned = make_change_set(session)
    assert planned.change_set is not None, planned.diagnostics
    assert {change.verb for change in planned.change_set.changes} == {Verb.ADOPT}
    done = plan_and_apply(session)
    assert (done.reason, done.left) == (None, ())
    assert made_or_gone(http.get("/_sandbox/ledger").json()) == made_or_gone(before)


def made_or_gone(ledger) -> list:
    entries = ledger if isinstance(ledger, list) else ledger["entries"]
    return [entry for entry in entries if entry.get("action", entry.get("act")) in ("create", "archive", "delete")]


def product(http: httpx.Client, name: str, **price) -> str:
    body = {
        "name": name,
        "tax_category": "saas",
        "price": {
            "type": "recurring_price",
            "currency": "USD",
            "price": 4900,
            "discount_bps": 0,
            "purchasing_power_parity": False,
            "payment_frequency_count": 1,
            "payment_frequency_interval": "Month",
            "subscription_period_count": 20,
            "subscription_period_interval": "Year",
            **price,
        },
    }
    answer = http.post("/products", json=body)
    assert answer.is_success, answer.text
    return answer.json()["product_id"]


def test_a_monthly_and_an_annual_product_become_one_plan_under_the_names_that_they_have(http, session):
    monthly = product(http, "Pro Monthly")
    annual = product(http, "Pro - Yearly", price=47040, payment_frequency_interval="Year")
    found = import_account(session)
    assert [(spec.kind, spec.name, spec.ids) for spec in found.specs] == [("Plan", "pro", (monthly, annual))]
    write_specs(session.workspace.folder, found.specs)
    assert plan_and_apply(session).left == ()
    assert {http.get(f"/products/{one}").json()["name"] for one in (monthly, annual)} == {"Pro Monthly", "Pro - Yearly"}


def test_products_that_differ_in_more_than_the_price_are_kept_apart_and_told_of(http, session):
    product(http, "Pro Monthly", trial_period_days=14)
    product(http, "Pro Annual", price=47040, payment_frequency_interval="Year")
    found = import_account(session)
    assert [spec.name for spec in found.specs] == ["pro-monthly", "pro-annual"]
    assert "their trials differ" in found.apart[0]


def test_what_no_spec_can_say_is_left_as_it_is_with_the_field_that_is_in_the_way(http, session):
    old = product(http, "Pro")
    http.patch(f"/products/{old}", json={"license_key_enabled": True}).raise_for_status()
    found = import_account(session)
    assert found.specs == ()
    assert [(resource.title, reason) for resource, reason in found.left] == [
        ("Pro", "it makes licence keys by itself: attach an entitlement with licence keys at Dodo instead")
    ]


def test_terms_of_all_prices_and_of_one_are_taken_over_with_their_products(http, session):
    shared = {"tax_inclusive": True, "purchasing_power_parity": True, "zero_amount_payment_method_optional": True}
    trial = {"trial_period_days": 14, "trial_amount": 100, "trial_apply_discounts": True}
    product(http, "Pro Monthly", **shared, **trial, discount_bps=1250)
    ending = {"subscription_period_count": 3, "payment_frequency_interval": "Year"}
    product(http, "Pro Annual", **shared, **trial, **ending, price=47040)
    (found,) = import_account(session).specs
    for line in (
        "tax: included",
        "purchasingPowerParity: true",
        "cardWhenFree: optional",
        "standingDiscount: 12.5%",
        "endsAfter: 3 years",
        "amount: 1 USD",
        "discounts: true",
    ):
        assert line in found.text, found.text
    write_specs(session.workspace.folder, [found])
    assert plan_and_apply(session).left == ()


def test_add_ons_a_brand_and_a_collection_are_taken_over_with_the_products_that_carry_them(http, session):
    def make(path: str, key: str, **body) -> str:
        answer = http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()[key]

    seat = make("/addons", "id", name="Seat", price=900, currency="USD", tax_category="saas")
    acme = make("/brands", "brand_id", name="Acme", url="https://acme.example")
    monthly = product(http, "Pro Monthly")
    annual = product(http, "Pro Annual", price=47040, payment_frequency_interval="Year")
    for one in (monthly, annual):
        http.patch(f"/products/{one}", json={"addons": [seat], "brand_id": acme}).raise_for_status()
    groups = [{"group_name": "Main", "products": [{"product_id": annual}, {"product_id": monthly}]}]
    terms = {"proration_billing_mode_on_upgrade": "full_immediately", "brand_id": acme}
    make("/product-collections", "id", name="Plans", groups=groups, **terms)
    found = import_account(session)
    assert found.left == ()
    assert [spec.kind for spec in found.specs] == ["Brand", "Addon", "Plan", "Collection"]
    assert found.specs[-1].text.index("- pro:annual") < found.specs[-1].text.index("- pro:monthly")
    write_specs(session.workspace.folder, found.specs)
    planned = make_change_set(session)
    assert planned.change_set is not None, planned.diagnostics
    assert {change.verb for change in planned.change_set.changes} == {Verb.ADOPT}
    assert plan_and_apply(session).left == ()


def test_importing_twice_proposes_nothing_new(http, session):
    product(http, "Pro")
    write_specs(session.workspace.folder, import_account(session).specs)
    plan_and_apply(session)
    again = import_account(session)
    assert (again.specs, again.left) == ((), ())


def test_objects_of_another_workspace_are_never_proposed(example_of_others, session):
    found = import_account(session)
    assert found.specs == ()
    assert all("belongs to the workspace" in reason for _, reason in found.left)
    assert found.left


@pytest.fixture
def example_of_others(tmp_path, sandbox) -> None:
    import shutil

    example = REPOSITORY / "specs" / "flat"
    shutil.copytree(example, tmp_path / "others")
    path = tmp_path / "others" / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    kept = [line for line in path.read_text().splitlines() if "seed:" not in line and "database:" not in line]
    path.write_text("\n".join(kept) + "\n")
    with opened(tmp_path / "others") as session:
        plan_and_apply(session)


@pytest.mark.parametrize("name", ["flat", "saas", "credits", "regional"])
def test_specs_that_were_lost_with_their_journal_are_written_again_and_nothing_is_removed(name, tmp_path, sandbox):
    import shutil

    folder = tmp_path / "lost"
    shutil.copytree(REPOSITORY / "specs" / name, folder)
    path = folder / "ratecard.yaml"
    text = path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n")
    path.write_text("".join(line for line in text.splitlines(True) if "seed:" not in line and "database:" not in line))
    with opened(folder) as session:
        plan_and_apply(session)
    shutil.rmtree(folder / ".ratecard")
    shutil.rmtree(folder / "specs")
    (folder / "specs").mkdir()
    with opened(folder) as session:
        found = import_account(session)
        assert found.left == ()
        write_specs(folder, found.specs)
        assert {change.verb for change in planned(session)} <= {Verb.ADOPT}
        assert import_account(session).specs == ()


@pytest.mark.parametrize("name", ["../../../outside", "Pro", "", "a/b", "pro\n"])
def test_a_mark_that_a_stranger_wrote_names_no_file(name, http, session):
    mark = {"ratecard_owner": session.workspace.name, "ratecard_address": f"Plan/{name}:monthly"}
    made = product(http, "Team")
    http.patch(f"/products/{made}", json={"metadata": mark}).raise_for_status()
    found = import_account(session)
    assert found.specs == ()
    assert [(left.id, "already belongs to" in reason) for left, reason in found.left] == [(made, True)]


def test_what_was_taken_over_can_be_replaced_and_lost_and_its_spec_still_plans(http, session):
    body = {"name": "Calls", "event_name": "call", "aggregation": {"type": "count"}, "measurement_unit": "call"}
    first = http.post("/meters", json=body).raise_for_status().json()["id"]
    hook = {"url": "https://acme.example/hook", "filter_types": ["payment.failed"]}
    lost = http.post("/webhooks", json=hook).raise_for_status().json()["id"]
    write_specs(session.workspace.folder, import_account(session).specs)
    plan_and_apply(session)
    spec = session.workspace.folder / "specs" / "meter-calls.yaml"
    spec.write_text(spec.read_text().replace("event: call", "event: called"))
    assert [change.verb for change in planned(session)] == [Verb.REPLACE, Verb.ARCHIVE]
    plan_and_apply(session)
    assert first in spec.read_text()
    assert planned(session) == (), "it says still what it takes over, and has done so"
    http.delete(f"/webhooks/{lost}").raise_for_status()
    assert [change.reason for change in planned(session)] == [f"{lost} was deleted outside of Ratecard"]
    plan_and_apply(session)
    assert planned(session) == ()


def planned(session: Session) -> tuple[Change, ...]:
    found = make_change_set(session)
    assert found.change_set is not None, found.diagnostics
    return found.change_set.changes
