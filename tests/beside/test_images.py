"""Images by the hash of their bytes: uploaded when they change, and never for any other reason."""

from __future__ import annotations

import pytest

from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.deciding import approve
from reconciler.engine.drifting import look_for_drift
from reconciler.engine.planning import make_change_set
from reconciler.plan.document import read_document, write_document

IMAGE = b"\x89PNG one"
PRO = """apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  image: images/pro.png
  taxCategory: saas
  prices:
    monthly: {amount: 20 USD, every: month}
    annual: {amount: 200 USD, every: year}
"""
OTHERS = """---
apiVersion: ratecard.dev/v1alpha1
kind: Addon
metadata: {name: seat}
spec: {title: Seat, image: images/pro.png, taxCategory: saas, amount: 5 USD}
---
apiVersion: ratecard.dev/v1alpha1
kind: Brand
metadata: {name: acme}
spec: {title: Acme, image: images/pro.png}
---
apiVersion: ratecard.dev/v1alpha1
kind: Collection
metadata: {name: all}
spec: {title: All, image: images/pro.png, groups: [{plans: [pro]}]}
"""


def with_image(place, text: str):
    here = place()
    (here.folder / "images").mkdir()
    (here.folder / "images" / "pro.png").write_bytes(IMAGE)
    here.write_files({"pro.yaml": text})
    return here


def images(dodo) -> list[str | None]:
    return [one["image"] for one in dodo.call("GET", "/products")["items"]]


def test_whatever_can_have_an_image_gets_the_one_in_the_file(place, dodo) -> None:
    here = with_image(place, PRO + OTHERS)
    with here.open() as work:
        change_set = work.converge()
        made = sorted(one.address for one in change_set.changes if one.kind == "image")
        assert made == [
            "Addon/seat:image",
            "Brand/acme:image",
            "Collection/all:image",
            "Plan/pro:annual.image",
            "Plan/pro:monthly.image",
        ]
        assert not any("(a picture)" in text for text in work.plan().warnings)
    assert all(images(dodo))
    [addon] = dodo.call("GET", "/addons")["items"]
    assert addon["image"]


def test_images_are_put_by_a_change_set_that_was_written_down(place, dodo) -> None:
    with with_image(place, PRO + OTHERS).open() as work:
        change_set = read_document(write_document(work.plan()), "plan.json")
        work.apply(change_set)
    assert all(images(dodo))


def test_other_bytes_are_one_update_and_the_same_bytes_are_none(place, dodo) -> None:
    here = with_image(place, PRO)
    with here.open() as work:
        work.converge()
        before = images(dodo)
        (here.folder / "images" / "pro.png").write_bytes(IMAGE)
        assert work.plan().changes == ()
        (here.folder / "images" / "pro.png").write_bytes(b"\x89PNG two")
        change_set = work.converge()
    assert [str(one.verb) for one in change_set.changes] == ["update", "update"]
    assert set(before).isdisjoint(images(dodo))


def test_an_image_that_somebody_changed_or_took_away_is_put_back(place, dodo) -> None:
    here = with_image(place, PRO)
    with here.open() as work:
        work.converge()
        one, other = (product["product_id"] for product in dodo.call("GET", "/products")["items"])
        dodo.call("PATCH", f"/products/{one}", {"image_id": None})
        theirs = dodo.call("PUT", f"/products/{other}/images?force_update=true")
        dodo.call("PUT", theirs["url"].removeprefix(dodo.url), {"not": "ours"})
        dodo.call("PATCH", f"/products/{other}", {"image_id": theirs["image_id"]})
        assert len(look_for_drift(work.session).drifts) == 2
        work.converge()
    assert all(images(dodo))


def test_an_image_that_leaves_the_spec_is_taken_away_and_one_of_others_is_told_of(place, dodo) -> None:
    here = with_image(place, PRO)
    with here.open() as work:
        work.converge()
        here.write_files({"pro.yaml": PRO.replace("  image: images/pro.png\n", "")})
        change_set = work.plan()
        assert len(change_set.irreversible()) == 2
        work.apply(change_set)
        assert images(dodo) == [None, None]
        [one, _] = dodo.call("GET", "/products")["items"]
        theirs = dodo.call("PUT", f"/products/{one['product_id']}/images?force_update=true")
        dodo.call("PUT", theirs["url"].removeprefix(dodo.url), {"not": "ours"})
        dodo.call("PATCH", f"/products/{one['product_id']}", {"image_id": theirs["image_id"]})
        change_set = work.plan()
    assert change_set.changes == ()
    assert any("1 product has image (a picture)" in text for text in change_set.warnings)


def test_a_plan_goes_with_its_images_and_comes_back_with_them(place, dodo) -> None:
    here = with_image(place, PRO + OTHERS)
    with here.open() as work:
        work.converge()
        here.write_files({"pro.yaml": OTHERS.split("---\n")[1] + "---\n" + OTHERS.split("---\n")[2]})
        change_set = work.converge()
        assert {str(one.verb) for one in change_set.changes} == {"archive"}
        here.write_files({"pro.yaml": PRO + OTHERS})
        change_set = work.converge()
        assert {str(one.verb) for one in change_set.changes} <= {"restore", "update", "create"}
    assert all(images(dodo))


@pytest.mark.parametrize("route", ["/products/{id}/images", "/products/{id}"])
@pytest.mark.parametrize("fault", ["500_before", "lost_answer"])
def test_an_upload_that_broke_off_is_made_again(place, dodo, fault: str, route: str) -> None:
    here = with_image(place, PRO)
    method = "PUT" if route.endswith("images") else "PATCH"
    dodo.fault(fault, method, route, nth=1)
    with here.open() as work:
        work.converge()
    assert all(images(dodo))


def test_the_bytes_that_were_approved_are_the_ones_that_are_sent(place, dodo) -> None:
    here = with_image(place, PRO)
    with here.open() as work:
        change_set = work.plan()
        approve(work.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        (here.folder / "images" / "pro.png").write_bytes(b"swapped")
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert "other bytes" in (applied.reason or "")
    assert images(dodo) == [None, None]


@pytest.mark.parametrize("what", ["missing", "link", "folder", "outside"])
def test_a_file_that_cannot_be_read_is_told_with_its_place(place, what: str) -> None:
    here = with_image(place, PRO if what != "outside" else PRO.replace("images/pro.png", "images/../../x.png"))
    path = here.folder / "images" / "pro.png"
    path.unlink()
    if what == "link":
        path.symlink_to("/etc/hostname")
    if what == "folder":
        path.mkdir()
    with here.open() as work:
        planned = make_change_set(work.session)
    assert {(told.path, told.location.line) for told in planned.diagnostics} == {("spec.image", 6)}
