"""A workspace against a sandbox, in this process and by the command line."""

from tests.cli.conftest import ratecard, running_sandbox, sandbox, workspace
from tests.laws.conftest import account, place

__all__ = ["account", "place", "ratecard", "running_sandbox", "sandbox", "workspace"]
