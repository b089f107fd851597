"""Texts in other languages: each language of an object is below it, put whole and deleted by itself.

The texts of the object itself are never read with a language, or they would come back translated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Mistake
from reconciler.base.errors import ProviderError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource, Resource, reference
from reconciler.providers.base import Fate, Found, Request
from reconciler.providers.dodo.below import SoFar, own_id, refer
from reconciler.providers.dodo.capabilities import (
    ADDON,
    COLLECTION,
    CREDIT,
    ENTITLEMENT,
    METER,
    PATHS,
    PRODUCT,
    TRANSLATION,
)
from reconciler.providers.dodo.limits import DESCRIPTION_LIMIT, NAME_LIMIT, Limit, refuse, too_long

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client
    from reconciler.spec.kinds.translation import Translation

LANGUAGES = (
    "ar", "ca", "zh", "nl", "en", "fr", "de", "he", "id", "it", "ja", "ka", "ko", "ms", "pl", "pt", "ro", "ru", "es",
    "sv", "th", "tr",
)  # fmt: skip

# Of what can be translated, the fields, and how specs call them.
_NAMED = {"name": "title", "description": "description"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    PRODUCT: _NAMED,
    ADDON: _NAMED,
    METER: _NAMED,
    COLLECTION: _NAMED,
    CREDIT: {"name": "title", "unit": "unit"},
    ENTITLEMENT: {**_NAMED, "activation_message": "message", "instructions": "instructions"},
}
KINDS = {
    "Plan": PRODUCT,
    "Product": PRODUCT,
    "Addon": ADDON,
    "Meter": METER,
    "Credit": CREDIT,
    "Entitlement": ENTITLEMENT,
    "Collection": COLLECTION,
}


def labels(document: Translation, addresses: Sequence[str]) -> tuple[str, ...]:
    """What tells the texts of a document apart: `de`, and `monthly.de` where the object is one of several prices."""
    return tuple(_label(address, language) for address in addresses for language in document.spec.languages)


def _label(address: str, language: str) -> str:
    _, _, part = address.partition(":")
    return f"{part}.{language}" if part else language


def translation_limits(document: Translation) -> Iterator[Limit]:
    """Languages that Dodo does not have, and texts that it does not take."""
    for language, words in document.spec.languages.items():
        at = ("spec", "languages", language)
        if language not in LANGUAGES:
            hint = "write one of " + " ".join(LANGUAGES)
            yield Limit(Mistake(f"Dodo has no {language}", code="dodo/language", at=at, hint=hint))
        yield from too_long(words.title, NAME_LIMIT, "the title", (*at, "title"))
        yield from too_long(words.description, DESCRIPTION_LIMIT, "the description", (*at, "description"))
    if document.spec.entitlement is None and document.spec.credit is None:
        return
    for language, words in document.spec.languages.items():
        if words.unit is not None and len(words.unit) > NAME_LIMIT:
            yield refuse("too-long", f"the unit has {len(words.unit)} characters", ("spec", "languages", language))


def translations(document: Translation, addresses: Sequence[str], adopted: Mapping[str, str]) -> Iterator[Resource]:
    """The texts of each language for each object that is named."""
    kind = KINDS[next(document.references()).kind]
    for address in addresses:
        for language, words in document.spec.languages.items():
            texts: dict[str, JSON] = {field: getattr(words, ours) for field, ours in FIELDS[kind].items()}
            body: Body = {"of": reference(address), "object": kind, "locale": language, **texts}
            label = _label(address, language)
            own = f"Translation/{document.metadata.name}:{label}"
            yield Resource(own, TRANSLATION, f"{address} in {language}", body, (address,), adopted.get(label))


class Translations:
    """The texts of all objects that can be translated: of those that specs translate each time, of all with `whole`."""

    def __init__(self, client: Client, pool: Executor) -> None:
        self._client, self._pool = client, pool

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """One request for each object that is asked for."""
        ours = {own_id(one.id) for one in so_far.bindings.values() if one.kind == TRANSLATION}
        asked = {
            (kind, object_id): self._pool.submit(self._texts, kind, object_id)
            for kind in FIELDS
            for object_id in so_far.raws.get(kind, {})
            if so_far.whole or object_id in ours
        }
        found = []
        for (kind, object_id), future in asked.items():
            for language, texts in future.result().items():
                body: Body = {
                    "of": refer(object_id, so_far.addresses),
                    "object": kind,
                    "locale": language,
                    **{field: texts.get(field) or None for field in FIELDS[kind]},
                }
                title = f"{so_far.raws[kind][object_id].get('name') or object_id} in {language}"
                found.append(LiveResource(TRANSLATION, f"{object_id}/{language}", title, body))
        return found, {}

    def _texts(self, kind: str, object_id: str) -> dict[str, Mapping[str, Any]]:
        answer = self._client.find(_path(kind, object_id)) or {"items": []}
        items = answer.get("items")
        if not isinstance(items, list) or not all(isinstance(one, dict) and one.get("locale") for one in items):
            raise ProviderError(f"Dodo answered with translations that are none, of {object_id}", retry=True)
        return {str(one["locale"]): one for one in items}

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """All texts of one language; taking them over sends nothing new."""
        told = change.after if change.after is not None else change.before or {}
        path = f"{_path(str(told['object']), owner)}/{quote(str(told['locale']), safe='')}"
        if body is None:
            return Request("DELETE", path, None)
        if change.verb is Verb.ADOPT:
            return Request("GET", path.rpartition("/")[0], None)
        return Request("PUT", path, {field: body[field] for field in FIELDS[str(told["object"])]})

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Put or delete it; deleting what is gone is done."""
        told = change.after if change.after is not None else change.before or {}
        try:
            if request.method != "GET":
                self._client.write(request.method, request.path, request.body)
        except ProviderError as error:
            if request.method != "DELETE" or error.status != 404:
                raise
        return f"{owner}/{told['locale']}", None

    def find(self, change: Change, owner: str) -> Found:
        """Whether the texts are as they were to become."""
        told = change.after if change.after is not None else change.before or {}
        kind, language = str(told["object"]), str(told["locale"])
        now = self._texts(kind, owner).get(language)
        if change.after is None:
            done = now is None
        else:
            wanted = {field: change.after.get(field) for field in FIELDS[kind]}
            done = now is not None and {field: now.get(field) or None for field in FIELDS[kind]} == wanted
        if not done:
            return Found(Fate.NOT_DONE)
        gone = change.after is None
        return Found(Fate.DONE, LiveResource(TRANSLATION, f"{owner}/{language}", change.title, told, archived=gone))


def _path(kind: str, object_id: str) -> str:
    return f"{PATHS[kind]}/{quote(object_id, safe='')}/translations"
