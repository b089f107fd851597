"""Files that customers download: uploaded once for the bytes they have, and never attached twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import httpx
import pytest

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.drift_accepting import rewrite_specs
from reconciler.engine.drift_deciding import choose
from reconciler.engine.drifting import look_for_drift
from reconciler.engine.importing import import_account, write_specs
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import open_session
from reconciler.providers.dodo.capabilities import CAPABILITIES, FILE
from reconciler.providers.dodo.client import Client
from reconciler.sandbox.files import LARGEST
from reconciler.testing.clock import StandingClock
from tests.laws.place import KEY

BOOK = b"%PDF one"
HANDBOOK = """apiVersion: ratecard.dev/v1alpha1
kind: Entitlement
metadata: {name: handbook}
spec:
  title: Handbook
  files:
    paths:
      - files/handbook.pdf
      - files/samples.zip
    instructions: Read it first
"""
SAMPLES = "      - files/samples.zip\n"


def with_files(place, text: str = HANDBOOK):
    here = place()
    (here.folder / "files").mkdir()
    (here.folder / "files" / "handbook.pdf").write_bytes(BOOK)
    (here.folder / "files" / "samples.zip").write_bytes(b"PK samples")
    here.write_files({"handbook.yaml": text})
    return here


def attached(dodo) -> dict[str, bytes]:
    """What customers can download, with its bytes."""
    [one] = dodo.call("GET", "/entitlements")["items"]
    files = one["integration_config"]["digital_files"]["files"]
    assert len({file["filename"] for file in files}) == len(files), "no file is there twice"
    return {file["filename"]: httpx.get(file["download_url"], trust_env=False).content for file in files}


def ids(dodo) -> list[str]:
    [one] = dodo.call("GET", "/entitlements")["items"]
    return [file["file_id"] for file in one["integration_config"]["digital_files"]["files"]]


def by_hand(dodo, name: str = "theirs.pdf", data: bytes = b"theirs") -> str:
    [one] = dodo.call("GET", "/entitlements")["items"]
    url = f"{dodo.url}/entitlements/{one['id']}/files"
    key = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(url, files={"file": (name, data, "application/pdf")}, headers=key, trust_env=False)
    assert answer.status_code == 201, answer.text
    return answer.json()["file_id"]


def test_each_file_is_uploaded_once_and_the_change_set_holds_its_hash_size_and_name_alone(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        change_set = work.converge()
        [made] = [one for one in change_set.changes if one.address == "Entitlement/handbook:handbook.pdf"]
        assert made.after == {
            "of": {"$ref": "Entitlement/handbook"},
            "name": "handbook.pdf",
            "file": "files/handbook.pdf",
            "sha256": hashlib.sha256(BOOK).hexdigest(),
            "size": len(BOOK),
        }
        assert attached(dodo) == {"handbook.pdf": BOOK, "samples.zip": b"PK samples"}
        before = ids(dodo)
        (here.folder / "files" / "handbook.pdf").write_bytes(BOOK)
        assert work.plan().changes == ()
    assert ids(dodo) == before


def test_other_bytes_replace_the_file_and_another_folder_does_not(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        before = ids(dodo)
        (here.folder / "files" / "handbook.pdf").write_bytes(b"%PDF two")
        change_set = work.plan()
        assert [str(one.verb) for one in change_set.changes] == ["replace", "delete"]
        assert len(change_set.irreversible()) == 2
        work.apply(change_set)
        assert attached(dodo) == {"handbook.pdf": b"%PDF two", "samples.zip": b"PK samples"}
        assert len(set(before) & set(ids(dodo))) == 1
        (here.folder / "new").mkdir()
        (here.folder / "files" / "samples.zip").rename(here.folder / "new" / "samples.zip")
        here.write_files({"handbook.yaml": HANDBOOK.replace("files/samples.zip", "new/samples.zip")})
        kept = ids(dodo)
        assert [str(one.verb) for one in work.converge().changes] == ["update"]
    assert ids(dodo) == kept


def test_words_beside_files_change_without_touching_any_file(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        before = ids(dodo)
        here.write_files({"handbook.yaml": HANDBOOK.replace("Read it first", "Begin with the samples")})
        change_set = work.converge()
        assert [(one.kind, str(one.verb)) for one in change_set.changes] == [("entitlement", "update")]
        assert ids(dodo) == before
        # At the same time as a file comes and another goes.
        (here.folder / "files" / "handbook.pdf").write_bytes(b"%PDF two")
        here.write_files({"handbook.yaml": HANDBOOK.replace(SAMPLES, "")})
        work.converge()
    assert attached(dodo) == {"handbook.pdf": b"%PDF two"}


def test_a_file_that_is_in_no_spec_any_more_is_taken_away_and_the_rest_stays(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        here.write_files({"handbook.yaml": HANDBOOK.replace(SAMPLES, "")})
        change_set = work.plan()
        assert [one.key for one in change_set.irreversible()]
        work.apply(change_set)
        assert attached(dodo) == {"handbook.pdf": BOOK}
        here.write_files({"handbook.yaml": HANDBOOK})
        work.converge()
        assert len(attached(dodo)) == 2


def test_a_file_that_was_added_is_taken_away_by_the_reverse(place, dodo) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    with here.open() as work:
        work.converge()
        here.write_files({"handbook.yaml": HANDBOOK})
        added = work.converge()
        assert len(attached(dodo)) == 2
        work.revert(added)
    assert attached(dodo) == {"handbook.pdf": BOOK}


def test_a_file_that_somebody_attached_by_hand_is_told_as_drift_and_one_they_took_away_comes_back(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        theirs = by_hand(dodo)
        [drift] = look_for_drift(work.session).drifts
        assert (drift.address, theirs in str(drift)) == ("Entitlement/handbook", True)
        here.write_files({"handbook.yaml": f"{HANDBOOK}    ids: [{theirs}]\n"})
        assert work.plan().changes == ()
        [one] = dodo.call("GET", "/entitlements")["items"]
        dodo.call("DELETE", f"/entitlements/{one['id']}/files/{ids(dodo)[0]}")
        change_set = work.converge()
        assert [str(one.verb) for one in change_set.changes] == ["create"]
    assert attached(dodo) == {"handbook.pdf": BOOK, "samples.zip": b"PK samples", "theirs.pdf": b"theirs"}


def test_an_entitlement_that_was_deleted_by_hand_comes_back_with_its_files(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        [one] = dodo.call("GET", "/entitlements")["items"]
        dodo.call("DELETE", f"/entitlements/{one['id']}")
        work.converge()
        assert len(attached(dodo)) == 2
        here.write_files({})
        change_set = work.converge()
    assert [one.kind for one in change_set.changes] == ["entitlement"]


@pytest.mark.parametrize("fault", ["500_before", "500_after", "lost_answer", "truncated"])
def test_an_upload_without_an_answer_attaches_the_file_once(place, dodo, fault: str) -> None:
    here = with_files(place)
    dodo.fault(fault, "POST", "/entitlements/{id}/files", nth=1)
    with here.open() as work:
        work.converge()
    assert len(attached(dodo)) == 2
    assert dodo.effects().count("file attached") == 2


class Killed(BaseException):
    """The process is gone."""


def killed() -> None:
    raise Killed


@pytest.mark.parametrize("point", ["apply.before_write", "write.answered", "apply.after_write"])
def test_a_run_that_broke_beside_the_upload_is_resumed_and_attaches_the_file_once(place, dodo, point: str) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    armed = ArmedFailpoints()
    armed.arm(point, 2, killed)
    with open_session(here.workspace, None, StandingClock(), failpoints=armed) as session:
        change_set = make_change_set(session).change_set
        assert change_set is not None
        remember(session, change_set)
        approve(session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        with pytest.raises(Killed):
            apply_change_set(session, change_set)
    with here.open() as work:
        applied = apply_change_set(work.session, change_set, resume=True)
        assert (applied.result, applied.left) == (Result.APPLIED, ())
        assert work.plan().changes == ()
    assert attached(dodo) == {"handbook.pdf": BOOK}
    assert dodo.effects().count("file attached") == 1


def test_a_file_of_others_with_the_same_name_is_not_taken_for_the_one_whose_answer_was_lost(place, dodo) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, "").replace("paths:\n      - files/handbook.pdf", "ids: [x]"))
    with here.open() as work:
        work.converge()
        theirs = by_hand(dodo, "handbook.pdf", b"%PDF 0ne")
        here.write_files({"handbook.yaml": f"{HANDBOOK.replace(SAMPLES, '')}    ids: [x, {theirs}]\n"})
        dodo.fault("500_before", "POST", "/entitlements/{id}/files", nth=1)
        work.converge()
    assert dodo.effects().count("file attached") == 2
    assert len(ids(dodo)) == 3


def test_a_file_of_several_pieces_arrives_as_it_is(place, dodo) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    long = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(100_000))  # 3.2 MB
    (here.folder / "files" / "handbook.pdf").write_bytes(long)
    with here.open() as work:
        work.converge()
    assert attached(dodo) == {"handbook.pdf": long}


def test_a_file_that_is_too_large_there_stops_the_run_and_attaches_nothing(place, dodo) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    with (here.folder / "files" / "handbook.pdf").open("wb") as file:
        file.truncate(LARGEST + 1)
    with here.open() as work:
        change_set = work.plan()
        approve(work.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert "Entitlement/handbook:handbook.pdf" in (applied.reason or "")
    assert attached(dodo) == {}


@pytest.mark.parametrize("swapped", [b"%PDF 0ne", b"%PDF one and more", b""])
def test_the_bytes_that_were_approved_are_the_ones_that_are_uploaded(place, dodo, swapped: bytes) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    with here.open() as work:
        change_set = work.plan()
        approve(work.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        (here.folder / "files" / "handbook.pdf").write_bytes(swapped)
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert "files/handbook.pdf holds other bytes" in (applied.reason or "")
    assert attached(dodo) == {}


def test_a_file_that_moves_on_while_it_is_sent_ends_the_request_before_it_is_whole(
    place, dodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = with_files(place, HANDBOOK.replace(SAMPLES, ""))
    send = Client.send_file

    def meanwhile(client: Client, path: str, name: str, size: int, pieces: Iterable[bytes]) -> object:
        (here.folder / "files" / "handbook.pdf").write_bytes(b"%PDF 0ne")
        return send(client, path, name, size, pieces)

    monkeypatch.setattr(Client, "send_file", meanwhile)
    with here.open() as work:
        change_set = work.plan()
        approve(work.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert attached(dodo) == {}


@pytest.mark.parametrize("what", ["missing", "link", "folder", "empty", "too large"])
def test_a_file_that_cannot_be_uploaded_is_told_with_its_place(place, what: str) -> None:
    here = with_files(place)
    path = here.folder / "files" / "samples.zip"
    path.unlink()
    if what == "link":
        path.symlink_to("/etc/hostname")
    if what == "folder":
        path.mkdir()
    if what == "empty":
        path.touch()
    if what == "too large":
        with path.open("wb") as file:
            file.truncate(CAPABILITIES.kinds[FILE].largest_file + 1)  # a hole, which takes no place
    with here.open() as work:
        planned = make_change_set(work.session)
    [told] = planned.diagnostics
    assert (planned.change_set, told.path, told.location.line) == (None, "spec.files.paths.1", 9)
    assert "files/samples.zip" in told.message


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ("[files/handbook.pdf, other/Handbook.pdf]", "customers see the name alone"),
        ("[/etc/passwd]", "paths"),
        ("['../handbook.pdf']", "beneath the workspace"),
        ("[.ratecard/journal.db]", "is not for customers"),
        ("[deploy/.env]", "is not for customers"),
    ],
)
def test_paths_that_cannot_be_are_mistakes_of_the_spec(place, paths: str, words: str) -> None:
    here = with_files(place, HANDBOOK.partition("    paths:")[0] + f"    paths: {paths}\n")
    with here.open() as work:
        planned = make_change_set(work.session)
    [told] = planned.diagnostics
    assert words in f"{told.path} {told.message}"


def test_a_file_that_holds_the_key_of_an_account_is_uploaded_to_nobody(
    place, dodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = with_files(place)
    path = here.folder / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox,", "mode: sandbox, key: env:ACCOUNT_KEY,"))
    monkeypatch.setenv("ACCOUNT_KEY", KEY)
    workspace, _ = load_workspace(here.folder)
    assert workspace is not None
    here.workspace = workspace
    (here.folder / "files" / "samples.zip").write_text(f"export DODO={KEY}\n")
    with here.open() as work:
        planned = make_change_set(work.session)
    [told] = planned.diagnostics
    assert (told.path, KEY in told.message) == ("spec.files.paths.1", False)
    assert "POST /entitlements" not in dodo.counts()


def test_a_file_of_others_is_kept_in_the_spec_beside_ours_when_it_is_accepted(place, dodo) -> None:
    here = with_files(place)
    with here.open() as work:
        work.converge()
        theirs = by_hand(dodo)
        [rewritten] = rewrite_specs(work.session, choose(look_for_drift(work.session), ["Entitlement/handbook"]))
        assert (theirs in rewritten.text, "files/handbook.pdf" in rewritten.text) == (True, True)
        here.write_files({"handbook.yaml": rewritten.text})
        assert work.plan().changes == ()


def test_an_import_names_files_that_are_there_by_their_ids_and_leaves_them_where_they_are(place, dodo) -> None:
    with with_files(place).open() as work:
        work.converge()
    before = ids(dodo)
    [one] = dodo.call("GET", "/entitlements")["items"]
    dodo.call("PATCH", f"/entitlements/{one['id']}", {"metadata": {}})
    there = place("other")
    with there.open() as work:
        found = import_account(work.session)
        write_specs(there.folder, found.specs)
        assert all(file_id in found.specs[0].text for file_id in before)
        work.converge()
    assert ids(dodo) == before
