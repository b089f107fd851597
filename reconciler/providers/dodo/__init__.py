"""Dodo Payments: HTTP client, lowering of specs, lifting of live objects, writes and their read-back."""
