"""A PostgreSQL server for tests: the one at RATECARD_TEST_POSTGRES, else one of our own, where it is installed.

Ours listens on a socket in a folder of its own and on no port, and is ended by the process that started it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder with initdb and pg_ctl, None where PostgreSQL is not installed."""
    on_path = shutil.which("pg_ctl")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a server that runs meanwhile; the test is skipped, saying why, where there can be none."""
    given = os.environ.get("RATECARD_TEST_POSTGRES")
    if given:
        yield given
        return
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed, and RATECARD_TEST_POSTGRES names no server")
    user = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="ratecard-postgres-", dir="/tmp") as home:
        if user is not None:
            shutil.chown(home, user)
        data = f"{home}/data"

        def do(*command: str) -> None:
            done = subprocess.run(
                [str(folder / command[0]), *command[1:]], user=user, cwd=home, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr + done.stdout

        do("initdb", "-D", data, "-U", "ratecard", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        # Nothing of pg_ctl's own pipes goes to the server: it would keep them open.
        options = f"-k {home} -c listen_addresses='' -c max_connections=60"
        do("pg_ctl", "start", "-w", "-D", data, "-l", f"{home}/log", "-o", options)
        try:
            yield f"postgresql://ratecard@/postgres?host={home}"
        finally:
            do("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)


def new_schema(server: str) -> str:
    """A URL of the server that leads to a new and empty schema."""
    import psycopg

    name = f"s{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"


def _unprivileged() -> str | None:
    """Whom to be, where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL runs as no root, and this machine has neither the user postgres nor nobody")
