"""What a network is told of a picture's coding: every part in its place, for networks of all ages."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.codecs.conditioning import PARTS, SIZE, fits, grid_phase, layout, log_steps, mirrored, pack, place
from enhance.codecs.vvc.rate import VvcRate


def test_parts_lie_one_after_the_other() -> None:
    vector = pack(chroma=np.full((8, 8), 0.5), scale=3)
    assert vector.shape == (SIZE,) and vector.dtype == np.float32
    assert (place("luma"), place("chroma"), place("scale")) == (slice(0, 64), slice(64, 128), slice(SIZE - 1, SIZE))
    assert vector[place("chroma")].tolist() == [0.5] * 64 and vector[-1] == 3
    assert np.count_nonzero(vector) == 65


def test_networks_of_other_versions_fit_where_they_were_told_the_same() -> None:
    assert layout(128) == {"luma": 64, "chroma": 64}
    assert layout(SIZE) == PARTS
    assert fits({}) and fits(layout(128)) and fits(layout(100)) and fits(PARTS) and fits({**PARTS, "weather": 2})
    assert not fits({"luma": 64, "weather": 64})
    assert not fits({"chroma": 64, "luma": 64})
    assert not fits({**PARTS, "luma": 32})


def test_steps_are_mapped_to_order_one() -> None:
    assert log_steps([[0, 1], [16, 256]]).tolist() == [[-1, -1], [0, 1]]


@pytest.mark.parametrize("offset", [(0, 0), (3, 5), (15, 8)])
def test_a_grid_repeats_after_sixteen_and_differs_before(offset: tuple[int, int]) -> None:
    phase = grid_phase(offset)
    assert phase.shape == (8,)
    np.testing.assert_allclose(grid_phase((offset[0] + 16, offset[1] - 16)), phase, atol=1e-5)
    others = [grid_phase((offset[0] + y, offset[1] + x)) for y in range(16) for x in range(16) if y or x]
    assert all(np.abs(other - phase).max() > 0.3 for other in others)


def test_the_grid_of_a_mirrored_picture_is_mirrored() -> None:
    """Rows of a picture of 48 that begin a block, before and after it is turned round."""
    offset, height = 5, 48
    begins = [row for row in range(height) if (row + offset) % 8 == 0]
    turned = sorted(height - 1 - (row + 7) for row in begins if row + 7 < height)
    vector = mirrored(pack(grid=grid_phase((offset, 2))), rows=True, columns=False)
    expected = next(d for d in range(8) if all((row + d) % 8 == 0 for row in turned))
    np.testing.assert_allclose(vector, pack(grid=grid_phase((expected + 8, 2))), atol=1e-6)
    assert mirrored(np.ones(4, np.float32), rows=True, columns=True).tolist() == [1] * 4, "it knows of no grid"


def test_vvc_is_told_in_the_place_of_tables() -> None:
    vector = VvcRate(22).conditioning()
    assert np.all(vector[:128] == np.float32(18 / 24 - 1))
    assert vector[place("subsampling")].tolist() == [1, 1] and not vector[place("gray").start :].any()


def test_finer_rates_than_models_know_are_told_as_the_finest_and_believed_less() -> None:
    finest = VvcRate(17)
    for qp in (0, 5, 16.5):
        assert np.array_equal(VvcRate(qp).conditioning(), finest.conditioning())
        assert 0 < VvcRate(qp).known < 1 and VvcRate(qp).level == qp
    assert VvcRate(11).known == pytest.approx(0.5)
    assert finest.known == VvcRate(40).known == 1 and not np.array_equal(
        VvcRate(18).conditioning(), finest.conditioning()
    )
