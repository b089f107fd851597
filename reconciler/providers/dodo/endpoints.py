"""Webhooks: an endpoint, the headers that it is sent, and its signing secret, each an object by itself.

Dodo shows an endpoint without its headers and redacts their values, so the journal keeps their fingerprints. The secret
is Dodo's: it is read once, into the place that the spec names, and never made anew from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.base.canonical import JSON
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import HEADERS, SECRET, WEBHOOK
from reconciler.providers.dodo.events import expand

if TYPE_CHECKING:
    from reconciler.spec.kinds.webhook import Webhook


def webhook_resources(document: Webhook, adopt: str | None) -> Iterator[Resource]:
    """The endpoint, and what is below it where the spec says so."""
    wanted, address = document.spec, f"Webhook/{document.metadata.name}"
    title = wanted.description or wanted.url
    events: set[str] = set()
    for pattern in wanted.events:
        events.update(expand(pattern))
    body: dict[str, JSON] = {
        "url": wanted.url,
        "description": wanted.description,
        "filter_types": sorted(events),
        "disabled": not wanted.enabled,
        "rate_limit": wanted.rate_limit,
    }
    yield Resource(address, WEBHOOK, title, body, adopt=adopt)
    below: dict[str, JSON] = {"webhook_id": reference(address)}
    if wanted.headers:
        headers: list[JSON] = [
            {"name": name, "secret": wanted.headers[name], "fingerprint": None} for name in sorted(wanted.headers)
        ]
        notes = ("Dodo shows no value of a header again: what the journal keeps of it is compared",)
        yield Resource(
            f"{address}:headers", HEADERS, f"{title}: headers", below | {"headers": headers}, (address,), notes=notes
        )
    if wanted.secret is not None:
        notes = ("it is read once; Dodo's dashboard alone makes a new one, and the old one is valid for a day then",)
        yield Resource(
            f"{address}:secret", SECRET, f"{title}: secret", below | {"to": wanted.secret.to}, (address,), notes=notes
        )
