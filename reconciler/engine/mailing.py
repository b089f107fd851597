"""Messages to customers as actions: drafts that apply sends once, and that the journal remembers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reconciler.base.canonical import Body
from reconciler.base.errors import RefusedError
from reconciler.engine.config import FOLDER, Mailer, read_secret
from reconciler.engine.outbox import Outbox, Server, State
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind, message_body
from reconciler.plan.actions.messages import is_address, outbox_id
from reconciler.plan.change_set import Change
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Mode, Request

# Where no mailer is named, messages are files that nobody sends by themselves.
NO_SENDER = "billing@localhost"


class Mailing:
    """How messages are sent: into the account's folder of the outbox, and from there by the workspace's mailer."""

    def level(self, session: Session, change: Change) -> LiveResource | None:
        """The message with how far it is now, and to the address that the provider has of the customer now.

        One request: a change set can say any address, and only that of the customer is written to. None where the
        customer is gone.
        """
        before = change.before or {}
        state = _outbox(session).state(_name(session, change))
        named = str(before.get("customer"))
        # By id alone: whoever is asked for by an address is at that address.
        customer = None if "@" in named else session.connection.books.customer(named)
        if customer is None:
            return None
        told = {**before, "to": customer.email, "status": str(state)}
        return LiveResource(change.kind, change.id or "", change.title, told)

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """What is about to be sent, to whom. RefusedError for an address that is none."""
        fields = change.after or {}
        if not is_address(str(fields.get("to"))):
            raise RefusedError(f"{change.address}: there is no address to write to")
        method = "WRITE" if _mailer(session) is None else "SEND"
        path = f"outbox/{session.account_name}/{_name(session, change)}.eml"
        return Request(method, path, {"to": fields.get("to"), "subject": fields.get("subject")})

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """Send it. NotSentError, ProviderError and AnswerLostError as a provider raises them."""
        fields, name = change.after or {}, _name(session, change)
        _outbox(session).send(name, fields, session.clock.now())
        return LiveResource(change.kind, name, change.title, fields)

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """Whether it went out: by the outbox alone. What a server may have taken only a person can tell."""
        outbox, name = _outbox(session), _name(session, change)
        state = outbox.state(name)
        if state is State.WAITING:
            return Found(Fate.NOT_DONE)
        done = LiveResource(change.kind, name, change.title, change.after or {})
        if state is State.SENT:
            return Found(Fate.DONE, done)
        return Found(
            Fate.UNCLEAR,
            check=f"whether the mail server took the message <{name}@ratecard> to {done.body.get('to')}: its log says",
        )

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """That it was sent, with the digest of what it said."""
        fields, name = change.after or {}, _name(session, change)
        said = hashlib.sha256(f"{fields.get('subject')}\n{fields.get('text')}".encode()).hexdigest()
        return [
            (EntryKind.MESSAGE, message_body(change.address, name, str(fields.get("to")), f"sha256:{said}", run=run))
        ]


ACTION = Mailing()


def waits(session: Session, change: Change) -> bool:
    """Whether a message has not gone out, by the outbox: nothing is asked of anybody."""
    return _outbox(session).state(_name(session, change)) is State.WAITING


def _name(session: Session, change: Change) -> str:
    """What the message is called here: from its address and never from what a change set says."""
    return outbox_id(session.workspace.name, change.address)


def _mailer(session: Session) -> Mailer | None:
    """What sends messages of this account: from a sandbox nobody is written to, whatever addresses are in it."""
    return None if session.account.mode == Mode.SANDBOX else session.workspace.spec.mailer


def _outbox(session: Session) -> Outbox:
    mailer = _mailer(session)
    folder = session.workspace.folder / FOLDER / "outbox" / session.account_name
    if mailer is None:
        return Outbox(folder, NO_SENDER)
    host, _, port = mailer.smtp.rpartition(":")
    password = None if mailer.password is None else read_secret(session.workspace, mailer.password)
    return Outbox(folder, mailer.sender, Server(host.strip("[]"), int(port), mailer.user, password))
