"""The public keys of token issuers: pinned by whoever knows them, or fetched where OpenID Connect Discovery says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import httpx
import orjson

from reconciler.base.canonical import JSON
from reconciler.base.errors import RatecardError, RefusedError

LARGEST_ANSWER = 1024 * 1024
MOST_KEYS = 100
TIMEOUT_S = 10.0

_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?", re.ASCII)
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?", re.ASCII)

KeyList = Sequence[Mapping[str, JSON]]


class IssuerKeys:
    """The keys of issuers, each asked once: over https, without following redirects.

    `pinned` issuers are never asked. With `loopback`, in a sandbox, an issuer on this machine may speak http.
    """

    def __init__(self, pinned: Mapping[str, KeyList] | None = None, *, loopback: bool = False) -> None:
        self._known: dict[str, KeyList] = dict(pinned or {})
        self._loopback = loopback

    def keys_of(self, issuer: str) -> KeyList:
        """The keys as a JWK set has them. Raises RefusedError, or RatecardError when they cannot be had."""
        if issuer not in self._known:
            found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            place = found.get("jwks_uri")
            if found.get("issuer") != issuer or not isinstance(place, str):
                raise RefusedError(f"what {issuer} answers is not about itself, so its keys are not to be trusted")
            self._known[issuer] = read_key_set(self._get(place), place)
        return self._known[issuer]

    def _get(self, url: str) -> Mapping[str, JSON]:
        if not _HTTPS.fullmatch(url) and not (self._loopback and _LOOPBACK.fullmatch(url)):
            raise RefusedError(
                f"{url[:200]!r} is not an https address without a query", hint="look at the issuer in the policy"
            )
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
                client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
            ):
                data = b""
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > LARGEST_ANSWER:
                        raise RefusedError(f"{url} answers with more than any key set holds")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RatecardError(f"the keys of the issuer cannot be fetched from {url}: {error}", retry=True) from None
        if answer.status_code != 200:
            raise RatecardError(f"{url} answers with status {answer.status_code}", retry=answer.status_code >= 500)
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise RatecardError(f"{url} does not answer with a JSON object")
        return found


def read_key_set(found: Mapping[str, JSON], source: str) -> KeyList:
    """The keys of a JWK set. Raises RefusedError when it is none."""
    keys = found.get("keys")
    if not isinstance(keys, list) or len(keys) > MOST_KEYS or not all(isinstance(key, dict) for key in keys):
        raise RefusedError(f"{source} is not a JWK set")
    return keys
