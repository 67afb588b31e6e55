"""The rates of videos: one for all pictures of a scene, whatever their slices' QPs, by log as by headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from enhance.codecs.vvc.decoder import VvcPicture, open_vvc
from enhance.codecs.vvc.headers import CodedPicture
from enhance.codecs.vvc.log import PictureLog
from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.codecs.vvc.reference_qp import INTRA_STEP, ReferenceQp, predicted_rate, rates_of_video
from enhance.frames.format import FrameFormat

StreamFactory = Callable[..., bytes]

# (slice QP, intra): a group of libvvenc's at QP 32 in decoding order.
GROUP = [(28, True), (32, False), (35, False), (38, False), (40, False), (41, False), (41, False), (37, False)]


def taken(pictures: Iterable[tuple[float, bool]]) -> list[float]:
    reference = ReferenceQp()
    return [reference.take(qp, is_intra=is_intra) for qp, is_intra in pictures]


def coded(poc: int, qp: int, is_intra: bool) -> CodedPicture:
    return CodedPicture(0, poc, FrameFormat(16, 16), True, qp, is_intra, False, 100)


def test_all_pictures_of_a_group_have_one_reference() -> None:
    assert taken(GROUP * 4) == [28.0] * 32


def test_a_rate_control_that_wavers_does_not_show() -> None:
    assert taken([(28, True), (32, False), (27, True), (31, False), (28, True)] * 20) == [28.0] * 100


def test_it_follows_a_lower_qp_at_once_and_a_higher_one_when_the_old_pictures_are_gone() -> None:
    found = taken([*GROUP, (20, True), *[(24, False)] * 7, (36, True), *[(40, False)] * 70])
    assert found[:9] == [28.0] * 8 + [20.0]
    assert found[16] == 20.0 and found[-1] == 36.0


@pytest.mark.parametrize("first", [(35, False), (32, False)])
def test_a_stream_that_begins_without_an_intra_picture(first: tuple[int, bool]) -> None:
    assert taken([first, (32, False), (38, False)])[-1] == 29.0


def test_rates_stay_within_what_a_qp_can_be() -> None:
    assert predicted_rate(-12).qp == INTRA_STEP and predicted_rate(63).qp == MAX_QP
    assert predicted_rate(30) == VvcRate(30 + INTRA_STEP, estimated=True, predicted=True)


def test_streams_of_intra_pictures_keep_their_own_qps() -> None:
    assert rates_of_video([coded(poc, 30 + poc, True) for poc in range(3)]) == {}
    found = rates_of_video([coded(0, 30, True), coded(2, 34, False), coded(1, 40, False)])
    assert found == {(0, poc): predicted_rate(30) for poc in range(3)}


def logged(pictures: list[tuple[int, int, str]]) -> PictureLog:
    log = PictureLog()
    for poc, qp, kind in pictures:
        nal = "IDR_N_LP" if poc == 0 else "TRAIL"
        log.feed(f"POC {poc:4d} LId:  0 TId: 0 ( {nal}, {kind}-SLICE, QP {qp} ) [DT  0.080] [L0] [L1]")
    return log


def popped(log: PictureLog) -> list[VvcRate]:
    rates = []
    while (rate := log.pop_rate()) is not None:
        rates.append(rate)
    return rates


def test_a_log_tells_the_same_as_the_headers() -> None:
    pictures = [(0, 30, "I"), (4, 34, "B"), (2, 37, "B"), (1, 40, "B"), (3, 40, "B")]
    log = logged(pictures)
    log.end()
    headers = rates_of_video([coded(poc, qp, kind == "I") for poc, qp, kind in pictures])
    assert popped(log) == [headers[0, poc] for poc in range(5)]


def test_what_the_first_picture_belongs_to_is_known_with_the_second() -> None:
    assert popped(logged([(0, 30, "I")])) == []
    assert popped(logged([(0, 30, "I"), (1, 37, "P")])) == [predicted_rate(30)] * 2
    assert popped(logged([(0, 30, "I"), (1, 31, "I")])) == [VvcRate(30), VvcRate(31)]
    only = logged([(0, 30, "I")])
    only.end()
    assert popped(only) == [VvcRate(30)]


def decoded(stream: bytes) -> list[VvcPicture]:
    with open_vvc(stream, decoder="ffmpeg") as opened:
        return list(opened)


@pytest.mark.parametrize("qpa", [False, True])
def test_all_pictures_of_a_coded_video_have_one_rate(vvc_stream: StreamFactory, qpa: bool) -> None:
    pictures = decoded(vvc_stream(20, 36, (160, 112), qpa=qpa))
    intra = max(pictures, key=lambda picture: picture.coded_bytes)
    assert {picture.rate for picture in pictures} == {predicted_rate(intra.slice_qp)}
    assert len({picture.slice_qp for picture in pictures}) >= 4


def test_the_rate_of_a_still_is_its_own(vvc_stream: StreamFactory) -> None:
    (picture,) = decoded(vvc_stream(1, 36, (160, 112)))
    assert picture.rate == VvcRate(33)
    assert np.array_equal(picture.rate.conditioning(), VvcRate(33, predicted=True).conditioning())
