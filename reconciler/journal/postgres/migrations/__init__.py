"""How the tables of a journal came to be, step by step: run by Alembic when a journal is opened, never edited later."""
