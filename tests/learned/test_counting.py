"""Tables that were counted code what they were counted on in fewer bits, and everything else still."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from enhance.learned.coding import encode
from enhance.learned.counting import counted_tables
from enhance.learned.model import LearnedModel

pytest.importorskip("constriction")


def test_counted_tables_are_shorter_and_symmetric(model: LearnedModel, picture: npt.NDArray[np.uint8]) -> None:
    tables = counted_tables(model, [picture])
    counted = dataclasses.replace(model, tables=tables)
    before, after = (sum(len(encode(picture, rate, it).latent) for rate in (2, 7)) for it in (model, counted))
    assert after < before
    for index, support in enumerate(tables.supports.tolist()):
        sides = tables.counts[index, :support], tables.counts[index, support + 1 : 2 * support + 1][::-1]
        assert np.abs(sides[0] - sides[1]).max() <= 1
