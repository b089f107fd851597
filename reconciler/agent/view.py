"""What an interpreter may see of a workspace: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconciler.agent.port import View
from reconciler.plan.capabilities import Capabilities
from reconciler.spec.kinds.fields import Document
from reconciler.spec.load import Spec


def view_of(specs: Sequence[Spec], aliases: Mapping[str, str], capabilities: Capabilities, now: datetime) -> View:
    """The specs of a workspace as people wrote them, its aliases, and the provider's event types."""
    return View(
        provider=capabilities.provider,
        now=now,
        documents={(spec.kind, spec.name): as_written(spec.document) for spec in specs},
        aliases=dict(aliases),
        event_types=capabilities.event_types,
    )


def as_written(document: Document) -> dict[str, Any]:
    """A spec as YAML has it: what was written, amounts as text, nothing that was left out."""
    return document.model_dump(mode="json", by_alias=True, exclude_unset=True)
