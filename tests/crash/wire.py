"""A cable between a run and the sandbox, which is cut while one write is on its way: at an exact place, every time."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)[ \t]*\r$")


class Cut(StrEnum):
    """Where a write is when the cable is cut."""

    HALF_SENT = "half of it sent"
    NOT_ACTED = "sent, and the provider has not acted"
    ACTED = "the provider has acted, and not a byte is answered"
    HALF_ANSWERED = "half of the answer received"


class Wire:
    """Passes requests and answers on. The first request that begins so is cut, once; `then` is called at that moment.

    `url` is where a run finds the provider meanwhile. What was cut was cut for good: nothing of it goes on later.
    """

    def __init__(self, target: str, beginning: str, cut: Cut, then: Callable[[], object]) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._beginning, self._cut, self._then = re.compile(beginning.encode()), cut, then
        self._guard = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen, name="wire", daemon=True)
        self.struck = 0

    @property
    def url(self) -> str:
        """The address of this end."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), name="wire", daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far, contextlib.suppress(OSError):
            while request := _message(near):
                if self._is_struck(request):
                    self._strike(request, near, far)
                    return
                far.sendall(request)
                near.sendall(_message(far))

    def _is_struck(self, request: bytes) -> bool:
        with self._guard:
            if self.struck or not self._beginning.match(request):
                return False
            self.struck += 1
            return True

    def _strike(self, request: bytes, near: socket.socket, far: socket.socket) -> None:
        if self._cut is Cut.HALF_SENT:
            far.sendall(request[: len(request) // 2])
        elif self._cut is not Cut.NOT_ACTED:
            far.sendall(request)
            answer = _message(far)
            if self._cut is Cut.HALF_ANSWERED:
                near.sendall(answer[: len(answer) // 2])
        self._then()
        for end in (near, far):  # with a reset: neither end learns of an orderly one
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _message(connection: socket.socket) -> bytes:
    """One request or answer, whole: its head, and as much as its Content-Length says. Empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return b""
        data += part
    head, _, _ = data.partition(b"\r\n\r\n")
    found = _LENGTH.search(head + b"\r\n")
    left = len(head) + 4 + (int(found[1]) if found else 0) - len(data)
    while left > 0:
        part = connection.recv(65_536)
        if not part:
            return b""
        data, left = data + part, left - len(part)
    return data
