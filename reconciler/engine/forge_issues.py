"""One issue about the drift of an account: opened when there is any, updated while there is, closed when there is none.

It is found again by the marker in its first line. Only an issue that we opened ourselves is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from reconciler.base.errors import RatecardError
from reconciler.engine.forges import (
    MOST_PAGES,
    PAGE,
    TIMEOUT_S,
    Posted,
    api_of,
    ask,
    author_of,
    me_at,
    number_of,
    project_from,
)
from reconciler.plan.review import fit

_HOLDS = {"github": 65_536, "gitlab": 1_000_000}


@dataclass(frozen=True, slots=True)
class Issues:
    """The issues of one project at a forge."""

    forge: str
    url: str
    headers: Mapping[str, str]
    path: str


def issues_from(forge: str, environment: Mapping[str, str]) -> Issues:
    """The issues of the project that a pipeline runs for. Raises UsageError, naming the variable that is missing."""
    project, headers = project_from(forge, environment)
    return Issues(forge, api_of(forge, environment), headers, f"{project}/issues")


def keep_issue(issues: Issues, workspace: str, account: str, body: str | None) -> Posted | None:
    """Open or update the issue, or close it where `body` is None; None where there was none to close.

    Raises RatecardError when the forge does not let us.
    """
    marker = f"<!-- ratecard drift {workspace}/{account} -->"
    with httpx.Client(
        base_url=issues.url, headers={**issues.headers, "User-Agent": "ratecard"}, timeout=TIMEOUT_S
    ) as client:
        me = me_at(client, issues.forge)
        there = next((one for one in _open(client, issues) if _is_ours(one, marker, me, issues)), None)
        if there is None and body is None:
            return None
        payload = _payload(issues, account, marker, body)
        if there is None:
            return Posted(_shown(ask(client, "POST", issues.path, payload), issues), updated=False)
        path = f"{issues.path}/{number_of(there, 'number' if issues.forge == 'github' else 'iid')}"
        method = "PATCH" if issues.forge == "github" else "PUT"
        return Posted(_shown(ask(client, method, path, payload), issues), updated=True)


def _payload(issues: Issues, account: str, marker: str, body: str | None) -> dict[str, str]:
    """What is sent: the words, or that it is over."""
    if body is None:
        return {"state": "closed"} if issues.forge == "github" else {"state_event": "close"}
    text = fit(f"{marker}\n{body}", _HOLDS[issues.forge])
    name = "body" if issues.forge == "github" else "description"
    return {"title": f"The billing account {account} has drifted", name: text}


def _open(client: httpx.Client, issues: Issues) -> Iterator[Mapping[str, Any]]:
    state = "open" if issues.forge == "github" else "opened"
    for page in range(1, MOST_PAGES + 1):
        found = ask(client, "GET", f"{issues.path}?state={state}&per_page={PAGE}&page={page}", None)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise RatecardError(f"{issues.forge} answered with something that is no list of issues")
        yield from found
        if len(found) < PAGE:
            return


def _is_ours(issue: Mapping[str, Any], marker: str, me: str, issues: Issues) -> bool:
    text = issue.get("body" if issues.forge == "github" else "description")
    return str(text or "").startswith(marker) and author_of(issue, issues.forge) == me and "pull_request" not in issue


def _shown(issue: Any, issues: Issues) -> str:
    """Where people find the issue, as far as the forge says so."""
    url = issue.get("html_url" if issues.forge == "github" else "web_url") if isinstance(issue, dict) else None
    return url if isinstance(url, str) and url.isprintable() else issues.path
