"""A change set as a JSON document: saved, journaled, carried to another machine, and read back with care.

The documented shape is `ChangeSetDocument`; its JSON Schema is exported to `schemas/`. The digest is computed again on
reading; `seal` covers every other byte of the document as well, so that no title or sentence can be changed unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.base.canonical import JSON, digest
from reconciler.base.errors import RefusedError
from reconciler.base.money import Money, parse_money
from reconciler.plan.capabilities import LOCAL_KINDS
from reconciler.plan.change_set import AccountIdentity, BegunAction, Change, ChangeSet, Reverse, Undo, Unmanaged, Verb
from reconciler.plan.impact import Impact
from reconciler.plan.settings import Confirmed, OpenSetting, Setting, SettingItem
from reconciler.plan.verdict import Verdict

if TYPE_CHECKING:
    from reconciler.plan.invoices import Sampled

API_VERSION = "ratecard.dev/v1alpha1"
LARGEST_DOCUMENT = 64 * 1024 * 1024

# What names an object, ours and those of other providers to come: nothing that acts on a terminal or on Markdown.
_ADDRESS = re.compile(r"[A-Za-z]{1,60}/[A-Za-z0-9._:#/@+-]{1,400}", re.ASCII)
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,60}", re.ASCII)


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class ReverseDocument(_Part):
    """How a change is undone, or why not."""

    undo: Undo
    verb: Verb | None
    reason: str | None


class InvoiceDocument(_Part):
    """One invoice: the amount with its currency, negative what is credited, and the day."""

    amount: str
    on: str | None


class InvoiceRow(_Part):
    """The next two invoices under one choice, or why there are none."""

    choice: str
    chosen: bool
    invoices: list[InvoiceDocument]
    note: str | None = None


class SampledDocument(_Part):
    """One subscription of a sample, under each choice."""

    subscription: str
    customer: str
    rows: list[InvoiceRow]


class ImpactDocument(_Part):
    """What a change means for those who subscribe already. Amounts are text with their currency."""

    subscriptions: int
    customers: int
    mrr_before: list[str]
    mrr_after: list[str]
    pay_more: int
    pay_less: int
    sentence: str
    invoices: list[SampledDocument] = []
    invoice_requests: int = 0


class ChangeDocument(_Part):
    """One change. `before` and `after` are whole bodies in the provider's terms."""

    key: str
    verb: Verb
    address: str
    kind: str
    title: str
    id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    fingerprint: str | None
    superseded: bool
    needs: list[str]
    ids: dict[str, str]
    reason: str | None
    notes: list[str]
    reverse: ReverseDocument
    impact: ImpactDocument | None
    moved_from: str | None = Field(default=None, description="The address that the object had until now")


class AccountDocument(_Part):
    """Which account the change set is for."""

    name: str
    provider: str
    mode: Literal["sandbox", "test", "live"]
    id: str | None


class ActionDocument(_Part):
    """An action that the change set begins: its address, and the digest of its spec."""

    action: str
    spec: str


class SettingItemDocument(_Part):
    """One thing to set: what, to what, where in the dashboard, and where that is documented."""

    what: str
    value: str
    where: str
    source: str


class ConfirmedDocument(_Part):
    """Who confirmed a setting when it was another one."""

    by: str
    at: str
    digest: str
    proven: bool


class SettingDocument(_Part):
    """A setting that waits for a person; nothing of it is ever sent."""

    address: str
    digest: str
    items: list[SettingItemDocument]
    last: ConfirmedDocument | None


class UnmanagedDocument(_Part):
    """A live object that is not ours."""

    kind: str
    id: str
    title: str
    owner: str | None


class RequirementDocument(_Part):
    """So many people, each with one of the roles; any role where there are none."""

    roles: list[str]
    people: int
    not_requester: bool


class VerdictDocument(_Part):
    """What the policy in force answered when this was printed; `change` is the key of a change, null for all of it."""

    change: str | None
    answer: Literal["auto", "ask", "deny"]
    sentence: str
    rule: str | None
    requirements: list[RequirementDocument]
    confirm: str | None


class ChangeSetDocument(_Part):
    """All changes of one run, in order, for one account."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["ChangeSet"]
    digest: str
    account: AccountDocument
    workspace: str
    policy: str
    purpose: Literal["apply", "revert"]
    reverts: str | None
    changes: list[ChangeDocument]
    actions: list[ActionDocument]
    unmanaged: list[UnmanagedDocument]
    warnings: list[str]
    settings: list[SettingDocument] = Field(default=[], description="What waits for a person, and is never sent")
    requests: dict[str, int] = Field(description="Provider requests that planning took, by HTTP method")
    seal: str = Field(description="sha256 over the canonical JSON of all other fields but verdicts")
    verdicts: list[VerdictDocument] | None = Field(
        default=None, description="What the policy in force answers now: shown, and never read back or believed"
    )


def to_document(change_set: ChangeSet) -> dict[str, JSON]:
    """The document of a change set."""
    account = change_set.account
    document: dict[str, JSON] = {
        "apiVersion": API_VERSION,
        "kind": "ChangeSet",
        "digest": change_set.digest,
        "account": {"name": account.name, "provider": account.provider, "mode": account.mode, "id": account.id},
        "workspace": change_set.workspace,
        "policy": change_set.policy,
        "purpose": change_set.purpose,
        "reverts": change_set.reverts,
        "changes": [_change_document(change) for change in change_set.changes],
        "actions": [{"action": one.action, "spec": one.spec} for one in change_set.actions],
        "unmanaged": [
            {"kind": item.kind, "id": item.id, "title": item.title, "owner": item.owner}
            for item in change_set.unmanaged
        ],
        "warnings": list(change_set.warnings),
        **({"settings": [_setting_document(one) for one in change_set.settings]} if change_set.settings else {}),
        "requests": dict(change_set.requests or {}),
    }
    return {**document, "seal": digest(document)}


def write_document(change_set: ChangeSet, verdicts: Iterable[Verdict] = ()) -> bytes:
    """The document as indented JSON with a final newline; verdicts stand beside it, outside of its seal."""
    document = to_document(change_set)
    told: list[JSON] = [_verdict_document(one) for one in verdicts]
    if told:
        document["verdicts"] = told
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _verdict_document(verdict: Verdict) -> dict[str, JSON]:
    return {
        "change": verdict.change,
        "answer": str(verdict.answer),
        "sentence": verdict.sentence(),
        "rule": verdict.rule,
        "requirements": [
            {"roles": sorted(one.roles), "people": one.people, "notRequester": one.not_requester}
            for one in verdict.requirements
        ],
        "confirm": verdict.confirm,
    }


def read_document(data: bytes | Mapping[str, JSON], source: str) -> ChangeSet:
    """Read a change set back; `source` names where it came from.

    Raises RefusedError when it is not one, or when it was changed after it was made.
    """
    again = "make it again with `ratecard plan --out FILE`"
    if isinstance(data, bytes):
        if len(data) > LARGEST_DOCUMENT:
            raise RefusedError(f"{source} is larger than any change set", hint=again)
        try:
            raw = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise RefusedError(f"{source} is not JSON: {error}", hint=again) from None
    else:
        raw = data
    try:
        document = ChangeSetDocument.model_validate(raw)
        _refuse_fractions(raw)
        sealed = digest({key: value for key, value in raw.items() if key not in ("seal", "verdicts")})
        change_set = _change_set(document)
        _check_whole(change_set, [change.key for change in document.changes])
        same = sealed == document.seal and change_set.digest == document.digest
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{source} is not a change set: {place}: {first['msg']}", hint=again) from None
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{source} is not a change set: {error}", hint=again) from None
    if not same:
        raise RefusedError(f"{source} was changed after it was made, so no approval covers it", hint=again)
    return change_set


def _refuse_fractions(value: JSON) -> None:
    """Canonical JSON carries no float exactly. Raises ValueError where there is one."""
    if isinstance(value, float):
        raise ValueError(f"{value!r} is not a whole number")
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _refuse_fractions(part)


def _check_whole(change_set: ChangeSet, keys: list[str]) -> None:
    """What every change set of ours holds to, so that no reader need ask again. Raises ValueError."""
    seen: set[str] = set()
    for change, key in zip(change_set.changes, keys, strict=True):
        makes, goes = change.verb is Verb.CREATE, change.verb in (Verb.ARCHIVE, Verb.DELETE)
        if change.verb is Verb.EXECUTE and change.kind in LOCAL_KINDS:
            makes, goes = change.before is None, change.after is None and change.before is not None
        if not _ADDRESS.fullmatch(change.address) or not _KIND.fullmatch(change.kind):
            raise ValueError(f"{change.address[:100]!r} ({change.kind[:100]!r}) is no address of an object")
        if change.key != key or key in seen:
            raise ValueError(f'the change "{key}" is there twice or under another name')
        if (
            (change.id is None) is not (change.verb is Verb.CREATE)
            or (change.before is None) is not makes
            or (change.after is None) is not goes
        ):
            raise ValueError(f'the change "{key}" lacks its object, or a body before or after it')
        if change.moved_from is not None and (
            change.verb is not Verb.UPDATE
            or change.moved_from == change.address
            or not _ADDRESS.fullmatch(change.moved_from)
        ):
            raise ValueError(f'the change "{key}" moves from where no object of it can be')
        if not seen.issuperset(change.needs):
            raise ValueError(f'the change "{key}" needs one that does not come before it')
        seen.add(key)


def _setting_document(one: OpenSetting) -> dict[str, JSON]:
    items: list[JSON] = [
        {"what": item.what, "value": item.value, "where": item.where, "source": item.source}
        for item in one.setting.items
    ]
    last: JSON = None
    if one.last is not None:
        last = {"by": one.last.by, "at": one.last.at, "digest": one.last.digest, "proven": one.last.proven}
    return {"address": one.setting.address, "digest": one.setting.digest, "items": items, "last": last}


def _open_setting(one: SettingDocument) -> OpenSetting:
    items = tuple(SettingItem(item.what, item.value, item.where, item.source) for item in one.items)
    last = Confirmed(one.last.by, one.last.at, one.last.digest, one.last.proven) if one.last else None
    return OpenSetting(Setting(one.address, items), last)


def _change_document(change: Change) -> dict[str, JSON]:
    impact = change.impact
    return {
        "key": change.key,
        "verb": str(change.verb),
        "address": change.address,
        "kind": change.kind,
        "title": change.title,
        "id": change.id,
        "before": change.before,
        "after": change.after,
        "fingerprint": change.fingerprint,
        "superseded": change.superseded,
        "needs": list(change.needs),
        "ids": dict(change.ids or {}),
        "reason": change.reason,
        "notes": list(change.notes),
        "reverse": {
            "undo": str(change.reverse.undo),
            "verb": str(change.reverse.verb) if change.reverse.verb else None,
            "reason": change.reverse.reason,
        },
        "impact": None
        if impact is None
        else {
            "subscriptions": impact.subscriptions,
            "customers": impact.customers,
            "mrrBefore": [str(amount) for amount in impact.mrr_before],
            "mrrAfter": [str(amount) for amount in impact.mrr_after],
            "payMore": impact.pay_more,
            "payLess": impact.pay_less,
            "sentence": impact.sentence,
            **_sample(impact),
        },
        **({"movedFrom": change.moved_from} if change.moved_from is not None else {}),
    }


def _change_set(document: ChangeSetDocument) -> ChangeSet:
    account = document.account
    return ChangeSet(
        account=AccountIdentity(account.name, account.provider, account.mode, account.id),
        workspace=document.workspace,
        changes=tuple(_change(change) for change in document.changes),
        policy=document.policy,
        purpose=document.purpose,
        reverts=document.reverts,
        unmanaged=tuple(Unmanaged(item.kind, item.id, item.title, item.owner) for item in document.unmanaged),
        warnings=tuple(document.warnings),
        requests=document.requests,
        actions=tuple(BegunAction(one.action, one.spec) for one in document.actions),
        settings=tuple(map(_open_setting, document.settings)),
    )


def _change(change: ChangeDocument) -> Change:
    return Change(
        verb=change.verb,
        address=change.address,
        kind=change.kind,
        title=change.title,
        id=change.id,
        before=change.before,
        after=change.after,
        reverse=Reverse(change.reverse.undo, change.reverse.verb, change.reverse.reason),
        fingerprint=change.fingerprint,
        superseded=change.superseded,
        needs=tuple(change.needs),
        ids=change.ids,
        reason=change.reason,
        notes=tuple(change.notes),
        impact=_impact(change.impact) if change.impact else None,
        moved_from=change.moved_from,
    )


def _sample(impact: Impact) -> dict[str, JSON]:
    """The sample of next invoices; nothing where there is none."""
    if not impact.invoices:
        return {}
    told: list[JSON] = [
        {
            "subscription": one.subscription,
            "customer": one.customer,
            "rows": [
                {
                    "choice": row.choice,
                    "chosen": row.chosen,
                    "invoices": [{"amount": str(each.amount), "on": each.on} for each in row.invoices],
                    "note": row.note,
                }
                for row in one.rows
            ],
        }
        for one in impact.invoices
    ]
    return {"invoices": told, "invoiceRequests": impact.invoice_requests}


def _read_sample(told: Sequence[SampledDocument]) -> tuple[Sampled, ...]:
    from reconciler.plan.invoices import Invoice, Row, Sampled  # only a migration has a sample

    def row(one: InvoiceRow) -> Row:
        invoices = tuple(Invoice(_amounts([each.amount])[0], each.on) for each in one.invoices)
        return Row(one.choice, one.chosen, invoices, one.note)

    return tuple(Sampled(one.subscription, one.customer, tuple(map(row, one.rows))) for one in told)


def _impact(impact: ImpactDocument) -> Impact:
    return Impact(
        subscriptions=impact.subscriptions,
        customers=impact.customers,
        mrr_before=_amounts(impact.mrr_before),
        mrr_after=_amounts(impact.mrr_after),
        pay_more=impact.pay_more,
        pay_less=impact.pay_less,
        sentence=impact.sentence,
        invoices=_read_sample(impact.invoices) if impact.invoices else (),
        invoice_requests=impact.invoice_requests,
    )


def _amounts(texts: list[str]) -> tuple[Money, ...]:
    return tuple(-parse_money(text[1:]) if text.startswith("-") else parse_money(text) for text in texts)
