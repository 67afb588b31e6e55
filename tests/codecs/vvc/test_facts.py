"""What streams say beside their samples, as ffmpeg reads it: frame rate, shape of a sample, range, colour."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from enhance.codecs.vvc.decoder import VvcDecoder, open_vvc
from enhance.codecs.vvc.encoding import ClipCoding, encode_clip
from enhance.codecs.vvc.facts import StreamFacts, read_facts
from enhance.codecs.vvc.programs import find_ffmpeg
from enhance.images import ColourDescription

PICTURE = np.ascontiguousarray(data.astronaut()[100:148, 150:214])

# Frames a second, and colour. (libvvenc says square samples whatever it is asked for.)
STREAMS = [
    ("24000/1001", None),
    ("24", None),
    ("25", ColourDescription(1, 1)),
    ("30000/1001", ColourDescription(6, 6)),
    ("30", ColourDescription(9, 16)),
    ("50", ColourDescription(9, 18)),
    ("60000/1001", ColourDescription(9, 14)),
    ("120", ColourDescription(12, 13)),
]
_NAMES = {1: "bt709", 6: "smpte170m", 9: "bt2020", 12: "smpte432", 13: "iec61966-2-1", 14: "bt2020-10"}
_TRANSFERS = {**_NAMES, 16: "smpte2084", 18: "arib-std-b67"}


def coded(frame_rate: str, colour: ColourDescription | None) -> bytes:
    options: list[str] = []
    if colour is not None:
        names = _NAMES[colour.primaries], _TRANSFERS[colour.transfer]
        options = ["-vf", f"setparams=color_primaries={names[0]}:color_trc={names[1]}"]
        options += ["-color_primaries", names[0], "-color_trc", names[1]]
    return encode_clip([PICTURE] * 2, ClipCoding(32), frame_rate=frame_rate, more=options)


def probed(stream: bytes, folder: Path) -> str:
    """What ffmpeg says of the stream."""
    path = folder / "a.266"
    path.write_bytes(stream)
    said = subprocess.run(
        [str(find_ffmpeg()), "-hide_banner", "-f", "vvc", "-i", str(path)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    ).stderr  # fmt: skip
    return next(line for line in said.splitlines() if "Stream #0:0" in line)


@pytest.mark.parametrize(("frame_rate", "colour"), STREAMS, ids=[rate for rate, _ in STREAMS])
def test_facts_are_those_that_ffmpeg_reads(frame_rate: str, colour: ColourDescription | None, tmp_path: Path) -> None:
    stream = coded(frame_rate, colour)
    with open_vvc(stream, decoder="ffmpeg") as opened:
        facts, space = opened.facts, opened.space
    line = probed(stream, tmp_path)
    rate = re.search(r"([0-9.]+)(k?) tbr", line)
    assert rate is not None and facts.frame_rate is not None
    assert round(facts.frame_rate[0] / facts.frame_rate[1], 2) == float(rate[1])
    asked, _, seconds = frame_rate.partition("/")
    assert facts.frame_rate == (int(asked), int(seconds or 1))
    aspect = re.search(r"SAR ([0-9]+):([0-9]+)", line)
    assert facts.sample_aspect == (tuple(map(int, aspect.groups())) if aspect else None)
    assert not space.full_range and "(tv" in line
    if colour is not None:
        assert facts.colour == colour
        assert f"/{_NAMES[colour.primaries]}/{_TRANSFERS[colour.transfer]}" in line or colour == ColourDescription(1, 1)


def test_what_is_not_said_is_not_known() -> None:
    assert read_facts({}, {}) == StreamFacts()
    assert read_facts({"time_scale": 0, "num_units_in_tick": 1}, {"vui_aspect_ratio_idc": 255}) == StreamFacts()
    assert read_facts({"time_scale": 30, "num_units_in_tick": 0}, {"vui_aspect_ratio_idc": 77}) == StreamFacts()
    assert read_facts({}, {"vui_colour_primaries": 2, "vui_transfer_characteristics": 2}).colour is None


def test_longer_units_and_own_aspects() -> None:
    timing = {"time_scale": 60000, "num_units_in_tick": 1001, "elemental_duration_in_tc_minus1": 1}
    vui = {"vui_aspect_ratio_idc": 255, "vui_sar_width": 14, "vui_sar_height": 10}
    assert read_facts(timing, vui) == StreamFacts((30000, 1001), (7, 5))


@pytest.mark.parametrize(("colour", "kept"), [((9, 16), True), ((9, 18), True), ((12, 13), True), ((1, 1), False)])
def test_stills_know_their_colour_if_it_is_not_the_usual_one(colour: tuple[int, int], kept: bool) -> None:
    description = ColourDescription(*colour)
    image = VvcDecoder(decoder="ffmpeg").decode(coded("25", description), source="a.266")
    assert image.metadata.colour == (description if kept else None)
    assert image.details.get("color") == (description.describe() if kept else None)


def test_colours_in_words() -> None:
    assert ColourDescription(9, 16).describe() == "BT.2020, PQ"
    assert ColourDescription(12, 13).describe() == "P3, sRGB"
    assert ColourDescription(99, 1).describe() == "primaries 99"
