"""Webhook: where a provider reports what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import ALIAS_PREFIX, Metadata, Model, Text, clean_text
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import BeforeValidator, Field, StringConstraints

# An event type of the provider (`subscription.active`) or a family of them (`subscription.*`).
EventPattern = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?$", max_length=100)
]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^\S+$"), BeforeValidator(clean_text)]


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
# Where a secret is: never the secret itself.
SecretReference = Annotated[
    str, StringConstraints(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\s#]+)$", max_length=500)
]
# Where a secret that the provider made is put.
Sink = Annotated[
    str,
    StringConstraints(
        pattern=r"^(file:[^\s#]+|envfile:[^\s#]+#[A-Za-z_][A-Za-z0-9_]*"
        r"|kubernetes-secret:[^\s#]+#([a-z0-9][-a-z0-9]{0,61}/)?[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?)$",
        max_length=500,
    ),
]
# What the provider and HTTP itself write.
_TAKEN = ("webhook-", "svix-", "content-", "host", "user-agent", "connection", "transfer-encoding")


class SigningSecret(Model):
    """The secret with which the provider signs events: read once, and put where your application finds it."""

    to: Sink = Field(
        description="file:PATH, envfile:PATH#NAME or kubernetes-secret:PATH#NAME, which is a manifest; in the workspace"
    )


class WebhookSpec(Model):
    """Which events go where."""

    url: Url = Field(description="An https address, or alias:NAME for one that ratecard.yaml names")
    events: list[EventPattern] = Field(min_length=1, max_length=200)
    description: Text | None = None
    enabled: bool = True
    rate_limit: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Deliveries that it takes in the provider's unit; else no limit"
    )
    headers: dict[HeaderName, SecretReference] = Field(
        default={}, max_length=20, description="Sent with each event; each value is named by env:NAME or file:PATH"
    )
    secret: SigningSecret | None = None


class Webhook(ConfigurationDocument):
    """An endpoint of yours that receives events."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Webhook"]
    metadata: Metadata
    spec: WebhookSpec

    def mistakes(self) -> Iterator[Mistake]:
        """The address is https and names no password; no event or header is named twice; files lie in the workspace."""
        yield from self._header_mistakes()
        if self.spec.secret is not None:
            yield from beneath(self.spec.secret.to, ("spec", "secret", "to"))
        if not self.spec.url.startswith(ALIAS_PREFIX):
            yield from url_mistakes(self.spec.url, ("spec", "url"))
        for index, event in enumerate(self.spec.events):
            if event in self.spec.events[:index]:
                yield Mistake(f'"{event}" is named twice', code="webhook/events", at=("spec", "events", index))

    def _header_mistakes(self) -> Iterator[Mistake]:
        seen: set[str] = set()
        for name, value in self.spec.headers.items():
            at = ("spec", "headers", name)
            if name.lower().startswith(_TAKEN):
                yield Mistake(f'the header "{name}" is written by the provider', code="webhook/headers", at=at)
            if name.lower() in seen:
                yield Mistake(f'"{name}" is named already', code="webhook/headers", at=at)
            seen.add(name.lower())
            if value.startswith("file:"):
                yield from beneath(value, at)


def beneath(reference: str, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    """A path, with what stands before it and after `#`, that does not lie beneath the workspace."""
    path = reference.partition(":")[2].partition("#")[0]
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        hint = "name it from the workspace on, such as secrets/hook"
        yield Mistake(f'"{path}" does not lie beneath the workspace', code="material/outside", hint=hint, at=at)


def url_mistakes(url: str, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    """What is wrong with the address of an endpoint."""
    try:
        parts = urlsplit(url)
        host, with_password = parts.hostname, parts.username is not None or parts.password is not None
    except ValueError:
        yield Mistake(f'"{url}" is not an address', code="webhook/url", hint="write https://host/path", at=at)
        return
    if with_password:  # told first, and without the address: what is refused is printed
        yield Mistake("the address names a user or a password", code="webhook/url", hint="remove it", at=at)
    elif parts.scheme != "https" or not host:
        yield Mistake(
            f'"{url}" is not an https address',
            code="webhook/url",
            hint="events carry customer data: write https://host/path",
            at=at,
        )
