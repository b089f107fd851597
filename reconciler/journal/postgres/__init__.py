"""The shelf that is a PostgreSQL database, for teams and CI runners: imported only where a journal is named by a URL.

Never here: what an entry means.
"""
