"""What may stand in `ratecard.yaml`: models, from which its schema is made, and rules across its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import Annotated, Any, Literal

from reconciler.base.diagnostics import Diagnostic, Mistake, shorten
from reconciler.engine import config
from reconciler.plan.ownership import DEFAULT
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.fields import Document, Metadata, Model, Name, clean_text
from reconciler.spec.kinds.registry import CONFIGURATION, KINDS
from reconciler.spec.load import load_one
from reconciler.spec.models import BeforeValidator, Field, StringConstraints
from reconciler.spec.models import WithJsonSchema as Schema
from reconciler.spec.words import did_you_mean

_KEY_REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S+)$"
_LOOPBACK_URL = r"^http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?$"


def _key_reference(value: object) -> object:
    # What is wrong here may be the key itself: it is not quoted.
    if isinstance(value, str) and (len(value) > 1000 or not re.fullmatch(_KEY_REFERENCE, value)):
        raise Mistake(
            "a key is named here, never written",
            code="workspace/key",
            hint="write env:NAME of the environment variable, or file:PATH of the file, that holds it",
        )
    return value


def _journal(value: object) -> object:
    # A URL holds a password: it is not quoted.
    if isinstance(value, str) and "://" in value:
        raise Mistake(
            "the URL of a journal is named here, never written, since it holds a password",
            code="workspace/journal",
            hint="write journal: env:RATECARD_JOURNAL, or file:PATH, and keep postgresql://... there",
        )
    if isinstance(value, str) and value.startswith(("env:", "file:")) and not re.fullmatch(_KEY_REFERENCE, value):
        raise Mistake(
            "this does not name where the URL of a journal is",
            code="workspace/journal",
            hint="write env:NAME of the environment variable, or file:PATH of the file, that holds it",
        )
    return value


def _loopback_url(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_LOOPBACK_URL, value):
        raise Mistake(
            f'"{value[:100]}" is not where a sandbox of this machine listens',
            code="workspace/url",
            hint="write what `ratecard sandbox serve` prints, such as http://127.0.0.1:8080",
        )
    return value


KeyReference = Annotated[
    str,
    BeforeValidator(_key_reference),
    Schema({"type": "string", "pattern": _KEY_REFERENCE, "maxLength": 1000, "examples": ["env:DODO_PAYMENTS_API_KEY"]}),
]
LoopbackUrl = Annotated[
    str,
    BeforeValidator(_loopback_url),
    Schema({"type": "string", "pattern": _LOOPBACK_URL, "examples": ["http://127.0.0.1:8080"]}),
]
HostAndPort = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[1-9][0-9]{0,4}$")
]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1000), BeforeValidator(clean_text)]
JournalPlace = Annotated[FilePath, BeforeValidator(_journal)]
Target = Annotated[str, StringConstraints(min_length=1, max_length=2000), BeforeValidator(clean_text)]


def _owned_kind(value: object) -> object:
    known = [DEFAULT, *sorted(CONFIGURATION)]
    if isinstance(value, str) and value not in known:
        near = did_you_mean(value, known)
        listed = f"one of: {', '.join(known)}"
        message = f'"{shorten(value)}" is not a kind whose objects are kept'
        raise Mistake(message, code="workspace/ownership", hint=f"{near} {listed}" if near else listed)
    return value


OwnedKind = Annotated[
    str, BeforeValidator(_owned_kind), Schema({"type": "string", "enum": [DEFAULT, *sorted(CONFIGURATION)]})
]


def _defaulted_kind(value: object) -> object:
    if isinstance(value, str) and value not in KINDS:
        near = did_you_mean(value, list(KINDS))
        listed = f"one of: {', '.join(KINDS)}"
        hint = f"{near} {listed}" if near else listed
        raise Mistake(f'"{shorten(value)}" is not a kind', code="workspace/defaults", hint=hint)
    return value


DefaultedKind = Annotated[str, BeforeValidator(_defaulted_kind), Schema({"type": "string", "enum": list(KINDS)})]


class Account(Model):
    """One account at a provider, in one mode. The key is named, never written here.

    In mode `sandbox` a billing system runs on this machine while a command does, and keeps its books in `database`;
    with `url` a sandbox that runs already is used.
    """

    provider: Literal["dodo"]
    mode: Literal["sandbox", "test", "live"]
    key: KeyReference | None = Field(default=None, description="env:NAME or file:PATH")
    url: LoopbackUrl | None = None
    database: FilePath | None = None
    seed: FilePath | None = None
    ownership: dict[OwnedKind, Literal["observe", "additive", "adopt", "authoritative"]] = Field(
        default={}, description="What happens to live objects that are not ours, by kind; additive unless it says else"
    )
    overlays: list[FilePath] = Field(
        default=[], max_length=20, description="Files, or folders of files, that say what of the specs differs here"
    )


class Mailer(Model):
    """What sends messages to customers. Without one they are files in the outbox; from a sandbox nothing is sent."""

    smtp: HostAndPort = Field(description="host:port, always with TLS")
    sender: Annotated[str, StringConstraints(pattern=r"^[^\s@<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,190}$")] = Field(
        alias="from", description="The address that messages come from"
    )
    user: Annotated[str, StringConstraints(min_length=1, max_length=320), BeforeValidator(clean_text)] | None = None
    password: KeyReference | None = Field(default=None, description="env:NAME or file:PATH")


class WorkspaceSpec(Model):
    """What a workspace consists of. Paths are relative to its folder."""

    accounts: dict[Name, Account] = Field(min_length=1)
    account: Name = Field(description="The account that commands use unless --account names another")
    specs: list[FilePath] = Field(default=["specs"], min_length=1)
    journal: JournalPlace = Field(
        default=f"{config.FOLDER}/journal.db",
        description="A file, or env:NAME or file:PATH where the URL of a PostgreSQL database is kept",
    )
    aliases: dict[Name, Target] = Field(default={})
    mailer: Mailer | None = None
    defaults: dict[DefaultedKind, dict[str, Any]] = Field(
        default={}, description="By kind, parts of `spec` for all specs that do not say them"
    )


_SERVED = {"database": "db", "seed": "seed"}


class WorkspaceDocument(Document):
    """The file `ratecard.yaml`."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Workspace"]
    metadata: Metadata
    spec: WorkspaceSpec

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together."""
        if self.spec.account not in self.spec.accounts:
            yield Mistake(
                f'"{self.spec.account}" is not one of the accounts',
                code="workspace/account",
                hint=f"accounts: {', '.join(self.spec.accounts)}",
                at=("spec", "account"),
            )
        elif self.spec.accounts[self.spec.account].mode == "live":
            yield Mistake(
                "a live account is never the default",
                code="workspace/live",
                hint="name a sandbox or test account here, and the live one with --account when you mean it",
                at=("spec", "account"),
            )
        for name, account in self.spec.accounts.items():
            at = ("spec", "accounts", name)
            if account.mode != "sandbox" and account.key is None:
                yield Mistake(
                    f"an account in mode {account.mode} needs its key, by reference",
                    code="workspace/key",
                    hint="write key: env:DODO_PAYMENTS_API_KEY, or key: file:PATH",
                    at=at,
                )
            for index, overlay in enumerate(account.overlays):
                among = next((path for path in self.spec.specs if _beneath(overlay, path)), None)
                if among is not None:
                    yield Mistake(
                        f'"{overlay}" lies among the specs in {among}, where it would be read as specs of all accounts',
                        code="workspace/overlays",
                        hint="keep overlays in a folder of their own, such as overlays/live",
                        at=(*at, "overlays", index),
                    )
            for field in ("url", "database", "seed"):
                if account.mode != "sandbox" and getattr(account, field) is not None:
                    yield Mistake(
                        f'"{field}" is for sandboxes only, and the mode is {account.mode}',
                        code="workspace/sandbox",
                        hint="remove it, or write mode: sandbox",
                        at=(*at, field),
                    )
            for field in ("database", "seed"):
                if account.url is not None and getattr(account, field) is not None:
                    yield Mistake(
                        f'"{field}" is for a sandbox that a command starts, and this one runs already at its url',
                        code="workspace/sandbox",
                        hint=f"remove it, or give it to the running one: `ratecard sandbox serve --{_SERVED[field]}`",
                        at=(*at, field),
                    )
        mailer = self.spec.mailer
        if mailer is not None and (mailer.user is None) != (mailer.password is None):
            yield Mistake(
                "a mailer has a user and a password, or neither",
                code="workspace/mailer",
                hint="write user: NAME and password: env:SMTP_PASSWORD",
                at=("spec", "mailer"),
            )
        for alias, target in self.spec.aliases.items():
            from reconciler.spec.kinds.webhook import url_mistakes  # a kind costs its models only where it is used

            yield from url_mistakes(target, ("spec", "aliases", alias))


def _beneath(path: str, folder: str) -> bool:
    one, other = normpath(path), normpath(folder)
    return other in (one, ".") or one.startswith(f"{other}/")


def read_workspace_file(file: SourceFile) -> tuple[tuple[str, config.WorkspaceSpec] | None, tuple[Diagnostic, ...]]:
    """The workspace's name and what it consists of, or None with all that is wrong with the file."""
    document, diagnostics = load_one(file, WorkspaceDocument)
    if document is None:
        return None, diagnostics
    wanted = document.spec
    spec = config.WorkspaceSpec(
        accounts={
            name: config.Account(**dict(account) | {"overlays": tuple(account.overlays)})
            for name, account in wanted.accounts.items()
        },
        account=wanted.account,
        specs=tuple(wanted.specs),
        journal=wanted.journal,
        aliases=dict(wanted.aliases),
        mailer=config.Mailer(**dict(wanted.mailer)) if wanted.mailer else None,
        defaults=wanted.defaults,
    )
    return (document.metadata.name, spec), ()
