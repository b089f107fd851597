"""Webhooks whole: headers by reference, the signing secret read once, and no secret where it does not belong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.base.errors import ProviderError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.drifting import look_for_drift
from reconciler.engine.importing import import_account, write_specs
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import open_session
from reconciler.plan.change_set import Verb
from reconciler.plan.document import to_document
from reconciler.plan.render import as_markdown, as_text
from reconciler.testing.clock import StandingClock
from tests.providers.helpers import connect

TOKEN = "canary-header-value-1"
OTHER = "canary-header-value-2"
HOOK = """apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata: {name: app}
spec:
  url: https://app.example.com/hooks
  events: [subscription.active]
"""
WITH_BOTH = HOOK + "  headers: {Authorization: env:HOOK_TOKEN, X-Team: file:team}\n  secret: {to: file:keys/hook}\n"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)


def with_both(place):
    here = place()
    (here.folder / "team").write_text("billing-team\n")
    here.write_files({"hook.yaml": WITH_BOTH})
    return here


def the_webhook(dodo) -> str:
    [one] = dodo.call("GET", "/webhooks")["data"]
    return one["id"]


def files_with(folder: Path, text: str) -> list[str]:
    inside = (path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())
    return sorted(str(path.relative_to(folder)) for path in inside)


def test_a_webhook_gets_its_headers_and_its_secret_goes_where_the_spec_says(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        change_set = work.converge()
    assert [change.key for change in change_set.changes] == [
        "create Webhook/app",
        "create Webhook/app:headers",
        "create Webhook/app:secret",
    ]
    hook = the_webhook(dodo)
    assert dodo.call("GET", f"/webhooks/{hook}/headers") == {
        "headers": {"X-Team": "billing-team"},
        "sensitive": ["Authorization"],
    }
    kept = here.folder / "keys" / "hook"
    assert kept.read_text().strip() == dodo.call("GET", f"/webhooks/{hook}/secret")["secret"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_no_secret_is_in_the_change_set_the_journal_a_message_or_any_file_but_its_own(place, dodo, caplog) -> None:
    here = with_both(place)
    with here.open() as work:
        change_set = work.converge()
        capabilities = work.session.provider.capabilities
        told = repr(change_set) + as_text(change_set, capabilities) + as_markdown(change_set, capabilities)
        told += repr(to_document(change_set)) + repr(list(work.session.journal.entries())) + repr(work.session)
        told += repr(look_for_drift(work.session)) + caplog.text
    secret = dodo.call("GET", f"/webhooks/{the_webhook(dodo)}/secret")["secret"]
    for canary in (TOKEN, "billing-team", secret):
        assert canary not in told
    assert files_with(here.folder, secret) == ["keys/hook"]
    assert files_with(here.folder, TOKEN) == []
    assert files_with(here.folder, "billing-team") == ["team"]


def test_a_value_that_no_header_can_hold_is_refused_without_being_quoted(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        (here.folder / "team").write_text("two\nlines-of-a-team")
        change_set = work.plan()
        approve(work.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert "file:team" in (applied.reason or "")
    assert "lines-of-a-team" not in f"{applied.reason} {applied.hint}"


def test_an_error_of_the_provider_that_quotes_a_header_is_told_without_it(dodo) -> None:
    client = connect(dodo.url, lambda _: None)._client
    client.hush([TOKEN])
    try:
        with pytest.raises(ProviderError) as error:
            client.write("POST", "/meters", {"name": "x", "event_name": TOKEN, "aggregation": {"type": TOKEN}})
    finally:
        client.close()
    assert "[secret]" in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_new_value_is_one_change_and_the_value_that_was_approved_is_the_one_that_is_sent(
    place, dodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        assert work.plan().changes == ()
        monkeypatch.setenv("HOOK_TOKEN", OTHER)
        change_set = work.plan()
        assert [change.key for change in change_set.changes] == ["update Webhook/app:headers"]
        monkeypatch.setenv("HOOK_TOKEN", "swapped-after-approval")
        approve(work.session, change_set, "Ada")
        applied = apply_change_set(work.session, change_set)
        assert (applied.result, applied.done) == (Result.STOPPED, {})
        assert "another value" in (applied.reason or "")
        assert "webhook headers changed" not in dodo.effects()[3:]
        monkeypatch.setenv("HOOK_TOKEN", OTHER)
        work.converge()


def test_a_header_that_somebody_changed_is_found_and_one_that_somebody_added_is_told(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        body = {"headers": {"X-Team": "intruders", "X-Other": "1"}}
        dodo.call("PATCH", f"/webhooks/{the_webhook(dodo)}/headers", body)
        found = look_for_drift(work.session)
        assert [(drift.address, drift.gravity) for drift in found.drifts] == [("Webhook/app:headers", "access")]
        assert any("X-Other" in text for text in found.untold)
        change_set = work.converge()
        assert [change.key for change in change_set.changes] == ["update Webhook/app:headers"]
        assert any("X-Other" in text for text in change_set.warnings)
    shown = dodo.call("GET", f"/webhooks/{the_webhook(dodo)}/headers")["headers"]
    assert shown == {"X-Team": "billing-team", "X-Other": "1"}


def test_a_header_that_leaves_the_spec_is_sent_empty_since_the_provider_removes_none(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        here.write_files({"hook.yaml": HOOK + "  headers: {Authorization: env:HOOK_TOKEN}\n"})
        change_set = work.converge()
    assert [change.key for change in change_set.changes] == ["update Webhook/app:headers", "delete Webhook/app:secret"]
    assert dodo.call("GET", f"/webhooks/{the_webhook(dodo)}/headers")["headers"] == {"X-Team": ""}
    assert (here.folder / "keys" / "hook").exists()


def test_a_webhook_goes_with_its_headers_and_its_secret_in_one_change(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        here.write_files({"none.yaml": HOOK.replace("name: app", "name: other").replace("hooks", "hooks2")})
        change_set = work.converge()
        assert sorted(change.key for change in change_set.changes) == ["create Webhook/other", "delete Webhook/app"]
        assert look_for_drift(work.session).drifts == ()


def test_importing_a_webhook_neither_rotates_its_secret_nor_makes_it_anew(place, dodo) -> None:
    made = dodo.call("POST", "/webhooks", {"url": "https://app.example.com/a", "filter_types": ["payment.failed"]})
    dodo.call("PATCH", f"/webhooks/{made['id']}/headers", {"headers": {"Authorization": "theirs", "X-Team": "t"}})
    secret = dodo.call("GET", f"/webhooks/{made['id']}/secret")
    here = place()
    with here.open() as work:
        found = import_account(work.session)
        assert any("headers (sent with each event: Authorization, X-Team)" in text for text in found.untold)
        write_specs(here.folder, found.specs)
        before = dodo.effects()
        change_set = work.converge()
        assert [change.verb for change in change_set.changes] == [Verb.ADOPT]
        assert dodo.effects()[len(before) :] == ["webhook changed"]  # the mark, and nothing else
        assert any("Authorization, X-Team" in text for text in change_set.warnings)
    assert the_webhook(dodo) == made["id"]
    assert dodo.call("GET", f"/webhooks/{made['id']}/secret") == secret
    assert dodo.counts().get("POST /webhooks") == 1


def test_a_webhook_that_is_taken_over_may_name_a_place_for_the_secret_that_it_has(place, dodo) -> None:
    made = dodo.call("POST", "/webhooks", {"url": "https://app.example.com/a", "filter_types": ["payment.failed"]})
    secret = dodo.call("GET", f"/webhooks/{made['id']}/secret")["secret"]
    here = place()
    adopting = HOOK.replace("{name: app}", f"{{name: app, annotations: {{ratecard.dev/adopt: {made['id']}}}}}")
    here.write_files({"hook.yaml": adopting + "  secret: {to: envfile:deploy/.env#HOOK_SECRET}\n"})
    (here.folder / "deploy").mkdir()
    (here.folder / "deploy" / ".env").write_text("# ours\nDEBUG=1\nHOOK_SECRET=old\n")
    with here.open() as work:
        work.converge()
    assert (here.folder / "deploy" / ".env").read_text() == f"# ours\nDEBUG=1\nHOOK_SECRET={secret}\n"
    assert "webhook created" not in dodo.effects()[1:]


def test_a_secret_is_written_as_the_manifest_of_a_kubernetes_secret(place, dodo) -> None:
    here = place()
    here.write_files({"hook.yaml": HOOK + "  secret: {to: kubernetes-secret:deploy/hook.yaml#billing/hook}\n"})
    with here.open() as work:
        work.converge()
    secret = dodo.call("GET", f"/webhooks/{the_webhook(dodo)}/secret")["secret"]
    assert (here.folder / "deploy" / "hook.yaml").read_text() == (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hook\n  namespace: billing\n"
        f'type: Opaque\nstringData:\n  signing-secret: "{secret}"\n'
    )


class Killed(BaseException):
    """The process is gone."""


def killed() -> None:
    raise Killed


@pytest.mark.parametrize("point", ["apply.before_write", "apply.after_write"])
def test_a_run_that_broke_between_making_a_webhook_and_reading_its_secret_is_resumed_and_reads_it(
    place, dodo, point: str
) -> None:
    here = place()
    here.write_files({"hook.yaml": HOOK + "  secret: {to: file:keys/hook}\n"})
    armed = ArmedFailpoints()
    armed.arm(point, 2, killed)
    with open_session(here.workspace, None, StandingClock(), failpoints=armed) as session:
        change_set = make_change_set(session).change_set
        assert change_set is not None
        remember(session, change_set)
        approve(session, change_set, "Ada")
        with pytest.raises(Killed):
            apply_change_set(session, change_set)
    (here.folder / "keys" / "hook").unlink(missing_ok=True)
    with here.open() as work:
        applied = apply_change_set(work.session, change_set, resume=True)
        assert (applied.result, applied.left) == (Result.APPLIED, ())
    secret = dodo.call("GET", f"/webhooks/{the_webhook(dodo)}/secret")["secret"]
    assert (here.folder / "keys" / "hook").read_text().strip() == secret
    assert dodo.counts()["POST /webhooks"] == 1


def test_the_secret_is_asked_for_once_and_never_again(place, dodo) -> None:
    here = with_both(place)
    with here.open() as work:
        work.converge()
        dodo.forget_counts()
        work.plan()
        look_for_drift(work.session)
    assert "GET /webhooks/{webhook_id}/secret" not in dodo.counts()


@pytest.mark.parametrize(
    ("spec", "place_of_it", "words"),
    [
        ("  headers: {X-Team: env:NOT_SET_ANYWHERE}\n", "spec.headers.X-Team", "NOT_SET_ANYWHERE"),
        ("  headers: {X-Team: file:nothing-there}\n", "spec.headers.X-Team", "nothing-there"),
        ("  headers: {X-Team: file:link}\n", "spec.headers.X-Team", "is a link"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_place(place, spec: str, place_of_it: str, words: str) -> None:
    here = place()
    (here.folder / "link").symlink_to("/etc/hostname")
    here.write_files({"hook.yaml": HOOK + spec})
    with here.open() as work:
        planned = make_change_set(work.session)
    [told] = planned.diagnostics
    assert (planned.change_set, told.path, told.location.line) == (None, place_of_it, 7)
    assert words in told.message


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("  headers: {X-Team: file:../outside}\n", "material/outside"),
        ("  secret: {to: file:/etc/hook}\n", "material/outside"),
        ("  headers: {webhook-id: env:A}\n", "webhook/headers"),
        ("  headers: {X-A: env:A, x-a: env:B}\n", "webhook/headers"),
    ],
)
def test_what_cannot_be_a_header_or_a_place_is_a_mistake_of_the_spec(place, spec: str, code: str) -> None:
    here = place()
    here.write_files({"hook.yaml": HOOK + spec})
    assert [told.code for told in here.diagnostics()] == [code]


def test_the_key_of_an_account_is_never_sent_as_a_header(place, dodo, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place()
    path = here.folder / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox,", "mode: sandbox, key: env:ACCOUNT_KEY,"))
    monkeypatch.setenv("ACCOUNT_KEY", "dodo_test_the_key")
    here.write_files({"hook.yaml": HOOK + "  headers: {X-Team: env:ACCOUNT_KEY}\n"})
    workspace, _ = load_workspace(here.folder)
    assert workspace is not None
    here.workspace = workspace
    with here.open() as work:
        planned = make_change_set(work.session)
    assert "secret of this workspace's own" in planned.diagnostics[0].message
