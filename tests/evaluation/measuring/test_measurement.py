"""The measurement, with an enhancer whose gain is known."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.evaluation.measuring.measurement import (
    BASELINE,
    ORIGINAL,
    Failure,
    Key,
    Measurement,
    Rival,
    Setting,
    measure,
)
from enhance.evaluation.measuring.originals import find_originals, load_original
from enhance.evaluation.measuring.peers import Peer
from enhance.evaluation.measuring.protocol import JpegProtocol, VvcProtocol
from enhance.evaluation.metrics.distortion import Pixels, psnr
from enhance.evaluation.reporting.summary import summarize
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs

RECORD = EnhancementRecord("jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, True, 1, "", "cpu", "float32", 0, 0)


def simple_decode(stream: bytes) -> DecodedImage:
    return DecodedImage(np.array(Image.open(BytesIO(stream))), JpegRate.from_quality(50))


def unchanged(decoded: DecodedImage, knobs: Knobs) -> EnhancedImage:
    return EnhancedImage(decoded.pixels, RECORD)


def test_gain_of_an_enhancer_that_halves_the_error(originals: Path) -> None:
    """Halving every error is 6.02 dB; `strength` says which share of the way to the original is gone."""
    pictures = [load_original(path).astype(np.float32) for path in find_originals(originals)]

    def enhance(decoded: DecodedImage, knobs: Knobs) -> EnhancedImage:
        nearest = min(pictures, key=lambda x: float(np.abs(x - decoded.pixels).sum()))
        mixed = decoded.pixels + np.float32(knobs.strength) * (nearest - decoded.pixels)
        return EnhancedImage(mixed / np.float32(255), RECORD)

    settings = [Setting(f"strength={s}", Knobs(strength=s), enhance, {"strength": s}) for s in (0.0, 0.5)]
    protocol = JpegProtocol((5, 50))
    found = list(measure(find_originals(originals), protocol, settings, simple_decode, {"psnr": psnr}))
    measurements = [one for one in found if isinstance(one, Measurement)]
    assert len(measurements) == len(found) == 2 * 2 * 3
    summaries = summarize(measurements)
    assert [(one.level, one.setting) for one in summaries] == [
        (level, setting) for level in (5, 50) for setting in (BASELINE, "strength=0.0", "strength=0.5")
    ]
    assert summaries[0].gains == {}
    for one in summaries:
        if one.setting == "strength=0.0":
            assert (one.gains["psnr"].mean, one.gains["psnr"].std) == (0, 0)
        if one.setting == "strength=0.5":
            assert one.gains["psnr"].mean == pytest.approx(6.02, abs=0.3)
            assert one.knobs == {"strength": 0.5}
    assert summaries[0].bits_per_pixel < summaries[-1].bits_per_pixel


def test_bits_are_those_of_the_file(originals: Path) -> None:
    protocol = JpegProtocol((30,))
    found = next(measure(find_originals(originals), protocol, [], simple_decode, {"psnr": psnr}))
    stream = protocol.code(load_original(originals / "one.png"), 30, "one")
    assert isinstance(found, Measurement)
    assert found.bits_per_pixel == 8 * len(stream) / (40 * 48)
    assert found.key == Key("jpeg", 30, "one.png", BASELINE)


def test_what_is_done_is_neither_coded_nor_measured_again(originals: Path) -> None:
    decoded = []

    def counted(stream: bytes) -> DecodedImage:
        decoded.append(stream)
        return simple_decode(stream)

    setting = Setting("x", Knobs(), unchanged)
    done = {Key("jpeg", level, "one.png", name) for level in (10, 20) for name in (BASELINE, "x")}
    done.add(Key("jpeg", 10, "two.png", BASELINE))
    seen: list[Key] = []
    found = measure(
        find_originals(originals), JpegProtocol((10, 20)), [setting], counted, {"psnr": psnr},
        done=done, on_picture=lambda key, pixels: seen.append(key),
    )  # fmt: skip
    keys = [one.key for one in found]
    assert keys == [
        Key("jpeg", *rest) for rest in [(10, "two.png", "x"), (20, "two.png", BASELINE), (20, "two.png", "x")]
    ]
    assert len(decoded) == 2
    assert seen == [Key("jpeg", 0, "two.png", ORIGINAL), *keys]


def test_a_peer_that_fails_leaves_the_others_alone(originals: Path, tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text("import sys; from PIL import Image; Image.open(sys.argv[1]).save(sys.argv[2])", encoding="utf-8")
    good = Peer("good", (sys.executable, str(script), "{in}", "{out}"))
    bad = Peer("bad", (sys.executable, "-c", "import sys; sys.exit('no {in} today {out}')"))
    protocol = JpegProtocol((30,))
    found = list(measure(find_originals(originals), protocol, [Rival(bad), Rival(good)], decode, {"psnr": psnr}))
    assert [type(one) for one in found] == [Measurement, Failure, Measurement] * 2
    base, failed, peer = found[:3]
    assert isinstance(base, Measurement) and isinstance(failed, Failure) and isinstance(peer, Measurement)
    assert base.values == peer.values and peer.seconds > 0
    assert failed.key.setting == "bad" and "status 1: no " in failed.reason


def test_vvc_is_measured_in_colour_and_without_rounding_it_twice(originals: Path) -> None:
    """A gray original becomes an RGB picture, since that is what comes back."""
    Image.open(originals / "two.png").convert("L").save(originals / "two.png")
    shapes: dict[str, list[tuple[int, ...]]] = {}
    protocol = VvcProtocol((32,), preset="faster")
    setting = Setting("x", Knobs(), unchanged)

    def keep(key: Key, pixels: Pixels) -> None:
        shapes.setdefault(key.image, []).append((*pixels.shape, pixels.dtype == np.uint8))

    found = list(measure(find_originals(originals), protocol, [setting], decode, {"psnr": psnr}, on_picture=keep))
    assert shapes == {name: [(40, 48, 3, True)] * 3 for name in ("one.png", "two.png")}
    values = [one.values["psnr"] for one in found if isinstance(one, Measurement)]
    assert values[0] == values[1] > 25 and values[2] == values[3] > 25
    assert {one.key[:2] for one in found} == {("vvc", 32)}
