"""`scripts/check_headers.py`: it sees a field that differs, and knows what is left out by both."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from enhance.codecs.vvc.encoding import ClipCoding, encode_clip

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_headers.py"
PICTURE = np.ascontiguousarray(data.astronaut()[100:148, 150:214])
SAID = {
    "width": 64, "height": 48, "pix_fmt": "yuv420p10le", "color_range": "tv", "color_space": "bt2020nc",
    "color_transfer": "smpte2084", "color_primaries": "bt2020", "sample_aspect_ratio": "1:1",
    "r_frame_rate": "30000/1001",
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "told", "status"),
    [
        ({}, "rate 30000/1001: equal", 0),
        ({"r_frame_rate": "25/1"}, "rate: 30000/1001 here, 25/1 by ffprobe", 1),
        ({"color_transfer": "arib-std-b67"}, "colour: (9, 16) here, (9, 18) by ffprobe", 1),
        ({"color_range": "pc"}, "range: tv here, pc by ffprobe", 1),
        ({"field_order": "tt"}, "order: None here, tt by ffprobe", 1),
    ],
)
def test_fields_are_compared(
    said: dict[str, str],
    told: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    more = ["-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc", *names]
    (tmp_path / "a.266").write_bytes(encode_clip([PICTURE], ClipCoding(37), frame_rate="30000/1001", more=more))
    ffprobe = tmp_path / "ffprobe"
    ffprobe.write_text(f"#!{sys.executable}\nprint({json.dumps({'streams': [{**SAID, **said}]})!r})\n")
    ffprobe.chmod(0o755)
    monkeypatch.setattr("sys.argv", ["check_headers.py", str(tmp_path / "a.266"), "--ffprobe", str(ffprobe)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    out = capsys.readouterr().out
    assert ended.value.code == status and told in out, out
    assert f"{1 - status} of 1 equal in all fields" in out
