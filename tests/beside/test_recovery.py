"""A lost journal: what it alone knew of files, images and secrets is held against what is there, and sent to nobody."""

from __future__ import annotations

import pytest

from reconciler.engine.planning import remember
from reconciler.engine.recovering import recover

ALL = """apiVersion: ratecard.dev/v1alpha1
kind: Entitlement
metadata: {name: book}
spec: {title: Book, files: {paths: [files/book.pdf], link: https://acme.example/book}}
---
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: book}
spec: {title: Book, image: files/book.png, taxCategory: e-book, amount: 9 USD, entitlements: [book]}
---
apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata: {name: shop}
spec:
  url: https://acme.example/hooks
  events: [payment.succeeded]
  headers: {X-Team: env:HOOK_TEAM}
  secret: {to: file:keys/hook}
"""
BELOW = {"Entitlement/book:book.pdf", "Product/book:image", "Webhook/shop:headers", "Webhook/shop:secret"}
WRITES = ("PUT /products/{id}/images", "POST /entitlements/{id}/files", "PATCH /webhooks/{webhook_id}/headers")


@pytest.fixture
def lost(place, dodo, monkeypatch: pytest.MonkeyPatch):
    """A workspace that was applied, and whose journal is gone."""
    monkeypatch.setenv("HOOK_TEAM", "billing-team")
    here = place()
    (here.folder / "files").mkdir()
    (here.folder / "files" / "book.pdf").write_bytes(b"%PDF one")
    (here.folder / "files" / "book.png").write_bytes(b"\x89PNG one")
    here.write_files({"all.yaml": ALL})
    with here.open() as work:
        work.converge()
    for file in (here.folder / ".ratecard").glob("journal.db*"):
        file.unlink()
    dodo.forget_counts()
    return here


def take_over(work) -> None:
    change_set = recover(work.session, {}).change_set
    assert change_set is not None
    remember(work.session, change_set)
    work.apply(change_set)


def test_what_is_there_as_the_specs_ask_is_taken_over_and_nothing_of_it_is_sent_again(lost, dodo) -> None:
    secret = (lost.folder / "keys" / "hook").read_text()
    with lost.open() as work:
        found = recover(work.session, {})
        assert (found.questions, found.missing) == ((), ())
        assert found.change_set is not None
        assert {change.address for change in found.change_set.changes} >= BELOW
        take_over(work)
        assert work.plan().changes == ()
    assert dodo.counts().keys().isdisjoint(WRITES)
    assert (lost.folder / "keys" / "hook").read_text() == secret


def test_what_is_another_one_by_now_is_not_taken_for_ours_and_comes_with_the_next_plan(lost, dodo) -> None:
    secret = (lost.folder / "keys" / "hook").read_text()
    (lost.folder / "files" / "book.pdf").write_bytes(b"%PDF two")
    (lost.folder / "files" / "book.png").write_bytes(b"\x89PNG two")
    (lost.folder / "keys" / "hook").unlink()
    with lost.open() as work:
        found = recover(work.session, {})
        assert set(found.missing) == BELOW - {"Webhook/shop:headers"}
        take_over(work)
        made = {change.key for change in work.converge().changes}
    assert made == {*(f"create {address}" for address in found.missing), "update Entitlement/book"}
    assert (lost.folder / "keys" / "hook").read_text() == secret, "it was read again, and no new one made"


def test_a_value_that_dodo_hides_is_asked_about_and_sent_again_where_nobody_knows_it(
    place, dodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TEAM", "billing-team")
    here = place()
    here.write_files({"hook.yaml": ALL.rpartition("---\n")[2].replace("X-Team", "X-Team-Token")})
    with here.open() as work:
        work.converge()
    for file in (here.folder / ".ratecard").glob("journal.db*"):
        file.unlink()
    with here.open() as work:
        [question] = recover(work.session, {}).questions
        assert (question.address, "X-Team-Token" in question.reason) == ("Webhook/shop:headers", True)
        found = recover(work.session, {question.address: question.choices[0][0]})
        assert found.change_set is not None
        assert "Webhook/shop:headers" in {change.address for change in found.change_set.changes}
        found = recover(work.session, {question.address: None})
        assert found.change_set is not None
        assert "Webhook/shop:headers" not in {change.address for change in found.change_set.changes}
        remember(work.session, found.change_set)
        work.apply(found.change_set)
        assert [change.key for change in work.converge().changes] == ["create Webhook/shop:headers"]
