"""The network as an ONNX file, and in other runtimes, against torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from enhance import Enhancer
from enhance.backends.onnx_file import INPUTS, export
from enhance.backends.runtimes import Backend, OnnxNetwork, choose_backend
from enhance.cli.main import main
from enhance.codecs.registry import decode
from enhance.errors import UsageError
from enhance.images import EnhancedImage
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint, load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from tests.conftest import JpegFactory

CLOSE = 1e-3 / 127.5
"""A thousandth of a code value, in units of [-1, 1]."""


def arguments(denoiser: Denoiser, count: int, height: int, width: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(2, count, 3, height, width, generator=generator)
    t, position = torch.rand(2, count, generator=generator)
    told = torch.randn(count, denoiser.config.conditioning_size, generator=generator)
    return [images[0], images[1].clamp(-1, 1), t, told, position]


def test_the_file_takes_any_batch_and_size_and_says_what_it_is(
    tiny_checkpoint: Checkpoint, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.onnx"
    assert main(["export", str(path), "--model", str(tiny_model_file)]) == 0
    assert "jpeg model tiny" in capsys.readouterr().err
    session = onnxruntime.InferenceSession(path)
    denoiser, scale = load_checkpoint(tiny_model_file).denoiser, tiny_checkpoint.residual_scale(10)
    for count, height, width in ((1, 16, 16), (3, 48, 80)):
        given = arguments(denoiser, count, height, width)
        (found,) = session.run(["r0"], {name: value.numpy() for name, value in zip(INPUTS, given)})
        assert scale * np.abs(found - denoiser(*given).numpy()).max() < CLOSE
    told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert (told["format"], told["name"]) == ("enhance-1", "tiny")
    assert json.loads(told["enhance"])["codec"] == "jpeg"


def test_a_network_that_knows_no_position_has_no_such_input() -> None:
    config = UNetConfig(
        widths=(8, 8), encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,), embedding=8, position=False
    )
    denoiser = Denoiser(config).eval().requires_grad_(False)
    network = OnnxNetwork(denoiser, "onnxruntime", threads=1)
    given = arguments(denoiser, 2, 16, 8)[:4]
    assert not network.knows_position and network.stride == 4
    assert (network(*given) - denoiser(*given)).abs().max() < CLOSE


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_pictures_come_out_the_same(backend: Backend, tiny_checkpoint: Checkpoint, jpeg_bytes: JpegFactory) -> None:
    pytest.importorskip(backend)
    enhancers = [
        Enhancer(tiny_checkpoint, device="cpu", dtype="float32"),
        Enhancer(tiny_checkpoint, backend=backend, dtype="float32"),
    ]
    picture = decode(jpeg_bytes(20))
    for knobs in (Knobs(), Knobs(steps=3, seed=2, tile=48), Knobs(ensemble=2, mode="fidelity")):
        results: list[EnhancedImage] = [enhancer.run(picture, knobs, depth=32) for enhancer in enhancers]
        assert np.abs(results[0].pixels - results[1].pixels).max() < 1e-5
        assert results[1].record.device == f"cpu ({backend})"
    images = torch.rand(2, 3, 30, 40)
    both = [enhancer(images, quality=20).image for enhancer in enhancers]
    assert (both[0] - both[1]).abs().max() < 2e-5


def test_what_a_runtime_cannot_do_is_refused(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="backend must be auto, torch, onnxruntime or openvino"):
        Enhancer(tiny_checkpoint, backend="numpy")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="on the CPU in float32"):
        Enhancer(tiny_checkpoint, backend="onnxruntime", dtype="bfloat16")
    assert Enhancer(tiny_checkpoint, backend="onnxruntime").dtype == torch.float32


def test_auto_is_openvino_where_it_is_installed_and_torch_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, installed = torch.device("cpu"), {"openvino"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in installed else None)

    def chosen(backend: Backend | Literal["auto"] = "auto", device: torch.device = cpu, fast: bool = False) -> Backend:
        return choose_backend(backend, device, lambda: fast)

    assert chosen() == "openvino"
    assert chosen(fast=True) == chosen(device=torch.device("cuda")) == chosen("torch") == "torch"
    installed.clear()
    assert chosen() == "torch"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch_is_fast_in_bfloat16_with_fused_blocks(
    dtype: str, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    for fuses in (True, False):
        monkeypatch.setattr("enhance.enhancer.can_fuse", lambda fuses=fuses: fuses)
        fast = fuses and dtype == "bfloat16"
        assert Enhancer(tiny_checkpoint, backend="auto", dtype=dtype, device="cpu").backend == (
            "torch" if fast else "openvino"
        )


def test_the_command_computes_where_it_is_told_to(
    tiny_model_file: Path, jpeg_bytes: JpegFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_bytes(20))
    command = ["run", str(tmp_path / "a.jpg"), "-o", str(tmp_path / "a.png"), "--model", str(tiny_model_file), "--json"]
    assert main([*command, "--backend", "onnxruntime"]) == 0
    assert json.loads(capsys.readouterr().out)["record"]["device"] == "cpu (onnxruntime)"


def test_openvino_computes_in_bfloat16_too(tiny_checkpoint: Checkpoint, jpeg_bytes: JpegFactory) -> None:
    pytest.importorskip("openvino")
    exact, low = (Enhancer(tiny_checkpoint, backend="openvino", dtype=dtype) for dtype in ("float32", "bfloat16"))
    picture = decode(jpeg_bytes(20))
    pixels = [enhancer.run(picture, depth=32).pixels for enhancer in (exact, low)]
    # Where the processor knows no bfloat16, OpenVINO computes in float32 all the same.
    assert np.abs(pixels[0] - pixels[1]).mean() < 2e-3


def test_a_file_is_not_replaced_unasked(tiny_model_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "there.onnx"
    path.write_bytes(b"mine")
    assert main(["export", str(path), "--model", str(tiny_model_file)]) == 1
    assert path.read_bytes() == b"mine"
    assert main(["export", str(tmp_path / "model.pt"), "--model", str(tiny_model_file)]) == 2


def test_without_the_package_the_way_out_is_told(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install enhance\[onnx\]"):
        export(tiny_checkpoint)
