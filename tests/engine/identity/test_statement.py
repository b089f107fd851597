"""Signed answers: by the person whom they name, over all that they say, and good for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.base.errors import RefusedError
from reconciler.engine.identity.proof import Credentials, recognise
from reconciler.engine.identity.statement import check_statement, is_proven, sign_statement
from reconciler.journal.entries import resolution_body
from reconciler.plan.people import Member

from .keys import make_key


def test_an_answer_is_proven_by_the_key_of_the_member_whom_it_names_and_by_no_other(tmp_path: Path) -> None:
    own, other = make_key(tmp_path, "own"), make_key(tmp_path, "other")
    members = (Member("ann", frozenset(), (own.public,)), Member("bob", frozenset(), (other.public,)))
    known = recognise(Credentials(key=own.path), members, tmp_path)
    body = resolution_body("run-1", "run-1-00001", attempt=1, applied=True, by=known.person, reason="I looked")
    signed = sign_statement(body, known, interactive=False)
    check_statement(signed, members)
    for flipped in ({"applied": False}, {"by": "bob"}, {"operation": "run-1-00002"}, {"reason": ""}, {"proof": None}):
        assert not is_proven({**signed, **flipped}, members)
    assert not is_proven(signed, members[1:])
    with pytest.raises(RefusedError, match="signed with the key"):
        check_statement({**signed, "by": "bob"}, members)


def test_without_a_policy_a_person_is_the_key_that_signed(tmp_path: Path) -> None:
    own = make_key(tmp_path, "own")
    known = recognise(Credentials(key=own.path), None, tmp_path)
    body = resolution_body("run-1", "run-1-00001", attempt=1, applied=True, by=own.fingerprint, reason="I looked")
    assert is_proven(sign_statement(body, known, interactive=False), None)
    assert not is_proven({**sign_statement(body, known, interactive=False), "by": "ann"}, None)
