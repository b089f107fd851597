"""A journal in PostgreSQL: what is other there than in a file."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.base.errors import JournalError, LockedError
from reconciler.cli.commands.init import write_workspace
from reconciler.cli.main import run
from reconciler.engine.config import load_workspace
from reconciler.journal.entries import EntryKind
from reconciler.journal.lock import holder_note
from reconciler.journal.verify import verify
from reconciler.sandbox.embedded import EmbeddedSandbox
from tests.journal.conftest import Place, StillClock, fill
from tests.postgres import new_schema

PASSWORD = "s3cr3t-and-long"
HOLD = "import sys; from tests.journal import conftest, test_database; test_database.hold(sys.argv[1], sys.argv[2])"


@pytest.fixture
def database(server: str) -> Place:
    return Place(new_schema(server))


def hold(url: str, account: str) -> None:
    """Hold the account until the parent closes our standard input."""
    with Place(url).open() as journal, journal.hold(account, holder_note(StillClock(), "apply sha256:ab12")):
        print("held", flush=True)  # noqa: T201  (the word to the parent)
        sys.stdin.read()


def holding(place: Place, account: str) -> subprocess.Popen[bytes]:
    """A process that holds the account."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place.name, account], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_the_migrations_make_the_tables_that_are_used(database: Place):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from reconciler.journal.postgres.opening import MIGRATIONS, VERSIONS
    from reconciler.journal.postgres.tables import METADATA

    with database.open() as journal, journal._shelf.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "ratecard_version"})
        assert compare_metadata(context, METADATA) == []
    steps = [one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert tuple(reversed(steps)) == VERSIONS


def test_a_journal_of_an_older_version_is_brought_up_to_date_and_loses_nothing(database: Place):
    with database.open() as journal:
        fill(journal)
        written = list(journal.entries())
    database.execute(
        "UPDATE ratecard_version SET version_num = '0001'", "DROP TABLE ratecard_holders", "DROP TABLE ratecard_journal"
    )
    with pytest.raises(JournalError, match="it has version 0001, which is brought up to date when it is next written"):
        database.open(read_only=True)
    with database.open() as journal:
        assert list(journal.entries()) == written
        assert verify(journal).sound


def test_a_journal_of_a_newer_version_is_left_alone(database: Place):
    database.open().close()
    database.execute("UPDATE ratecard_version SET version_num = '0099'")
    with pytest.raises(JournalError, match="it has version 0099, and this ratecard knows versions up to 0002") as error:
        database.open()
    assert "install the newer ratecard" in str(error.value.hint)


def test_looking_makes_no_tables_and_a_journal_opened_to_read_refuses_to_be_written(database: Place):
    with pytest.raises(JournalError, match="there is none"):
        database.open(read_only=True)
    with database.open() as journal:
        fill(journal)
    with database.open(read_only=True) as journal:
        assert verify(journal).entries == 8
        with pytest.raises(JournalError, match="it can only be read"):
            journal.append(EntryKind.OUTCOME, "acme", {})


def test_the_journal_of_another_workspace_is_refused(database: Place):
    from reconciler.journal.postgres.opening import open_postgres

    database.open().close()
    with pytest.raises(JournalError, match='it belongs to the workspace "acme", and this one is "globex"'):
        open_postgres(database.name, StillClock(), named="env:JOURNAL", workspace="globex")


@pytest.mark.parametrize(
    "statement",
    ["TRUNCATE {entries} CASCADE", "SET session_replication_role = replica; DELETE FROM {entries} WHERE sequence = 1"],
)
def test_nothing_empties_the_table_of_entries(database: Place, statement: str):
    with database.open() as journal:
        fill(journal)
        with pytest.raises(Exception, match="append-only"):
            database.execute(statement)
        assert verify(journal).entries == 8


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP TRIGGER ratecard_entries_stay ON {entries}", "schema: ratecard_entries_stay is missing"),
        (
            "ALTER TABLE {entries} ENABLE TRIGGER ratecard_entries_stay",
            "schema: ratecard_entries_stay is not as it was made",
        ),
        (
            (
                "CREATE OR REPLACE FUNCTION ratecard_entries_stay() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN RETURN NEW; END'"
            ),
            "schema: ratecard_entries_stay is not as it was made",
        ),
        ("ALTER TABLE {entries} DROP COLUMN run", "schema: ratecard_entries is not as it was made"),
    ],
)
def test_what_keeps_entries_from_changing_is_missed_when_it_is_gone(database: Place, statement: str, problem: str):
    database.open().close()
    database.execute(statement)
    with database.open() as journal:
        assert problem in verify(journal).problems


def test_an_entry_that_is_looked_up_under_another_name_than_it_says_is_found(database: Place):
    with database.open() as journal:
        fill(journal)
    database.tamper("UPDATE {entries} SET digest = 'sha256:00' WHERE sequence = 2")
    with database.open() as journal:
        assert verify(journal).problems == ("index: entry 2 is looked up under another name than it says",)


def test_a_commit_is_on_the_disk_whatever_the_user_is_set_to(server: str):
    url = new_schema(server) + "%20-csynchronous_commit%3Doff"
    with Place(url).open() as journal, journal._shelf.writing() as writing:
        assert writing._connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_another_writer_that_does_not_finish_is_told_and_worth_another_try(database: Place):
    with database.open() as one, database.open(patience_s=0.01) as other:
        with one._shelf.writing(), pytest.raises(JournalError, match="another process is writing to it") as error:
            other.append(EntryKind.OUTCOME, "acme", {})
        other.append(EntryKind.OUTCOME, "acme", {})
    assert error.value.retry


def test_a_journal_whose_connections_were_cut_goes_on_with_new_ones(database: Place):
    with database.open() as journal:
        fill(journal)
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ratecard' AND pid <> pg_backend_pid()"
        )
        journal.append(EntryKind.OUTCOME, "acme", {})
        assert verify(journal).entries == 9


def test_an_account_is_held_by_one_process_on_any_machine_and_freed_when_it_dies(database: Place):
    with holding(database, "acme") as process, database.open() as journal:
        with pytest.raises(LockedError) as error, journal.hold("acme", "{}"):
            raise AssertionError("two hold one account")
        with journal.hold("globex", "{}"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        for _ in range(1000):  # until the server has noticed
            try:
                with journal.hold("acme", "{}"):
                    break
            except LockedError:
                continue
        else:
            pytest.fail("a dead process holds the account")
    assert error.value.exit_code == 75
    assert str(error.value) == (
        f"account acme is held by process {process.pid} on {platform.node()} since 2026-04-15T09:00:00Z: "
        "apply sha256:ab12"
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgresql://user:{PASSWORD}@127.0.0.1:1/books", "it cannot be reached"),
        (f"postgresql://user:{PASSWORD}@127.0.0.1:port/books", "env:JOURNAL holds no URL of a journal"),
        (
            f"postgresql://user:p@{PASSWORD}@127.0.0.1/books",
            "env:JOURNAL holds a URL that cannot be read without doubt",
        ),
        (f"postgresql://user@127.0.0.1/books?password={PASSWORD}", "env:JOURNAL holds a password after the question"),
        (f"mysql://user:{PASSWORD}@127.0.0.1/books", "env:JOURNAL holds a URL that is not of PostgreSQL"),
        (PASSWORD, "env:JOURNAL holds no URL of a journal"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(url: str, words: str):
    from reconciler.journal.postgres.opening import open_postgres

    with pytest.raises(JournalError, match=words) as error:
        open_postgres(url, StillClock(), named="env:JOURNAL", workspace="acme")
    told: BaseException | None = error.value
    while told is not None:
        assert PASSWORD not in f"{told} {getattr(told, 'hint', '')}"
        told = None if told.__suppress_context__ else told.__context__


def test_a_password_gets_into_no_entry(server: str):
    url = new_schema(server)
    if "://ratecard@" not in url:
        pytest.skip("the server that was given is asked for its own password")
    # This server trusts its socket and does not look at the password.
    with Place(url.replace("ratecard@", f"ratecard:{PASSWORD}@")).open() as journal:
        with pytest.raises(JournalError, match="it holds the text of a secret"):
            journal.append(EntryKind.OUTCOME, "acme", {"said": f"my {PASSWORD}"})
        assert PASSWORD not in journal.name


@pytest.mark.parametrize("journal", ["postgresql://user:s3cr3t@host/books", "env:", "env:9", "file:"])
def test_a_url_of_a_journal_is_named_and_never_written(tmp_path: Path, journal: str):
    write_workspace(tmp_path, "acme")
    path = tmp_path / "ratecard.yaml"
    path.write_text(path.read_text().replace("journal: .ratecard/journal.db", f'journal: "{journal}"'))
    workspace, diagnostics = load_workspace(tmp_path)
    assert workspace is None
    assert [one.code for one in diagnostics] == ["workspace/journal"]
    assert "s3cr3t" not in str(diagnostics)


def test_two_runners_with_nothing_in_common_but_the_journal_take_turns(
    database: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("JOURNAL", database.name)
    with EmbeddedSandbox() as sandbox:
        for runner in ("one", "two"):
            write_workspace(tmp_path / runner, "acme")
            path = tmp_path / runner / "ratecard.yaml"
            text = path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox.url}\n")
            path.write_text(text.replace("journal: .ratecard/journal.db", "journal: env:JOURNAL"))

        def ratecard(runner: str, *arguments: str) -> int:
            return run([arguments[0], "--workspace", str(tmp_path / runner), *arguments[1:]])

        assert ratecard("one", "plan", "--detailed-exitcode") == 2
        with database.open() as journal:
            (entry,) = journal.entries(kind=EntryKind.CHANGE_SET)
        digest = entry.text("digest").removeprefix("sha256:")
        assert ratecard("two", "approve", digest, "--as", "Ann", "--yes") == 0
        with holding(database, entry.account) as process:
            capsys.readouterr()
            assert ratecard("two", "apply", digest) == 75
            assert f"held by process {process.pid} on {platform.node()}" in capsys.readouterr().err
            process.communicate(b"")
        assert ratecard("two", "apply", digest) == 0
        assert ratecard("one", "plan", "--detailed-exitcode") == 0
        assert ratecard("one", "log", "verify") == 0
        capsys.readouterr()
        assert ratecard("one", "doctor") in (0, 2)
        assert "journal" not in capsys.readouterr().out
        assert not list(tmp_path.glob("**/journal.db"))
