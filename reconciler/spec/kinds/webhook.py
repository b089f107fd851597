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


class WebhookSpec(Model):
    """Which events go where."""

    url: Url = Field(description="An https address, or alias:NAME for one that ratecard.yaml names")
    events: list[EventPattern] = Field(min_length=1, max_length=200)
    description: Text | None = None
    enabled: bool = True
    rate_limit: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Deliveries that it takes in the provider's unit; else no limit"
    )


class Webhook(ConfigurationDocument):
    """An endpoint of yours that receives events."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Webhook"]
    metadata: Metadata
    spec: WebhookSpec

    def mistakes(self) -> Iterator[Mistake]:
        """The address is https and names no password; no event is named twice."""
        if not self.spec.url.startswith(ALIAS_PREFIX):
            yield from url_mistakes(self.spec.url, ("spec", "url"))
        for index, event in enumerate(self.spec.events):
            if event in self.spec.events[:index]:
                yield Mistake(f'"{event}" is named twice', code="webhook/events", at=("spec", "events", index))


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
