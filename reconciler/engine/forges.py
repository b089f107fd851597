"""Where pull requests are discussed: one comment of ours there, made once and then updated.

The token comes from the environment and goes into one header; no answer of a forge is ever quoted. Only a comment that
we wrote ourselves is updated: anybody can write our marker, and could later edit what we had put under their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.plan.review import fit

TIMEOUT_S = 30.0
LARGEST_ANSWER = 16 * 2**20
PAGE = 100
MOST_PAGES = 100

_URL = re.compile(r"https://[^\s?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[^\s?#@]*)?", re.ASCII)
_BOT = "github-actions[bot]"


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a comment is, and whether it was there before."""

    url: str
    updated: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One discussion: the forge's address, its paths, and how it spells things."""

    forge: str
    url: str
    headers: Mapping[str, str]
    comments: str
    comment: str
    update: str
    limit: int


def place_from(forge: str, environment: Mapping[str, str]) -> Place:
    """The discussion that a pipeline runs for, from what its forge put into the environment.

    Raises UsageError, naming the variable, where one is missing or no such thing.
    """
    project, headers = project_from(forge, environment)
    if forge == "github":
        number = _variable(environment, "RATECARD_PULL_REQUEST", r"[1-9][0-9]{0,9}")
        comments, comment = f"{project}/issues/{number}/comments", f"{project}/issues/comments"
        return Place(forge, api_of(forge, environment), headers, comments, comment, "PATCH", 65_536)
    number = _variable(environment, "CI_MERGE_REQUEST_IID", r"[1-9][0-9]{0,9}")
    notes = f"{project}/merge_requests/{number}/notes"
    return Place(forge, api_of(forge, environment), headers, notes, notes, "PUT", 1_000_000)


def project_from(forge: str, environment: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The path of the project that a pipeline runs for, and the headers with its token. Raises UsageError."""
    if forge == "github":
        repository = _variable(environment, "GITHUB_REPOSITORY", r"[\w.-]+/[\w.-]+")
        token = _variable(environment, "GITHUB_TOKEN", r"[!-~]+", secret=True)
        return f"/repos/{repository}", {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
    project = _variable(environment, "CI_PROJECT_ID", r"[1-9][0-9]{0,18}")
    return f"/projects/{project}", {"PRIVATE-TOKEN": _variable(environment, "GITLAB_TOKEN", r"[!-~]+", secret=True)}


def api_of(forge: str, environment: Mapping[str, str]) -> str:
    """Where the forge's API is. Raises RefusedError for an address without TLS."""
    return _url(environment, "GITHUB_API_URL" if forge == "github" else "CI_API_V4_URL")


def post(place: Place, marker: str, body: str) -> Posted:
    """Make the comment, or update the one that we made before. Raises RatecardError when the forge does not let us.

    A request is sent once: when its answer is lost, the next run finds what became of it by the marker.
    """
    with httpx.Client(
        base_url=place.url, headers={**place.headers, "User-Agent": "ratecard"}, timeout=TIMEOUT_S
    ) as client:
        me = me_at(client, place.forge)
        payload = {"body": fit(f"{marker}\n{body}", place.limit)}
        for comment in _comments(client, place):
            if str(comment.get("body") or "").startswith(marker) and author_of(comment, place.forge) == me:
                path = f"{place.comment}/{number_of(comment)}"
                return Posted(_shown(ask(client, place.update, path, payload), place), updated=True)
        return Posted(_shown(ask(client, "POST", place.comments, payload), place), updated=False)


def me_at(client: httpx.Client, forge: str) -> str:
    """Who we are to the forge. The token that GitHub gives to a workflow may not ask, and is always its bot's."""
    found = ask(client, "GET", "/user", None, refused_is_fine=forge == "github")
    if found is None:
        return _BOT
    name = found.get("login" if forge == "github" else "id") if isinstance(found, dict) else None
    if name is None:
        raise RatecardError(f"{forge} does not say whose the token is")
    return str(name)


def author_of(said: Mapping[str, Any], forge: str) -> str:
    """Who wrote a comment or an issue, in the words of `me_at`; empty where the forge does not say."""
    author = said.get("user" if forge == "github" else "author")
    return str(author.get("login" if forge == "github" else "id")) if isinstance(author, dict) else ""


def _comments(client: httpx.Client, place: Place) -> Iterator[Mapping[str, Any]]:
    for page in range(1, MOST_PAGES + 1):
        found = ask(client, "GET", f"{place.comments}?per_page={PAGE}&page={page}", None)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise RatecardError(f"{place.forge} answered with something that is no list of comments")
        yield from found
        if len(found) < PAGE:
            return


def ask(
    client: httpx.Client, method: str, path: str, payload: Mapping[str, str] | None, *, refused_is_fine: bool = False
) -> Any:
    """The JSON of one answer. Raises RatecardError; gives None where a refusal is fine and it was refused."""
    what = f"{method} {path.partition('?')[0]}"
    try:
        with client.stream(method, path, json=payload) as answer:
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise RatecardError(f"{what}: the answer is larger than {LARGEST_ANSWER // 2**20} MiB")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RatecardError(f"{what}: the forge cannot be reached ({type(error).__name__})", retry=True) from None
    if refused_is_fine and answer.status_code in (401, 403, 404):
        return None
    if not 200 <= answer.status_code < 300:
        raise RatecardError(f"{what}: the forge answered {answer.status_code}", hint=_HINTS.get(answer.status_code))
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise RatecardError(f"{what}: the forge did not answer with JSON") from None


_HINTS = {
    401: "is the token still valid?",
    403: "the token may not write comments: a GitHub workflow needs `permissions: pull-requests: write`, GitLab a "
    "project access token with the scope api",
    404: "is the token one of this project? Without the right to read, a forge says that nothing is there",
}


def number_of(said: Mapping[str, Any], name: str = "id") -> int:
    """The number by which a forge knows a comment or an issue. Raises RatecardError where there is none."""
    found = said.get(name)
    if not isinstance(found, int):
        raise RatecardError("the forge told a comment or an issue without a number")
    return found


def _shown(comment: Any, place: Place) -> str:
    """Where people find the comment, as far as the forge says so."""
    url = comment.get("html_url") if isinstance(comment, dict) else None
    number = comment.get("id") if isinstance(comment, dict) else None
    return url if isinstance(url, str) and url.isprintable() else f"{place.comments}/{number}"


def _url(environment: Mapping[str, str], name: str) -> str:
    url = environment.get(name, "")
    if not _URL.fullmatch(url):
        # An address without TLS would give the token to whoever listens.
        raise RefusedError(f'{name} is "{url[:200]}", which is no https address', hint="let the pipeline set it")
    return url.rstrip("/")


def _variable(environment: Mapping[str, str], name: str, pattern: str, *, secret: bool = False) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise UsageError(f"the environment variable {name} is empty", hint="this runs in a pipeline, which sets it")
    if not re.fullmatch(pattern, value, re.ASCII):
        quoted = "" if secret else f' "{value[:100]}"'
        raise UsageError(f"the environment variable {name} holds nothing of its kind{quoted}")
    return value
