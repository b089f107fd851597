"""A forge on loopback: the comments of one pull request and of one merge request, and issues, with their rules."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

GITHUB = "/repos/acme/billing/issues/7/comments"
GITLAB = "/projects/42/merge_requests/7/notes"
ISSUES = re.compile(r"(/repos/acme/billing|/projects/42)/issues(?:/(\d+))?")
TOKEN = "forge_CANARY_0123456789"


@dataclass
class Forge:
    """What was said, and how the forge was asked; `refuses` are statuses for the next requests to write."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)

    def say(self, login: str, body: str) -> dict[str, Any]:
        """Somebody comments."""
        number = len(self.comments) + 1
        known = {"github-actions[bot]": 1, "mallory": 2}
        comment = {
            "id": number,
            "body": body,
            "user": {"login": login},
            "author": {"id": known[login], "username": login},
            "html_url": f"{self.url}/comment/{number}",
        }
        self.comments.append(comment)
        return comment

    def open(self, login: str, title: str, body: str) -> dict[str, Any]:
        """Somebody opens an issue."""
        number = len(self.issues) + 1
        url = f"{self.url}/issue/{number}"
        author = {"id": {"github-actions[bot]": 1, "mallory": 2}[login], "login": login}
        issue = {"number": number, "iid": number, "title": title, "body": body, "description": body, "state": "open"}
        self.issues.append(issue | {"user": author, "author": author, "html_url": url, "web_url": url})
        return self.issues[-1]

    def on_issues(self, method: str, number: str | None, body: dict[str, Any]) -> tuple[int, Any]:
        """What is answered to a request about issues."""
        said = body.get("body", body.get("description"))
        if method == "GET":
            return 200, [one for one in self.issues if one["state"] == "open"][:100]
        if number is None:
            return 201, self.open("github-actions[bot]", body["title"], said)
        issue = self.issues[int(number) - 1]
        if said is not None:
            issue |= {"title": body["title"], "body": said, "description": said}
        if body.get("state") == "closed" or body.get("state_event") == "close":
            issue["state"] = "closed"
        return 200, issue


def handler_of(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            forge.asked.append(f"{self.command} {path}")
            status, answer = self._status(path, query, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _status(self, path: str, query: str, body: dict[str, Any]) -> tuple[int, Any]:
            github = path == "/user" or path.startswith("/repos/")
            bearer, private = self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN")
            if private == TOKEN and path == "/user":
                return 200, {"id": 1, "username": "project-bot"}
            if (bearer != f"Bearer {TOKEN}") if github else (private != TOKEN):
                return 401, {"message": f"bad token {bearer}{private}"}
            if path == "/user":  # the token of a workflow is no user's
                return 403, {"message": "Resource not accessible by integration"}
            if self.command != "GET" and forge.refuses:
                return forge.refuses.pop(0), {"message": f"not you, {bearer}"}
            issues = ISSUES.fullmatch(path)
            if issues and self.command in ("GET", "POST", "PATCH" if github else "PUT"):
                return forge.on_issues(self.command, issues[2], body)
            if path in (GITHUB, GITLAB) and self.command == "POST":
                return 201, forge.say("github-actions[bot]", body["body"])
            if path in (GITHUB, GITLAB):
                asked = {name: int(value) for name, value in parse_qsl(query)}
                page, size = asked["page"], asked["per_page"]
                return 200, forge.comments[(page - 1) * size : page * size]
            one = re.fullmatch(r"(/repos/acme/billing/issues/comments|" + GITLAB + r")/(\d+)", path)
            if one and self.command == ("PATCH" if github else "PUT"):
                comment = forge.comments[int(one[2]) - 1]
                comment["body"] = body["body"]
                return 200, comment
            return 404, {"message": "Not Found"}

    return Handler


@contextmanager
def running_forge() -> Iterator[Forge]:
    """A forge that listens on loopback while the block runs."""
    forge = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(forge))
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
