"""A running page with a tiny model, as the tests of its server and those in the browser need it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest

from enhance.cli.info import describe_picture
from enhance.enhancer import Enhancer
from enhance.models.checkpoint import Checkpoint
from enhance.system.limits import Limits
from enhance.ui.server import PageServer
from enhance.ui.work import Worker

KEY = "the key of the tests"


@dataclass
class Visitor:
    """Somebody who speaks HTTP, with or without a cookie."""

    server: PageServer
    cookie: str | None = None

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        sent = {"Cookie": self.cookie} if self.cookie else {}
        connection.request(method, path, body, {**sent, **{name.replace("_", "-"): it for name, it in headers.items()}})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def enter(self) -> Visitor:
        """Somebody new, who opens the page with its key."""
        answer, _ = Visitor(self.server).ask("GET", f"/?key={quote(KEY)}")
        assert answer.status == 200
        return Visitor(self.server, (answer.getheader("Set-Cookie") or "").partition(";")[0])


@pytest.fixture
def server(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Iterator[PageServer]:
    folder = tmp_path / "visitors"
    folder.mkdir()
    limits = Limits(max_bytes=1 << 20)
    with PageServer("127.0.0.1", 0, key=KEY, folder=folder, most_bytes=limits.max_bytes) as running:
        worker = Worker(
            lambda: Enhancer(tiny_checkpoint, device="cpu", dtype="float32"), running.sessions, limits, describe_picture
        )
        running.wake = worker.wake
        worker.start()
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        worker.stop()
        thread.join()


@pytest.fixture
def visitor(server: PageServer) -> Visitor:
    return Visitor(server).enter()
