"""A network as an ONNX file: any batch, height and width, and in its metadata all that a checkpoint says."""

from __future__ import annotations

import inspect
import io
import json
import warnings
from typing import Any

import torch

from enhance.errors import UsageError
from enhance.models.checkpoint import FORMAT, Checkpoint, describe
from enhance.models.unet import Denoiser

INPUTS = ("r_t", "base", "t", "conditioning", "position")
"""Of the file, as those of `Denoiser.forward`; networks that know no position have none."""

OUTPUT = "r0"

_OPSET = 18
_SIZES = {0: "batch", 2: "height", 3: "width"}


def inputs_of(denoiser: Denoiser) -> tuple[str, ...]:
    """The names of a network's inputs, in their order."""
    return INPUTS if denoiser.config.position else INPUTS[:-1]


def to_onnx(denoiser: Denoiser) -> bytes:
    """The network in float32, without metadata.

    Height and width have to be multiples of its stride, `conditioning` has as many values as it reads. Only torch is
    needed; its older exporter, which traces, since the newer one wants a further package.
    """
    names = inputs_of(denoiser)
    side = 2 * denoiser.stride
    images, times = torch.zeros(2, 3, side, side), torch.full((2,), 0.5)
    example = (images, images, times, torch.zeros(2, denoiser.config.conditioning_size), times)[: len(names)]
    axes = {name: _SIZES if name in ("r_t", "base") else {0: "batch"} for name in names}
    options: dict[str, Any] = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls itself deprecated, and sizes constants that are
        torch.onnx.export(
            _on_cpu(denoiser), example, file,  # type: ignore[arg-type]  # this exporter takes open files
            input_names=list(names), output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: _SIZES}, opset_version=_OPSET, **options,
        )  # fmt: skip
    return file.getvalue()


def export(checkpoint: Checkpoint) -> bytes:
    """A model as an ONNX file that was checked.

    Its metadata are `format`, `enhance` (the checkpoint's description as JSON) and `name`.

    Raises:
        UsageError: the package `onnx` is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise UsageError("the package onnx is needed to export", hint="pip install enhance[onnx]") from error
    model = onnx.load_model_from_string(to_onnx(checkpoint.denoiser))
    told = {"format": FORMAT, "enhance": json.dumps(describe(checkpoint)), "name": checkpoint.name}
    onnx.helper.set_model_props(model, told)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _on_cpu(denoiser: Denoiser) -> Denoiser:
    copied = Denoiser(denoiser.config)
    copied.load_state_dict({name: value.cpu().float() for name, value in denoiser.state_dict().items()})
    return copied.eval().requires_grad_(False)
