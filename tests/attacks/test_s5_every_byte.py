"""Tampering: any byte of what travels is flipped, and nothing is written at the provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.base.errors import RatecardError
from reconciler.engine.applying import apply_change_set
from reconciler.engine.consent import consent
from reconciler.engine.deciding import approve, take_in
from reconciler.engine.governing import in_force
from reconciler.engine.identity.proof import Credentials
from reconciler.engine.manifests import ManifestWriter, path_of, verify
from reconciler.engine.planning import remember
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind
from reconciler.plan.approval_document import read_approval, write_approval
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.document import read_document, write_document
from tests.engine.identity.keys import change_set, desk, make_key

from . import shop
from .shop import opened, planned, spec

MONEY = (
    spec("Refund", "outage", '{payment: pay_1, amount: 10 USD, reason: "Outage"}'),
    spec("CreditGrant", "late", "{customers: [cus_widget], amount: 1 USD}"),
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("bytes")
    shop.settle(folder)
    with opened(folder) as opened_session:
        yield opened_session


def flipped(data: bytes, step: int) -> Iterator[bytes]:
    """One bit of every `step`th byte, another bit each time; no two runs differ."""
    for place in range(0, len(data), step):
        yield data[:place] + bytes([data[place] ^ (1 << (place // step) % 7)]) + data[place + 1 :]


def test_no_byte_of_a_saved_change_set_with_money_can_be_changed(session: Session) -> None:
    made = planned(session, *MONEY)
    remember(session, made)
    approve(session, made, "ann", confirmed=len(made.irreversible()))
    whole, before = write_document(made), shop.state(session)
    refused = 0
    for data in flipped(whole, 11):
        try:
            read = read_document(data, "plan.json")
        except RatecardError:
            refused += 1
            continue
        assert read == made, "what is read after all is spelled otherwise and says the same"
    assert refused >= len(whole) // 11 * 0.5  # the rest is white space, in which nothing is said
    assert shop.state(session) == before


def test_no_byte_of_a_manifest_can_be_changed(session: Session) -> None:
    level = {"customer": "cus_1", "subscription": "sub_1", "product": {"$id": "p"}, "quantity": 1}
    after = {**level, "amount_before": 4900, "amount_after": 5900, "charge": 0, "currency": "USD", "every": "month"}
    with ManifestWriter(session.manifests) as writer:
        writer.add({"id": "sub_1", "every": "month", "before": level, "after": after})
        digest = writer.write()
    told = {**writer.totals.as_body(), "manifest": digest}
    undo = Reverse(Undo.REVERSIBLE, Verb.EXECUTE)
    change = Change(Verb.EXECUTE, "PlanMigration/m", "migration", "m", "m", {"moved": 0}, told, undo)
    verify(session.manifests, change)
    path = path_of(session.manifests, digest)
    whole = path.read_bytes()
    for data in flipped(whole, 1):
        path.write_bytes(data)
        with pytest.raises(RatecardError, match="were changed after they were planned"):
            verify(session.manifests, change)


def test_no_byte_of_an_approval_can_be_changed(tmp_path) -> None:
    ann, asked = make_key(tmp_path, "ann"), change_set()
    with desk(tmp_path / "here") as at:
        whole = write_approval(approve(at, asked, Credentials(key=ann.path)))
    with desk(tmp_path / "there") as at:
        for data in flipped(whole.rstrip(), 29):
            with pytest.raises(RatecardError):
                take_in(at, asked, read_approval(data, "ann.json"), "ann.json")
        with pytest.raises(RatecardError, match="nobody has approved it"):
            consent(at, asked, None)
        take_in(at, asked, read_approval(whole, "ann.json"), "ann.json")
        assert consent(at, asked, None).proven


POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [finance]
  members: [{name: fin, roles: [finance]}, {name: flo, roles: [finance]}]
  rules: [{name: all, ask: {roles: [finance]}}]
"""


def test_no_word_of_the_policy_in_force_can_be_changed(session: Session) -> None:
    shop.adopt(session, POLICY)
    (entry,) = session.journal.entries(session.account_name, EntryKind.POLICY)
    made = planned(session, spec("CreditGrant", "one", "{customers: [cus_widget], amount: 1 USD}"))
    before = shop.state(session)[:-2]  # type: ignore[index]  # a tuple
    for name in ("policy", "policyDigest"):
        body = dict(entry.body)
        text = str(body[name]).replace("fin", "mal").replace("sha256:", "sha256:0")
        body[name] = {"name": "main", "spec": {"roles": ["finance"], "rules": []}} if name == "policy" else text[:71]
        session.journal.append(EntryKind.POLICY, session.account_name, body)
        with pytest.raises(RatecardError, match="cannot be read"):
            in_force(session.journal, session.account_name)
        for act in (lambda: approve(session, made, "fin"), lambda: apply_change_set(session, made)):
            with pytest.raises(RatecardError, match="cannot be read"):
                act()
    assert shop.state(session)[:-2] == before  # type: ignore[index]  # a tuple
