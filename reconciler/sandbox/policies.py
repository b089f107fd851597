"""What a merchant sets in Dodo's dashboard and what a test decides for it: kept as settings, changed by controls."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field

from reconciler.sandbox.store import Store
from reconciler.sandbox.validate import Strict


class RefundPolicy(Strict):
    """What becomes of refunds: `outcome` at once, or `after_seconds` of the clock during which they are pending.

    A payment older than `window_days` cannot be refunded.
    """

    outcome: Literal["succeeded", "failed", "review"] = "succeeded"
    after_seconds: Annotated[int, Field(ge=0, le=90 * 86_400)] = 0
    window_days: Annotated[int, Field(ge=1, le=3_650)] = 90


class RecoveryPolicy(Strict):
    """What follows a failed renewal: retries within a window, and days of grace (`past_due`) before `grace_end`."""

    retries: bool = True
    window_days: Annotated[int, Field(ge=1, le=30)] = 13
    grace_days: Annotated[int, Field(ge=1, le=30)] | None = None
    grace_end: Literal["on_hold", "cancel"] = "on_hold"


AnyPolicy = TypeVar("AnyPolicy", RefundPolicy, RecoveryPolicy)


def read_policy(store: Store, kind: type[AnyPolicy]) -> AnyPolicy:
    """The policy in force, or the one that holds when nobody said anything."""
    text = store.setting(kind.__name__)
    return kind() if text is None else kind.model_validate_json(text)


def set_policy(store: Store, policy: RefundPolicy | RecoveryPolicy) -> None:
    """Let a policy be in force from now on."""
    store.set_setting(type(policy).__name__, policy.model_dump_json())
