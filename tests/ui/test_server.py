"""What the page's server gives, to whom, and what it refuses."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.errors import UsageError
from enhance.ui.server import PageServer
from enhance.ui.session import Session, shown_name

JpegFactory = Callable[..., bytes]


def files(visitor: Any) -> list[dict[str, Any]]:
    return list(json.loads(visitor.ask("GET", "/api/files")[1])["files"])


def wait_for(visitor: Any, *states: str) -> list[dict[str, Any]]:
    """What the files are once they have come to these states."""
    until = time.monotonic() + 120
    while [it["status"] for it in files(visitor)] != list(states):
        assert time.monotonic() < until, files(visitor)
        time.sleep(0.02)
    return files(visitor)


def test_nobody_comes_in_without_the_key(server: PageServer, visitor: Any) -> None:
    stranger = type(visitor)(server)
    for path in ("/", "/?key=wrong", "/?key=", "/api/files", "/api/zip", "/api/result/0"):
        assert stranger.ask("GET", path)[0].status == 403, path
    assert stranger.ask("PUT", "/api/files?name=a.jpg", b"x")[0].status == 403
    assert stranger.ask("POST", "/api/run", b"")[0].status == 403
    assert not any(path.is_file() for path in server.folder.rglob("*"))
    answer, content = visitor.ask("GET", "/")
    assert answer.status == 200 and b"Drop JPEG" in content
    assert "default-src 'none'" in str(answer.getheader("Content-Security-Policy"))


def test_other_pages_cannot_send_a_browser_here(visitor: Any) -> None:
    port = visitor.server.server_port
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert visitor.ask("GET", "/api/files", **headers)[0].status == 403
        assert visitor.ask("POST", "/api/run", b"", **headers)[0].status == 403
    assert visitor.ask("GET", "/api/files", Host=f"localhost:{port}")[0].status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "//etc/passwd", "/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/result/-1",
        "/api/result/../../etc/passwd", "/api/result/%2e%2e%2fetc%2fpasswd", "/api/result//etc/passwd", "/server.py",
        "/api/compare/0.html", "/api/result/%D9%A3", "/api/result/0%00", "/index.html", "/api/", "/api/source/0",
    ],
)  # fmt: skip
def test_no_address_leads_to_a_file_by_its_name(path: str, visitor: Any) -> None:
    answer, content = visitor.ask("GET", path)
    assert answer.status in (400, 404) and b"root:" not in content


def test_a_file_is_enhanced_and_can_be_taken(visitor: Any, jpeg_bytes: JpegFactory) -> None:
    assert visitor.ask("PUT", "/api/files?name=..%2F..%2Fevil%22.jpg", jpeg_bytes(30))[0].status == 200
    (told,) = wait_for(visitor, "done")
    assert told["name"] == "evil_.jpg" and told["told"].startswith("jpeg quality 30") and told["share"] == 1
    answer, content = visitor.ask("GET", "/api/result/0")
    assert Image.open(io.BytesIO(content)).format == "PNG"
    assert answer.getheader("Content-Disposition") == "attachment; filename*=UTF-8''evil_.png"
    assert b"Side by side" in visitor.ask("GET", "/api/compare/0")[1]


def test_a_picture_that_may_once_have_been_a_jpeg_is_taken(visitor: Any) -> None:
    buffer = io.BytesIO()
    Image.radial_gradient("L").save(buffer, "PNG")
    visitor.ask("PUT", "/api/files?name=a.png", buffer.getvalue())
    wait_for(visitor, "done")
    assert Image.open(io.BytesIO(visitor.ask("GET", "/api/result/0")[1])).size == (256, 256)


def test_the_first_is_done_at_once_and_the_rest_when_asked(visitor: Any, jpeg_bytes: JpegFactory) -> None:
    for name in ("a.jpg", "a.jpg", "bad.jpg", "c.jpg"):
        content = b"no picture" if name == "bad.jpg" else jpeg_bytes(30)
        visitor.ask("PUT", f"/api/files?name={name}", content)
    wait_for(visitor, "done", "waiting", "waiting", "waiting")
    visitor.ask("POST", "/api/look/3", b"")
    wait_for(visitor, "done", "waiting", "waiting", "done")
    visitor.ask("POST", "/api/run", b"")
    told = wait_for(visitor, "done", "done", "failed", "done")
    assert told[2]["told"] and str(visitor.server.folder) not in told[2]["told"]
    with zipfile.ZipFile(io.BytesIO(visitor.ask("GET", "/api/zip")[1])) as archive:
        assert archive.namelist() == ["a.png", "a-2.png", "c.png"] and archive.testzip() is None


def test_knobs_mean_what_they_mean_everywhere(visitor: Any, jpeg_bytes: JpegFactory) -> None:
    visitor.ask("PUT", "/api/files?name=a.jpg", jpeg_bytes(30))
    wait_for(visitor, "done")
    knobs = {"mode": "", "perception": "0.25", "strength": "0.5", "quality": "20", "format": "webp"}
    assert visitor.ask("POST", "/api/knobs", json.dumps(knobs).encode())[0].status == 200
    (told,) = wait_for(visitor, "done")
    assert told["told"].startswith("jpeg quality 20") and "perception 0.25, strength 0.5" in told["told"]
    assert visitor.ask("GET", "/api/result/0")[1][8:12] == b"WEBP"
    wrongs: list[Any] = [{"strength": 7}, {"strength": "much"}, {"depth": 3}, {"format": "../x"}, [], "x"]
    for wrong in wrongs:
        answer, content = visitor.ask("POST", "/api/knobs", json.dumps(wrong).encode())
        assert answer.status == 400 and json.loads(content)["error"], wrong


def test_too_much_is_refused_before_it_is_read(visitor: Any) -> None:
    answer, content = visitor.ask("PUT", "/api/files?name=a.jpg", None, Content_Length=str(1 << 40))
    assert answer.status == 413 and b"a file may have 1 megabytes" in content
    assert visitor.ask("PUT", "/api/files?name=a.jpg", None, Content_Length="many")[0].status == 411
    assert visitor.ask("PUT", "/api/elsewhere", b"x")[0].status == 404
    assert visitor.ask("POST", "/api/knobs", None, Content_Length=str(1 << 30))[0].status == 400
    assert files(visitor) == []


def test_a_full_disk_is_told_and_leaves_nothing_behind(
    visitor: Any, jpeg_bytes: JpegFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.ask("PUT", "/api/files?name=a.jpg", jpeg_bytes(30))
    wait_for(visitor, "done")
    before = sorted(visitor.server.folder.rglob("*"))

    def no_space(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        answer, content = visitor.ask("PUT", "/api/files?name=b.jpg", jpeg_bytes(30))
    assert answer.status == 507 and json.loads(content) == {"error": "the disk is full"}
    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "write", no_space)
        answer, content = visitor.ask("GET", "/api/zip")
    assert answer.status == 507 and json.loads(content) == {"error": "the disk is full"}
    assert [it["name"] for it in files(visitor)] == ["a.jpg"]
    assert sorted(visitor.server.folder.rglob("*")) == before
    assert visitor.ask("PUT", "/api/files?name=b.jpg", jpeg_bytes(30))[0].status == 200


def test_an_upload_that_is_cut_off_leaves_nothing_behind(server: PageServer, visitor: Any) -> None:
    before = sorted(server.folder.rglob("*"))
    head = f"PUT /api/files?name=a.jpg HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(f"{head}Cookie: {visitor.cookie}\r\nContent-Length: 1000\r\n\r\nabc".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert files(visitor) == [] and sorted(server.folder.rglob("*")) == before


def test_visitors_do_not_see_each_other(visitor: Any, jpeg_bytes: JpegFactory) -> None:
    other = visitor.enter()
    visitor.ask("PUT", "/api/files?name=mine.jpg", jpeg_bytes(30))
    other.ask("PUT", "/api/files?name=theirs.jpg", jpeg_bytes(10))
    assert [it["name"] for it in wait_for(visitor, "done")] == ["mine.jpg"]
    assert [it["name"] for it in wait_for(other, "done")] == ["theirs.jpg"]
    third = visitor.enter()
    assert files(third) == [] and third.ask("GET", "/api/result/0")[0].status == 404


def test_a_visitor_has_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.ui.session.MOST_FILES", 1)
    session = Session(tmp_path)
    session.keep(session.add("a.jpg"))
    with pytest.raises(UsageError, match="1 files at a time"):
        session.add("b.jpg")


def test_names_are_shown_without_what_does_harm() -> None:
    names = {"../../a.jpg": "a.jpg", "C:\\x\\b.jpg": "b.jpg", "..": "picture", "a\0\n.jpg": "a__.jpg", "é.jpg": "é.jpg"}
    assert {name: shown_name(name) for name in names} == names
    assert len(shown_name("x" * 5000)) == 120


def test_other_machines_need_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--host", "0.0.0.0", "--no-browser"]) == 2
    assert "can be reached from other machines" in capsys.readouterr().err
    assert main(["ui", "--password", "short", "--no-browser"]) == 2


@pytest.mark.parametrize("port", ["99999", "-1", "1.5", "http"])
def test_a_port_is_one_that_there_can_be(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--port", port, "--no-browser"]) == 2
    assert "a whole number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(("host", "password"), [("::1", None), ("127.0.0.1", "a&b=c #é%41")])
def test_the_address_that_is_printed_opens(
    host: str, password: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
    seen = []

    def look(*_: object) -> None:
        with urlopen(capsys.readouterr().out.strip()) as page:
            seen.append(page.read())

    monkeypatch.setattr("enhance.cli.ui._work", look)
    told = [] if password is None else ["--password", password]
    assert main(["ui", "--host", host, "--no-browser", *told]) == 0
    assert b"Drop JPEG" in seen[0]


@pytest.mark.slow
def test_the_command_serves_and_leaves_nothing_behind(tmp_path: Path, tiny_model_file: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "enhance",
        "ui",
        "--no-browser",
        "--model",
        str(tiny_model_file),
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address) as page:
            assert b"Drop JPEG" in page.read()
        assert list(tmp_path.glob("enhance-*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    assert not list(tmp_path.glob("enhance-*"))
