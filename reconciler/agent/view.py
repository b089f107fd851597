"""What an interpreter may see of a workspace: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.agent.port import View
from reconciler.plan.capabilities import Capabilities
from reconciler.spec.load import Spec
from reconciler.spec.models import as_written as as_written


def view_of(specs: Sequence[Spec], aliases: Mapping[str, str], capabilities: Capabilities, now: datetime) -> View:
    """The specs of a workspace as people wrote them, its aliases, and the provider's event types."""
    return View(
        provider=capabilities.provider,
        now=now,
        documents={(spec.kind, spec.name): as_written(spec.document) for spec in specs},
        aliases=dict(aliases),
        event_types=capabilities.event_types,
    )
