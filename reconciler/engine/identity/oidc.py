"""OIDC ID tokens, as CI systems give them to their jobs: who a machine or a person is, for one decision only.

The audience of a token must name that decision (`plan.approval_document.audience`), so a token that was stolen or
logged is good for nothing else. Only asymmetric algorithms of a short list; keys come from the issuer, never from the
token.
"""

from __future__ import annotations

import base64
import binascii
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from reconciler.base.canonical import JSON
from reconciler.base.clock import format_time
from reconciler.base.errors import RefusedError
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.plan.people import OidcIdentity

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

LARGEST_TOKEN = 16 * 1024
LEEWAY = timedelta(seconds=60)
# A token that is good for longer was not made for one decision.
LONGEST_LIFE = timedelta(hours=24)
SMALLEST_RSA_BITS = 2048

# Algorithm -> what the key must be: an HMAC's key could be a public key that everybody knows, so there is none here.
_ALGORITHMS: dict[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
# What a token may say of itself. Keys or addresses of keys in it (`jwk`, `jku`, `x5u` …) are refused, not ignored.
_HEADER = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read; nothing in it is true before `verify`."""

    text: str
    header: Mapping[str, JSON]
    claims: Mapping[str, JSON]

    @property
    def says(self) -> OidcIdentity:
        """Who it says that it is of."""
        return OidcIdentity(str(self.claims.get("iss")), str(self.claims.get("sub")))

    @property
    def issued_at(self) -> datetime:
        """When it says that it was made. Raises RefusedError when it does not say it."""
        return _moment(self.claims, "iat")


def read_token(text: str) -> Token:
    """Read a token in its compact form. Raises RefusedError, which never quotes it, when it is none."""
    parts = text.split(".")
    if len(text) > LARGEST_TOKEN or len(parts) != 3:
        raise RefusedError("the token is not a signed ID token", hint="give the token alone, as its issuer made it")
    header, claims, _ = (_part(part) for part in parts)
    return Token(text, _object(header, "header"), _object(claims, "claims"))


def verify(token: Token, *, audience: str, identity: OidcIdentity, at: datetime, issuers: IssuerKeys) -> None:
    """Hold a token to its issuer's keys, its one audience, its subject, and the moment at which it was used.

    Raises RefusedError with words; RatecardError when the issuer's keys cannot be had.
    """
    algorithm = _algorithm(token)
    if token.says != identity or not isinstance(token.claims.get("sub"), str):
        raise RefusedError("the token is of somebody else than the policy says")
    _verify_signature(token, algorithm, issuers.keys_of(identity.issuer))
    if token.claims.get("aud") not in (audience, [audience]):
        raise RefusedError(
            "the token is not for this decision: its audience is another, or not the only one",
            hint=f"ask the issuer for a token with the audience {audience}",
        )
    begins, ends = token.issued_at, _moment(token.claims, "exp")
    if "nbf" in token.claims:
        begins = max(begins, _moment(token.claims, "nbf"))
    if ends - begins > LONGEST_LIFE:
        raise RefusedError(f"the token is good for longer than {LONGEST_LIFE.total_seconds() / 3600:.0f} hours")
    if not begins - LEEWAY <= at < ends + LEEWAY:
        raise RefusedError(
            f"the token holds from {format_time(begins)} to {format_time(ends)}, and it is used at {format_time(at)}",
            hint="get a new one and approve at once",
        )


def _algorithm(token: Token) -> str:
    algorithm = token.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise RefusedError(f"tokens signed with {str(algorithm)[:20]!r} are not accepted", hint=", ".join(_ALGORITHMS))
    strange = sorted(set(token.header) - _HEADER)
    if strange:
        raise RefusedError(f"the header of the token says {strange[0][:40]!r}, which no ID token needs")
    return algorithm


def _verify_signature(token: Token, algorithm: str, keys: Sequence[Mapping[str, JSON]]) -> None:
    from joserfc import jws  # with cryptography behind it: only where a token is judged
    from joserfc.errors import JoseError, SecurityWarning

    kid = token.header.get("kid")
    fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
    if len(fitting) != 1:
        raise RefusedError(
            "the issuer has no one key that the token names" if kid is not None else "the token does not name its key",
            hint="the issuer may have changed its keys since: approve again with a new token",
        )
    try:
        with warnings.catch_warnings():
            # RFC 9864 would have "EdDSA" name its curve; here the key must be of Ed25519, whatever the name says.
            warnings.simplefilter("ignore", SecurityWarning)
            jws.deserialize_compact(token.text, _import(fitting[0], algorithm), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        raise RefusedError("the signature of the token does not hold") from None


def _fits(key: Mapping[str, JSON], algorithm: str) -> bool:
    kind, curve = _ALGORITHMS[algorithm]
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
    )


def _import(key: Mapping[str, JSON], algorithm: str) -> RSAKey | ECKey | OKPKey:
    """Only the public numbers of a key: nothing else that a key set says of it matters here."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kind, _ = _ALGORITHMS[algorithm]
    numbers: dict[str, str | list[str]] = {
        name: str(key[name]) for name in ("kty", "crv", "n", "e", "x", "y") if name in key
    }
    if kind == "EC":
        return ECKey.import_key(numbers)
    if kind == "OKP":
        return OKPKey.import_key(numbers)
    found = RSAKey.import_key(numbers)
    if found.public_key.key_size < SMALLEST_RSA_BITS:
        raise ValueError("the key is too short")
    return found


def _part(text: str) -> bytes:
    """One part of a token, which has one spelling only."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text or not data:
        raise RefusedError("the token is damaged: a part of it is not base64url")
    return data


def _object(data: bytes, what: str) -> Mapping[str, JSON]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError(f"the token is damaged: its {what} are not JSON")
    return found


def _moment(claims: Mapping[str, JSON], name: str) -> datetime:
    seconds = claims.get(name)
    # A year of five digits is no time of a token; a bool is an int to Python.
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 100_000_000_000:
        raise RefusedError(f"the token does not say its {name} as a whole number of seconds")
    return datetime.fromtimestamp(seconds, UTC)
