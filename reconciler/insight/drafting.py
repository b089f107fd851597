"""What would put right what an investigation found: specs as text, which go the way of every other spec."""

from __future__ import annotations

from typing import Any

from reconciler.insight.investigation import Finding, Investigation
from reconciler.spec.format import document_text, format_text

API_VERSION = "ratecard.dev/v1alpha1"


def drafts(found: Investigation, *, as_credit: bool = False) -> str:
    """A Refund for each charge that was too much by the records, as YAML documents; empty when there is none.

    With `as_credit` each is a CreditGrant of the same amount.
    """
    make = _credit if as_credit else _refund
    texts = [document_text(make(found, finding)) for finding in found.wrong()]
    return format_text("---\n".join(texts), "draft") if texts else ""


def _credit(found: Investigation, finding: Finding) -> dict[str, Any]:
    assert finding.excess is not None, "what is wrong says by how much"
    spec = {"customers": [found.customer.id], "amount": str(finding.excess), "reason": _reason(finding)}
    return _document("CreditGrant", found, finding, spec)


def _refund(found: Investigation, finding: Finding) -> dict[str, Any]:
    payment, excess = finding.payment, finding.excess
    assert excess is not None, "what is wrong says by how much"
    spec: dict[str, Any] = {"customer": found.customer.id, "payment": payment.id}
    if excess != payment.refundable:
        spec["amount"] = str(excess)
    spec["reason"] = _reason(finding)
    return _document("Refund", found, finding, spec)


def _reason(finding: Finding) -> str:
    """Why, from records only: nothing that the customer wrote goes into it."""
    return f"{finding.verdict}: {'; '.join(finding.evidence)}"[:1000]


def _document(kind: str, found: Investigation, finding: Finding, spec: dict[str, Any]) -> dict[str, Any]:
    name = f"{finding.payment.id}-{found.at:%Y-%m-%d}".lower().replace("_", "-")[:63].strip("-")
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
