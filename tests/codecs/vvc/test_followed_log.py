"""QPs from a log that is written meanwhile: in pieces, late, too short, or not at all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from enhance.codecs.vvc import followed_log
from enhance.codecs.vvc.followed_log import FollowedLog, rated_by_log
from enhance.errors import DecodeError
from enhance.frames.format import Planes

# One group of eight in decoding order, twice; output order is by POC.
DECODED = [(0, 30), (8, 31), (4, 33), (2, 35), (1, 37), (3, 37), (6, 35), (5, 37), (7, 37), (16, 31), (12, 33),
           (10, 35), (9, 37), (11, 37), (14, 35), (13, 37), (15, 37)]  # fmt: skip
IN_ORDER = [qp for _, qp in sorted(DECODED)]
END = b"\n Total Time:        0.412 sec. [user]        0.417 sec. [elapsed]\n"


def line(poc: int, qp: int) -> bytes:
    """Of an intra picture: they have rates of their own, by which the tests know them."""
    nal = "IDR_N_LP" if poc == 0 else "TRAIL"
    return f"POC {poc:4d} LId:  0 TId: 0 ( {nal}, I-SLICE, QP {qp} ) [DT  0.080] [L0] [L1]\n".encode()


LOG = b"VTM Decoder Version 23.13\n" + b"".join(line(*picture) for picture in DECODED)


def frames(count: int = len(DECODED)) -> Iterator[Planes]:
    for number in range(count):
        yield (np.full((2, 2), number, np.uint8),)


def followed(log: FollowedLog, source: Iterator[Planes], read_ahead: int = 1 << 20) -> list[float]:
    """The QPs, after a check that every frame came in its order."""
    qps = []
    for number, (planes, rate) in enumerate(rated_by_log(source, log, frame_bytes=4, read_ahead=read_ahead)):
        assert planes[0][0, 0] == number
        qps.append(rate.qp)
    return qps


class Clock:
    """Time that passes only where somebody waits."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(followed_log, "time", clock)
    return clock


def test_a_complete_log(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "vtm.log"
    path.write_bytes(LOG + END)
    with FollowedLog(str(path)) as log:
        assert followed(log, frames()) == IN_ORDER
        assert clock.now == 0, "nothing is waited for"


def test_a_log_without_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.codecs.vvc.followed_log._QUIET", 0.1)
    path = tmp_path / "vvdec.log"
    path.write_bytes(LOG.rstrip(b"\n"))
    with FollowedLog(str(path)) as log:
        assert followed(log, frames()) == IN_ORDER


def test_a_log_that_comes_in_blocks_while_frames_wait_in_a_pipe(clock: Clock) -> None:
    """A writer that stops when nobody takes its frames, and whose log comes 300 bytes at a time, after the frames."""
    reader, writer = os.pipe()

    def decode() -> Iterator[Planes]:
        written = 0
        for number, planes in enumerate(frames()):
            if number % 4 == 3:
                written += os.write(writer, LOG[written : written + 300])
            yield planes
        os.write(writer, LOG[written:] + END)

    try:
        with FollowedLog(reader, patience=30) as log:
            assert followed(log, decode(), read_ahead=4 * 13) == IN_ORDER
            assert clock.now < 5, "and not until patience is at an end"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_log_that_comes_late(tmp_path: Path) -> None:
    path = tmp_path / "vtm.log"
    path.touch()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            for start in range(0, len(LOG), 100):
                time.sleep(0.01)
                file.write(LOG[start : start + 100])
            file.write(END)

    thread = threading.Thread(target=write)
    with FollowedLog(str(path), patience=10) as log:
        thread.start()
        assert followed(log, frames(), read_ahead=16) == IN_ORDER
    thread.join()


def test_a_fifo(tmp_path: Path) -> None:
    """A program that prints into it gives no frame before somebody has opened the log."""
    path = tmp_path / "log"
    os.mkfifo(path)
    thread = threading.Thread(target=lambda: path.write_bytes(LOG), daemon=True)
    thread.start()

    def source() -> Iterator[Planes]:
        thread.join(10)
        assert not thread.is_alive()
        yield from frames()

    with FollowedLog(str(path), patience=10) as log:
        assert followed(log, source(), read_ahead=16) == IN_ORDER


def test_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "vtm.log"
    with FollowedLog(str(path), patience=10) as log:
        path.write_bytes(LOG + END)
        assert followed(log, frames()) == IN_ORDER


def test_waiting_frames_are_bounded() -> None:
    reader, writer = os.pipe()
    taken = 0

    def source() -> Iterator[Planes]:
        nonlocal taken
        for planes in frames(100):
            taken += 1
            yield planes

    try:
        with (
            FollowedLog(reader, patience=0.1) as log,
            pytest.raises(DecodeError, match=r"frame 1 for 0\.1 sec") as caught,
        ):
            followed(log, source(), read_ahead=40)
    finally:
        os.close(reader)
        os.close(writer)
    assert taken == 10
    assert caught.value.source == f"descriptor {reader}" and "stdbuf" in (caught.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"no log at all\n" * 10, os.urandom(300_000)])
def test_a_log_that_says_nothing(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.codecs.vvc.followed_log._QUIET", 0.1)
    path = tmp_path / "wrong.log"
    path.write_bytes(content)
    with FollowedLog(str(path)) as log, pytest.raises(DecodeError, match="ends before it says the QP of frame 1"):
        followed(log, frames())


def test_a_log_of_fewer_pictures(tmp_path: Path) -> None:
    path = tmp_path / "vtm.log"
    path.write_bytes(LOG + END)
    given = []
    with FollowedLog(str(path)) as log, pytest.raises(DecodeError, match="QP of frame 18") as caught:
        for _, rate in rated_by_log(frames(20), log, frame_bytes=4):
            given.append(rate.qp)
    assert given == IN_ORDER and caught.value.source == str(path)


def test_frames_before_a_broken_input_keep_their_qps(tmp_path: Path) -> None:
    path = tmp_path / "vtm.log"
    path.write_bytes(LOG)  # nothing says that it is complete

    def source() -> Iterator[Planes]:
        yield from frames(5)
        raise DecodeError("cut", source="pipe")

    given = []
    with FollowedLog(str(path)) as log, pytest.raises(DecodeError, match="cut"):
        for _, rate in rated_by_log(source(), log, frame_bytes=4):
            given.append(rate.qp)
    assert given == IN_ORDER[:5]


def test_qps_below_zero_are_zero(tmp_path: Path) -> None:
    path = tmp_path / "vtm.log"
    path.write_bytes(line(0, -6) + END)
    with FollowedLog(str(path)) as log:
        assert followed(log, frames(1)) == [0]


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    with FollowedLog(str(tmp_path / "missing.log")) as log, pytest.raises(DecodeError, match="No such file") as caught:
        followed(log, frames())
    assert caught.value.source == str(tmp_path / "missing.log")
    for place, phrase in ((999_999, "Bad file descriptor"), (10**12, "int"), (str(tmp_path), "directory")):
        with pytest.raises(DecodeError, match=phrase), FollowedLog(place) as log:
            followed(log, frames())


def test_a_video_without_frames_waits_for_nothing(tmp_path: Path) -> None:
    with FollowedLog(str(tmp_path / "missing.log")) as log:
        assert followed(log, frames(0)) == []
