"""Files as bytes, in batches of columns: what workers over data sets do."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

import enhance
from enhance.integrations.datasets import FileEnhancer
from tests.conftest import JpegFactory


def test_files_are_rows_and_a_bad_one_is_one_too(tiny_model_file: Path, jpeg_bytes: JpegFactory) -> None:
    transform = FileEnhancer(model=tiny_model_file, mode="fidelity", device="cpu", dtype="float32")
    content = jpeg_bytes(20)
    batch = {"path": np.array(["a.jpg", "b.jpg"]), "bytes": np.array([content, b"no picture"], object), "label": [1, 2]}
    rows = transform(batch)
    assert "bytes" not in rows and rows["label"] == [1, 2]
    enhancer = enhance.Enhancer(tiny_model_file, device="cpu", dtype="float32")
    expected = enhancer.run(enhance.decode(content), enhance.Knobs(mode="fidelity"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(rows["enhanced"][0]))), expected.pixels)
    assert json.loads(rows["record"][0])["rate"]["quality"] == 20 and rows["error"][0] == ""
    assert rows["enhanced"][1] == b"" and "b.jpg" in rows["error"][1]


def test_what_was_never_a_file_of_a_codec_is_taken_where_that_is_asked_for(tiny_weights: Path) -> None:
    png = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(png, "PNG")
    refused = FileEnhancer(device="cpu").enhance(png.getvalue(), "white.png")
    assert refused.content is None and "white.png" in str(refused.error)
    taken = FileEnhancer(device="cpu", quality="auto").enhance(png.getvalue(), "white.png")
    assert taken.error is None and taken.content is not None and taken.pixels == 1024
