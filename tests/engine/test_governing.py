"""The policy in force: how one comes, what it answers, and that a changed file alone changes nothing."""

from pathlib import Path

import orjson
import pytest

from reconciler.base.errors import NotApprovedError, RefusedError
from reconciler.cli.change_sets import needs_of
from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve, ask_for
from reconciler.engine.governing import in_force, verdict_for
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.reversing import make_reverse
from reconciler.engine.session import open_session
from reconciler.journal.entries import EntryKind
from reconciler.plan.change_set import NO_POLICY
from reconciler.plan.document import read_document, write_document
from reconciler.plan.render import as_markdown, as_text
from reconciler.plan.verdict import Answer

POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata:
  name: main
spec:
  roles: [support, finance]
  members:
    - {name: sue, roles: [support]}
    - {name: fin, roles: [finance]}
    - {name: flo, roles: [finance]}
  rules:
    - {name: no-discounts, when: {kinds: [Discount], verbs: [archive]}, answer: deny}
    - {name: titles, when: {kinds: [Meter]}, answer: auto}
    - {name: prices, when: {kinds: [Plan]}, ask: {roles: [finance]}}
"""


@pytest.fixture
def session(tmp_path: Path):
    write_workspace(tmp_path, "acme")
    for path in (tmp_path / "specs").glob("*.yaml"):
        path.unlink()
    (tmp_path / "specs" / "policy.yaml").write_text(POLICY)
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as opened:
        yield opened


def planned(session):
    change_set = make_change_set(session).change_set
    assert change_set is not None
    return change_set


def adopt(session):
    first = planned(session)
    remember(session, first)
    approve(session, first, "Ann", confirmed=1)
    done = apply_change_set(session, first)
    assert (done.result, done.reason, done.left) == (Result.APPLIED, None, ())


def write(session, name, text):
    (session.workspace.folder / "specs" / name).write_text(text)


METER = """\
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: calls}
spec: {title: Calls, unit: call, event: api.call, aggregation: {type: count}}
"""
PLAN = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec: {title: Pro, taxCategory: saas, prices: {monthly: {amount: 49 USD, every: month}}}
"""


def test_a_first_policy_asks_and_is_in_force_when_it_was_applied(session):
    first = planned(session)
    assert [(change.key, change.before) for change in first.changes] == [("execute Policy/main", None)]
    assert first.policy == NO_POLICY
    assert verdict_for(session, first).combined.answer is Answer.ASK
    adopt(session)
    now = in_force(session.journal, session.account_name)
    assert now.spec is not None
    assert [rule.name for rule in now.spec.rules] == ["no-discounts", "titles", "prices"]
    assert planned(session).policy == now.digest
    assert planned(session).changes == ()


def test_a_changed_file_is_judged_by_the_policy_that_it_would_replace(session):
    adopt(session)
    before = in_force(session.journal, session.account_name)
    write(session, "policy.yaml", POLICY.replace("answer: deny", "answer: auto"))
    looser = planned(session)
    assert in_force(session.journal, session.account_name) == before
    ask_for(session, looser, "fin")
    approve(session, looser, "fin")
    with pytest.raises(NotApprovedError, match="other than fin"):
        apply_change_set(session, looser)
    approve(session, looser, "flo")
    assert apply_change_set(session, looser).result is Result.APPLIED
    assert in_force(session.journal, session.account_name).digest != before.digest


def test_a_comment_another_order_of_people_or_no_file_is_no_change(session):
    adopt(session)
    sue = "    - {name: sue, roles: [support]}\n"
    write(session, "policy.yaml", "# who may\n" + POLICY.replace(sue, "").replace("  rules:", f"{sue}  rules:"))
    assert planned(session).changes == ()
    (session.workspace.folder / "specs" / "policy.yaml").unlink()
    assert planned(session).changes == ()


def test_what_a_rule_lets_through_needs_nobody_and_what_it_asks_needs_the_right_role(session):
    adopt(session)
    write(session, "meter.yaml", METER)
    assert apply_change_set(session, planned(session)).result is Result.APPLIED
    write(session, "plan.yaml", PLAN)
    prices = planned(session)
    ask_for(session, prices, "fin")
    approve(session, prices, "sue")
    with pytest.raises(NotApprovedError, match="1 person with the role finance other than fin"):
        apply_change_set(session, prices)
    approve(session, prices, "flo")
    assert apply_change_set(session, prices).result is Result.APPLIED


def test_what_was_planned_under_another_policy_is_refused(session):
    write(session, "meter.yaml", METER)
    (session.workspace.folder / "specs" / "policy.yaml").unlink()
    early = planned(session)
    write(session, "policy.yaml", POLICY)
    (session.workspace.folder / "specs" / "meter.yaml").unlink()
    adopt(session)
    with pytest.raises(RefusedError, match="plan again"):
        approve(session, early, "fin")


def test_a_policy_that_cannot_be_read_stops_everything(session):
    adopt(session)
    body = {"policy": {"name": "main", "spec": {"rules": "none"}}, "policyDigest": "sha256:0", "digest": "", "run": ""}
    session.journal.append(EntryKind.POLICY, session.account_name, body)
    with pytest.raises(RefusedError, match="cannot be read"):
        in_force(session.journal, session.account_name)


def test_what_the_policy_answers_is_shown_under_each_change_and_in_all(session):
    adopt(session)
    write(session, "plan.yaml", PLAN)
    prices = planned(session)
    shown = as_text(prices, session.provider.capabilities, needs_of(session, prices))
    assert shown.count('Needs: 1 of finance, not the requester, because rule "prices" asks about new Plan') == 2


def test_a_policy_that_names_nobody_cannot_lock_everybody_out(session):
    lines = [line for line in POLICY.splitlines(keepends=True) if "{name: sue" not in line and "{name: f" not in line]
    write(session, "policy.yaml", "".join(lines).replace("  members:\n", ""))
    first = planned(session)
    remember(session, first)
    with pytest.raises(RefusedError, match="names nobody who could say yes"):
        approve(session, first, "Ann")
    assert in_force(session.journal, session.account_name).spec is None


def applied(session, change_set, *people):
    remember(session, change_set, by="sue")
    for person in people:
        approve(session, change_set, person, confirmed=len(change_set.irreversible()) or None)
    done = apply_change_set(session, change_set)
    assert (done.result, done.reason) == (Result.APPLIED, None)


def test_another_policy_reads_rule_by_rule_and_is_brought_back_by_its_reverse(session):
    adopt(session)
    was = in_force(session.journal, session.account_name)
    write(session, "policy.yaml", POLICY.replace("{kinds: [Meter]}, answer: auto", "{kinds: [Meter]}, answer: deny"))
    other = planned(session)
    for shown in (
        as_text(other, session.provider.capabilities),
        as_markdown(other, session.provider.capabilities).replace("&#95;", "_"),
    ):
        assert "rule titles: meters: denied. It was: titles: meters: let through." in shown
        assert "no-discounts" not in shown
    applied(session, other, "fin")
    back = make_reverse(session, other.short)
    assert "rule titles: meters: let through." in as_text(back, session.provider.capabilities)
    applied(session, back, "flo")
    assert in_force(session.journal, session.account_name).digest == was.digest


def test_a_first_policy_is_not_taken_back_to_none(session):
    adopt(session)
    first = in_force(session.journal, session.account_name)
    digest = next(iter(session.journal.entries(session.account_name, EntryKind.POLICY))).text("digest")
    with pytest.raises(RefusedError, match="another policy can take its place"):
        make_reverse(session, digest)
    assert in_force(session.journal, session.account_name).digest == first.digest


def test_verdicts_stand_beside_a_printed_change_set_and_are_never_read_back(session):
    adopt(session)
    write(session, "plan.yaml", PLAN)
    prices = planned(session)
    needs = needs_of(session, prices)
    printed = write_document(prices, needs.values())
    document = orjson.loads(printed)
    assert [one["requirements"] for one in document["verdicts"]] == [
        [{"roles": ["finance"], "people": 1, "notRequester": True}]
    ] * 2
    document["verdicts"] = [{**document["verdicts"][0], "answer": "auto", "sentence": "Needs nobody"}]
    assert read_document(orjson.dumps(document), "it").digest == prices.digest
    assert as_markdown(prices, session.provider.capabilities, needs).count("Needs: 1 of finance") == 2


def test_what_is_shown_depends_on_who_asks_as_what_holds_does(session):
    write(session, "policy.yaml", POLICY + "    - {name: own, when: {requestedBy: [support]}, answer: deny}\n")
    adopt(session)
    write(session, "plan.yaml", PLAN)
    prices = planned(session)
    remember(session, prices, by="sue")
    assert needs_of(session, prices)[None].answer is Answer.DENY
