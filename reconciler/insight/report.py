"""How an investigation reads: as text for a terminal and as a page of HTML to attach to a ticket; the same facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape as escape_html

from reconciler.base.clock import format_time
from reconciler.base.money import Money
from reconciler.insight.investigation import Finding, Investigation, Verdict
from reconciler.plan.fields import escape

_MARKS = {
    Verdict.LEGITIMATE: "ok",
    Verdict.REFUNDED: "ok",
    Verdict.UNCLEAR: "?",
    Verdict.DUPLICATE: "!",
    Verdict.AFTER_CANCELLATION: "!",
    Verdict.ABOVE_CONTRACT: "!",
}


def as_text(found: Investigation) -> str:
    """The investigation for a terminal: the answer first, then each charge with its evidence, then what happened."""
    out = [summary(found), ""]
    for finding in found.findings:
        out.append(f"  {_MARKS[finding.verdict]:<3}{_charge(finding)}: {finding.verdict}")
        out += (f"       {text}" for text in finding.evidence)
    if found.findings:
        out.append("")
    out.append("What happened:")
    out += (f"  {_time(moment.at)}  {moment.what}  [{moment.source}]" for moment in found.timeline)
    return "\n".join(map(escape, out)) + "\n"


def summary(found: Investigation) -> str:
    """The answer in one sentence."""
    who = f"{found.customer.id} ({found.customer.email})"
    wrong = found.wrong()
    if not found.findings:
        return f"{who} was never charged."
    charges = "1 charge" if len(found.findings) == 1 else f"{len(found.findings):,} charges"
    unclear = sum(finding.verdict is Verdict.UNCLEAR for finding in found.findings)
    open_questions = f" {unclear} of them cannot be judged from the records." if unclear else ""
    if not wrong:
        return f"{who}: {charges}, none of them wrong by the records.{open_questions}"
    sums = " and ".join(_excess(wrong))
    are = "is" if len(wrong) == 1 else "are"
    return f"{who}: {len(wrong)} of {charges} {are} wrong by the records; {sums} was taken too much.{open_questions}"


def as_html(found: Investigation) -> str:
    """The investigation as one page that needs nothing else: no script, no picture, no link."""
    rows = "".join(
        f'<tr class="{_CLASSES[_MARKS[finding.verdict]]}"><td>{_html(_time(finding.payment.created_at))}</td>'
        f"<td>{_html(finding.payment.id)}</td><td class=number>{_html(finding.payment.amount.display())}</td>"
        f"<td><b>{_html(finding.verdict)}</b><br>{'<br>'.join(map(_html, finding.evidence))}</td></tr>\n"
        for finding in found.findings
    )
    moments = "".join(
        f"<tr><td>{_html(_time(moment.at))}</td><td>{_html(moment.what)}</td><td>{_html(moment.source)}</td></tr>\n"
        for moment in found.timeline
    )
    return _PAGE.format(
        title=_html(f"Charges of {found.customer.id}"),
        summary=_html(summary(found)),
        read=_html(_time(found.at)),
        findings=rows or "<tr><td colspan=4>No charge.</td></tr>",
        timeline=moments,
    )


_CLASSES = {"ok": "right", "?": "unclear", "!": "wrong"}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1e; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid #e3e3e6; }}
.number {{ text-align: right; white-space: nowrap; }} td:first-child {{ white-space: nowrap; }}
.wrong td {{ background: #fdeceb; }} .unclear td {{ background: #fff6dc; }}
.summary {{ font-size: 1.15rem; }} footer {{ color: #6b6b70; font-size: .85rem; }}
</style></head><body>
<h1>{title}</h1>
<p class="summary">{summary}</p>
<h2>Charges</h2>
<table><thead><tr><th>When</th><th>Payment</th><th class="number">Amount</th><th>Verdict and evidence</th></tr></thead>
<tbody>
{findings}</tbody></table>
<h2>What happened</h2>
<table><thead><tr><th>When</th><th>What</th><th>Record</th></tr></thead>
<tbody>
{timeline}</tbody></table>
<footer>From the provider's records, read at {read}. Nothing was changed.</footer>
</body></html>
"""


def _charge(finding: Finding) -> str:
    payment = finding.payment
    return f"{_time(payment.created_at)}  {payment.amount.display():>14}  {payment.id}"


def _excess(wrong: tuple[Finding, ...]) -> Iterator[str]:
    sums: dict[str, int] = {}
    for finding in wrong:
        assert finding.excess is not None, "what is wrong says by how much"
        sums[finding.excess.currency] = sums.get(finding.excess.currency, 0) + finding.excess.minor
    for currency in sorted(sums):
        yield Money(sums[currency], currency).display()


def _time(at: datetime) -> str:
    return format_time(at.replace(microsecond=0)).replace("T", " ")


def _html(text: str) -> str:
    return escape_html(escape(text))
