"""Models read documents exactly as pydantic reads the same declarations, whatever stands where."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel as pydantic_to_camel

from reconciler.agent.shapes import schema_at, shape_of
from reconciler.engine.workspace_file import WorkspaceDocument
from reconciler.spec.export import kind_schema
from reconciler.spec.kinds.fields import MoneyText, Name
from reconciler.spec.kinds.plan import Existing, PlanSpec, Price
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.models import Field, Model, as_written, is_choice, to_camel, validator
from reconciler.spec.twins import twin

MODELS: dict[str, type[Any]] = {**KINDS, "Workspace": WorkspaceDocument}

# One of them matches each pattern that has no example of its own.
TEXTS = (
    "pro", "PRO-1", "https://example.com/a", "http://127.0.0.1:8080", "ada@example.com", "subscription.active",
    "smtp.example.com:587", "Acme Books", "acme.example", "ACME BOOKS", "Plan/pro:monthly", "spec.title",
    "env:HOOK_TOKEN", "file:keys/hook", "images/pro.png",
)  # fmt: skip
KEY = f"ssh-ed25519 {base64.b64encode(b'%c%c%c%cssh-ed25519%s' % (0, 0, 0, 11, bytes(36))).decode()}"
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 2**70, 1.5, "", " x", "pro\n", "zero\u200bwidth", "12 XYZ", "x" * 6000, [], ["a", 1], {},
    {"a": 1}, ["pro"] * 20_000,
)  # fmt: skip


def sample(node: dict[str, Any], parts: dict[str, Any]) -> Any:
    """A value with every part that a JSON Schema names."""
    if "$ref" in node:
        return sample(parts[node["$ref"].rsplit("/", 1)[1]], parts)
    for key in ("enum", "examples"):
        if key in node:
            return KEY if str(node[key][0]).startswith("ssh-") else node[key][0]
    if "anyOf" in node:
        return sample(node["anyOf"][-1], parts)
    if "const" in node:
        return node["const"]
    if node["type"] == "object":
        keyed = [*node.get("patternProperties", {}).values()] or [node.get("additionalProperties")]
        (name, *_) = node.get("propertyNames", {}).get("enum", ["pro"])
        inner = {name: sample(keyed[0], parts)} if isinstance(keyed[0], dict) else {}
        return {**inner, **{key: sample(value, parts) for key, value in node.get("properties", {}).items()}}
    if node["type"] == "array":
        return [sample(node["items"], parts)]
    if node["type"] == "string":
        found = [text for text in TEXTS if re.search(node.get("pattern", ""), text)]
        assert found, f"give it an example, or TEXTS one more: {node}"
        return found[0]
    return {"integer": node.get("minimum", 1), "boolean": True}[node["type"]]


def whole(kind: str) -> dict[str, Any]:
    """A document of a kind with every part that there is."""
    schema = twin(MODELS[kind]).model_json_schema() if kind == "Workspace" else kind_schema(kind)
    parts = schema["$defs"] if kind != "Workspace" else {}
    if kind == "Workspace":
        account = {"provider": "dodo", "mode": "sandbox", "key": "env:KEY", "url": "http://127.0.0.1:80"}
        mailer = {"smtp": "smtp.example.com:587", "from": "ada@example.com", "user": "ada", "password": "file:p"}
        spec: dict[str, Any] = {"accounts": {"books": {**account, "database": "a", "seed": "b"}}, "account": "books"}
        spec |= {"specs": ["specs"], "journal": "j.db", "aliases": {"home": "https://example.com"}, "mailer": mailer}
        return {"apiVersion": "ratecard.dev/v1alpha1", "kind": kind, "metadata": {"name": "acme"}, "spec": spec}
    found: dict[str, Any] = sample(schema, parts)
    return found


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places in a document."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*path, key))


def spoiled(document: Any) -> Iterator[Any]:
    """A document with one thing wrong, or only otherwise: each place with each wrong value, without it, with more."""
    yield document
    for *above, last in paths(document):
        for wrong in (*WRONG, "gone", "more"):
            other = copy.deepcopy(document)
            place = other
            for part in above:
                place = place[part]
            if wrong == "gone":
                del place[last]
            elif wrong == "more" and isinstance(place, dict):
                place["surplus"] = 1
            else:
                place[last] = wrong
            yield other


def outcome(model: Any, document: Any) -> Any:
    """What a model makes of a document: how it is written again, which fields were said, or each error."""
    try:
        read = model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [{**one, "ctx": repr(one.get("ctx")), "input": repr(one["input"])} for one in found]
    written = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(read, Model):
        shown = as_written(read)
        assert (shown, json.dumps(shown)) == (written, json.dumps(written)), "in the same order, too"
    return read.model_dump(mode="json", by_alias=True), written, read.model_dump(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("kind", MODELS)
def test_a_document_is_read_as_pydantic_reads_it_and_wrong_ones_have_the_same_errors(kind):
    pydantic_own = twin(MODELS[kind])
    document = whole(kind)
    assert isinstance(outcome(MODELS[kind], document), tuple), "each part is there and right"
    for other in spoiled(document):
        assert outcome(MODELS[kind], other) == outcome(pydantic_own, other)


def test_a_twin_is_a_model_of_pydantic_with_the_same_fields_in_the_same_order():
    for model in MODELS.values():
        made = twin(model)
        assert issubclass(made, BaseModel)
        assert not issubclass(model, BaseModel)
        ours = [(name, entry.alias, entry.is_required()) for name, entry in model.model_fields.items()]
        assert ours == [(name, entry.alias, entry.is_required()) for name, entry in made.model_fields.items()]


@pytest.mark.parametrize("name", ["on", "tax_category", "api_version", "from_", "up_to", "a_b_c", "per_1"])
def test_a_field_has_the_alias_that_pydantic_would_give_it(name):
    assert to_camel(name) == pydantic_to_camel(name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_one_of_some_words_is_what_the_json_schema_has_an_enum_of(kind):
    for path in (*paths(whole(kind)), ("spec", "nothing"), ("spec", "title", "deeper"), ("kind", 0)):
        schema = schema_at(kind, path)
        assert is_choice(KINDS[kind], path) == ("enum" in schema or "const" in schema), path
    assert shape_of(kind, ("kind",), kind) == "choice"


def price(**values: Any) -> Price:
    return Price.model_validate({"amount": "49 USD", "every": "month", **values})


def test_what_was_read_never_changes_and_copies_of_it_are_equal():
    one = price()
    with pytest.raises(ValidationError, match="frozen"):
        one.of = "monthly"
    with pytest.raises(ValidationError, match="frozen"):
        del one.of
    for same in (price(), copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one.model_copy()):
        assert same == one
        assert hash(same) == hash(one)
        assert same.model_fields_set == {"amount", "every"}
    other = one.model_copy(update={"of": "monthly"})
    assert other != one
    assert other.model_fields_set == {"amount", "every", "of"}
    assert one.of is None
    assert one != "monthly"
    assert repr(one) == repr(twin(Price).model_validate({"amount": "49 USD", "every": "month"}))
    assert dict(one) == {name: getattr(one, name) for name in Price.model_fields}


def test_defaults_that_could_change_are_nobody_elses():
    first, second = (PlanSpec.model_validate({"title": "Pro", "taxCategory": "saas"}) for _ in range(2))
    first.usage.append(None)  # type: ignore[arg-type]  # what would be wrong of anybody
    assert second.usage == []
    assert Existing() == Existing.model_validate({})


def test_what_a_model_cannot_be_declared_with_is_told_and_never_left_out():
    class Odd(Model):
        size: float

    class Limited(Model):
        price: MoneyText = Field(max_length=3)

    class Marked(Model):
        name: Annotated[Name, "a remark"]

    for model, words in ((Odd, "float"), (Limited, "cannot be limited by max_length"), (Marked, "a remark")):
        with pytest.raises(TypeError, match=words):
            validator(model)


def test_a_field_of_pydantics_is_refused_where_ours_is_meant():
    from pydantic import Field as PydanticField

    with pytest.raises(TypeError, match=r"Odd\.name.*reconciler\.spec\.models"):

        class Odd(Model):
            name: str = PydanticField(description="Who")


def test_pydantic_that_is_imported_after_its_core_finds_the_same_core():
    program = """\
import sys
from reconciler.spec.core import SchemaValidator, ValidationError
assert "pydantic_core" not in sys.modules
import pydantic, pydantic_core
assert (pydantic.ValidationError, pydantic_core.SchemaValidator) == (ValidationError, SchemaValidator)
class Size(pydantic.BaseModel):
    size: int
try:
    Size(size="x")
except ValidationError as error:
    print(error.error_count())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
