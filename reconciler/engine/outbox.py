"""The outbox: messages as files, one `.eml` each, and what sends them by SMTP where the workspace names a server.

A message goes out at most once. Its file is there, complete, only when it is sent; while a server is being asked, there
is one that says so, and where the answer is lost that one stays: nobody sends it again without looking.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path

from reconciler.base.canonical import JSON
from reconciler.base.errors import AnswerLostError, NotSentError, ProviderError, RatecardError

TIMEOUT_S = 30.0
# The port on which TLS begins with the first byte; on all others it is asked for and must be given.
TLS_PORT = 465


class State(StrEnum):
    """How far a message is."""

    WAITING = "none"
    UNDER_WAY = "under way"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Server:
    """The server that takes messages: always with TLS, its certificate checked against `host` by `context`."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = None

    def send(self, message: EmailMessage) -> None:
        """Hand a message over. NotSentError where it certainly did not go, ProviderError where it was refused,
        AnswerLostError where nobody can tell."""
        place = f"the mail server {self.host}:{self.port}"
        trusted = self.context or ssl.create_default_context()
        handed_over = taken = False
        try:
            with self._connected(trusted) as connection:
                if self.user is not None and self.password is not None:
                    connection.login(self.user, self.password)
                handed_over = True
                connection.send_message(message)
                taken = True
        except smtplib.SMTPServerDisconnected as error:
            if handed_over:
                raise AnswerLostError(f"{place} hung up before it said whether it took the message") from error
            raise NotSentError(f"{place} hung up", retry=True) from error
        except smtplib.SMTPAuthenticationError as error:
            # What the server answered may repeat what it was given.
            raise ProviderError(f"{place} refused the user or the password", hint="check mailer.user") from error
        except smtplib.SMTPException as error:
            raise ProviderError(f"{place} refused the message: {_said(error)}") from error
        except (OSError, ssl.SSLError) as error:
            if taken:
                return  # it said so, and was only not there to say goodbye
            if handed_over:
                raise AnswerLostError(f"{place} was cut off before it said whether it took the message") from error
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotSentError(f"{place} was not reached: {reason}", retry=True) from error

    def _connected(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.port == TLS_PORT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        connection = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
        return connection


def _said(error: smtplib.SMTPException) -> str:
    code = getattr(error, "smtp_code", None)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((answer[0] for answer in error.recipients.values()), None)
    return f"code {code}" if code is not None else type(error).__name__


class Outbox:
    """The messages of one account in one folder. Without a `server` they are only written down there."""

    def __init__(self, folder: Path, sender: str, server: Server | None = None) -> None:
        self.folder = folder
        self._sender = sender
        self._server = server

    def state(self, name: str) -> State:
        """How far the message of a name is. Raises RatecardError."""
        try:
            if self._path(name).exists():
                return State.SENT
            # What is only written down has gone nowhere before it has its name.
            return State.UNDER_WAY if self._server is not None and self._waiting(name).exists() else State.WAITING
        except OSError as error:
            raise RatecardError(f"the outbox {self.folder} cannot be read: {error.strerror}") from None

    def send(self, name: str, fields: Mapping[str, JSON], at: datetime) -> None:
        """Write a message down, or have a server take it. Raises what `Server.send` does, and RatecardError."""
        message = compose(name, fields, self._sender, at)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._server is None:
                self._waiting(name).unlink(missing_ok=True)
            _write(self._waiting(name), message.as_bytes(policy=SMTP))
        except FileExistsError:
            raise AnswerLostError(f"the message {name} is under way already") from None
        except OSError as error:
            raise NotSentError(f"the outbox {self.folder} cannot be written: {error.strerror}") from None
        if self._server is not None:
            try:
                self._server.send(message)
            except AnswerLostError:
                raise
            except RatecardError:
                with suppress(OSError):
                    self._waiting(name).unlink()
                raise
        try:
            self._waiting(name).rename(self._path(name))
            _synced(self.folder)
        except OSError as error:
            raise AnswerLostError(f"the message {name} may be sent; {self.folder}: {error.strerror}") from None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.eml"

    def _waiting(self, name: str) -> Path:
        return self.folder / f"{name}.sending"


def compose(name: str, fields: Mapping[str, JSON], sender: str, at: datetime) -> EmailMessage:
    """A message in plain text. Raises RatecardError for a header that would be two."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        message["To"] = str(fields["to"])
        message["Subject"] = str(fields["subject"])
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{name}@ratecard>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no absence note answers it
        message.set_content(str(fields["text"]))
    except (ValueError, MessageError, UnicodeError) as error:
        raise RatecardError(f"the message {name} cannot be written: {error}") from None
    return message


def _write(path: Path, data: bytes) -> None:
    """A new file, whole and durable; FileExistsError where there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _synced(path.parent)


def _synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
