"""What the journal remembers: an entry, its hash, and the shapes of the bodies.

A body is JSON without floats. The constructors below fix the names of its fields, so that writer and reader agree;
whatever else a room wants to remember goes into the open parts (`document`, `request`, `detail` …).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time
from reconciler.base.records import dataclass

# Comes between the name of an operation and the number of one of its parts.
PART = "."

# What the first entry names as the one before it.
NO_PREVIOUS = "0" * 64


class EntryKind(StrEnum):
    """What an entry tells of."""

    CHANGE_SET = "change_set"
    APPROVAL = "approval"
    REJECTION = "rejection"
    RUN_STARTED = "run_started"
    INTENT = "intent"
    OUTCOME = "outcome"
    BINDING = "binding"
    RUN_FINISHED = "run_finished"
    PROMPT = "prompt"
    ACTION = "action"
    EFFECT = "effect"
    MESSAGE = "message"
    POLICY = "policy"
    LEASE = "lease"
    RESOLUTION = "resolution"
    CHECKPOINT = "checkpoint"
    PROTECTION = "protection"
    CONFIRMATION = "confirmation"
    DRIFT = "drift"


class OutcomeStatus(StrEnum):
    """What became of an intent. Unknown: it may have happened, and nobody writes again until that is found out."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the memory. `sequence` counts from 1; `previous` and `hash` are 64 hexadecimal digits."""

    sequence: int
    at: datetime
    kind: EntryKind
    account: str
    body: Body
    previous: str
    hash: str

    def text(self, name: str) -> str:
        """A text of the body; empty when the body has no text of that name."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def as_json(self) -> dict[str, JSON]:
        """The documented JSON shape of an entry; its hash is over all of it but `hash` itself."""
        return {
            "sequence": self.sequence,
            "at": format_time(self.at),
            "kind": str(self.kind),
            "account": self.account,
            "body": self.body,
            "previous": self.previous,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Binding:
    """Address → provider id. `kind` is the kind of the resource; `entry` the sequence of the entry that says so."""

    address: str
    kind: str
    id: str
    archived: bool
    entry: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a change set as far as the journal knows it, entries in the order of writing."""

    id: str
    account: str
    digest: str
    started: Entry
    intents: tuple[Entry, ...]
    outcomes: tuple[Entry, ...]
    resolutions: tuple[Entry, ...] = ()

    def in_doubt(self) -> tuple[Entry, ...]:
        """Intents without a definite outcome (none, or unknown): each is read back before anything else is sent."""
        settled = {_attempt_of(one) for one in self.outcomes if one.text("status") != OutcomeStatus.UNKNOWN}
        return tuple(one for one in self.intents if _attempt_of(one) not in settled)

    def unknown(self) -> tuple[Entry, ...]:
        """The outcomes `unknown` of the attempts that are still in doubt: what a person must check."""
        doubted = {_attempt_of(one) for one in self.in_doubt()}
        found = {_attempt_of(one): one for one in self.outcomes if one.text("status") == OutcomeStatus.UNKNOWN}
        return tuple(entry for attempt, entry in found.items() if attempt in doubted)

    def succeeded(self) -> frozenset[str]:
        """The operations with an outcome `succeeded`: they are never sent again."""
        done = OutcomeStatus.SUCCEEDED
        return frozenset(one.text("operation") for one in self.outcomes if one.text("status") == done)


def _attempt_of(entry: Entry) -> tuple[str, JSON]:
    return entry.text("operation"), entry.body.get("attempt")


def hash_entry(sequence: int, at: str, kind: str, account: str, body: bytes, previous: str) -> str:
    """SHA-256 over 0x00 and the canonical JSON of an entry, as 64 hexadecimal digits.

    `body` is canonical JSON already, so the whole is put together rather than written again: names in RFC 8785 order,
    texts escaped, which leaves one way only to read it back into its parts.
    """
    head = f'{{"account":{_quote(account)},"at":{_quote(at)},"body":'.encode("utf-8", "surrogatepass")
    tail = f',"kind":{_quote(kind)},"previous":{_quote(previous)},"sequence":{sequence}}}'
    whole = b"\x00" + head + body + tail.encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()


def _quote(text: str) -> str:
    # The same escapes as RFC 8785 §3.2.2.2, as a test holds.
    return json.dumps(text, ensure_ascii=False)


def change_set_body(digest: str, document: Body, *, by: str | None = None, proof: Body | None = None) -> Body:
    """A change set was made: its digest (`sha256:…`) and the whole of it, from which it can be shown and applied.

    `by` is who asked for it, and `proof` the signed document that shows it, None when nothing does.
    """
    return {"digest": digest, "document": document, "by": by, "proof": proof}


def decision_body(
    digest: str,
    by: str,
    *,
    until: datetime | None = None,
    reason: str | None = None,
    confirmed: str | None = None,
    proof: Body | None = None,
) -> Body:
    """A named person approved or rejected exactly this digest.

    `until` is when an approval ends; `confirmed` what the person typed of what cannot be undone; `proof` is the signed
    document that shows that the name is true, None when nothing does.
    """
    ends = None if until is None else format_time(until)
    return {"digest": digest, "by": by, "until": ends, "reason": reason, "confirmed": confirmed, "proof": proof}


def run_started_body(run: str, digest: str, detail: Body | None = None) -> Body:
    """The account's lock is taken and the change set of this digest begins; `run` is an id of its own."""
    return {"run": run, "digest": digest, "detail": detail}


def intent_body(
    run: str, operation: str, *, change: JSON, attempt: int, request: Body | None, precondition: JSON = None
) -> Body:
    """Something is about to be sent.

    `operation` names the effect within the run and stays the same over all attempts, which count from 1; `change` is
    what is wanted, `request` what is sent, `precondition` what was true of Live when that was decided.
    """
    return {
        "run": run,
        "operation": operation,
        "attempt": attempt,
        "change": change,
        "request": request,
        "precondition": precondition,
    }


def outcome_body(run: str, operation: str, *, attempt: int, status: OutcomeStatus, detail: Body | None = None) -> Body:
    """What became of one attempt; `detail` is what the provider said: id, status, code, words."""
    return {"run": run, "operation": operation, "attempt": attempt, "status": str(status), "detail": detail}


def binding_body(
    address: str,
    kind: str,
    bound_to: str | None,
    *,
    archived: bool = False,
    run: str | None = None,
    keeps: Body | None = None,
) -> Body:
    """The address belongs to this object of the provider; to none when `bound_to` is None.

    `keeps` is what is known of it and the provider does not tell back: hashes and fingerprints, never a secret.
    """
    body: Body = {"address": address, "kind": kind, "id": bound_to, "archived": archived, "run": run}
    return body if keeps is None else {**body, "keeps": keeps}


def run_finished_body(run: str, result: str, detail: Body | None = None) -> Body:
    """The run is over, whatever its result (`converged`, `stopped`, …): nothing of it is left to resume."""
    return {"run": run, "result": result, "detail": detail}


def action_body(action: str, spec: str, effects: Sequence[str], *, digest: str, run: str) -> Body:
    """An action begins, which is done once: what was asked for and what it comes to.

    `action` is its address (`Refund/outage`), `spec` the digest of its canonical spec, `effects` the addresses of its
    effects in the change set of `digest`.
    """
    return {"action": action, "spec": spec, "effects": list(effects), "digest": digest, "run": run}


def effect_body(
    address: str, kind: str, effect: str, *, digest: str, run: str, reverts: str | None = None, left_out: int = 0
) -> Body:
    """An effect of an action has happened: `effect` is its id at the provider.

    `digest` is the change set that it was a part of, `reverts` the one that this change set undoes. `left_out` is how
    many parts of a large one the provider refused, or had changed meanwhile.
    """
    body = {"address": address, "kind": kind, "id": effect, "run": run, "digest": digest, "reverts": reverts}
    return body | {"leftOut": left_out} if left_out else body


def message_body(address: str, name: str, to: str, said: str, *, run: str) -> Body:
    """A message went out: what it is called in the outbox, to whom, and the digest of its subject and text."""
    return {"address": address, "id": name, "to": to, "said": said, "run": run}


def policy_body(policy: Body, policy_digest: str, *, of: str, run: str) -> Body:
    """A policy is in force from now on: the whole of it, its digest, and the change set `of` that brought it."""
    return {"policy": policy, "policyDigest": policy_digest, "digest": of, "run": run}


def drift_body(address: str, kind: str, fields: Sequence[str], seen: str) -> Body:
    """A drift was seen for the first time; `seen` is the hash of what it was, by which it is known again."""
    return {"address": address, "kind": kind, "fields": list(fields), "seen": seen}


def lease_body(token: int, holder: Body, until: datetime | None) -> Body:
    """Who may write as a run of this account: the holder, until a time; None when it let go.

    `token` grows with each holder: an entry of a run is only written while its token is the newest.
    """
    return {"token": token, "holder": holder, "until": None if until is None else format_time(until)}


def resolution_body(
    run: str,
    operation: str,
    *,
    attempt: int,
    applied: bool,
    by: str,
    reason: str,
    effect: str | None = None,
    proof: Body | None = None,
) -> Body:
    """A named person found out what became of an attempt that nobody could tell: applied, or not.

    `effect` is the id of what was made, where there is one; `proof` is what shows that the name is true.
    """
    return {
        "run": run,
        "operation": operation,
        "attempt": attempt,
        "applied": applied,
        "by": by,
        "reason": reason,
        "effect": effect,
        "proof": proof,
    }


def prompt_body(
    prompt: str, *, author: str, interpreter: str, answers: Body, document: Body, written: Body, revises: str | None
) -> Body:
    """A person said something and it was written into specs.

    `document` is what was made of it, `written` the fields by file, and `revises` the digest of the rejected change
    set that it answers to.
    """
    return {
        "prompt": prompt,
        "author": author,
        "interpreter": interpreter,
        "answers": answers,
        "document": document,
        "written": written,
        "revises": revises,
    }


def confirmation_body(setting: str, digest: str, by: str, *, reason: str | None = None) -> Body:
    """A named person has set in a dashboard what `setting` says, whose digest this is; signing adds the proof."""
    return {"setting": setting, "digest": digest, "by": by, "reason": reason}


def protection_body(protected: Mapping[str, str]) -> Body:
    """All that is protected from now on: the address of each spec, with the place (`FILE:LINE:COLUMN`) that says so."""
    return {"protected": dict(protected)}


def lifted_body(address: str, run: str) -> Body:
    """The protection of one spec was lifted by a run that was approved."""
    return {"lifted": address, "run": run}


def checkpoint_body(document: Body) -> Body:
    """The journal up to the entry before this one was signed; `document` is the checkpoint, whole."""
    return {"document": document}


def read_binding(body: Mapping[str, JSON], entry: int) -> Binding | str:
    """The binding that a body tells of, or only its address when the body ends the binding.

    Raises ValueError when it is no body of a binding.
    """
    address, kind, bound_to, archived = (body.get(name) for name in ("address", "kind", "id", "archived"))
    if not isinstance(address, str) or not isinstance(kind, str) or not isinstance(archived, bool):
        raise ValueError("a binding has an address, a kind and whether it is archived")
    if bound_to is None:
        return address
    if not isinstance(bound_to, str):
        raise ValueError(f'the id bound to "{address}" is neither a text nor null')
    return Binding(address, kind, bound_to, archived, entry)
