"""Other programs: they run on the real file, they fail, they hang."""

from __future__ import annotations

import os
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.errors import UsageError
from enhance.evaluation.measuring.peers import Peer, PeerError

SHAPE = (24, 40, 3)


@pytest.fixture
def stream(jpeg_bytes: object) -> bytes:
    assert callable(jpeg_bytes)
    made = jpeg_bytes(30, size=(40, 24))
    assert isinstance(made, bytes)
    return made


def peer(tmp_path: Path, code: str, time_limit: float = 60) -> Peer:
    """A peer that is a Python script with `source` and `target` as its files."""
    script = tmp_path / "a peer.py"
    head = "import os, sys, time\nfrom PIL import Image\nsource, target = sys.argv[1:]\n"
    script.write_text(head + code, encoding="utf-8")
    return Peer.parse(f"mine={sys.executable} '{script}' {{in}} {{out}}", time_limit)


def test_a_peer_gets_the_file_and_gives_a_picture(tmp_path: Path, stream: bytes) -> None:
    """With a name that tells its format, no input, and what it prints kept away from ours."""
    code = "assert source.endswith('.jpg') and not sys.stdin.read()\nprint('busy')\n"
    code += "time.sleep(0.2)\nImage.open(source).save(target)\n"
    pixels, seconds = peer(tmp_path, code).restore(stream, "jpeg", SHAPE)
    assert np.array_equal(pixels, np.array(Image.open(BytesIO(stream))))
    assert 0.2 < seconds < 60


def test_gray_and_colour_are_converted(tmp_path: Path, stream: bytes) -> None:
    gray = peer(tmp_path, "Image.open(source).convert('L').save(target)")
    assert gray.restore(stream, "jpeg", SHAPE)[0].shape == SHAPE
    assert gray.restore(stream, "jpeg", SHAPE[:2])[0].shape == SHAPE[:2]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('reading')\nsys.exit('no model found')", "mine failed with status 1: no model found"),
        ("sys.exit(3)", "mine failed with status 3"),
        ("os.kill(os.getpid(), 11)", "mine was killed by SIGSEGV"),
        ("pass", "wrote no {out}"),
        ("open(target, 'w').write('hello')", "no picture"),
        ("Image.open(source).resize((20, 12)).save(target)", "20x12 and not 40x24 pixels"),
    ],
)
def test_what_goes_wrong_is_told(tmp_path: Path, stream: bytes, code: str, message: str) -> None:
    with pytest.raises(PeerError) as caught:
        peer(tmp_path, code).restore(stream, "jpeg", SHAPE)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_peer_that_hangs_is_ended_with_what_it_started(tmp_path: Path, stream: bytes) -> None:
    """It leaves the process id of its child, which must be gone, too."""
    note = tmp_path / "child"
    code = f"child = os.fork()\nif child: open({str(note)!r}, 'w').write(str(child))\ntime.sleep(10**6)\n"
    with pytest.raises(PeerError, match="not finished within 1 seconds"):
        peer(tmp_path, code, time_limit=1).restore(stream, "jpeg", SHAPE)
    child = int(note.read_text())
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def is_running(process: int) -> bool:
    """False for one that is gone, or a zombie that nobody has waited for."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_there_is_no_shell(tmp_path: Path, stream: bytes) -> None:
    """Words stay words, whatever is in them; places may stand inside of a word."""
    script = tmp_path / "p.py"
    script.write_text(
        "import sys\nfrom PIL import Image\nassert sys.argv[1] == '$HOME; *'\n"
        "Image.open(sys.argv[2].removeprefix('--in=')).save(sys.argv[3])\n",
        encoding="utf-8",
    )
    found = Peer.parse(f"x={sys.executable} {script} '$HOME; *' --in={{in}} {{out}}")
    assert found.restore(stream, "jpeg", SHAPE)[0].shape == SHAPE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool {in} {out}", "no name"),
        ("a b=tool {in} {out}", "no name"),
        ("x=", "no command"),
        ("x='tool {in} {out}", "cannot be read"),
        ("x=python3 {in}", "must name {in} and {out}"),
        ("x=surely-not-a-program {in} {out}", "was not found: surely-not-a-program"),
    ],
)
def test_peers_that_are_none(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Peer.parse(text)
    assert message in str(caught.value)


def test_a_program_that_vanished(stream: bytes) -> None:
    with pytest.raises(PeerError, match="cannot be started"):
        Peer("x", ("/nowhere/tool", "{in}", "{out}")).restore(stream, "jpeg", SHAPE)
