import pytest

from reconciler.base.diagnostics import Severity
from reconciler.spec.check import check
from reconciler.spec.load import load_text
from tests.spec.examples import ALL, COMMITTED, DISCOUNT, METER, PLAN, WEBHOOK

ALIASES = {"events": "https://example.com/events"}


def checked(*documents, aliases=ALIASES):
    loaded = load_text("---\n".join(documents), "a.yaml")
    assert loaded.diagnostics == ()
    return check(loaded.specs, aliases=aliases)


def test_specs_that_fit_together_have_no_mistakes():
    assert checked(ALL) == []


@pytest.mark.parametrize(
    ("documents", "line", "path", "code", "words"),
    [
        ((METER, METER), 20, "metadata.name", "check/name-twice", "already at a.yaml:4:9"),
        ((PLAN,), 16, "spec.usage[0].meter", "check/unknown-meter", "there are none"),
        (
            (METER.replace("api-calls", "api-call"), PLAN), 32, "spec.usage[0].meter", "check/unknown-meter",
            'did you mean "api-call"?',
        ),
        ((DISCOUNT.replace('[pro, "pro:monthly"]', "[max]"),), 8, "spec.plans[0]", "check/unknown-plan", '"max"'),
        (
            (METER, PLAN, DISCOUNT.replace("pro:monthly", "pro:month")), 46, "spec.plans[1]", "check/unknown-price",
            'did you mean "monthly"? there are: annual, monthly',
        ),
        (
            (METER, PLAN, DISCOUNT, DISCOUNT.replace("name: launch", "name: other")), 57, "spec.code",
            "check/code-twice", "already at a.yaml:44:9",
        ),
        ((COMMITTED.replace("meter: api-calls", "meter: calls", 1), METER), 9, "spec.commitments[0].meter",
         "check/unknown-meter", 'did you mean "api-calls"?'),
        (
            (METER, COMMITTED, DISCOUNT.replace('[pro, "pro:monthly"]', '["committed:commitment-max"]')), 35,
            "spec.plans[0]", "check/unknown-price", "commitment-scale",
        ),
        (
            (DISCOUNT.replace('plans: [pro, "pro:monthly"]', "products: [handbok]"),), 8, "spec.products[0]",
            "check/unknown-product", "there are none",
        ),
        ((WEBHOOK.replace("alias:events", "alias:event"),), 6, "spec.url", "check/unknown-alias", '"events"?'),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told_where_it_stands(documents, line, path, code, words):
    (found,) = checked(*documents)
    assert (found.path, found.code) == (path, code)
    assert words in str(found)
    assert found.location.line == line


def test_letters_of_two_scripts_in_one_word_are_a_warning():
    (found,) = checked(METER.replace("API calls", "Pr\u043e calls"))  # a Cyrillic o
    assert (found.severity, found.code, found.path) == (Severity.WARNING, "check/mixed-scripts", "spec.title")
    assert "U+043E" in found.message


@pytest.mark.parametrize("title", ["Größe", "API 大小", "大小", "Appels d’été", "Про", "Łódź & naïve"])
def test_words_of_one_script_are_no_warning(title):
    assert checked(METER.replace("API calls", title)) == []
