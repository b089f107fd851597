import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.spec.format import CannotFormat, format_text
from reconciler.spec.load import load_text
from tests.spec.examples import ALL, PLAN

UNTIDY = """\
# The pro plan

kind: Plan   # what
apiVersion: "ratecard.dev/v1alpha1"
metadata: {name: 'pro'}
# about spec
spec:
    title: "Pro: the plan"
    description: 'NO'
    taxCategory: saas
    prices:
          # the monthly one
        monthly: {amount: "49.00 USD", every: 1 month}     # each month
        annual:
            discount: 20.00%
            of: monthly
            every: year
    features:
    - One
    # second
    - "2"
"""

TIDY = """\
# The pro plan

apiVersion: ratecard.dev/v1alpha1
kind: Plan  # what
metadata: {name: pro}
# about spec
spec:
  title: "Pro: the plan"
  description: "NO"
  taxCategory: saas
  prices:
    # the monthly one
    monthly: {amount: 49 USD, every: month}  # each month
    annual:
      discount: 20%
      of: monthly
      every: year
  features:
    - One
    # second
    - "2"
"""


def test_formatting_spells_canonically_and_keeps_comments_and_order():
    assert format_text(UNTIDY, "a.yaml") == TIDY


def test_formatting_twice_is_formatting_once():
    assert format_text(TIDY, "a.yaml") == TIDY
    assert format_text(format_text(ALL, "a.yaml"), "a.yaml") == format_text(ALL, "a.yaml")


def test_documents_stay_separate_and_their_comments_stay_with_them():
    formatted = format_text(f"# first\n{PLAN}# end of first\n---\n# second\n{PLAN}\n\n", "a.yaml")
    assert re.findall(r"^(?:#.*|---|kind.*)$", formatted, re.MULTILINE) == [
        "# first", "kind: Plan", "# end of first", "---", "# second", "kind: Plan",
    ]  # fmt: skip
    assert formatted.endswith('people"\n')


def test_lines_of_a_text_that_look_like_comments_are_left_alone():
    text = PLAN.replace("    For teams\n", "    For teams\n      # not a comment   \n")
    formatted = format_text(text, "a.yaml")
    assert "\n      # not a comment" in formatted
    assert load_text(formatted, "a").specs[0].document == load_text(text, "a").specs[0].document


def test_a_text_with_mistakes_is_not_touched():
    with pytest.raises(CannotFormat) as caught:
        format_text(PLAN.replace("49 USD", "49"), "a.yaml")
    assert [d.code for d in caught.value.diagnostics] == ["money/no-currency"]


def test_a_comment_that_would_be_lost_keeps_the_text_as_it_is():
    text = PLAN.replace("{days: 14, ", "{days: 14, # two weeks\n    ")
    with pytest.raises(CannotFormat) as caught:
        format_text(text, "a.yaml")
    (found,) = caught.value.diagnostics
    assert str(found).startswith('a.yaml:14:21: the comment "# two weeks" would be lost')


NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
STYLES = st.sampled_from(["'{}'", '"{}"'])
INDENTS = st.integers(1, 6)


def quoted(text, style):
    if style[0] == "'":
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(max_examples=100, deadline=None)
@given(NAMES, LINES, LINES, st.lists(LINES, max_size=3), STYLES, INDENTS, st.sampled_from(["49 USD", "49.00 USD"]))
@example("a", "0", "0", ["0 :?", "a:b", "a: b", "[", "#", "-"], "'{}'", 1, "49 USD")
def test_formatting_never_changes_what_a_spec_says(name, title, description, features, style, indent, amount):
    pad = " " * indent
    text = (
        f"kind: Plan\napiVersion: ratecard.dev/v1alpha1 # v\nmetadata:\n{pad}name: {quoted(name, style)}\nspec:\n"
        f"{pad}title: {quoted(title, style)}\n{pad}description: {quoted(description, style)} # why\n"
        f"{pad}taxCategory: saas\n{pad}prices:\n{pad}# p\n{pad}{pad}a: {{amount: {amount}, every: 1 month}}\n"
        f"{pad}features: [{', '.join(quoted(f, style) for f in features)}]\n"
    )
    before = load_text(text, "a.yaml")
    assert before.diagnostics == ()
    formatted = format_text(text, "a.yaml")
    assert load_text(formatted, "a.yaml").specs[0].document == before.specs[0].document
    assert format_text(formatted, "a.yaml") == formatted
    assert all(comment in formatted for comment in ("# v", "# why", "# p"))
