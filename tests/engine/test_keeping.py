"""What is kept between runs costs requests when it is lost, is never older than a day, and lies in no repository."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SetClock, SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.index import Index
from reconciler.engine.keeping import Keeping
from reconciler.engine.planning import Planned, make_change_set, remember
from reconciler.engine.session import open_session
from reconciler.providers.base import Kept
from reconciler.sandbox.embedded import EmbeddedSandbox

ADDON = """\
apiVersion: ratecard.dev/v1alpha1
kind: Addon
metadata: {name: seat}
spec: {title: Extra seat, taxCategory: saas, amount: 9 USD}
---
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: team}
spec:
  title: Team
  taxCategory: saas
  prices: {monthly: {amount: 20 USD, every: month}}
  addons: [seat]
"""
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def keeping(folder: Path, now: datetime = NOON) -> Keeping:
    return Keeping(Index(folder), "one account", SetClock(now))


def test_what_is_kept_is_there_in_the_next_run_and_another_account_knows_nothing_of_it(tmp_path: Path):
    first = keeping(tmp_path)
    first.keep("product", "pdt_1", Kept("a", {"addons": ["adn_1"]}))
    first.keep("product", "pdt_2", Kept("b", None))
    first.close()
    assert keeping(tmp_path).recall("product", "pdt_1") == Kept("a", {"addons": ["adn_1"]})
    assert keeping(tmp_path).recall("product", "pdt_2") == Kept("b", None)
    assert Keeping(Index(tmp_path), "another", SetClock(NOON)).recall("product", "pdt_1") is None


@pytest.mark.parametrize("later", [timedelta(days=1), timedelta(days=400), -timedelta(hours=1)])
def test_after_a_day_a_body_is_read_again_also_where_nothing_moved(tmp_path: Path, later: timedelta):
    first = keeping(tmp_path)
    first.keep("product", "pdt_1", Kept("a", {"addons": []}))
    first.close()
    young = keeping(tmp_path, NOON + timedelta(hours=23)).recall("product", "pdt_1")
    old = keeping(tmp_path, NOON + later).recall("product", "pdt_1")
    assert young is not None
    assert old is not None
    assert (young.seen, old.seen) == ("a", "")


def test_what_is_gone_is_forgotten(tmp_path: Path):
    first = keeping(tmp_path)
    first.keep("product", "pdt_1", Kept("a", None))
    first.close()
    second = keeping(tmp_path)
    second.keep_only("product", [])
    second.close()
    assert keeping(tmp_path).recall("product", "pdt_1") is None


@pytest.mark.parametrize(
    "broken", [7, {"product": {"pdt_1": "text"}}, {"product": {"pdt_1": [1, 2, 3]}}, {"product": 3}]
)
def test_a_memory_of_another_shape_is_as_if_there_were_none(tmp_path: Path, broken: object):
    index = Index(tmp_path)
    index.remember(index.key("kept", "one account"), broken)
    assert keeping(tmp_path).recall("product", "pdt_1") is None


@pytest.fixture
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


def planned(folder: Path, cache: Path, *, whole: bool = False, carry_out: bool = False) -> tuple[Planned, int]:
    """A plan in a run of its own, and the requests that it took."""
    workspace, _ = load_workspace(folder, Index(cache))
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as session:
        found = make_change_set(session, whole=whole)
        cost = sum(session.connection.requests().values())
        if carry_out:
            assert found.change_set is not None
            remember(session, found.change_set)
            approve(session, found.change_set, "Ann")
            assert apply_change_set(session, found.change_set).left == ()
    return found, cost


def test_from_run_to_run_an_unchanged_account_costs_its_lists_and_no_cache_or_a_full_refresh_costs_more(
    tmp_path: Path, sandbox: str
):
    folder, cache = tmp_path / "billing", tmp_path / "cache"
    write_workspace(folder, "acme")
    config = folder / "ratecard.yaml"
    config.write_text(config.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    (folder / "specs" / "team.yaml").write_text(ADDON)
    planned(folder, cache, carry_out=True)
    costs = [planned(folder, cache)[1], planned(folder, cache)[1], planned(folder, cache, whole=True)[1]]
    # Of ten lists five were empty, and no spec asks for any of them; each product, the headers of the webhook, and the
    # translations of each object.
    assert costs == [5, 5, 19]
    assert planned(folder, tmp_path / "lost")[1] == 12
    again = planned(folder, cache)[0].change_set
    assert again is not None
    [told] = again.warnings
    assert told.startswith("not looked for, as there were none within a day and no spec asks for any: brands, coll")
    whole = planned(folder, cache, whole=True)[0].change_set
    assert (whole and whole.digest, whole and whole.warnings) == (again.digest, ())
    kept = [
        path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file() and b"adn_" in path.read_bytes()
    ]
    assert {path.parts[0] for path in kept if "journal" not in path.name} == {"cache", "lost"}
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as http:
        [team] = [one for one in http.get("/products").json()["items"] if one["name"] == "Team"]
        assert http.patch(f"/products/{team['product_id']}", json={"addons": []}).is_success
    found, cost = planned(folder, cache)
    assert found.change_set is not None
    assert ([change.key for change in found.change_set.changes], cost) == (["update Plan/team:monthly"], 6)
