"""The chain of entries, append-only, and the bindings that are read out of it."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision: str | None = None

# Texts are compared byte by byte, as SQLite does and as the start of a digest is sought.
STATEMENTS = (
    """
CREATE TABLE ratecard_entries (
  sequence bigint NOT NULL PRIMARY KEY,
  at text NOT NULL,
  kind text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  body text NOT NULL,
  previous text NOT NULL,
  hash text NOT NULL,
  digest text COLLATE "C",
  run text COLLATE "C",
  address text COLLATE "C"
)""",
    "CREATE INDEX ratecard_entries_by_account ON ratecard_entries (account, sequence)",
    "CREATE INDEX ratecard_entries_by_kind ON ratecard_entries (kind, account, sequence)",
    "CREATE INDEX ratecard_entries_by_digest ON ratecard_entries (digest, sequence) WHERE digest IS NOT NULL",
    "CREATE INDEX ratecard_entries_by_run ON ratecard_entries (run, sequence) WHERE run IS NOT NULL",
    "CREATE INDEX ratecard_effects_by_address ON ratecard_entries (address, sequence) WHERE kind = 'effect'",
    """
CREATE TABLE ratecard_bindings (
  account text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  id text NOT NULL,
  archived boolean NOT NULL,
  entry bigint NOT NULL REFERENCES ratecard_entries (sequence),
  PRIMARY KEY (account, address)
)""",
    """
CREATE FUNCTION ratecard_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the journal is append-only: an entry never changes and never goes'
    USING ERRCODE = 'restrict_violation';
END $$""",
    """
CREATE FUNCTION ratecard_entries_only_follow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest bigint;
BEGIN
  EXECUTE format('SELECT coalesce(max(sequence), 0) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO newest;
  IF NEW.sequence IS DISTINCT FROM newest + 1 THEN
    RAISE EXCEPTION 'the journal is append-only: an entry follows the last one'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$""",
    """
CREATE TRIGGER ratecard_entries_stay BEFORE UPDATE OR DELETE ON ratecard_entries
FOR EACH ROW EXECUTE FUNCTION ratecard_entries_stay()""",
    """
CREATE TRIGGER ratecard_entries_stay_all BEFORE TRUNCATE ON ratecard_entries
FOR EACH STATEMENT EXECUTE FUNCTION ratecard_entries_stay()""",
    """
CREATE TRIGGER ratecard_entries_only_follow BEFORE INSERT ON ratecard_entries
FOR EACH ROW EXECUTE FUNCTION ratecard_entries_only_follow()""",
    # Also where a session calls itself a replica, which otherwise runs no triggers.
    "ALTER TABLE ratecard_entries ENABLE ALWAYS TRIGGER ratecard_entries_stay",
    "ALTER TABLE ratecard_entries ENABLE ALWAYS TRIGGER ratecard_entries_stay_all",
    "ALTER TABLE ratecard_entries ENABLE ALWAYS TRIGGER ratecard_entries_only_follow",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
