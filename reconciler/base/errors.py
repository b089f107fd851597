"""The world's failures, as exceptions that say what to do and whether trying again can help.

Users' mistakes are not here: they are `Diagnostic` values, gathered and shown together. Bugs are asserts.
"""

from __future__ import annotations


class RatecardError(Exception):
    """Something outside the program's control failed.

    `message` names the place and quotes the value; `hint` says what to do; `retry` is true when the same command may
    succeed later without any change by the user. `exit_code` is what the command line answers.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry = retry


class UsageError(RatecardError):
    """The command's words are off."""

    exit_code = 64


class LockedError(RatecardError):
    """Another run holds the provider account. Exit 75, as `EX_TEMPFAIL` of sysexits.h."""

    exit_code = 75


class StaleError(RatecardError):
    """Live moved since the change set was made: it is refused, never silently remade."""


class NotApprovedError(RatecardError):
    """No approval of exactly this digest is in force."""


class RefusedError(RatecardError):
    """A rule of the product forbids it, whatever the user wants."""


class ProviderError(RatecardError):
    """The provider answered with an error, or its answer cannot be trusted."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        hint: str | None = None,
        retry: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, retry=retry)
        self.status = status
        self.code = code


class AnswerLostError(ProviderError):
    """A write may have reached the provider and its answer did not reach us: read back before anything else."""


class NotSentError(ProviderError):
    """A request certainly did not reach the provider: nothing happened there."""


class JournalError(RatecardError):
    """The journal cannot be read, written or trusted. Nothing is sent without a durable intent."""
