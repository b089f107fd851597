"""Layers: defaults under specs, variants and overlays over them, merged in one way and told where they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.main import run
from reconciler.engine.config import load_workspace
from reconciler.engine.desired import Desired, load_desired
from reconciler.engine.index import Index
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.compose import Value
from reconciler.spec.layers import merged
from tests.lifecycle.conftest import LAUNCH, PRO, Place

OVER = """
kind: Plan
metadata: {name: pro}
spec:
  prices: {monthly: {amount: 59 USD}}
  trial: {days: 14, card: required}
remove: [spec.description]
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Specs, and an account with overlays; nothing is sent anywhere."""
    found = Place(tmp_path, "http://127.0.0.1:1")
    found.workspace(account="overlays: [overlays/live]")
    found.write("specs/pro.yaml", PRO)
    found.write("specs/launch.yaml", LAUNCH)
    found.write("overlays/live/pro.yaml", OVER)
    return found


def desired(place: Place, *, account: bool = True, index: Index | None = None) -> Desired:
    workspace, told = load_workspace(place.folder, index)
    assert workspace is not None, [str(one) for one in told]
    return load_desired(workspace, Dodo(), workspace.spec.accounts["books"] if account else None)


def prices(found: Desired) -> dict[str, object]:
    assert found.diagnostics == (), [str(one) for one in found.diagnostics]
    bodies = {one.address: one.body for one in found.resources if one.address.startswith("Plan/")}
    return {address: body["price"]["price"] for address, body in bodies.items()}


def told(found: Desired) -> list[str]:
    return [str(one).partition("\n")[0] for one in found.diagnostics]


def test_an_overlay_changes_what_it_says_and_leaves_the_rest(place: Place):
    found = desired(place)
    assert prices(found) == {"Plan/pro:annual": 56640, "Plan/pro:monthly": 5900}
    body = found.resources[-1].body
    assert (body["price"]["trial_period_days"], body["description"]) == (14, None)
    assert prices(desired(place, account=False)) == {"Plan/pro:annual": 47040, "Plan/pro:monthly": 4900}
    assert found.layered == (("overlays/live", 3),)


def test_what_an_overlay_makes_wrong_is_told_in_the_overlay(place: Place):
    place.replace("overlays/live/pro.yaml", "59 USD", "59")
    place.replace("overlays/live/pro.yaml", "days: 14", "dayz: 14")
    assert told(desired(place)) == [
        "overlays/live/pro.yaml:5:30: spec.prices.monthly.amount: 59 has no currency",
        'overlays/live/pro.yaml:6:3: spec.trial.days: "days" is missing',
        'overlays/live/pro.yaml:6:11: spec.trial.dayz: "dayz" is not a key here',
    ]


def test_what_is_wrong_with_the_spec_itself_is_told_in_the_spec(place: Place):
    place.replace("specs/pro.yaml", "discount: 20%", "discount: much")
    assert told(desired(place))[0].startswith("specs/pro.yaml:10:24: spec.prices.annual.discount:")


def test_overlays_that_are_over_nothing_are_told(place: Place):
    place.write(
        "overlays/live/more.yaml", OVER.replace("name: pro", "name: prp").replace("spec.description", "spec.brand")
    )
    place.replace("overlays/live/pro.yaml", "spec.description", "spec.brand")
    assert told(desired(place)) == [
        'overlays/live/more.yaml:3:18: metadata.name: there is no Plan "prp" for this to be over',
        "overlays/live/pro.yaml:7:10: remove[0]: spec.brand is not there, so there is nothing to remove",
    ]


def test_one_path_says_a_thing_once_and_a_later_path_lies_over_an_earlier_one(place: Place):
    again = OVER.replace("59 USD", "69 USD").replace("remove: [spec.description]\n", "")
    place.write("overlays/live/twice.yaml", again)
    assert "has an overlay in overlays/live already, at overlays/live/pro.yaml:3:18" in told(desired(place))[0]
    place.remove("overlays/live/twice.yaml")
    place.write("overlays/eu/pro.yaml", again)
    place.workspace(account="overlays: [overlays/live, overlays/eu]")
    assert prices(desired(place))["Plan/pro:monthly"] == 6900


def test_overlays_among_the_specs_and_kinds_that_are_none_are_mistakes(place: Place):
    place.workspace(account="overlays: [specs/live]", more="defaults: {Plann: {taxCategory: saas}}")
    _, wrong = load_workspace(place.folder)
    assert 'defaults.Plann: "Plann" is not a kind' in str(wrong[0])
    place.workspace(account="overlays: [specs/live]")
    _, wrong = load_workspace(place.folder)
    assert '"specs/live" lies among the specs in specs' in str(wrong[0])
    place.workspace(account="overlays: [overlays/live]")
    place.replace("overlays/live/pro.yaml", "kind: Plan", "kind: Plam")
    assert 'overlays/live/pro.yaml:2:7: kind: "Plam" is not a kind' in told(desired(place))[0]


def test_defaults_fill_what_specs_of_a_kind_do_not_say(place: Place):
    place.replace("specs/pro.yaml", "  taxCategory: saas\n", "")
    assert '"taxCategory" is missing' in told(desired(place))[0]
    place.workspace(more="defaults: {Plan: {taxCategory: edtech, description: For nobody}}")
    found = desired(place)
    assert found.layered == (("the defaults in ratecard.yaml", 1),)
    assert {(one.body["tax_category"], one.body["description"]) for one in found.resources[1:]} == {
        ("edtech", "For teams")
    }


def test_a_mistake_in_a_default_is_told_in_ratecard_yaml(place: Place):
    place.replace("specs/pro.yaml", "  taxCategory: saas\n", "")
    place.workspace(more="defaults: {Plan: {taxCategory: sass}}")
    assert told(desired(place))[0].startswith('ratecard.yaml:11:34: spec.taxCategory: "sass" is not known here')


def test_variants_are_objects_of_their_own_that_share_what_they_do_not_say(place: Place):
    place.workspace()
    variants = "variants:\n  eu: {spec: {title: Pro in Europe, prices: {monthly: {amount: 45 EUR}}}}\n"
    place.write("specs/pro.yaml", PRO.strip() + "\n" + variants)
    found = desired(place)
    assert prices(found) == {
        "Plan/pro:annual": 47040, "Plan/pro:monthly": 4900,
        "Plan/pro-eu:annual": 43200, "Plan/pro-eu:monthly": 4500,
    }  # fmt: skip
    place.replace("specs/pro.yaml", "45 EUR", "45 EURO")
    assert told(desired(place))[0].startswith("specs/pro.yaml:12:64: spec.prices.monthly.amount:")


def test_a_changed_overlay_or_default_is_noticed_by_what_is_remembered(place: Place, tmp_path: Path):
    index = Index(tmp_path / "cache")
    assert prices(desired(place, index=index))["Plan/pro:monthly"] == 5900
    assert desired(place, index=index) == desired(place)
    place.replace("overlays/live/pro.yaml", "59 USD", "61 USD")
    assert prices(desired(place, index=index))["Plan/pro:monthly"] == 6100
    assert prices(desired(place, account=False, index=index))["Plan/pro:monthly"] == 4900
    place.workspace(more="defaults: {Plan: {features: [Fast]}}")
    assert desired(place, index=index).resources[-1].body["features"] == ["Fast"]


def test_fmt_keeps_overlays_canonical(place: Place, capfd: pytest.CaptureFixture[str]):
    place.replace("overlays/live/pro.yaml", "59 USD", '"59.00 USD"')
    assert run(["fmt", "--workspace", str(place.folder)]) == 0
    assert capfd.readouterr().out == "overlays/live/pro.yaml\n"
    assert "amount: 59 USD" in (place.folder / "overlays/live/pro.yaml").read_text()


def test_blame_names_the_layer_that_says_a_field(place: Place, capfd: pytest.CaptureFixture[str]):
    place.workspace(account="overlays: [overlays/live]", more="defaults: {Plan: {features: [Fast]}}")
    assert run(["blame", "specs/pro.yaml", "--workspace", str(place.folder)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines if "from" in line] == [
        ["Plan/pro", "spec.prices.monthly.amount", "59", "USD", "from", "overlays/live"],
        ["Plan/pro", "spec.trial.days", "14", "from", "overlays/live"],
        ["Plan/pro", "spec.trial.card", "required", "from", "overlays/live"],
        ["Plan/pro", "spec.features[0]", "Fast", "from", "the", "defaults", "in", "ratecard.yaml"],
    ]


SCALARS = st.sampled_from(["a", "b", 1, True])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner), max_leaves=6
)
DOCUMENTS = st.dictionaries(st.sampled_from("xyz"), VALUES)


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_an_overlay_of_nothing_is_the_base_and_merging_goes_layer_by_layer(one: Value, two: Value, three: Value):
    assert merged(one, {}) == one == merged({}, one) == merged(one, one)
    assert merged(merged(one, two), two) == merged(one, two)
    assert isinstance(merged(merged(one, two), three), dict)
