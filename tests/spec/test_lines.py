"""Reading line by line, against libyaml: what it reads it reads the same, what it is not sure of it leaves alone."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.spec.compose import Run
from reconciler.spec.core import ValidationError
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.fields import clean_text
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.lines import LineReader
from reconciler.spec.load import load_text
from reconciler.spec.models import validator
from reconciler.spec.source import Composer
from reconciler.spec.text import readable
from tests.spec.examples import ALL

ROOT = Path(__file__).resolve().parents[2]

WORDS = st.sampled_from(
    [
        *("v", "two words", "49 USD", "007", "-1", "12", "true", "Yes", "null", "~", "1.5", "2026-04-01", "é", "<<"),
        *("a:b", "https://a.example/b#c", "x #y", "it's", "[]", "{a: b}", "|", ">-", "&a", "*a", "!t v", "%", "@", "-"),
        *("'single'", "'it''s'", '"double"', '"a: b # c"', '"a\\nb"', '""', "'", '"', "a: b", "- b", "? a", ":", "..."),
    ]
)
KEYS = st.sampled_from(["a: ", "b: ", "c:", "d:", "e:  ", "f : ", "yes: ", "x/y.z-1: ", '"q": ', "1: "])
TAILS = st.sampled_from(["", "", "", "", " # c", " ", "#d", " :", "\r"])
LINES = st.one_of(
    st.builds(
        lambda indent, dash, key, word, tail: " " * indent + dash + key + word + tail,
        st.sampled_from([0, 0, 0, 1, 2, 2, 3, 4]),
        st.sampled_from(["", "", "", "- ", "-   ", "-"]),
        st.one_of(st.just(""), KEYS),
        st.one_of(st.just(""), WORDS),
        TAILS,
    ),
    st.sampled_from(
        ["a: v", "b:", "  c: v", "  d:", "    - e: v", "      f: v", "  - v", "- v", "---", "", "# c", "  "]
    ),
)
SHORT = st.lists(LINES, max_size=8).map("\n".join)
EXAMPLES = [path.read_text() for path in sorted(ROOT.glob("specs/*/specs/**/*.yaml"))]
EXAMPLE_LINES = "---\n".join([*EXAMPLES, ALL]).split("\n")


@st.composite
def edited_examples(draw):
    """Lines of good specs, of which one is moved aside, left out, doubled or replaced."""
    begins = draw(st.integers(0, len(EXAMPLE_LINES) - 1))
    lines = EXAMPLE_LINES[begins : begins + draw(st.integers(1, 40))]
    at = draw(st.integers(0, len(lines) - 1))
    lines[at : at + 1] = draw(
        st.sampled_from([[" " + lines[at]], [lines[at].strip()], [], [lines[at]] * 2, ["---"], ["", "# c"]])
        | LINES.map(lambda line: [line])
    )
    return "\n".join(lines)


@settings(max_examples=800, deadline=None)
@given(SHORT | edited_examples())
@example(ALL)
@example("# only a comment\n")
@example("# above\n---\n# below\na: v\n\n---\nb: é\n---\n")
@example("---\n---\na: v")
@example("a:\n- b: v\n  c:\n  - v\n- d:\n    e: v\nf: v\n")
@example("a: b\n  c\n")
@example("a:\nb: v\n")
def test_what_is_read_line_by_line_is_what_libyaml_reads(text):
    if not readable("a.yaml", text.encode(), []):
        return
    found = LineReader().documents(text)
    if found is not None:
        same = list(Run(text.encode(), {}).documents())
        assert repr(found) == repr(same)  # keys in the same order, 1 not true, and each document in the same place


def test_specs_as_people_write_them_are_read_line_by_line():
    found = {text: LineReader().documents(text) for text in EXAMPLES}
    left = [text for text, documents in found.items() if documents is None]
    assert len(left) <= len(found) / 10
    assert all(len(documents) == text.count("apiVersion:") > 0 for text, documents in found.items() if documents)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x v\n",
        "a: *x\n",
        "a: !t v\n",
        "a: 1.5\n",
        "a: no\n",
        "no: a\n",
        "a: 2026-04-01\n",
        "a:\n",
        "a: v\na: w\n",
        "a: |\n  v\n",
        "a: {b: v}\n",
        "a: [v]\n",
        'a: "\\t"\n',
        "a: b: c\n",
        "a: v\n  w\n",
        "a: v\n b: w\n",
        "a:\n  b: v\n c: w\n",
        "a:\n  - v\n  b: w\n",
        "- v\n",
        "v\n",
        "a: v\n...\n",
        "a: v\r\n",
        "--- a\n",
    ],
)
def test_what_is_not_surely_understood_is_left_to_libyaml(text):
    assert LineReader().documents(text) is None


def test_documents_stand_at_the_bytes_where_libyaml_finds_them():
    text = "# Größe\n---\nkind: é\n---\nkind: b\n---\nkind: c"
    documents = Composer().compose(SourceFile.of("a.yaml", text.encode())).documents
    data = text.encode()
    assert [data[source.start : source.end].decode() for _, source, _ in documents] == [
        "---\nkind: é\n",
        "---\nkind: b\n",
        "---\nkind: c",
    ]
    assert [source.line for _, source, _ in documents] == [1, 3, 5]


def test_what_holds_printable_ascii_alone_is_read_the_same_without_looking_for_what_nobody_sees():
    for text in [*EXAMPLES, ALL]:
        for value, *_ in Composer().compose(SourceFile.of("a.yaml", text.encode())).documents:
            model = KINDS[value["kind"]]
            assert validated(validator(model, clean_text), value) == validated(validator(model), value)


def validated(reading, value):
    """What is read; or of how many mistakes it is told, as of what only an overlay completes."""
    try:
        return reading.validate_python(value)
    except ValidationError as error:
        return error.error_count()


@pytest.mark.parametrize(("text", "clean"), [("a: v\n", True), ("a: é\n", False), ('a: "\\u200b"\n', False)])
def test_a_file_is_clean_where_nothing_in_it_could_be_unseen(text, clean):
    assert Composer().compose(SourceFile.of("a.yaml", text.encode())).clean is clean


def test_what_nobody_sees_is_refused_in_a_file_that_is_otherwise_plain():
    seen = "apiVersion: ratecard.dev/v1alpha1\nkind: Meter\nmetadata:\n  name: calls\nspec:\n  title: API%s calls\n"
    seen += "  unit: call\n  event: api.call\n  aggregation:\n    type: count\n"
    assert load_text(seen % "", "a.yaml").specs
    assert [one.code for one in load_text(seen % "\u200b", "a.yaml").diagnostics] == ["text/invisible"]
