"""Who holds an account, for words only, and which workspace the journal is of."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision: str | None = "0001"

STATEMENTS = (
    'CREATE TABLE ratecard_holders (account text COLLATE "C" NOT NULL PRIMARY KEY, note text NOT NULL)',
    # One row at most: the column in its key can only be true.
    "CREATE TABLE ratecard_journal (single boolean NOT NULL PRIMARY KEY CHECK (single), workspace text NOT NULL)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
