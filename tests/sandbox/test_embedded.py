"""Starting and stopping: in a thread, as a process, on a database that outlives both."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from reconciler.base.errors import LockedError, RatecardError, RefusedError
from reconciler.sandbox.embedded import EmbeddedSandbox, serve

from . import bodies

KEY = {"Authorization": "Bearer dodo_test_key"}
PROGRAM = """
import sys
from pathlib import Path
from reconciler.sandbox.embedded import serve
serve(Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def start(database: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(database)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_objects_ledger_and_clock_outlive_the_sandbox(tmp_path: Path):
    with EmbeddedSandbox(tmp_path / "books.db") as sandbox:
        made = httpx.post(f"{sandbox.url}/products", json=bodies.product(), headers=KEY).json()
        clock = {"now": "2027-01-01T00:00:00Z", "frozen": True}
        httpx.post(f"{sandbox.url}/_sandbox/clock", json=clock)
    with EmbeddedSandbox(tmp_path / "books.db") as sandbox:
        assert httpx.get(f"{sandbox.url}/products/{made['product_id']}", headers=KEY).json() == made
        assert len(httpx.get(f"{sandbox.url}/_sandbox/ledger").json()["entries"]) == 1
        assert httpx.get(f"{sandbox.url}/_sandbox/clock").json()["now"] == "2027-01-01T00:00:00Z"


def test_the_database_is_written_through_to_the_disk(tmp_path: Path):
    with EmbeddedSandbox(tmp_path / "books.db") as sandbox:
        httpx.post(f"{sandbox.url}/products", json=bodies.product(), headers=KEY)
        reader = sqlite3.connect(tmp_path / "books.db")
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert reader.execute("SELECT count(*) FROM objects").fetchone() == (1,)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            reader.execute("DELETE FROM ledger")
        reader.close()


def test_nothing_listens_and_no_thread_runs_after_the_context():
    before = set(threading.enumerate())
    with EmbeddedSandbox() as sandbox:
        url = sandbox.url
        assert url.startswith("http://127.0.0.1:")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert set(threading.enumerate()) <= before


def test_a_stalled_request_does_not_keep_the_sandbox_from_stopping():
    with EmbeddedSandbox() as sandbox:
        httpx.post(f"{sandbox.url}/_sandbox/faults", json={"fault": "stall"})
        failures: list[Exception] = []

        def ask() -> None:
            try:
                httpx.get(f"{sandbox.url}/products", headers=KEY, timeout=30)
            except httpx.HTTPError as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not httpx.get(f"{sandbox.url}/_sandbox/requests").json()["total"]:
            pass
    asking.join(10)
    assert not asking.is_alive()
    assert len(failures) == 1


def test_a_second_sandbox_on_the_same_database_is_refused(tmp_path: Path):
    with EmbeddedSandbox(tmp_path / "books.db") as first:
        with pytest.raises(LockedError, match=r"books\.db: another sandbox"), EmbeddedSandbox(tmp_path / "books.db"):
            pass
        assert httpx.get(f"{first.url}/products", headers=KEY).status_code == 200


def test_a_second_process_on_the_same_database_is_refused(tmp_path: Path):
    with EmbeddedSandbox(tmp_path / "books.db"):
        process, _ = start(tmp_path / "books.db")
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "another sandbox has this database open" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_in_order(tmp_path: Path, number: signal.Signals):
    process, url = start(tmp_path / "books.db")
    assert httpx.get(f"{url}/products", headers=KEY).status_code == 200
    process.send_signal(number)
    words, errors = process.communicate(timeout=30)
    assert (process.returncode, words, errors) == (0, "stopped\n", "")


def test_what_was_answered_survives_a_kill(tmp_path: Path):
    process, url = start(tmp_path / "books.db")
    with httpx.Client(base_url=url, headers=KEY) as http:
        made = [http.post("/products", json=bodies.product()).json()["product_id"] for _ in range(5)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    with EmbeddedSandbox(tmp_path / "books.db") as sandbox:
        entries = httpx.get(f"{sandbox.url}/_sandbox/ledger").json()["entries"]
        items = httpx.get(f"{sandbox.url}/products", headers=KEY).json()["items"]
    assert [entry["object_id"] for entry in entries] == made
    assert sorted(item["product_id"] for item in items) == sorted(made)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::"])
def test_only_loopback_is_listened_on(host: str):
    with pytest.raises(RefusedError, match="loopback only"):
        serve(None, host=host)


def test_a_port_that_is_taken_is_told():
    with EmbeddedSandbox() as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(RatecardError, match=f"127.0.0.1:{port}: the sandbox cannot listen"):
            serve(None, port=port)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be looked at" * 100, b"SQLite format 3\x00"]
)
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes):
    path = tmp_path / "books.db"
    path.write_bytes(content)
    with pytest.raises(RatecardError, match=r"books\.db"), EmbeddedSandbox(path):
        pass
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_left_alone(tmp_path: Path):
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE diary (words TEXT)")
    other.commit()
    other.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(RatecardError, match="not a database of this sandbox"), EmbeddedSandbox(tmp_path / "other.db"):
        pass
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(RatecardError, match=r"none/books\.db"), EmbeddedSandbox(tmp_path / "none" / "books.db"):
        pass
