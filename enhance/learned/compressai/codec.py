"""The records of CompressAI's networks, which entry points of the group `enhance.codecs` name."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enhance.codecs.codec import Codec, RateEncoder
from enhance.images import Pixels
from enhance.learned.coded_files import CodedFileDecoder
from enhance.learned.compressai.networks import NETWORKS, Network, Quality
from enhance.learned.file_format import CodedFile


class CompressAIDecoder(CodedFileDecoder):
    """Decodes files of one of CompressAI's networks.

    Args:
        network: which.
        compressai_weights: folder of the user's weights; by default the one that ENHANCE_COMPRESSAI names.
    """

    def __init__(self, network: Network, *, compressai_weights: str | os.PathLike[str] | None = None) -> None:
        super().__init__(network.name, network.extension, network.magic, network.qualities)
        self._network = network
        self._folder = None if compressai_weights is None else Path(compressai_weights)

    def rate_of(self, coded: CodedFile) -> Quality:
        return Quality(self._network, coded.rate)

    def pixels_of(self, coded: CodedFile, source: str) -> npt.NDArray[np.float32]:
        """The picture. Errors as in `coding.decode`."""
        from enhance.learned.compressai.coding import decode

        return decode(coded, self._network, source, self._folder)


def _encode(network: Network, pixels: Pixels, rate: int) -> bytes:
    from enhance.learned.compressai.coding import encode

    return encode(pixels, Quality(network, rate)).to_bytes()


def _codec(network: Network) -> Codec:
    return Codec(
        name=network.name,
        title=network.title,
        decoder=partial(CompressAIDecoder, network),
        options=("compressai_weights",),
        level="quality",
        encoder=RateEncoder(1, network.qualities, partial(_encode, network)),
    )


HYPERPRIOR, MEAN_SCALE, ANCHOR = map(_codec, NETWORKS)
