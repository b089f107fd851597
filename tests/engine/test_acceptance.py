"""What is applied is what the specs say, as the vendor's own client reads it, from one object to hundreds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dodopayments import DodoPayments

from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.sandbox.embedded import EmbeddedSandbox

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in REPOSITORY.glob("specs/*/ratecard.yaml"))


@pytest.fixture
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def client(sandbox: str) -> Iterator[DodoPayments]:
    with DodoPayments(
        bearer_token="dodo_test_key", base_url=sandbox, max_retries=0, _strict_response_validation=True
    ) as opened:
        yield opened


@pytest.fixture
def session(tmp_path: Path, sandbox: str) -> Iterator[Session]:
    write_workspace(tmp_path, "acme")
    path = tmp_path / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as opened:
        yield opened


def plan_and_apply(session: Session) -> Applied:
    change_set = make_change_set(session).change_set
    assert change_set is not None
    remember(session, change_set)
    approve(session, change_set, "Ann")
    return apply_change_set(session, change_set)


def test_the_vendors_client_reads_what_the_template_says(session: Session, client: DodoPayments):
    done = plan_and_apply(session)
    assert (done.reason, done.not_done, done.left) == (None, (), ())
    ids = {key.partition(" ")[2]: found for key, found in done.done.items()}

    meter = client.meters.retrieve(ids["Meter/events"])
    assert (meter.name, meter.event_name, meter.aggregation.type) == ("Events", "event.tracked", "count")

    for address, interval, price, free in (
        ("Plan/pro:monthly", "Month", 4900, 10_000),
        ("Plan/pro:annual", "Year", 47_040, 120_000),
    ):
        product = client.products.retrieve(ids[address])
        assert product.price.type == "usage_based_price"
        assert (product.price.fixed_price, product.price.currency) == (price, "USD")
        assert (product.price.payment_frequency_count, product.price.payment_frequency_interval) == (1, interval)
        [used] = product.price.meters or []
        assert (used.meter_id, used.price_per_unit, used.free_threshold) == (meter.id, "0.2", free)
        assert product.metadata["ratecard_address"] == address
        assert product.metadata["ratecard_owner"] == "acme"
        assert (product.tax_category, product.description) == ("saas", "For teams that ship every week.")

    discount = client.discounts.retrieve(ids["Discount/launch"])
    assert (discount.code, discount.amount, discount.usage_limit) == ("LAUNCH20", 2000, 500)
    assert discount.subscription_cycles == 3
    assert sorted(discount.restricted_to) == sorted([ids["Plan/pro:monthly"], ids["Plan/pro:annual"]])

    webhook = client.webhooks.retrieve(ids["Webhook/billing"])
    assert webhook.url == "https://api.example.com/billing/webhooks"
    assert len(webhook.filter_types or []) == 12
    assert all(name.startswith("subscription.") for name in webhook.filter_types or [])


PLAN = """apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: plan-{number}
spec:
  title: Plan {number}
  taxCategory: saas
  prices:
    monthly:
      amount: {number}.50 USD
      every: month
    annual:
      discount: 20%
      of: monthly
      every: year
"""


def test_hundreds_of_objects_are_made_and_found_again(session: Session, client: DodoPayments):
    documents = [PLAN.format(number=number) for number in range(1, 131)]
    (session.workspace.folder / "specs/many.yaml").write_text("---\n".join(documents))
    done = plan_and_apply(session)
    assert (len(done.done), done.left) == (265, ())
    assert make_change_set(session).unchanged == 265

    prices: dict[str, int] = {}
    number = 0
    while page := client.products.list(page_number=number, page_size=100).items:
        prices.update({product.product_id: product.price or 0 for product in page})
        number += 1
    assert len(prices) == 262
    assert prices[done.done["create Plan/plan-130:monthly"]] == 13_050
    assert prices[done.done["create Plan/plan-130:annual"]] == 125_280


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_each_example_is_canonical_and_plans_cleanly(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from shutil import copytree

    from reconciler.cli.main import run

    for name in ("SHOP_SENDER", "SHOP_TOKEN"):  # what an example says is taken from the environment
        monkeypatch.setenv(name, "told-to-nobody")
    folder = tmp_path / example.name
    copytree(example, folder)
    for arguments in (["validate"], ["fmt", "--check"], ["plan", "--account", "sandbox"]):
        assert run([*arguments, "--workspace", str(folder)]) == 0
