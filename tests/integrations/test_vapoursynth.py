"""VapourSynth: clips of all kinds, with their properties, in the real host and through vspipe in a real script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.frames.format import ColorSpace, FrameFormat
from enhance.video.filter import FrameFilter, constant_rates
from enhance.video.knobs import video_knobs

vs: Any = pytest.importorskip("vapoursynth")
ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 48, 32
FORMATS = [
    "YUV420P8", "YUV420P10", "YUV422P12", "YUV444P16", "RGB24", "RGB48", "GRAY8", "GRAY16", "YUV420PS", "YUV444PS",
    "RGBS", "RGBH", "GRAYS",
]  # fmt: skip


@pytest.fixture
def filtered(tiny_vvc_model_file: Path) -> Any:
    from enhance.integrations.vapoursynth import enhance

    def run(clip: Any, qp: Any = 37, **options: Any) -> Any:
        return enhance(clip, qp, model=tiny_vvc_model_file, device="cpu", dtype="float32", **options)

    return run


def noise(format: str, length: int = 2) -> Any:
    """A clip of random RGB, smooth enough to have chroma, in a format; its frames know their number."""
    rgb = vs.core.std.BlankClip(format=vs.RGBS, width=WIDTH, height=HEIGHT, length=length, keep=True)

    def fill(n: int, f: Any) -> Any:
        result = f.copy()
        for plane in range(3):
            np.asarray(result[plane])[:] = np.random.default_rng(3 * n + plane).uniform(0.1, 0.9, (HEIGHT, WIDTH))
        result.props["Number"] = n
        return result

    clip = rgb.std.ModifyFrame(clips=rgb, selector=fill)
    kind = getattr(vs, format)
    matrix = {} if format.startswith("RGB") else {"matrix": 1}
    return clip.resize.Bicubic(format=kind, **matrix)


def planes(frame: Any) -> list[npt.NDArray[Any]]:
    return [np.array(frame[index]) for index in range(frame.format.num_planes)]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_comes_out_changed_and_with_its_properties(format: str, filtered: Any) -> None:
    clip = noise(format)
    result = filtered(clip)
    assert (result.format.name, result.num_frames) == (clip.format.name, 2)
    before, after = clip.get_frame(1), result.get_frame(1)
    assert dict(after.props) == dict(before.props) and after.props["Number"] == 1
    for one, other in zip(planes(before), planes(after)):
        assert one.shape == other.shape and not np.array_equal(one, other)
    same = filtered(clip, strength=0.0).get_frame(1)
    assert all(np.array_equal(one, other) for one, other in zip(planes(before), planes(same)))


def in_code_values(frame: Any) -> list[npt.NDArray[np.float64]]:
    """Planes as 8-bit code values of full range, chroma about zero."""
    white = 255.0 if frame.format.sample_type == vs.FLOAT else 255 / (2**frame.format.bits_per_sample - 1)
    return [np.asarray(plane, np.float64) * white for plane in planes(frame)]


@pytest.mark.parametrize(("first", "second", "rounding"), [("RGB24", "RGBS", 1.2), ("RGB48", "RGBS", 0.02)])
def test_depths_agree(first: str, second: str, rounding: float, filtered: Any) -> None:
    source = noise(first)
    other = source.resize.Point(format=getattr(vs, second))
    one, two = (in_code_values(filtered(clip).get_frame(0)) for clip in (source, other))
    assert max(np.abs(a - b).max() for a, b in zip(one, two)) < rounding


@pytest.mark.parametrize("said", ["props", "arguments"])
def test_it_is_the_filter_of_the_command(said: str, filtered: Any, tiny_vvc_model_file: Path) -> None:
    clip = noise("YUV420P10").std.SetFrameProps(_Matrix=6, _ChromaLocation=2)
    clip = clip.std.SetFrameProps(_Range=1)
    told: dict[str, Any] = {}
    if said == "arguments":
        clip = clip.std.SetFrameProps(_Matrix=1, _ChromaLocation=0, _Range=0)
        told = {"matrix": "bt601", "full_range": True, "chroma_location": "topleft"}
    enhancer, knobs = Enhancer(tiny_vvc_model_file, device="cpu", dtype="float32"), video_knobs({})
    space = ColorSpace("bt601", full_range=True, chroma_location="topleft")
    frame_filter = FrameFilter(
        lambda image: enhancer.run(image, knobs.for_frame(image)), FrameFormat(WIDTH, HEIGHT, depth=10), space
    )
    expected = frame_filter.apply(tuple(planes(clip.get_frame(0))), next(constant_rates(37)))
    found = planes(filtered(clip, **told).get_frame(0))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))


def test_each_frame_has_its_own_qp(filtered: Any) -> None:
    clip = noise("YUV420P8").std.FreezeFrames(first=0, last=1, replacement=0)
    listed = filtered(clip, [30, 45])
    low, high = planes(listed.get_frame(0))[0], planes(listed.get_frame(1))[0]
    assert not np.array_equal(low, high)
    assert np.array_equal(high, planes(filtered(clip, 45.0).get_frame(0))[0])
    told = filtered(clip.std.SetFrameProps(QP=45), "QP")
    assert np.array_equal(high, planes(told.get_frame(1))[0])
    with pytest.raises(UsageError, match="1 QPs for 2 frames"):
        filtered(clip, [30])
    with pytest.raises(UsageError, match="from 0 to 63"):
        filtered(clip, 70)
    with pytest.raises(vs.Error, match="no property 'QP'"):
        filtered(clip, "QP").get_frame(0)


def test_other_formats_and_matrices_are_refused(filtered: Any) -> None:
    with pytest.raises(UsageError, match="YUV410P8 cannot be enhanced"):
        filtered(vs.core.std.BlankClip(format=vs.YUV410P8, width=64, height=64))
    with pytest.raises(vs.Error, match="matrix 8 are not known"):
        filtered(noise("YUV444P8").std.SetFrameProps(_Matrix=8)).get_frame(0)


def test_what_makes_no_sense_is_told_before_a_frame_is_asked_for(filtered: Any) -> None:
    clip = noise("YUV420P8")
    for qp in (None, "no number", [30, "x"], [[30], [31]]):
        with pytest.raises((UsageError, vs.Error), match="QP"):
            filtered(clip, qp).get_frame(0)
    for wrong in ({"mod": "fidelity"}, {"matrix": "bt2021"}, {"chroma_location": "lefft"}):
        with pytest.raises(UsageError):
            filtered(clip, **wrong)
    with pytest.raises(UsageError, match="a int is no clip"):
        filtered(3)


def test_qps_may_be_an_array_and_places_of_chroma_unknown(filtered: Any) -> None:
    clip = noise("YUV420P8")
    expected = planes(filtered(clip, [30, 45]).get_frame(1))
    found = planes(filtered(clip.std.SetFrameProps(_ChromaLocation=9), np.array([30, 45])).get_frame(1))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))


def test_the_guard_of_letters_and_lines_can_be_left_out(filtered: Any) -> None:
    flat = vs.core.std.BlankClip(format=vs.GRAY8, width=WIDTH // 2, height=HEIGHT, color=20)
    letters = vs.core.std.StackHorizontal([flat, flat.std.Invert()])
    guarded, free = (planes(filtered(letters, guard=guard).get_frame(0))[0] for guard in (True, False))
    assert not np.array_equal(guarded, free)


SCRIPT = """
import vapoursynth as vs
from enhance.integrations.vapoursynth import enhance
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=48, height=32, length=3, color=[90, 110, 140])
clip = vs.core.std.StackHorizontal([clip, clip.std.Invert()])
enhance(clip, qp=[30, 37, 44], model={model!r}, device="cpu", dtype="float32").set_output()
"""


@pytest.mark.slow
def test_a_script_runs_in_vspipe(tiny_vvc_model_file: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.vpy"
    script.write_text(SCRIPT.format(model=str(tiny_vvc_model_file)), encoding="utf-8")
    vspipe = Path(sys.executable).with_name("vspipe")
    if not vspipe.exists():
        pytest.skip("vspipe is not beside Python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    # Where Python's library is not where vspipe looks for it, this tells it, in a file of the home folder.
    subprocess.run([vspipe.with_name("vapoursynth"), "config"], env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [vspipe, "-c", "y4m", str(script), str(tmp_path / "out.y4m")],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "out.y4m").read_bytes()
    assert content.startswith(b"YUV4MPEG2 C420") and content.count(b"FRAME\n") == 3
    assert len(content) > 3 * 96 * 32 * 3 // 2
