"""Kinds of actions that no provider has: how people are told of them. Providers name their own."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.plan.capabilities import Form, KindCapabilities, Label

ACTION_KINDS: Mapping[str, KindCapabilities] = {
    "message": KindCapabilities(
        kind="message",
        rank=900,
        removal="delete",
        restorable=False,
        irreversible={"execute": "a message that went out cannot be fetched back"},
        labels={
            "customer": Label("customer", quiet=True),
            "to": Label("to"),
            "subject": Label("subject"),
            "text": Label("text", Form.PROSE),
            "status": Label("status", quiet=True),
        },
    ),
}
