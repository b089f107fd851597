"""The composer against bytes of any kind, and against another reader of YAML."""

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.spec.files import SourceFile
from reconciler.spec.load import load_text
from reconciler.spec.source import Composer, dotted
from tests.spec.examples import ALL


def composed(text):
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return Composer().compose(SourceFile.of("a.yaml", data))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
@example(b"\x00")
@example(b"? ")
@example(b"--- |\n%")
@example(b"a: !<")
@example(b'"\\ud800"')
def test_any_bytes_are_read_or_told(data):
    load_text(data, "a.yaml")


PIECES = [
    *(
        "a",
        "kind: Plan",
        "spec",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|\n",
        ">-\n",
    ),
    *(
        "&x ",
        "*x",
        "!!int ",
        "!t ",
        "<<: ",
        "? ",
        "---\n",
        "\n...\n",
        "#",
        "1.5",
        "010",
        "no",
        "~",
        "é",
        "😀",
        "\r\n",
        "%",
    ),
]
YAMLISH = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@settings(max_examples=600, deadline=None)
@given(YAMLISH)
def test_any_yaml_is_read_or_told_and_what_is_flagged_is_explained(text):
    loaded = load_text(text, "a.yaml")
    assert all(d.location.line >= 1 and d.location.column >= 1 for d in loaded.diagnostics)
    for value, source, flagged in composed(text).documents:
        examined = source.examine()
        assert flagged == bool(examined.problems or examined.decimals)
        if not flagged:
            assert examined.value == value


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_edit_anywhere_in_good_specs_never_crashes(data):
    at = data.draw(st.integers(0, len(ALL)))
    load_text(ALL[:at] + data.draw(YAMLISH) + ALL[at + data.draw(st.integers(0, 20)) :], "a.yaml")


def plainly(value):
    if isinstance(value, dict):
        return {str(k): plainly(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plainly(item) for item in value]
    return value if isinstance(value, (bool, int)) else str(value)


@settings(max_examples=400, deadline=None)
@given(YAMLISH)
@example(ALL)
@example("a: 'x\n\n  y'\nb: >-\n  c\n  d\ne: |\n  f\n\n  g\n")
def test_what_is_accepted_reads_the_same_in_another_reader(text):
    ours = composed(text)
    if ours.diagnostics or any(flagged or not isinstance(value, dict) for value, _, flagged in ours.documents):
        return  # a text that is a whole document is no spec, and the other reader takes `---` for a part of it
    try:
        theirs = [d for d in YAML(typ="safe", pure=True).load_all(io.StringIO(text)) if d is not None]
    except YAMLError:
        return  # stricter than libyaml in places, such as a tab or a missing space
    assert [value for value, *_ in ours.documents] == plainly(theirs)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "usage", 0, "meter"), "spec.usage[0].meter"),
        (("metadata", "labels", "a.b/c"), 'metadata.labels["a.b/c"]'),
        (("größe",), "größe"),
        ((), ""),
    ],
)
def test_a_path_reads_as_people_write_it(path, text):
    assert dotted(path) == text
