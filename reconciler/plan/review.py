"""What a pull request is told: one comment in Markdown with the change set, drift and mistakes, found by its marker."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.drift import Drift
from reconciler.plan.fields import escape
from reconciler.plan.render import Needs, as_markdown

_LONGEST_FENCE = 60
_CUT = "\n\nThe rest is too long for a comment: the saved change set has all of it.\n"


def marker(workspace: str, account: str) -> str:
    """The line, which nobody sees, by which the comment of a workspace and an account is found again."""
    return f"<!-- ratecard review {workspace}/{account} -->"


def review_body(
    account: str,
    change_set: ChangeSet | None,
    capabilities: Capabilities,
    drifts: Sequence[Drift],
    diagnostics: Sequence[Diagnostic],
    needs: Needs | None = None,
) -> str:
    """The comment without its marker; `needs` is what the policy answers. What others wrote does nothing there."""
    out = []
    if change_set is None:
        out += [f"### No change set for account {account}", "", "The specs have mistakes. Nothing was changed."]
    if has_errors(diagnostics):
        out += ["", *_fenced([str(one) for one in diagnostics])]
    if drifts:
        out += drift_body(account, drifts).rstrip("\n").split("\n")
    text = "\n".join(out)
    if change_set is not None:
        text = as_markdown(change_set, capabilities, needs) + (f"\n{text}" if text else "")
    return text.rstrip("\n") + "\n"


def drift_body(account: str, drifts: Sequence[Drift]) -> str:
    """What has drifted, for people who decide what becomes of it."""
    lines = [
        f"### Account {account} has drifted",
        "",
        "Somebody changed it since the last apply. `ratecard drift --revert` puts it back, `--accept` writes it into",
        "the specs, `--ignore` lets it be until a day. Until then this check fails.",
        "",
        *_fenced([_sentence(drift) for drift in drifts]),
    ]
    return "\n".join(lines) + "\n"


def fit(text: str, limit: int) -> str:
    """Text of at most so many characters, cut after a whole line, with a word about that; an open block is closed."""
    if len(text) <= limit:
        return text
    kept = text[: limit - len(_CUT) - _LONGEST_FENCE - 1].rpartition("\n")[0]
    fences = [line for line in kept.split("\n") if re.fullmatch("`{3,}", line)]
    return kept + (f"\n{fences[-1]}" if len(fences) % 2 else "") + _CUT


def _sentence(drift: Drift) -> str:
    fields = f": {', '.join(drift.fields)}" if drift.fields else ""
    what = {"create": "is gone", "restore": "was archived"}.get(drift.back.verb, "was changed")
    return f"{drift.gravity} {drift.address} {what}{fields}"


def _fenced(texts: Sequence[str]) -> list[str]:
    """Lines in a block that nothing inside can close."""
    lines = [escape(line).replace("`" * _LONGEST_FENCE, "'") for text in texts for line in text.split("\n")]
    longest = max((len(found) for line in lines for found in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *lines, fence]
