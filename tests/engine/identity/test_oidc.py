"""ID tokens: signed by the issuer, of that subject, for this one decision, now; anything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import warnings
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from reconciler.base.errors import RatecardError, RefusedError
from reconciler.engine.identity import oidc
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.plan.people import OidcIdentity
from reconciler.testing.clock import BEGIN

ISSUER = "https://issuer.example"
SUBJECT = "repo:acme/billing:ref:refs/heads/main"
AUDIENCE = "ratecard:" + "ab" * 16
IDENTITY = OidcIdentity(ISSUER, SUBJECT)
NOW = int(BEGIN.timestamp())

KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
JWKS = [key.as_dict(private=False) for key in KEYS.values()]
KEYS["Ed25519"] = KEYS["EdDSA"]


def claims(**changed: Any) -> dict[str, Any]:
    told = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": NOW, "nbf": NOW, "exp": NOW + 600, **changed}
    return {name: value for name, value in told.items() if value is not None}


def token(algorithm: str = "ES256", **changed: Any) -> str:
    key = KEYS[algorithm]
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    payload = json.dumps(claims(**changed)).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of the older name of Ed25519
        return jws.serialize_compact(head, payload, key, algorithms=[algorithm])


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def verify(text: str, *, audience: str = AUDIENCE, at=BEGIN, identity=IDENTITY, jwks=JWKS) -> None:
    oidc.verify(oidc.read_token(text), audience=audience, identity=identity, at=at, issuers=IssuerKeys({ISSUER: jwks}))


def refused(text: str, **more: Any) -> str:
    with pytest.raises(RefusedError) as told:
        verify(text, **more)
    assert text not in str(told.value)
    return told.value.message


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed25519"])
def test_a_token_of_the_issuer_for_this_decision_holds(algorithm):
    verify(token(algorithm))


def test_a_token_without_a_signature_is_refused():
    for name in ("none", "None", "NONE"):
        assert "not accepted" in refused(f"{part({'alg': name})}.{part(claims())}.AAAA")
    with pytest.raises(RefusedError, match="damaged"):
        oidc.read_token(f"{part({'alg': 'none'})}.{part(claims())}.")


def test_the_public_key_of_the_issuer_is_no_shared_secret():
    for secret in (KEYS["RS256"].as_pem(private=False), json.dumps(JWKS[0]).encode(), b""):
        signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims())}"
        mac = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
        assert "'HS256' are not accepted" in refused(f"{signed}.{mac}")


def test_a_token_brings_no_key_of_its_own():
    own = ECKey.generate_key("P-256", {"kid": "ec"})
    payload = json.dumps(claims()).encode()
    forged = jws.serialize_compact({"alg": "ES256", "kid": "ec"}, payload, own, algorithms=["ES256"])
    assert "signature of the token does not hold" in refused(forged)
    head = part({"alg": "ES256", "kid": "ec", "jwk": own.as_dict(private=False)})
    assert "'jwk', which no ID token needs" in refused(f"{head}.{part(claims())}.AAAA")
    for name in ("jku", "x5u", "x5c", "crit", "b64"):
        head = part({"alg": "ES256", "kid": "ec", name: ["x"]})
        assert f"{name!r}, which no ID token needs" in refused(f"{head}.{part(claims())}.AAAA")


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1", "rsa", "", ["ec"], {"a": 1}, 7])
def test_a_kid_names_a_key_of_the_issuer_or_nothing(kid):
    head = part({"alg": "ES256", "kid": kid})
    signature = token().rsplit(".", 1)[1]
    assert "no one key" in refused(f"{head}.{part(claims())}.{signature}")


def test_a_key_is_used_for_its_own_algorithm_only():
    wrong = [{**JWKS[1], "alg": "ES512"}, {**JWKS[1], "use": "enc"}, {**JWKS[1], "crv": "P-521"}]
    for key in wrong:
        assert "no one key" in refused(token(), jwks=[key])
    assert "no one key" in refused(token(), jwks=[JWKS[1], JWKS[1]])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://other.example"}, "somebody else"),
        ({"iss": ISSUER + "/"}, "somebody else"),
        ({"sub": "repo:acme/billing:ref:refs/heads/evil"}, "somebody else"),
        ({"sub": None}, "somebody else"),
        ({"aud": "ratecard:" + "cd" * 16}, "not for this decision"),
        ({"aud": "ratecard-reject:" + "ab" * 16}, "not for this decision"),
        ({"aud": [AUDIENCE, "sts.amazonaws.com"]}, "not for this decision"),
        ({"aud": None}, "not for this decision"),
        ({"exp": NOW - 61}, "holds from"),
        ({"nbf": NOW + 61}, "holds from"),
        ({"iat": NOW + 61}, "holds from"),
        ({"exp": None}, "does not say its exp"),
        ({"iat": None}, "does not say its iat"),
        ({"exp": "2099-01-01"}, "does not say its exp"),
        ({"exp": 10**30}, "does not say its exp"),
        ({"exp": True}, "does not say its exp"),
        ({"exp": NOW + 90_000}, "longer than 24 hours"),
    ],
)
def test_a_token_that_is_wrong_in_one_claim_is_refused(changed, why):
    assert why in refused(token(**changed))


def test_a_token_for_one_digest_approves_no_other():
    verify(token())
    assert "not for this decision" in refused(token(), audience="ratecard:" + "ab" * 15 + "ac")
    assert "not for this decision" in refused(token(), audience=AUDIENCE + ":120.00 USD")


def test_a_token_is_used_while_it_holds():
    verify(token(), at=BEGIN + timedelta(seconds=600))
    assert "holds from" in refused(token(), at=BEGIN + timedelta(seconds=660))
    assert "holds from" in refused(token(), at=BEGIN - timedelta(seconds=61))


def test_no_byte_of_a_token_can_be_changed():
    text = token("EdDSA")
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(RefusedError):
            verify(changed)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d.e", "....", "é.é.é", "x" * 20_000, "e30.e30.e30", "W10.W10.W10"])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(RefusedError):
        verify(text)


@pytest.fixture
def issuer() -> Iterator[dict[str, Any]]:
    """An issuer on this machine; `answers` is what it says at which path."""
    answers: dict[str, Any] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        about = {"issuer": url, "jwks_uri": f"{url}/keys"}
        answers["/.well-known/openid-configuration"] = (200, {}, json.dumps(about).encode())
        answers["/keys"] = (200, {}, json.dumps({"keys": JWKS}).encode())
        yield {"url": url, "answers": answers, "asked": asked}
        server.shutdown()
        thread.join()


def test_the_keys_of_an_issuer_are_fetched_once(issuer):
    keys = IssuerKeys(loopback=True)
    text = token(iss=issuer["url"])
    for _ in range(2):
        oidc.verify(
            oidc.read_token(text),
            audience=AUDIENCE,
            identity=OidcIdentity(issuer["url"], SUBJECT),
            at=BEGIN,
            issuers=keys,
        )
    assert issuer["asked"] == ["/.well-known/openid-configuration", "/keys"]


def test_an_issuer_speaks_https_and_redirects_nowhere(issuer):
    with pytest.raises(RefusedError, match="not an https address"):
        IssuerKeys().keys_of(issuer["url"])
    issuer["answers"]["/keys"] = (302, {"Location": f"{issuer['url']}/other"}, b"")
    issuer["answers"]["/other"] = (200, {}, json.dumps({"keys": JWKS}).encode())
    with pytest.raises(RatecardError, match="status 302"):
        IssuerKeys(loopback=True).keys_of(issuer["url"])
    assert "/other" not in issuer["asked"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            "/.well-known/openid-configuration",
            b'{"issuer": "https://other.example", "jwks_uri": "https://other.example/k"}',
        ),
        ("/.well-known/openid-configuration", b"[]"),
        ("/.well-known/openid-configuration", b"<html>"),
        ("/keys", b'{"keys": "none"}'),
        ("/keys", b'{"keys": [1]}'),
        ("/keys", b" " * (1024 * 1024 + 1)),
    ],
)
def test_what_an_issuer_answers_is_read_with_care(issuer, path, answer):
    issuer["answers"][path] = (200, {}, answer)
    with pytest.raises(RatecardError):
        IssuerKeys(loopback=True).keys_of(issuer["url"])
