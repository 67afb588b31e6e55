"""Logs of decoders: the slice QP of each frame, in the order in which frames come."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.codecs.vvc.log import PictureLog

VTM_LINE = (
    "POC {poc:4d} LId:  {layer} TId: 0 ( {nal}, B-SLICE, QP {qp:2d} ) [DT  0.003] [L0 0] [L1 0c] "
    "[MD5:30e2f2eef2eccd67f154577e1aaa3551,fe699120f30e9019ad867d269c582b23,663417ae0d7dc43c2eafcc252f9f57b7,(OK)] "
)


def line(poc: int, qp: int, nal: str = "TRAIL", layer: int = 0) -> str:
    return VTM_LINE.format(poc=poc, qp=qp, nal=nal, layer=layer)


def vvdec_line(poc: int, qp: int, kind: str = "B") -> str:
    return f"POC {poc:4d} LId:  0 TId: 0 ( {kind}-SLICE, QP {qp:2d} ) [DT  0.037] [L0 0 2 ] [L1 2c 4 ] "


def popped(log: PictureLog, *, written: bool = False) -> list[int]:
    found = []
    while (qp := log.pop(written=written)) is not None:
        found.append(qp)
    return found


def read(*lines: str) -> list[int]:
    log = PictureLog()
    for text in lines:
        log.feed(text)
    log.end()
    return popped(log)


def test_the_line_of_the_documentation() -> None:
    assert read("POC 0 ... ( IDR_W_RADL, I-SLICE, QP 37 )") == [37]


def test_pictures_come_in_output_order() -> None:
    lines = [line(0, 30, "IDR_N_LP"), line(4, 34), line(2, 36), line(1, 38), line(3, 39)]
    assert read(*lines) == [30, 38, 36, 39, 34]


def test_a_picture_is_given_out_as_soon_as_no_other_can_precede_it() -> None:
    log = PictureLog()
    log.feed(line(0, 30, "IDR_N_LP"))
    assert popped(log) == [30]
    log.feed(line(4, 34))
    log.feed(line(2, 36))
    assert popped(log) == []
    log.feed(line(1, 38))
    assert popped(log) == [38, 36]
    log.feed(line(3, 39))
    assert popped(log) == [39, 34]


def test_a_written_picture_is_the_lowest_of_those_that_are_known() -> None:
    log = PictureLog()
    log.feed(line(0, 30, "IDR_W_RADL"))
    assert log.pop() is None  # pictures that lead it may come
    log.feed(line(8, 34))
    log.feed(line(4, 36))
    assert log.pop() == 30
    assert log.pop() is None
    assert [log.pop(written=True) for _ in range(3)] == [36, 34, None]


def test_a_step_of_two_is_waited_for_no_longer_than_a_decoder_can_hold_pictures() -> None:
    log = PictureLog()
    log.feed(line(0, 20, "IDR_N_LP"))
    for number in range(1, 18):
        log.feed(line(2 * number, 20 + number))
    assert popped(log) == [20, 21]


def test_leading_pictures_precede_the_first_one() -> None:
    assert read(line(8, 30, "CRA"), line(7, 35, "RADL"), line(9, 31)) == [35, 30, 31]
    assert read(line(0, 30, "IDR_W_RADL"), line(-1, 35, "RADL"), line(1, 31)) == [35, 30, 31]


@pytest.mark.parametrize(
    "lines",
    [
        (line(0, 20, "IDR_N_LP"), line(1, 21), line(0, 22, "IDR_N_LP"), line(1, 23)),
        (line(0, 20, "IDR_W_RADL"), line(1, 21), line(0, 22, "IDR_W_RADL"), line(1, 23)),
        (line(8, 20, "CRA"), line(9, 21), line(0, 22, "CRA"), line(1, 23)),  # after an end of sequence
        (line(5, 20, "GDR"), line(6, 21), line(5, 22, "GDR"), line(6, 23)),
        (vvdec_line(0, 20, "I"), vvdec_line(1, 21), vvdec_line(0, 22, "I"), vvdec_line(1, 23)),
        (vvdec_line(8, 20, "I"), vvdec_line(9, 21), vvdec_line(0, 22, "I"), vvdec_line(1, 23)),
    ],
)
def test_a_new_sequence_follows_the_one_before(lines: tuple[str, ...]) -> None:
    assert read(*lines) == [20, 21, 22, 23]


def test_intra_only_streams_restart_at_every_picture() -> None:
    assert read(*(line(0, 20 + number, "IDR_N_LP") for number in range(5))) == [20, 21, 22, 23, 24]
    assert read(*(vvdec_line(0, 20 + number, "I") for number in range(5))) == [20, 21, 22, 23, 24]


def test_an_entry_point_within_a_sequence_does_not_reset_the_count() -> None:
    lines = [line(0, 20, "IDR_N_LP"), line(4, 24, "CRA"), line(2, 22, "RASL"), line(1, 21, "RASL"), line(3, 23, "RASL")]
    assert read(*lines) == [20, 21, 22, 23, 24]


def test_hidden_pictures_do_not_shift_the_order() -> None:
    log = PictureLog(hidden={(0, 1), (1, 0)})
    for text in (line(0, 20, "IDR_N_LP"), line(1, 21), line(2, 22), line(0, 23, "IDR_N_LP"), line(1, 24)):
        log.feed(text)
    log.end()
    assert popped(log) == [20, 22, 24]


def test_slices_and_layers_of_a_picture_are_no_further_pictures() -> None:
    assert read(line(0, 20, "IDR_N_LP"), line(1, 21), line(1, 21), line(2, 22)) == [20, 21, 22]
    assert read(line(0, 20, "IDR_N_LP"), line(0, 40, "IDR_N_LP", layer=1), line(1, 21), line(1, 41, layer=1)) == [
        20,
        21,
    ]


def test_other_lines_and_cut_lines_are_passed_over() -> None:
    whole = line(0, 30, "IDR_N_LP")
    noise = ["", "POC", "VVCSoftware: VTM Decoder Version 23.13", "Note: received suffix SEI but current picture"]
    assert read(*noise, *(whole[:length] for length in range(0, 48, 3)), whole) == [30]


def test_negative_qps_of_high_depths_are_kept() -> None:
    assert read(line(0, -12, "IDR_N_LP")) == [-12]


@given(st.lists(st.text(string.printable)))
def test_no_text_breaks_it(lines: list[str]) -> None:
    assert read(*lines) == read(*lines)


@st.composite
def coded_videos(draw: st.DrawFn) -> list[list[int]]:
    """Sequences of POCs in decoding order: a first picture, then groups in any order within."""
    sequences = []
    for _ in range(draw(st.integers(1, 3))):
        pocs, last = [0], 0
        for _ in range(draw(st.integers(0, 4))):
            group = list(range(last + 1, last + 1 + draw(st.integers(1, 16))))
            pocs += draw(st.permutations(group))
            last = group[-1]
        sequences.append(pocs)
    return sequences


@given(coded_videos(), st.booleans())
def test_any_order_of_decoding_comes_out_in_order_of_output(sequences: list[list[int]], is_vvdec: bool) -> None:
    log, found, number = PictureLog(), [], 0
    for sequence in sequences:
        for poc in sequence:
            first = number + poc
            if is_vvdec:
                log.feed(vvdec_line(poc, first, "I" if poc == 0 else "B"))
            else:
                log.feed(line(poc, first, "IDR_N_LP" if poc == 0 else "TRAIL"))
            found += popped(log)
        number += len(sequence)
    log.end()
    assert found + popped(log) == list(range(number))


def test_a_line_that_is_all_beginnings_is_passed_over_at_once() -> None:
    log = PictureLog()
    for _ in range(100):
        log.feed("POC 1 " * 20_000)
    log.end()
    assert log.pop() is None
