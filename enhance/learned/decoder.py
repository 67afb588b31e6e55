"""The learned codec's decoder, as the registry asks for it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enhance.learned.coded_files import CodedFileDecoder
from enhance.learned.file_format import MAGIC, CodedFile
from enhance.learned.rate import RATES, LearnedRate


class LearnedDecoder(CodedFileDecoder):
    """Decodes files of the learned codec.

    Args:
        base: the codec's own model; by default the one that ships.
    """

    def __init__(self, *, base: str | os.PathLike[str] | None = None) -> None:
        super().__init__("learned", ".msh", MAGIC, RATES)
        self._base = base

    def rate_of(self, coded: CodedFile) -> LearnedRate:
        return LearnedRate(coded.rate)

    def pixels_of(self, coded: CodedFile, source: str) -> npt.NDArray[np.float32]:
        """The picture. Errors as in `coding.decode`."""
        from enhance.learned.coding import decode
        from enhance.learned.model import SHIPPED, open_model

        return decode(coded, open_model(SHIPPED if self._base is None else Path(self._base)), source)
