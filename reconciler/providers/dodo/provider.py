"""The provider `dodo`: what specs mean at Dodo Payments, and connections to its accounts."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.base.errors import RefusedError
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import AccountAccess, Connection, Lifted, Lowered, Mode
from reconciler.providers.dodo.capabilities import CAPABILITIES

if TYPE_CHECKING:
    from reconciler.spec.load import Spec

URLS = {Mode.TEST: "https://test.dodopayments.com", Mode.LIVE: "https://live.dodopayments.com"}
KEY_PREFIXES = {Mode.SANDBOX: "dodo_test_", Mode.TEST: "dodo_test_", Mode.LIVE: "dodo_live_"}


class Dodo:
    """Dodo Payments, and anything on loopback that speaks its REST API. Time is passed in."""

    name = "dodo"
    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep

    def lower(self, specs: Sequence[Spec]) -> Lowered:
        """What the specs mean here: pure and offline."""
        from reconciler.providers.dodo.lower import lower  # it knows every kind: only where specs are read

        return lower(specs)

    def lift(
        self, resources: Sequence[LiveResource], taken: Mapping[str, set[str]], apart: Collection[str] = ()
    ) -> Lifted:
        """The specs that would make these live objects: pure and offline."""
        from reconciler.providers.dodo.importing import lift_specs  # only where an account is imported

        return lift_specs(resources, taken, apart)

    def connect(self, access: AccountAccess) -> Connection:
        """Open a connection. Raises RefusedError when the key or the address does not belong to the mode."""
        url = _address(access)
        _check_key(access)
        # Imported here: lowering is offline and does not pay for an HTTP client.
        from reconciler.providers.dodo.client import Client
        from reconciler.providers.dodo.connection import DodoConnection
        from reconciler.providers.dodo.limiter import DEFAULT_TIER, Limiter

        sandbox = access.mode is Mode.SANDBOX
        limiter = Limiter(
            None if sandbox else DEFAULT_TIER, clock=self._clock, wall_clock=self._wall_clock, sleep=self._sleep
        )
        client = Client(
            url,
            access.key,
            limiter,
            sleep=self._sleep,
            trust_environment=not sandbox,
            failpoints=access.failpoints,
        )
        return DodoConnection(client, access.materials)


def _address(access: AccountAccess) -> str:
    """The address of an account: the vendor's for test and live, one on loopback for a sandbox."""
    official = URLS.get(access.mode)
    if official is not None:
        if access.url is not None and access.url.rstrip("/") != official:
            raise RefusedError(
                f'account {access.name}: the address "{_shown(access.url)}" is not {official}',
                hint=f"remove the url: the mode {access.mode} has one address; only a sandbox has another",
            )
        return official
    if access.url is None:
        raise RefusedError(
            f"account {access.name}: a sandbox needs the address that it listens on",
            hint="start one with `ratecard sandbox serve` and give its url",
        )
    if not _on_loopback(access.url):
        raise RefusedError(
            f'account {access.name}: the address "{_shown(access.url)}" is not on this machine',
            hint="a sandbox listens on loopback, for example http://127.0.0.1:8787",
        )
    return access.url.rstrip("/")


def _on_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, plain = parts.hostname, parts.username is None and parts.password is None and not parts.query
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host or not plain or parts.fragment:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(url: str) -> str:
    """An address without what may be a password in it."""
    return url.rpartition("@")[2] if "@" in url else url


def _check_key(access: AccountAccess) -> None:
    prefix = KEY_PREFIXES[access.mode]
    if not access.key.startswith(prefix):
        for mode, other in KEY_PREFIXES.items():
            if mode is not Mode.SANDBOX and access.key.startswith(other):
                message = f"account {access.name}: its key is for {mode}, and its mode is {access.mode}"
                raise RefusedError(message, hint=f"a key for {access.mode} begins with {prefix}")
        message = f"account {access.name}: its key is none of Dodo's for the mode {access.mode}"
        raise RefusedError(message, hint=f"a key for {access.mode} begins with {prefix}")
    rest = access.key[len(prefix) :]
    if not rest or not all(33 <= ord(character) <= 126 for character in rest):
        raise RefusedError(
            f"account {access.name}: its key is empty or holds a space, a line end or a character that no key has",
            hint="is there a line end at the end of the file, or was it copied in part?",
        )
