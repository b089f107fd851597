import hashlib
import os
import threading
import time

import pytest
from pydantic import BaseModel

from reconciler.base.diagnostics import Location, Mistake, Severity
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.load import diagnostic, load_one, load_specs, load_text
from tests.spec.examples import ALL, METER, PLAN


def told(text):
    return [str(d) for d in load_text(text, "a.yaml").diagnostics]


def places(text):
    return {(d.location.line, d.location.column, d.path, d.code) for d in load_text(text, "a.yaml").diagnostics}


def test_each_kind_is_loaded_with_its_name_and_place():
    loaded = load_text(ALL, "a.yaml")
    assert loaded.diagnostics == ()
    assert [(s.kind, s.name) for s in loaded.specs] == [
        ("Meter", "api-calls"), ("Plan", "pro"), ("Discount", "launch"), ("Webhook", "billing"),
        ("Product", "handbook"), ("Plan", "committed"),
        ("RegionalPricing", "emerging"), ("Credit", "ai-tokens"), ("Entitlement", "desktop-key"),
        ("Refund", "outage-acme"), ("CreditGrant", "late-onboarding"), ("Cancellation", "end-of-pro"),
        ("Pause", "summer"), ("TrialExtension", "one-more-week"), ("DiscountGrant", "thank-you"),
            ("PlanMigration", "to-annual"),
    ]  # fmt: skip


def test_a_scalar_is_located_at_its_value_and_a_collection_at_its_key():
    (plan,) = load_text("# note\n" + PLAN, "a.yaml").specs
    assert plan.locate(("metadata", "name")) == Location("a.yaml", 5, 9)
    assert plan.locate(("spec", "prices")) == Location("a.yaml", 12, 3)
    assert plan.locate(("spec", "prices", "monthly", "amount")) == Location("a.yaml", 13, 23)
    assert plan.locate(("spec", "prices", "monthly", "amount"), key=True) == Location("a.yaml", 13, 15)
    assert plan.locate(("spec", "usage", 0)) == Location("a.yaml", 17, 7)
    assert plan.locate(("spec", "usage", 0, "rate")) == Location("a.yaml", 18, 13)
    assert plan.locate(("spec", "features", 1)) == Location("a.yaml", 22, 7)
    assert plan.locate(("spec", "usage", 7, "rate")) == plan.locate(("spec", "usage"))


def test_places_count_characters_in_the_later_documents_of_a_file_too():
    text = (
        METER.replace("API calls", "Größe 大小 😀")
        + "---\n"
        + PLAN.replace("name: pro", "name: pro\n  labels: {größe: 大小}")
    )
    _, plan = load_text(text, "a.yaml").specs
    lines = text.split("\n")
    place = plan.locate(("metadata", "labels", "größe"))
    assert lines[place.line - 1][place.column - 1 :].startswith("大小")
    assert lines[plan.locate(("spec", "trial", "card")).line - 1].startswith("  trial:")


def test_a_mistake_of_a_room_above_gets_the_place_of_its_path():
    (plan,) = load_text(PLAN, "a.yaml").specs
    found = diagnostic(plan, Mistake("too dear", code="x/y", at=("spec", "prices", "monthly", "amount")))
    assert str(found) == "a.yaml:12:23: spec.prices.monthly.amount: too dear"


def test_an_amount_without_currency_says_what_to_write():
    assert told(PLAN.replace("49 USD", "19.99")) == [
        'a.yaml:12:23: spec.prices.monthly.amount: 19.99 has no currency\n  hint: write "19.99 USD", with your currency'
    ]
    assert "49 has no currency" in told(PLAN.replace("49 USD", "49"))[0]


BAD = [
    ("title: Pro", "title: 2024", (6, 10, "spec.title", "schema/type")),
    ("title: Pro", "title: 1.5", (6, 10, "spec.title", "yaml/float")),
    ("title: Pro", "title: 1e3", (6, 10, "spec.title", "yaml/float")),
    ("title: Pro", "title: .inf", (6, 10, "spec.title", "yaml/float")),
    ("title: Pro", "title: .NaN", (6, 10, "spec.title", "yaml/float")),
    ("title: Pro", "title: NO", (6, 10, "spec.title", "yaml/boolean")),
    ("title: Pro", "title: y", (6, 10, "spec.title", "yaml/boolean")),
    ("title: Pro", "title: True", (6, 10, "spec.title", "yaml/boolean")),
    ("title: Pro", "title: 2024-01-01", (6, 10, "spec.title", "yaml/date")),
    ("title: Pro", "title: 010", (6, 10, "spec.title", "yaml/number")),
    ("title: Pro", "title: 0x1F", (6, 10, "spec.title", "yaml/number")),
    ("title: Pro", "title: 1_000", (6, 10, "spec.title", "yaml/number")),
    ("title: Pro", "title: 1:30", (6, 10, "spec.title", "yaml/number")),
    ("title: Pro", "title: " + "9" * 5000, (6, 10, "spec.title", "yaml/number")),
    ("title: Pro", "title: ~", (6, 10, "spec.title", "yaml/empty-value")),
    ("title: Pro", "title: null", (6, 10, "spec.title", "yaml/empty-value")),
    ("title: Pro", "title:", (6, 3, "spec.title", "yaml/empty-value")),
    ("title: Pro", "title: &x Pro", (6, 10, "spec.title", "yaml/anchor")),
    ("title: Pro", "title: *x", (6, 10, "spec.title", "yaml/alias")),
    ("title: Pro", "title: !!str Pro", (6, 10, "spec.title", "yaml/tag")),
    ("title: Pro", "title: !!python/object/apply:os.system [ls]", (6, 10, "spec.title", "yaml/tag")),
    ("title: Pro", "title: Pro\n  title: Max", (7, 3, "spec.title", "yaml/duplicate-key")),
    ("title: Pro", "title: Pro\n  <<: {a: b}", (7, 3, 'spec["<<"]', "yaml/merge")),
    ("title: Pro", "title: Pro\n  5: a", (7, 3, "spec.5", "yaml/key")),
    ("title: Pro", "title: Pro\n  [a]: b", (7, 3, "spec", "yaml/key")),
    ("title: Pro", 'title: "P\\u200bro"', (6, 10, "spec.title", "text/invisible")),
    ("title: Pro", 'title: "P\\0ro"', (6, 10, "spec.title", "text/invisible")),
    ("title: Pro", 'title: ""', (6, 10, "spec.title", "schema/limit")),
    ("title: Pro", "titel: Pro", (6, 3, "spec.titel", "schema/unknown-key")),
    ("title: Pro", "titel: Pro", (5, 1, "spec.title", "schema/missing")),
    ("name: pro", 'name: pro\n  labels: {"a\\u200b": b}', (5, 12, 'metadata.labels["a\\u200b"]', "text/invisible")),
    ("name: pro", "name: Pro Plan", (4, 9, "metadata.name", "schema/name")),
    ("monthly: {", "Monthly: {", (12, 5, "spec.prices.Monthly", "schema/name")),
    ("saas", "sas", (10, 16, "spec.taxCategory", "schema/unknown-value")),
    ("days: 14", "days: 0", (14, 17, "spec.trial.days", "schema/limit")),
    ("days: 14", 'days: "14"', (14, 17, "spec.trial.days", "schema/type")),
    ("pooled: true", 'pooled: "true"', (18, 52, "spec.usage[0].included.pooled", "schema/type")),
    ("of: monthly", "of: monthy", (13, 33, "spec.prices.annual.of", "plan/price")),
    ("20%", "12.345%", (13, 24, "spec.prices.annual.discount", "money/percent")),
    ("kind: Plan", "kind: Plann", (2, 7, "kind", "schema/unknown-kind")),
    ("kind: Plan", "kind: Workspace", (2, 7, "kind", "schema/workspace")),
    ("v1alpha1", "v1", (1, 13, "apiVersion", "schema/unknown-value")),
    ("title: Pro", "title:\tPro", (6, 9, "", "yaml/character")),
    ("title: Pro", "title: \u202ePro", (6, 10, "", "yaml/character")),
    ("title: Pro", "title: P\x00ro", (6, 11, "", "yaml/character")),
    ("apiVersion", "%YAML 1.1\n---\napiVersion", (1, 1, "", "yaml/directive")),
    ("title: Pro", "title: Pro: x", (6, 13, "", "yaml/syntax")),
]


@pytest.mark.parametrize(("good", "bad", "place"), BAD, ids=[bad[:30] for _, bad, _ in BAD])
def test_a_mistake_is_told_at_its_place(good, bad, place):
    assert place in places(PLAN.replace(good, bad, 1))
    assert load_text(PLAN.replace(good, bad, 1), "a.yaml").specs == ()


def test_a_key_that_nobody_knows_is_compared_with_those_that_are():
    (unknown, *_rest) = [m for m in told(PLAN.replace("taxCategory", "taxCategry")) if "not a key" in m]
    assert 'did you mean "taxCategory"?' in unknown
    assert "existing" in unknown


def test_a_key_written_twice_names_the_first_place():
    assert "first on line 6, column 3" in told(PLAN.replace("title: Pro", "title: Pro\n  title: Pro"))[0]


def test_all_mistakes_in_all_files_are_told_in_order(tmp_path):
    (tmp_path / "b.yaml").write_text(PLAN.replace("title: Pro", "title: 1").replace("card: optional", "card: yes"))
    (tmp_path / "a.yml").write_text(METER + '---\na: "\n---\n' + METER.replace("count", "counts") + "---\n- 1\n")
    loaded = load_specs([tmp_path], root=tmp_path)
    assert [s.name for s in loaded.specs] == ["api-calls"]
    assert [(d.location.file, d.location.line, d.code) for d in loaded.diagnostics] == [
        ("a.yml", 18, "yaml/syntax"),
        ("a.yml", 27, "schema/unknown-value"),
        ("a.yml", 35, "schema/type"),
        ("b.yaml", 6, "schema/type"),
        ("b.yaml", 14, "yaml/boolean"),
    ]


def test_the_digest_is_of_the_bytes_that_were_parsed(tmp_path):
    (tmp_path / "a.yaml").write_bytes(PLAN.replace("\n", "\r\n").encode())
    loaded = load_specs([tmp_path], root=tmp_path)
    assert loaded.digests == {"a.yaml": hashlib.sha256((tmp_path / "a.yaml").read_bytes()).hexdigest()}
    assert loaded.specs[0].document == load_text(PLAN, "a.yaml").specs[0].document


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xef\xbb\xbfa: b\n", "yaml/encoding"),
        ("a: b\n".encode("utf-16"), "yaml/encoding"),
        ("title: Größe\n".encode("latin-1"), "yaml/encoding"),
        (b"a: \xed\xa0\x80\n", "yaml/encoding"),
        (b"[" * 100_000, "yaml/depth"),
        (b"{a: " * 100_000, "yaml/depth"),
        (b"- " * 100_000, "yaml/depth"),
        (b"- a\n" * 200_000, "yaml/size"),
        (b"---\na\n" * 20_000, "yaml/many"),
        (b"#" * ((1 << 20) + 1), "file/too-large"),
        (b"a: &a [*a]\n", "yaml/alias"),
    ],
)
def test_hostile_bytes_are_told_and_soon(data, code):
    started = time.process_time()
    assert code in {d.code for d in load_text(data, "a.yaml").diagnostics}
    assert time.process_time() - started < 2


def test_only_regular_files_beneath_the_root_are_read(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside.yaml"
    root.mkdir()
    outside.write_text(PLAN)
    os.mkfifo(root / "fifo.yaml")
    (root / "escape.yaml").symlink_to(outside)
    (root / "loop.yaml").symlink_to(root / "loop.yaml")
    (root / "folder.yaml").mkdir()
    (root / "within.yaml").symlink_to(root / "real.yml")
    (root / "real.yml").write_text(PLAN)
    with (root / "huge.yaml").open("wb") as huge:
        huge.truncate(100 << 20)
    loaded = load_specs([root, outside, root / "../outside.yaml", root / "none.yaml"], root=root)
    assert [f.name for f in loaded.files] == ["real.yml"]
    assert {(d.location.file.rpartition("/")[2], d.code) for d in loaded.diagnostics} == {
        ("fifo.yaml", "file/not-regular"),
        ("escape.yaml", "file/outside"),
        ("loop.yaml", "file/unreadable"),
        ("huge.yaml", "file/too-large"),
        ("outside.yaml", "file/outside"),
        ("none.yaml", "file/unreadable"),
    }


def test_a_link_put_in_the_place_of_a_file_while_loading_is_never_followed_out(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside.yaml"
    root.mkdir()
    outside.write_text(PLAN.replace("name: pro", "name: outside"))
    done = threading.Event()

    def swap():
        while not done.is_set():
            (root / "new").write_text(PLAN)
            (root / "new").replace(root / "a.yaml")
            (root / "link").symlink_to(outside)
            (root / "link").replace(root / "a.yaml")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        loads = [load_specs([root], root=root) for _ in range(300)]
    finally:
        done.set()
        thread.join()
    assert {s.name for loaded in loads for s in loaded.specs} <= {"pro"}
    digests = {digest for loaded in loads for digest in loaded.digests.values()}
    assert digests <= {hashlib.sha256(data).hexdigest() for data in (PLAN.encode(), b"")}


def test_files_are_read_up_to_a_total(tmp_path):
    for index in range(17):
        (tmp_path / f"{index:02}.yaml").write_bytes(b"#" * (1 << 20))
    loaded = load_specs([tmp_path], root=tmp_path)
    assert [d.location.file for d in loaded.diagnostics if d.code == "file/too-large"] == ["16.yaml"]


def test_a_device_that_never_ends_is_not_read(tmp_path):
    loaded = load_specs([tmp_path.__class__("/dev/zero")], root=tmp_path.__class__("/"))
    assert [d.code for d in loaded.diagnostics] == ["file/not-regular"]


def test_an_empty_file_is_a_warning(tmp_path):
    (tmp_path / "a.yaml").write_text("# nothing\n---\n")
    assert [d.severity for d in load_specs([tmp_path], root=tmp_path).diagnostics] == [Severity.WARNING]


class Settings(BaseModel, extra="forbid"):
    name: str
    api_key: str = "env:X"
    size: int = 1


def test_one_file_is_read_by_a_model_with_places():
    settings, diagnostics = load_one(SourceFile.of("ratecard.yaml", b"name: acme\nsize: 3\n"), Settings)
    assert (settings, diagnostics) == (Settings(name="acme", size=3), ())
    settings, diagnostics = load_one(SourceFile.of("ratecard.yaml", b"name: acme\nsize: x\n"), Settings)
    assert settings is None
    assert [d.location for d in diagnostics] == [Location("ratecard.yaml", 2, 7)]


def test_one_file_tells_its_mistakes_without_what_may_be_a_secret():
    data = b"nam: acme\napi_key: [canary]\nsize: x1\n---\na: b\n"
    settings, diagnostics = load_one(SourceFile.of("ratecard.yaml", data), Settings)
    assert settings is None
    assert [d.path for d in diagnostics] == ["nam", "name", "api_key", "size", ""]
    assert "canary" not in "".join(map(str, diagnostics))


def test_a_discount_of_a_price_is_exact_or_refused():
    (plan,) = load_text(PLAN, "a.yaml").specs
    assert isinstance(plan.document, Plan)
    assert str(plan.document.amount("annual")) == "470.40 USD"
    (mistake,) = load_text(PLAN.replace("49 USD", "49.99 USD").replace("20%", "33.33%"), "a.yaml").diagnostics
    assert (mistake.code, mistake.path) == ("plan/not-exact", "spec.prices.annual.discount")
