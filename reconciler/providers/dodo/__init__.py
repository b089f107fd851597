"""Dodo Payments: what specs mean there, and one account of it over HTTP. Never here: deciding, journaling, an SDK."""
