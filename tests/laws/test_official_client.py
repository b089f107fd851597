"""The vendor's own client, strict: it takes every body that we send, and reads all that is there afterwards."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from dodopayments import DodoPayments

from reconciler.engine.importing import import_account, write_specs

from .changing import change_by_hand
from .fields import Covered, changeable
from .official import TYPES
from .outside import Outside
from .place import KEY, Account, Place
from .reading import Sent, is_taken, read_all, sent_from_here_on

ADOPTED = re.compile(r"^  annotations:\n(    .*\n)+", re.MULTILINE)
EVERY_KIND = {route for route in TYPES if route.partition("/")[0] == "POST " and route.count("/") == 1} | {
    "POST /products/*/localized-prices"
}
SIZE, SEED, KINDS = 60, 7, 10


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every body that is sent from here on, with its method and route."""
    return sent_from_here_on(monkeypatch)


def test_the_official_client_takes_every_body_that_we_send_and_reads_all_that_is_there_then(
    tmp_path: Path, living_account: Account, sent: Sent
):
    outside, random = Outside(living_account), Random(SEED)
    living_account.reset()
    outside.fill(SEED, SIZE, odd=0)
    specs = _taken_over(tmp_path / "first", living_account)
    with DodoPayments(
        bearer_token=KEY, base_url=living_account.url, max_retries=0, _strict_response_validation=True
    ) as client:
        read_all(client)
        living_account.reset()
        here = Place(tmp_path / "second", living_account.url, memory=True)
        here.write_files({name: ADOPTED.sub("", text) for name, text in specs.items()})
        with here.open() as work:
            work.converge()
            made = read_all(client)
            assert len(made) == KINDS, f"of each kind something is there: {made}"
            change_by_hand(outside, set(), changeable(), random, 1000, Covered())
            undone = work.converge()
            work.revert(undone)
        assert read_all(client) == made
    assert {route for route, _ in sent} >= EVERY_KIND
    for route, body in sent:
        is_taken(route, body)


def _taken_over(folder: Path, account: Account) -> dict[str, str]:
    """The specs that take over all that is there, after that was done."""
    here = Place(folder, account.url, memory=True)
    with here.open() as work:
        found = import_account(work.session)
        write_specs(here.folder, found.specs)
        work.converge()
    return {Path(spec.file).name: spec.text for spec in found.specs}
