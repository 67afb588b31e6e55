"""How originals are coded: by libjpeg, by libvvenc, or by somebody else."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.codecs.vvc.encoding import encode_vvc
from enhance.errors import DecodeError, UsageError
from enhance.evaluation.measuring import protocol
from enhance.evaluation.measuring.originals import Pixels, load_original
from enhance.evaluation.measuring.protocol import JpegProtocol, VvcProtocol
from enhance.evaluation.metrics.distortion import psnr, to_uint8
from enhance.frames.depth import code_values


@pytest.fixture
def original(originals: Path) -> Pixels:
    return load_original(originals / "one.png", "RGB")


@pytest.mark.parametrize(("subsampling", "factors"), [("4:4:4", (1, 1)), ("4:2:2", (2, 1)), ("4:2:0", (2, 2))])
def test_jpeg_is_coded_as_the_protocol_says(subsampling: str, factors: tuple[int, int]) -> None:
    stream = JpegProtocol(subsampling=subsampling).code(np.zeros((32, 32, 3), np.uint8), 30, "name")
    image: Any = Image.open(BytesIO(stream))
    assert image.layer[0][1:3] == factors
    assert sorted(image.quantization[0]) == sorted(JpegRate.from_quality(30).luma.reshape(-1).tolist())
    assert Image.open(BytesIO(JpegProtocol(gray=True).code(np.zeros((8, 8), np.uint8), 30, "name"))).mode == "L"


@pytest.mark.parametrize("wrong", [{"levels": (10, 101)}, {"subsampling": "4:1:0"}])
def test_jpegs_that_cannot_be_coded(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        JpegProtocol(**wrong)


@pytest.mark.parametrize("wrong", [{"levels": (37, 61)}, {"streams": Path("nowhere")}])
def test_vvc_that_cannot_be_coded(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        VvcProtocol(**wrong)


def test_vvc_is_coded_at_the_slice_qp_and_decodes_to_the_original(original: Pixels) -> None:
    protocol_ = VvcProtocol((27, 42), preset="faster")
    found = {qp: (stream := protocol_.code(original, qp, "one"), decode(stream)) for qp in protocol_.levels}
    assert {qp: decoded.rate.level for qp, (_, decoded) in found.items()} == {27: 27, 42: 42}
    quality = {qp: psnr(original, to_uint8(code_values(decoded.pixels))) for qp, (_, decoded) in found.items()}
    assert quality[27] > quality[42] > 20 and quality[27] > 30
    assert len(found[27][0]) > len(found[42][0])


def test_given_streams_are_taken_by_the_originals_name(original: Pixels, tmp_path: Path) -> None:
    stream = encode_vvc(original, 40, preset="faster")
    (tmp_path / "one_qp40.266").write_bytes(stream)
    given = VvcProtocol((40,), tmp_path)
    assert given.code(original, 40, "one") == stream
    assert given.describe() == {"encoder": f"streams of {tmp_path.name}"}
    with pytest.raises(DecodeError, match=r"two_qp40\.266"):
        given.code(original, 40, "two")


def test_what_libvvenc_made_is_kept_by_content(
    original: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def encode(pixels: Pixels, qp: int, *, preset: str) -> bytes:
        calls.append((int(pixels[0, 0, 0]), qp, preset))
        return f"stream {len(calls)}".encode()

    monkeypatch.setattr(protocol, "encode_vvc", encode)
    kept = VvcProtocol(preset="faster", cache=tmp_path / "new" / "cache")
    first = kept.code(original, 37, "one")
    assert kept.code(original, 37, "the same under another name") == first
    others = [kept.code(original, 38, "one"), kept.code(255 - original, 37, "one")]
    others.append(VvcProtocol(preset="fast", cache=kept.cache).code(original, 37, "one"))
    assert len({first, *others}) == 4 == len(calls)
    assert VvcProtocol(preset="faster").code(original, 37, "one") not in {first, *others}


def test_odd_pictures_are_coded_without_their_last_row_and_column(original: Pixels) -> None:
    height, width = (side // 2 * 2 for side in original.shape[:2])
    odd = original[: height - 1, : width - 1]
    assert VvcProtocol().coded_part(odd).shape == (height - 2, width - 2, 3)
    with pytest.raises(UsageError, match="even size"):
        encode_vvc(odd, 30, preset="faster")
    assert JpegProtocol().coded_part(odd) is odd
