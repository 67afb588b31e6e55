"""VVC stills as images of Pillow's; `enhance.integrations.pillow` registers them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import ImageFile

from enhance.codecs.vvc.decoder import VvcDecoder
from enhance.codecs.vvc.nal import is_vvc
from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.errors import EnhanceError, UnsupportedImageError
from enhance.frames.depth import to_dtype
from enhance.video.pictures import read_facts

EXTENSIONS = list(VvcDecoder.extensions[:2])  # the others are anybody's


def accept(prefix: bytes) -> bool:
    """Whether a file that begins so may be a VVC stream."""
    return is_vvc(prefix)


class VvcImageFile(ImageFile.ImageFile):
    """The first picture of a VVC stream, decoded when its pixels are asked for.

    Attributes:
        vvc_rate: its QP, so that the enhancer need not be told; copies and crops do not have it.
    """

    format = "VVC"
    format_description = "VVC (H.266) still"
    vvc_rate: VvcRate
    _stream: bytes | None = None

    def _open(self) -> None:
        assert self.fp is not None
        stream = self.fp.read()
        if not is_vvc(stream[:4096]):
            raise SyntaxError("not a VVC stream")
        try:
            facts = read_facts(stream, source=self._name())
        except UnsupportedImageError as error:
            raise SyntaxError(str(error)) from error
        except EnhanceError as error:
            raise OSError(str(error)) from error
        self._stream = stream
        self._size = (facts.frame.width, facts.frame.height)
        self._mode = "L" if facts.frame.subsampling == "4:0:0" else "RGB"
        self._tell(VvcRate(min(max(facts.slice_qp, 0), MAX_QP), estimated=facts.varies_qp))
        self.info |= {"colour": facts.space.describe(), "depth": facts.frame.depth, "pictures": facts.count}
        self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]

    def load(self) -> Any:
        """Decodes the picture. Raises OSError where the stream is damaged."""
        if self.tile and self._stream is not None:
            try:
                decoded = VvcDecoder().decode(self._stream, source=self._name())
            except EnhanceError as error:
                raise OSError(str(error)) from error
            assert isinstance(decoded.rate, VvcRate)
            self._tell(decoded.rate)
            if self.fp and self._exclusive_fp:
                self.fp.close()
            self.fp = BytesIO(to_dtype(decoded.pixels, np.uint8).tobytes())
            self._stream = None
        return super().load()

    def verify(self) -> None:
        """Raises OSError where the stream cannot be decoded. As always in Pillow, open the file anew afterwards."""
        if self._stream is not None:
            try:
                VvcDecoder().decode(self._stream, source=self._name())
            except EnhanceError as error:
                raise OSError(str(error)) from error
        super().verify()

    def _tell(self, rate: VvcRate) -> None:
        self.vvc_rate = rate
        told: dict[str, Any] = rate.describe()
        self.info |= {"qp": told["qp"], "qp_estimated": told["estimated"]}

    def _name(self) -> str:
        name = self.filename
        return (name.decode(errors="replace") if isinstance(name, bytes) else str(name)) or "<stream>"
