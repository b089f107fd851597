import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli.export import everything, main
from reconciler.spec.export import differing, documents
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.load import load_text
from reconciler.spec.source import Composer
from tests.spec.examples import (
    ACTIONS,
    ALL,
    CANCELLATION,
    COMMITTED,
    CREDIT,
    CREDIT_GRANT,
    DISCOUNT,
    DISCOUNT_GRANT,
    ENTITLEMENT,
    METER,
    PAUSE,
    PLAN,
    PRODUCT,
    REFUND,
    REGIONAL,
    TRIAL_EXTENSION,
    WEBHOOK,
)

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = {name: json.loads(text) for name, text in documents().items() if name.endswith(".json")}
CRDS = {name: yaml.safe_load(text) for name, text in documents().items() if name.endswith(".yaml")}


def values(text):
    return [value for value, *_ in Composer().compose(SourceFile.of("a.yaml", text.encode())).documents]


def accepts(value):
    kind = value.get("kind")
    answers = {Draft202012Validator(SCHEMAS["spec.json"]).is_valid(value)}
    if kind in KINDS:
        answers.add(Draft202012Validator(SCHEMAS[f"{kind}.json"]).is_valid(value))
    assert len(answers) == 1
    return answers.pop()


def test_the_schemas_in_the_repository_are_those_of_the_kinds():
    assert differing(REPOSITORY / "schemas", everything()) == []


def test_each_schema_is_one():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


EXAMPLES = sorted((REPOSITORY / "specs").glob("*/specs/*.yaml"))


def test_the_schemas_and_the_loader_accept_every_example():
    for text in [ALL, *(path.read_text() for path in EXAMPLES)]:
        assert load_text(text, "a.yaml").diagnostics == ()
        assert all(accepts(value) for value in values(text))


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (PLAN, "title: Pro", "titel: Pro"),
        (PLAN, "title: Pro", 'title: ""'),
        (PLAN, "49 USD", "49"),
        (PLAN, "49 USD", "49 usd"),
        (PLAN, "every: month}", "every: fortnight}"),
        (PLAN, "saas", "sas"),
        (PLAN, "monthly: {", "Monthly: {"),
        (PLAN, "days: 14", "days: 0"),
        (PLAN, "days: 14", 'days: "14"'),
        (PLAN, "pooled: true", "pooled: 1"),
        (PLAN, "name: pro", "name: Pro"),
        (PLAN, "20%", "120.123%"),
        (METER, "count}", "average}"),
        (METER, "value: 100", "value: [100]"),
        (METER, "v1alpha1", "v1"),
        (METER, "kind: Meter", "kind: Metre"),
        (DISCOUNT, "LAUNCH20", "launch"),
        (DISCOUNT, "total: 100", "total: 0"),
        (WEBHOOK, "[subscription.active", '["Subscription active"'),
        (WEBHOOK, "alias:events", '"a b"'),
        (CREDIT, "unit: token", "unit: 1"),
        (CREDIT, "expiresAfterDays: 90", "expiresAfterDays: 0"),
        (ENTITLEMENT, "activations: 3", "activations: 0"),
        (REGIONAL, "[IN, BR]", "[IN, UK]"),
        (REGIONAL, "rounding: up", "rounding: charm"),
        (PRODUCT, "minimum: 5 USD", "minimum: 5"),
        (PRODUCT, "e-book", "ebook"),
        (COMMITTED, "fee: 500 USD", "fee: 500"),
        (COMMITTED, "included: 500000", "included: 0"),
        (COMMITTED, "name: scale", f"name: {'s' * 51}"),
        (REFUND, "customer: billing@acme-corp.example", "customer: a b"),
        (REFUND, "payment: last", "payment: ../last"),
        (REFUND, "12.50 USD", "12.50"),
        (CREDIT_GRANT, "amount: 150 USD", "amount: -150 USD"),
        (CREDIT_GRANT, "notify: true", "approved: true"),
        (CANCELLATION, "[EU, CH]", "[EU, UK]"),
        (CANCELLATION, "when: next_renewal", "when: tomorrow"),
        (PAUSE, "subscription: sub_1", 'subscription: ""'),
        (TRIAL_EXTENSION, "days: 7", "days: 3000"),
        (DISCOUNT_GRANT, "discount: launch", "discount: LAUNCH20"),
    ],
)
def test_the_schemas_refuse_the_shapes_that_the_loader_refuses(text, good, bad):
    changed = text.replace(good, bad, 1)
    assert changed != text
    assert load_text(changed, "a.yaml").specs == ()
    (value,) = values(changed)
    assert not accepts(value)


STRUCTURAL = {
    "type", "description", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems",
    "maxItems", "minProperties", "maxProperties", "required", "properties", "items", "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
}  # fmt: skip


def nodes(schema):
    yield schema
    for inner in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        if inner is not None:
            yield from nodes(inner)


@pytest.mark.parametrize("name", sorted(CRDS))
def test_a_custom_resource_definition_is_structural(name):
    (version,) = CRDS[name]["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for node in nodes(schema):
        assert node.keys() <= STRUCTURAL
        assert "type" in node or node.get("x-kubernetes-preserve-unknown-fields")
        assert not ("properties" in node and "additionalProperties" in node)
    assert version["subresources"] == {"status": {}}
    assert f"crds/{CRDS[name]['metadata']['name']}.yaml" == name


@pytest.mark.parametrize(
    "text", [METER, PLAN, DISCOUNT, WEBHOOK, PRODUCT, COMMITTED, REGIONAL, CREDIT, ENTITLEMENT, *ACTIONS]
)
def test_a_custom_resource_definition_accepts_the_spec_that_the_loader_accepts(text):
    (value,) = values(text)
    crd = CRDS[f"crds/{value['kind'].lower()}s.ratecard.dev.yaml"]
    Draft202012Validator(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]).validate(value)


def test_checking_names_the_files_that_differ_and_writing_mends_them(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "Plan.json").write_text("{}")
    (tmp_path / "Old.json").write_text("{}")
    (tmp_path / "crds" / "meters.ratecard.dev.yaml").unlink()
    assert main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert [name for name in ("Plan.json", "Old.json", "meters.ratecard.dev.yaml", "Meter.json") if name in told] == [
        "Plan.json", "Old.json", "meters.ratecard.dev.yaml",
    ]  # fmt: skip
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
