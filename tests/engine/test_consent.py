"""Attacks on who agreed: what is forged, flipped, borrowed, replayed or only said does not count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.base.canonical import digest
from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError, UsageError
from reconciler.engine.consent import Witness, consent
from reconciler.engine.deciding import approve, ask_for, reject, take_in
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.engine.identity.proof import Credentials
from reconciler.engine.identity.ssh import load_key, sign
from reconciler.engine.terms import Terms
from reconciler.journal.entries import EntryKind, decision_body, policy_body, run_started_body
from reconciler.plan.approval import NOBODY, Requester, satisfied
from reconciler.plan.approval_document import NAMESPACE, Approval, read_approval, write_approval
from reconciler.plan.people import Member, Requirement
from reconciler.testing.clock import BEGIN, StandingClock

from .identity.keys import Key, change_set, desk, make_key
from .identity.test_oidc import IDENTITY, ISSUER, JWKS, token

ASKED = change_set()
HOUR = timedelta(hours=1)


@pytest.fixture
def ann(tmp_path: Path) -> Key:
    return make_key(tmp_path, "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Key:
    return make_key(tmp_path, "bob")


def by(key: Key) -> Credentials:
    return Credentials(key=key.path)


def draft(person: str, **changed) -> Approval:
    asked = Approval(
        ASKED.digest, ASKED.account, ASKED.workspace, "approve", person, BEGIN, BEGIN + 24 * HOUR, None, None
    )
    return replace(asked, **changed)


def signed(key: Key, said: Approval, namespace: str = NAMESPACE) -> Approval:
    return replace(said, ssh=sign(said.signed_bytes(), load_key(key.path), namespace, interactive=False))


def terms(*members: Member, people: int = 1, roles: frozenset[str] = frozenset(), claims: bool = False) -> Terms:
    return Terms((Requirement(roles, people),), members, claims, None)


def counted(at, wanted: Terms, requester: Requester = NOBODY):
    """Whose decisions count for the change set under these terms, or why that is not enough."""
    said = Witness(at, ASKED, wanted, IssuerKeys({ISSUER: JWKS})).said()
    asked = requester if said.requester == NOBODY else said.requester
    found, why = satisfied(wanted.requirements, said.decisions, asked, wanted.members or (), BEGIN)
    return "; ".join([why, *said.ignored]) if found is None else [one.person for one in found]


def record(at, approval: Approval) -> None:
    """What somebody can do who can write to the journal."""
    body = decision_body(approval.digest, approval.person, until=approval.until, proof=approval.as_json())
    at.journal.append(EntryKind.APPROVAL, at.account_name, body)


# A real account without a policy: a person is the key that they sign with


def test_a_name_that_nobody_proved_decides_nothing_for_a_real_account(tmp_path):
    with desk(tmp_path / "home") as at:
        for decide in (approve, reject, ask_for):
            with pytest.raises(RefusedError, match="a name that nobody proved decides nothing"):
                decide(at, ASKED, "Ann")
        at.journal.append(EntryKind.APPROVAL, "trial", decision_body(ASKED.digest, "Ann", until=BEGIN + 10_000 * HOUR))
        with pytest.raises(NotApprovedError, match="nothing proves that it is by Ann"):
            consent(at, ASKED, None)


def test_a_signed_approval_holds_for_one_run_of_exactly_its_digest(tmp_path, ann):
    with desk(tmp_path / "home") as at:
        approve(at, ASKED, by(ann))
        agreed = consent(at, ASKED, None)
        assert (agreed.people, agreed.proven) == ((ann.fingerprint,), True)
        with pytest.raises(NotApprovedError, match="nobody has approved it"):
            consent(at, change_set("Y"), None)
        detail = {"approvals": list(agreed.documents)}
        at.journal.append(EntryKind.RUN_STARTED, "trial", run_started_body("r", ASKED.digest, detail))
        with pytest.raises(NotApprovedError, match="each approval is for one run"):
            consent(at, ASKED, None)


def test_an_approval_survives_planning_again_with_the_same_effects(tmp_path, ann):
    again = replace(ASKED, warnings=("specs/x.yaml:1:1: mind this",), requests={"GET": 7})
    with desk(tmp_path / "home") as at:
        approve(at, ASKED, by(ann))
        assert consent(at, again, None).people == (ann.fingerprint,)


def test_an_approval_is_written_once_and_a_rejection_takes_it_back(tmp_path, ann, bob):
    with desk(tmp_path / "home") as at:
        first = approve(at, ASKED, by(ann))
        with pytest.raises(RefusedError, match="already"):
            approve(at, ASKED, by(ann), reason="now with a reason")
        with pytest.raises(RefusedError, match="says already"):
            take_in(at, ASKED, first, "again.json")
        reject(at, ASKED, by(bob))
        with pytest.raises(NotApprovedError, match="rejected it"):
            consent(at, ASKED, None)
        record(at, first)  # the approval from before, once more
        with pytest.raises(NotApprovedError, match="rejected it"):
            consent(at, ASKED, None)
        approve(at, ASKED, by(ann))
        assert consent(at, ASKED, None).people == (ann.fingerprint,)


def test_a_run_that_was_only_said_to_have_begun_is_not_approved_by_that(tmp_path, ann):
    with desk(tmp_path / "home") as at:
        at.journal.append(EntryKind.RUN_STARTED, "trial", run_started_body("r", ASKED.digest, {"approvedBy": "Ann"}))
        run = at.journal.open_run("trial")
        assert "nobody has approved it" in (consent(at, ASKED, run).withdrawn or "")


def test_a_run_goes_on_when_its_approval_has_expired_and_stops_when_it_is_rejected(tmp_path, ann, bob):
    with desk(tmp_path / "home") as at:
        agreed = approve(at, ASKED, by(ann))
        detail = {"approvals": [agreed.name()]}
        at.journal.append(EntryKind.RUN_STARTED, "trial", run_started_body("r", ASKED.digest, detail))
        run = at.journal.open_run("trial")
        assert consent(at, ASKED, run).withdrawn is None
        reject(at, ASKED, by(bob))
        assert "during its run" in (consent(at, ASKED, run).withdrawn or "")


def test_what_is_typed_is_signed_and_asked_for_again(tmp_path, ann):
    final = change_set("OLD", final=True)
    with desk(tmp_path / "home") as at:
        for typed in (None, "", "2", "one", "1.0"):
            with pytest.raises(RefusedError, match="cannot be undone"):
                approve(at, final, by(ann), confirmed=typed)
        said = Approval(final.digest, final.account, final.workspace, "approve", ann.fingerprint,
                        at.clock.now(), at.clock.now() + HOUR, None, None)  # fmt: skip
        with pytest.raises(RefusedError, match="no number was given"):
            take_in(at, final, signed(ann, said), "a.json")
        record(at, signed(ann, said))
        with pytest.raises(NotApprovedError, match="did not type 1"):
            consent(at, final, None)
        record(at, signed(ann, replace(said, confirmed="1")))
        assert consent(at, final, None).people == (ann.fingerprint,)


# The document


def test_no_byte_of_an_approval_file_can_be_changed(tmp_path, ann):
    data = write_approval(signed(ann, draft("ann")))
    wanted = terms(Member("ann", frozenset(), (ann.public,)))
    with desk(tmp_path / "home") as at:
        witness = Witness(at, ASKED, wanted)
        witness.check(read_approval(data, "a.json"), "a.json")
        verified = 0
        for place in range(len(data) - 1):
            changed = bytearray(data)
            changed[place] ^= 1 << (place % 7)
            with pytest.raises(RatecardError):
                witness.check(read_approval(bytes(changed), "a.json"), "a.json")
            verified += 1
        assert verified == len(data) - 1 > 700


@pytest.mark.parametrize(
    "spelled",
    [
        lambda raw: json.dumps(raw, indent=2),
        lambda raw: json.dumps({**raw, "extra": 1}),
        lambda raw: json.dumps({**raw, "at": "2026-03-01T10:00:00+01:00"}, sort_keys=True, separators=(",", ":")),
        lambda raw: json.dumps({**raw, "proof": {}}, sort_keys=True, separators=(",", ":")),
        lambda raw: json.dumps({**raw, "proof": {**raw["proof"], "claimed": True}}, sort_keys=True),
        lambda raw: json.dumps({**raw, "until": None}, sort_keys=True, separators=(",", ":")),
        lambda raw: '{"a":' * 5000,
        lambda raw: "[]",
        lambda raw: "null",
        lambda raw: "",
        lambda raw: " " * 70_000,
    ],
)
def test_a_file_that_is_not_exactly_an_approval_is_refused(ann, spelled):
    raw = json.loads(write_approval(signed(ann, draft("ann"))))
    with pytest.raises(RefusedError):
        read_approval(spelled(raw).encode(), "a.json")


@pytest.mark.parametrize(
    "other",
    [
        change_set("Y"),
        change_set(account="books"),
        change_set(mode="live"),
        change_set(workspace="other"),
        replace(ASKED, account=replace(ASKED.account, id="bus_1")),
    ],
)
def test_an_approval_of_something_else_does_not_count(tmp_path, ann, other):
    said = draft("ann", digest=other.digest, account=other.account, workspace=other.workspace)
    relabelled = replace(signed(ann, said), digest=ASKED.digest, account=ASKED.account, workspace=ASKED.workspace)
    with desk(tmp_path / "home") as at:
        witness = Witness(at, ASKED, terms(Member("ann", frozenset(), (ann.public,))))
        for approval in (signed(ann, said), relabelled, replace(relabelled, digest=other.digest)):
            with pytest.raises(RefusedError):
                witness.check(approval, "a.json")


# Under a policy


def test_only_the_key_of_a_member_counts_and_only_for_that_member(tmp_path, ann, bob):
    wanted = terms(Member("ann", frozenset(), (ann.public,)), Member("bob", frozenset()))
    with desk(tmp_path / "home") as at:
        record(at, signed(bob, draft("bob")))
        record(at, signed(bob, draft("ann")))
        record(at, signed(ann, draft("bob")))
        record(at, signed(ann, draft("ann"), namespace="git"))
        record(at, draft("ann"))
        why = counted(at, wanted, Requester("cyd", proven=True))
        assert why.count("journal entry") == 5
        assert "so far there is nobody" in why or "nobody has approved" in why
        record(at, signed(ann, draft("ann")))
        assert counted(at, wanted, Requester("cyd", proven=True)) == ["ann"]


def test_two_keys_of_one_person_are_one_person_and_a_shared_key_is_nobodys(tmp_path, ann, bob):
    both = Member("ann", frozenset(), (ann.public, bob.public))
    with desk(tmp_path / "home") as at:
        record(at, signed(ann, draft("ann")))
        record(at, signed(bob, draft("ann", reason="again")))
        assert "2 people" in counted(at, terms(both, people=2), Requester("cyd", proven=True))
        assert counted(at, terms(both), Requester("cyd", proven=True)) == ["ann"]
        shared = terms(both, Member("bob", frozenset(), (bob.public,)), people=1)
        record(at, signed(bob, draft("bob")))
        assert "belongs to ann and bob" in counted(at, replace(shared, requirements=(Requirement(frozenset(), 2),)))


def test_who_asked_for_it_does_not_approve_it_with_another_key(tmp_path, ann, bob):
    member = Member("ann", frozenset(), (ann.public, bob.public))
    with desk(tmp_path / "home") as at:
        request = signed(ann, draft("ann", decision="request", until=None))
        take = at.workspace.folder / "approvals"
        take.mkdir()
        (take / "request.json").write_bytes(write_approval(request))
        record(at, signed(bob, draft("ann")))
        assert "other than ann, who asked for it" in counted(at, terms(member))


def test_a_request_in_the_place_of_an_approval_approves_nothing(tmp_path, ann):
    with desk(tmp_path / "home") as at:
        record(at, signed(ann, draft(ann.fingerprint, decision="request", until=None)))
        with pytest.raises(NotApprovedError, match="has not decided it"):
            consent(at, ASKED, None)


def test_under_a_policy_in_force_two_members_other_than_who_asked_sign_for_a_live_account(tmp_path, ann, bob):
    cyd = make_key(tmp_path, "cyd")
    keys = {"ann": ann, "bob": bob, "cyd": cyd}
    members = [{"name": name, "roles": ["finance"], "ssh": [key.public]} for name, key in keys.items()]
    rules = [{"name": "all", "when": {}, "ask": {"roles": ["finance"], "people": 2, "notRequester": True}}]
    policy = {"name": "main", "spec": {"roles": ["finance"], "members": members, "rules": rules}}
    with desk(tmp_path / "home", "real") as at:
        live = replace(change_set(account="real", mode="live"), policy=digest(policy))
        with pytest.raises(RefusedError, match="refused for a live account"):
            approve(at, live, by(ann))
        at.journal.append(EntryKind.POLICY, "real", policy_body(policy, digest(policy), of="sha256:0", run="r-1"))
        approve(at, live, by(ann))
        with pytest.raises(NotApprovedError, match="who asked for it is not proven"):
            consent(at, live, None)
        ask_for(at, live, by(bob))
        with pytest.raises(NotApprovedError, match="so far it is ann"):
            consent(at, live, None)
        approve(at, live, by(bob))
        with pytest.raises(NotApprovedError, match="other than bob, who asked for it"):
            consent(at, live, None)
        approve(at, live, by(cyd))
        agreed = consent(at, live, None)
        assert (sorted(agreed.people), agreed.proven) == (["ann", "cyd"], True)
        with pytest.raises(RefusedError, match="belongs to nobody"):
            reject(at, live, by(make_key(tmp_path, "eve")))
        with pytest.raises(RefusedError, match="a name that nobody proved"):
            approve(at, live, "ann")


def test_who_asked_for_it_is_remembered_with_the_proof_of_it(tmp_path, ann, bob):
    with desk(tmp_path / "home") as at:
        request = ask_for(at, ASKED, by(ann))
        assert request is not None
        ask_for(at, ASKED, by(bob))
        said = Witness(at, ASKED, Terms((), None, False, None)).said()
        assert said.requester == Requester(ann.fingerprint, proven=True)
    with desk(tmp_path / "elsewhere") as other:
        assert take_in(other, ASKED, request, "request.json") is None
        assert Witness(other, ASKED, Terms((), None, False, None)).said().requester.person == ann.fingerprint


def test_approvals_lie_beside_the_specs_and_each_is_verified(tmp_path, ann, bob):
    wanted = terms(Member("ann", frozenset(), (ann.public,)), Member("bob", frozenset(), (bob.public,)), people=2)
    asked = Requester("cyd", proven=True)
    with desk(tmp_path / "home") as at:
        folder = at.workspace.folder / "approvals"
        folder.mkdir()
        (folder / "ann.json").write_bytes(write_approval(signed(ann, draft("ann"))))
        (folder / "claim.json").write_bytes(write_approval(draft("bob")))
        (folder / "broken.json").write_bytes(b"{")
        (folder / "link.json").symlink_to(folder / "ann.json")
        (folder / "folder.json").mkdir()
        (folder / "notes.txt").write_text("not read", encoding="utf-8")
        why = counted(at, wanted, asked)
        assert "2 people" in why
        assert "so far it is ann" in why
        assert "nothing proves that it is by bob" in why
        (folder / "bob.json").write_bytes(write_approval(signed(bob, draft("bob"))))
        assert counted(at, wanted, asked) == ["ann", "bob"]
        (folder / "no.json").write_bytes(
            write_approval(signed(bob, draft("bob", decision="reject", until=None, at=BEGIN + HOUR)))
        )
        assert "bob rejected it" in counted(at, wanted, asked)


# Tokens


def test_a_token_approves_one_digest_and_every_byte_beside_it_follows_from_it(tmp_path):
    known = Member("ci", frozenset({"ci"}), oidc=(IDENTITY,))
    wanted = terms(known, roles=frozenset({"ci"}))
    text = token(aud=draft("ci").audience())
    said = draft("ci", oidc=text)
    with desk(tmp_path / "home", clock=StandingClock()) as at:
        witness = Witness(at, ASKED, wanted, IssuerKeys({ISSUER: JWKS}))
        witness.check(said, "a.json")
        for changed in (
            {"reason": "because"},
            {"until": BEGIN + 23 * HOUR},
            {"at": BEGIN + timedelta(seconds=1)},
            {"confirmed": "3"},
            {"decision": "reject", "until": None},
            {"decision": "request", "until": None},
            {"person": "ann"},
        ):
            with pytest.raises(RefusedError):
                witness.check(replace(said, **changed), "a.json")
        other = change_set("Y")
        with pytest.raises(RefusedError, match="not for this decision"):
            Witness(at, other, wanted, IssuerKeys({ISSUER: JWKS})).check(replace(said, digest=other.digest), "a.json")
        record(at, said)
        assert counted(at, wanted, Requester("cyd", proven=True)) == ["ci"]


def test_two_ways_to_say_who_one_is_are_refused(ann):
    with pytest.raises(UsageError):
        Credentials(name="Ann", key=ann.path)
