"""Ignore: a field is written when an object is made, and never after."""

from __future__ import annotations

import httpx
import pytest

from tests.lifecycle.conftest import PRO, Place, told


def ignoring(*paths: str) -> str:
    return PRO.replace("name: pro}\n", f"name: pro}}\nlifecycle:\n  ignore: [{', '.join(paths)}]\n")


def test_what_is_ignored_and_differs_is_told_and_never_written(place: Place, http: httpx.Client):
    place.write("specs/pro.yaml", ignoring("spec.description"))
    product = place.ids()["Plan/pro:monthly"]
    assert http.patch(f"/products/{product}", json={"description": "By hand"}).is_success
    planned = place.plan()
    assert planned.change_set is not None
    assert planned.change_set.changes == ()
    assert told(planned.change_set) == [
        "Plan/pro:monthly: its spec ignores what differs and stays: description is By hand, For teams in the spec",
    ]
    assert place.drifted() == []
    place.replace("specs/pro.yaml", "title: Pro", "title: Pro 2")
    changed = {change.address: change for change in place.converge().changes}
    assert changed["Plan/pro:monthly"].after["description"] == "By hand"
    assert http.get(f"/products/{product}").json()["description"] == "By hand"


def test_an_ignored_amount_takes_with_it_what_is_computed_from_it(place: Place):
    place.write("specs/pro.yaml", ignoring("spec.prices.monthly.amount").replace("49 USD", "99 USD"))
    planned = place.plan()
    assert planned.change_set is not None
    assert planned.change_set.changes == ()
    [_, monthly] = told(planned.change_set)
    assert "price is 49 USD, 99 USD in the spec" in monthly


def test_a_field_that_the_spec_does_not_say_can_be_ignored(place: Place, http: httpx.Client):
    place.write("specs/pro.yaml", ignoring("spec.trial", "spec.features"))
    product = place.ids()["Plan/pro:monthly"]
    price = http.get(f"/products/{product}").json()["price"]
    assert http.patch(f"/products/{product}", json={"price": {**price, "trial_period_days": 7}}).is_success
    assert place.changes() == []


def test_an_object_that_is_made_gets_what_is_ignored_later(place: Place, http: httpx.Client):
    place.write(
        "specs/team.yaml", ignoring("spec.description").replace("name: pro", "name: team").replace(": Pro", ": T")
    )
    place.converge()
    assert http.get(f"/products/{place.ids()['Plan/team:monthly']}").json()["description"] == "For teams"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec.descripton", '5:12: lifecycle.ignore[0]: there is no "descripton" there\n  hint: did you mean "desc'),
        ("spec.prices.weekly.amount", '5:12: lifecycle.ignore[0]: there is no "weekly" there\n  hint: there are: mon'),
        ('"spec.usage[3]"', "5:12: lifecycle.ignore[0]: there is no position 3 there"),
        ("metadata.name", '5:12: lifecycle.ignore[0]: "metadata.name" is not written as it must be'),
        ("spec.existing", "5:12: lifecycle.ignore[0]: spec.existing cannot be ignored"),
    ],
)  # fmt: skip
def test_what_cannot_be_ignored_is_told_with_its_place(place: Place, path: str, told: str):
    place.write("specs/pro.yaml", ignoring(path))
    assert place.mistakes()[0].startswith(f"specs/pro.yaml:{told}")
