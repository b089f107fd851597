"""What the Claude interpreter is set to. Read by the rim; nothing here looks at the environment or the disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlsplit

from reconciler.agent.port import Tokens
from reconciler.base.errors import UsageError
from reconciler.base.money import Rate

KEY_VARIABLE = "ANTHROPIC_API_KEY"
BASE_URL_VARIABLE = "ANTHROPIC_BASE_URL"
MODEL_VARIABLE = "RATECARD_MODEL"
EFFORT_VARIABLE = "RATECARD_EFFORT"
DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_BASE_URL = "https://api.anthropic.com"
EFFORTS = ("low", "medium", "high", "xhigh", "max")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a million tokens of each kind cost at a model, in one currency. Comes from settings, never from here."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    currency: str = "USD"

    def cost(self, tokens: Tokens) -> Rate:
        """The exact cost of tokens, unrounded."""
        total = (
            self.input * tokens.input
            + self.output * tokens.output
            + self.cache_read * tokens.cache_read
            + self.cache_write * tokens.cache_write
        )
        return Rate(total / 1_000_000, self.currency)


@dataclass(frozen=True, slots=True)
class ClaudeSettings:
    """Which model answers, where it is, how long to wait and how often to try.

    `key` is the secret itself, resolved by the rim from a reference, and is in no text of this object. Times are in
    seconds: `silence_s` is how long a stream may say nothing, `longest_wait_s` the longest pause before a new try.
    `rounds` bounds the requests of one conversation, `tries` the sendings of one request.
    """

    key: str | None = field(default=None, repr=False)
    model: str = DEFAULT_MODEL
    base_url: str = DEFAULT_BASE_URL
    effort: str | None = None
    max_tokens: int = 16_000
    rounds: int = 12
    tries: int = 5
    connect_s: float = 10.0
    silence_s: float = 90.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)

    def cost(self, tokens: Tokens) -> Rate | None:
        """What tokens cost, None for a model without a price in the settings."""
        price = self.prices.get(self.model)
        return price.cost(tokens) if price is not None else None


def from_environment(
    environment: Mapping[str, str], *, prices: Mapping[str, ModelPrice] | None = None
) -> ClaudeSettings:
    """Settings from the variables of an environment that the rim hands over.

    Raises UsageError for an effort that there is none of.
    """
    effort = environment.get(EFFORT_VARIABLE) or None
    if effort is not None and effort not in EFFORTS:
        raise UsageError(f'{EFFORT_VARIABLE} is "{effort}"', hint=f"one of: {', '.join(EFFORTS)}")
    return ClaudeSettings(
        key=environment.get(KEY_VARIABLE, "").strip() or None,
        model=environment.get(MODEL_VARIABLE) or DEFAULT_MODEL,
        base_url=environment.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
        effort=effort,
        prices=prices or {},
    )


def require_key(settings: ClaudeSettings) -> str:
    """The key, when there is one and the address may have it.

    Raises UsageError when there is none, or when it would go over the network in the clear.
    """
    if not settings.key:
        raise UsageError(
            "there is no key for Claude",
            hint=f"export {KEY_VARIABLE}=..., or use the interpreter that needs none: --interpreter built-in",
        )
    if not re.fullmatch(r"[\x21-\x7e]{1,500}", settings.key):
        raise UsageError(f"{KEY_VARIABLE} holds characters that no key has", hint="export it again")
    try:
        parts = urlsplit(settings.base_url)
        scheme, host, named = parts.scheme, parts.hostname, parts.username is not None
        _ = parts.port
    except ValueError:
        scheme, host, named = "", None, False
    if named or not host or not (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
        raise UsageError(
            f"{BASE_URL_VARIABLE} is no address that a key may be sent to",
            hint="write https://host, or http://127.0.0.1:PORT for a server of this machine",
        )
    return settings.key
