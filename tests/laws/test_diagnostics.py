"""Law 7: every mistake is told, all of them, each with a place that exists; nothing raises."""

from __future__ import annotations

import copy
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from reconciler.base.diagnostics import Severity
from reconciler.testing.specs import PLANS, workspaces
from reconciler.testing.spelling import files, spell

from .examples import few, soak
from .mistakes import MISTAKES, leaves, with_value
from .place import Place

STRAYS = (b"\t", b"\x00", b"&a", b"*a ", b"!!x ", b"{", b"- ", b": ", b"\xff", b"\xef\xbb\xbf", b"\r", b"...\n")


def errors(diagnostics):
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def assert_places_exist(place: Place, diagnostics, texts) -> None:
    for each in diagnostics:
        path = place.folder / each.location.file
        assert path.exists(), f"no such file: {each}"
        lines = path.read_bytes().decode("utf-8", "replace").splitlines() if path.is_file() else []
        assert 1 <= each.location.line <= max(1, len(lines) + 1), f"no such line: {each}\n{texts}"
        line = lines[each.location.line - 1] if each.location.line <= len(lines) else ""
        assert 1 <= each.location.column <= len(line) + 1, f"no such column: {each}\n{texts}"
        assert each.code, each
        assert each.message, each


@few(60)
@given(documents=workspaces(), spelling=st.integers(0, 999))
def test_valid_specs_have_no_errors_in_any_spelling(place, documents, spelling):
    here = place()
    here.write(documents, spelling)
    found = here.diagnostics()
    assert errors(found) == []
    assert_places_exist(here, found, documents)


def mistaken(here: Place, documents, data) -> None:
    chosen = data.draw(st.integers(0, len(documents) - 1), label="document")
    paths = [at for at in leaves(documents[chosen]) if at[0] == "spec"]
    at = data.draw(st.sampled_from(paths), label="place")
    name = data.draw(st.sampled_from(sorted(MISTAKES)), label="mistake")
    wrong = [*documents]
    wrong[chosen] = MISTAKES[name](documents[chosen], at)
    texts = files(wrong, Random(data.draw(st.integers(0, 999), label="spelling")))
    here.write_files(texts)
    found = here.diagnostics()
    assert errors(found), f"{name} at {at} is not told of\n{texts}"
    assert_places_exist(here, found, texts)


@few(250)
@given(documents=workspaces(lasting=True), data=st.data())
def test_law_7_a_mistake_anywhere_is_told_with_its_place(place, documents, data):
    mistaken(place(), documents, data)


@soak(20_000)
@given(documents=workspaces(lasting=True), data=st.data())
def test_law_7_a_mistake_anywhere_is_told_with_its_place_in_many_specs(place, documents, data):
    mistaken(place(), documents, data)


@few(60)
@given(documents=workspaces(lasting=True), data=st.data())
def test_law_7_every_document_with_a_mistake_is_told_of(place, documents, data):
    here = place()
    texts = {}
    for number, document in enumerate(documents):
        at = data.draw(st.sampled_from([path for path in leaves(document) if path[0] == "spec"]))
        texts[f"{number}.yaml"] = spell(MISTAKES[data.draw(st.sampled_from(sorted(MISTAKES)))](document, at))
    here.write_files(texts)
    found = here.diagnostics()
    assert {each.location.file for each in errors(found)} == {f"specs/{name}" for name in texts}
    assert_places_exist(here, found, texts)


@few(60)
@given(documents=workspaces(lasting=True), name=st.sampled_from(PLANS), data=st.data())
def test_law_7_a_reference_to_what_is_not_there_is_told(place, documents, name, data):
    here = place()
    chosen = next(n for n, document in enumerate(documents) if document["kind"] == "Discount")
    missing = data.draw(st.sampled_from([f"{name}x", f"{name}:weekly", "nothing:monthly"]))
    wrong = copy.deepcopy(documents)
    wrong[chosen] = with_value(wrong[chosen], ("spec", "plans"), [missing])
    here.write(wrong)
    found = errors(here.diagnostics())
    assert any(missing.partition(":")[0] in each.message or "weekly" in each.message for each in found), found
    assert_places_exist(here, found, wrong)


@few(150)
@given(documents=workspaces(lasting=True), data=st.data())
def test_law_7_a_damaged_file_never_raises(place, documents, data):
    here = place()
    name, text = next(iter(files(documents, Random(data.draw(st.integers(0, 99)))).items()))
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["replace", "insert", "cut", "repeat"])):
            case "replace":
                raw[at] = data.draw(st.integers(0, 255))
            case "insert":
                raw[at:at] = data.draw(
                    st.sampled_from([b"\t", b"\x00", b"&a", b"*a ", b"!!x ", b"{", b"- ", b": ", b"\xff"])
                )
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 40))]
                raw = raw or bytearray(b"x")
            case _:
                raw[at:at] = raw[at : at + 60]
    here.write_files({name: bytes(raw)})
    assert_places_exist(here, here.diagnostics(), bytes(raw))
