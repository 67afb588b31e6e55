"""The page's server: a handful of addresses for whoever holds the key, and not one that leads to a file by its name.

    GET  /?key=K              the page; sets the visitor's cookie
    GET  /api/files           what became of the files, as JSON
    PUT  /api/files?name=N    drops a file: its bytes are the request's
    POST /api/knobs           changes knobs, as JSON
    POST /api/look/N          does this file next
    POST /api/run             does all files
    GET  /api/result/N        a result, to be kept
    GET  /api/compare/N       the page that compares it
    GET  /api/zip             all results

A browser that another page has sent here is refused: the key is missing, or `Host` or `Origin` is another's.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import tempfile
import threading
import zipfile
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, quote, urlsplit

from enhance.errors import EnhanceError, OutputError, UsageError
from enhance.system.atomic_file import as_output_error, atomic_file
from enhance.ui.session import Item, Session

_PIECE = 1 << 20
_MOST_JSON = 1 << 16
_MOST_VISITORS = 64
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'none'"
)


class PageServer(ThreadingHTTPServer):
    """Serves the page.

    Args:
        host, port: where; port 0: any that is free.
        key: what visitors must know.
        folder: for visitors' files; made and removed by whoever calls.
        most_bytes: of one file.
        wake: called when there is something to do.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int, *, key: str, folder: Path, most_bytes: int) -> None:
        self.key, self.folder, self.most_bytes = key, folder, most_bytes
        self._visitors: dict[str, Session] = {}
        self._lock = threading.Lock()
        self.wake: Any = lambda: None
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    @property
    def hosts(self) -> set[str]:
        """What `Host` may say where the server is for this machine only: names of others lead pages of others here."""
        return {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    @property
    def is_local(self) -> bool:
        return str(self.server_address[0]) in ("127.0.0.1", "::1")

    def sessions(self) -> list[Session]:
        with self._lock:
            return list(self._visitors.values())

    def visitor(self, cookie: str | None) -> Session | None:
        with self._lock:
            return self._visitors.get(cookie or "")

    def new_visitor(self) -> str:
        """The cookie of somebody new. Raises UsageError where there are too many."""
        with self._lock:
            if len(self._visitors) >= _MOST_VISITORS:
                raise UsageError(f"{_MOST_VISITORS} visitors at a time")
            cookie = secrets.token_urlsafe(24)
            self._visitors[cookie] = Session(Path(tempfile.mkdtemp(dir=self.folder)))
            return cookie


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "enhance", ""
    timeout = 60  # seconds for a visitor who says nothing

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: what visitors do is theirs."""

    def _answer(self, act: Any) -> None:
        try:
            if self._is_anothers():
                self._refuse(HTTPStatus.FORBIDDEN, "this request came from another page")
                return
            act()
        except OutputError as error:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, error.reason)
        except EnhanceError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, error.reason)
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self.close_connection = True

    def _is_anothers(self) -> bool:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if self.server.is_local and host not in self.server.hosts:
            return True
        return origin is not None and urlsplit(origin).netloc != host

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _cookie(self) -> str | None:
        found = SimpleCookie(self.headers.get("Cookie", "")).get(f"enhance-{self.server.server_port}")
        return None if found is None else found.value

    def _session(self) -> Session | None:
        """The visitor's, or a refusal."""
        session = self.server.visitor(self._cookie)
        if session is None:
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the program has printed")
        return session

    def _get(self) -> None:
        if self._path == "/":
            self._open()
            return
        session = self._session()
        if session is None:
            return
        if self._path == "/api/files":
            self._send_json({"files": session.describe()})
        elif self._path == "/api/zip":
            self._send_zip(session)
        else:
            self._send_of(session)

    def _open(self) -> None:
        key = self._query.get("key", [""])[0]
        known = self.server.visitor(self._cookie) is not None
        if not known and not hmac.compare_digest(key.encode(), self.server.key.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the program has printed, with its key")
            return
        headers = {"Content-Security-Policy": _POLICY}
        if not known:
            cookie = f"enhance-{self.server.server_port}={self.server.new_visitor()}"
            headers["Set-Cookie"] = f"{cookie}; HttpOnly; SameSite=Strict; Path=/"
        content = files("enhance.ui").joinpath("index.html").read_bytes()
        self._send(content, "text/html; charset=utf-8", headers)

    def _send_of(self, session: Session) -> None:
        """A result or its comparison, by number."""
        kind, _, number = self._path.removeprefix("/api/").partition("/")
        with session.lock:
            item = session.items.get(found) if (found := _number(number)) is not None else None
            paths = {} if item is None or item.status != "done" else {"result": item.result, "compare": item.page}
            path = paths.get(kind)
            name = "" if item is None else _result_name(item)
            content = None if path is None else path.read_bytes()
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such thing")
        elif kind == "compare":
            self._send(content, "text/html; charset=utf-8")
        else:
            self._send(content, "application/octet-stream", _as_download(name))

    def _send_zip(self, session: Session) -> None:
        with tempfile.TemporaryFile(dir=self.server.folder) as file:
            with session.lock, as_output_error(self.server.folder):
                _pack(session, file)
            size = file.tell()
            file.seek(0)
            self._begin("application/zip", size, _as_download("enhanced.zip"))
            while piece := file.read(_PIECE):
                self.wfile.write(piece)

    def _put(self) -> None:
        session = self._session()
        if session is None:
            return
        length = self._length()
        if self._path != "/api/files" or length is None:
            self._refuse(HTTPStatus.NOT_FOUND if length is not None else HTTPStatus.LENGTH_REQUIRED, "no file came")
            return
        if length > self.server.most_bytes:
            most = f"{self.server.most_bytes / 2**20:g} megabytes"
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a file may have {most}")
            return
        item = session.add(self._query.get("name", ["picture"])[0])
        with atomic_file(item.source) as file:
            while length:
                piece = self.rfile.read(min(length, _PIECE))
                if not piece:
                    raise ConnectionError
                with as_output_error(item.source):
                    file.write(piece)
                length -= len(piece)
        session.keep(item)
        self.server.wake()
        self._send_json(item.describe())

    def _post(self) -> None:
        session = self._session()
        length = self._length()
        if session is None:
            return
        if length is None or length > _MOST_JSON:
            self._refuse(HTTPStatus.BAD_REQUEST, "that is too much")
            return
        content = self.rfile.read(length)
        if self._path == "/api/knobs":
            session.set_knobs(_json_object(content))
        elif self._path == "/api/run":
            session.run_all()
        elif (number := _number(self._path.removeprefix("/api/look/"))) is not None:
            session.look_at(number)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such thing")
            return
        self.server.wake()
        self._send_json({})

    def _length(self) -> int | None:
        return _number(self.headers.get("Content-Length", ""))

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        self.close_connection = True  # what else the visitor sends is not read
        self._send(json.dumps({"error": words}).encode(), "application/json", status=status)

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(
        self, content: bytes, kind: str, headers: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self._begin(kind, len(content), headers, status)
        self.wfile.write(content)

    def _begin(
        self, kind: str, length: int, headers: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        always = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **always, **(headers or {})}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _pack(session: Session, file: IO[bytes]) -> None:
    """Writes a zip with all results."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        taken: set[str] = set()
        for item in session.items.values():
            if item.status == "done" and item.result is not None:
                archive.write(item.result, _free_name(_result_name(item), taken))
    file.flush()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _json_object(content: bytes) -> dict[str, Any]:
    """Raises UsageError for anything else."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("knobs are a JSON object")
    return values


def _result_name(item: Item) -> str:
    suffix = item.result.suffix if item.result is not None else ""
    return Path(item.name).stem + suffix


def _free_name(name: str, taken: set[str]) -> str:
    """A name that no file before has, in a zip."""
    stem, suffix, number = Path(name).stem, Path(name).suffix, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    taken.add(name.lower())
    return name


def _as_download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
