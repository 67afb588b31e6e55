"""Byte streams: which are VVC, and how much of a cut one is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.codecs.vvc.nal import is_vvc, length_of_whole_pictures

TRAIL, IDR, VPS, SPS, PPS, APS, PICTURE_HEADER, AUD, SUFFIX_SEI = 0, 7, 14, 15, 16, 17, 19, 20, 24
END_OF_SEQUENCE, END_OF_STREAM = 21, 22


def unit(kind: int, body: bytes = b"\x80\x11\x22", layer: int = 0, sub_layer: int = 0) -> bytes:
    return b"\0\0\x01" + bytes([layer, kind << 3 | (sub_layer + 1)]) + body


@pytest.mark.parametrize("kind", [VPS, SPS, PPS, APS, AUD, PICTURE_HEADER])
def test_streams_begin_with_what_announces_a_picture(kind: int) -> None:
    assert is_vvc(unit(kind)) and is_vvc(b"\0" + unit(kind)) and is_vvc(bytes(9) + unit(kind) + unit(IDR))


@pytest.mark.parametrize("kind", [SUFFIX_SEI, END_OF_SEQUENCE, END_OF_STREAM])
def test_what_is_left_of_another_picture_may_come_first(kind: int) -> None:
    left = unit(kind, sub_layer=4)
    assert is_vvc(left + unit(SPS)) and is_vvc(left + left + unit(PPS) + unit(IDR))
    assert not is_vvc(left) and not is_vvc(left + unit(IDR)) and not is_vvc(left + b"\0\0\x01\xff\xff")


@pytest.mark.parametrize(
    "head",
    [
        unit(IDR),
        unit(TRAIL),
        unit(SPS, layer=56),
        unit(SPS, sub_layer=1),
        unit(31),
        unit(SPS) + b"\0\0\x01\xff\xff\x12",
        b"\xff" + unit(SPS),
        b"\0\0\x01\x00",
    ],
)
def test_others_are_none(head: bytes) -> None:
    assert not is_vvc(head)


@given(st.binary(max_size=40))
def test_any_bytes_are_looked_at_without_an_error(content: bytes) -> None:
    is_vvc(content)
    assert 0 <= length_of_whole_pictures(content) <= len(content)


FIRST = unit(SPS) + unit(PPS) + unit(IDR)


@pytest.mark.parametrize(
    "end",
    [
        unit(TRAIL),
        b"\0" + unit(AUD) + b"\0" + unit(APS) + unit(TRAIL),
        unit(AUD),
        unit(AUD)[:4],
        unit(SUFFIX_SEI),
        unit(PICTURE_HEADER) + unit(TRAIL, b"\x11"),
        unit(AUD) + unit(PICTURE_HEADER) + unit(TRAIL, b"\x11") + unit(TRAIL, b"\x12") + unit(TRAIL, b"\x13"),
    ],
)
def test_the_last_picture_is_taken_off_whole(end: bytes) -> None:
    assert length_of_whole_pictures(FIRST + end) == len(FIRST)


def test_nothing_is_left_of_one_picture() -> None:
    assert length_of_whole_pictures(FIRST) == 0
    assert length_of_whole_pictures(b"") == length_of_whole_pictures(b"no stream") == 0
    assert length_of_whole_pictures(unit(SPS) + unit(PICTURE_HEADER) + unit(IDR, b"\0")) == 0
