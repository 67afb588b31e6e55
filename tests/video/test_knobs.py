"""What suits video depends on the rate of a frame; what the user asks for does not."""

from __future__ import annotations

from typing import Any

import pytest

from enhance.codecs.vvc.rate import VvcRate
from enhance.errors import UsageError
from enhance.images import ColourDescription
from enhance.knobs import Knobs
from enhance.video.knobs import video_knobs


def test_strongly_compressed_frames_are_enhanced_more_gently() -> None:
    knobs = video_knobs({"seed": 3})
    perceptions = [knobs.at(VvcRate(qp)).resolve().perception for qp in (0, 28, 32, 38, 41, 63)]
    assert perceptions[0] == perceptions[1] > perceptions[2] > perceptions[3] > perceptions[4] == perceptions[5] > 0
    assert all((knobs.at(VvcRate(qp)).seed, knobs.at(VvcRate(qp)).resolve().steps) == (3, 1) for qp in (0, 63))


@pytest.mark.parametrize("asked", [{"mode": "fidelity"}, {"mode": "balanced"}, {"perception": 0.6}, {"steps": 1}])
def test_what_is_asked_for_is_the_same_at_all_rates(asked: dict[str, Any]) -> None:
    knobs = video_knobs(asked)
    assert knobs.at(VvcRate(10)) == knobs.at(VvcRate(60)) == knobs.chosen == Knobs(**asked)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_gets_no_looks_unasked(transfer: int) -> None:
    hdr = ColourDescription(9, transfer)
    assert [video_knobs({}).of(hdr).at(VvcRate(qp)).resolve().perception for qp in (22, 45)] == [0, 0]
    assert video_knobs({"mode": "perceptual"}).of(hdr).chosen == Knobs(mode="perceptual")
    for usual in (None, ColourDescription(1, 1), ColourDescription(9, 14)):
        assert video_knobs({}).of(usual) == video_knobs({})


def test_a_wrong_choice_is_refused() -> None:
    with pytest.raises(UsageError):
        video_knobs({"perception": 1.5})
