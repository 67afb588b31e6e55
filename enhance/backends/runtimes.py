"""Networks that onnxruntime or OpenVINO computes on the CPU, as `TiledDenoiser` wants them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from enhance.backends.onnx_file import inputs_of, to_onnx
from enhance.errors import UsageError
from enhance.models.unet import Denoiser

Backend = Literal["torch", "onnxruntime", "openvino"]

BACKENDS: tuple[Backend, ...] = get_args(Backend)

ARITHMETIC: dict[str, tuple[torch.dtype, ...]] = {
    "onnxruntime": (torch.float32,),  # on CPUs it has no convolution in bfloat16
    "openvino": (torch.float32, torch.bfloat16),
}
"""What each of the other libraries can compute in; the last is the one that `auto` prefers where it is fast."""


def choose_backend(
    backend: Backend | Literal["auto"], device: torch.device, is_torch_fast: Callable[[], bool]
) -> Backend:
    """What computes the network.

    Args:
        backend: "auto" is OpenVINO on a CPU where it is installed and torch is not fast. Where torch is, it takes about
            as much time as OpenVINO, and none to load (`scripts/benchmark.py --only backends`).
        device: of torch.
        is_torch_fast: whether torch computes in bfloat16 here, in fused blocks.

    Raises:
        UsageError: there is no such backend.
    """
    if backend == "auto":
        others = device.type == "cpu" and importlib.util.find_spec("openvino") is not None
        return "openvino" if others and not is_torch_fast() else "torch"
    if backend not in BACKENDS:
        raise UsageError(f"backend must be auto, {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}, not {backend!r}")
    return backend


_Session = Callable[[dict[str, np.ndarray]], np.ndarray]


class OnnxNetwork:
    """A `WindowNetwork` that another library computes.

    Args:
        denoiser: the network.
        backend: "onnxruntime" or "openvino".
        dtype: its arithmetic, one of `ARITHMETIC[backend]`.
        threads: of the library; as many as torch has now by default.

    Raises:
        UsageError: the library is missing.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        backend: Backend,
        dtype: torch.dtype = torch.float32,
        threads: int | None = None,
    ) -> None:
        self._config, self._names = denoiser.config, inputs_of(denoiser)
        start = {"onnxruntime": _onnxruntime, "openvino": _openvino}[backend]
        try:
            self._run = start(to_onnx(denoiser), dtype, threads or torch.get_num_threads())
        except ImportError as error:
            raise UsageError(f"the package {backend} is missing", hint=f"pip install {backend}") from error

    @property
    def stride(self) -> int:
        return self._config.stride

    @property
    def receptive_radius(self) -> int:
        return self._config.receptive_radius

    @property
    def knows_position(self) -> bool:
        return self._config.position

    def __call__(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        """Predicts r0; arguments and result as in `Denoiser.forward`, all on the CPU."""
        told = F.pad(conditioning, (0, self._config.conditioning_size - conditioning.shape[1]))  # or cut
        # Position 0 is no position.
        given = (r_t, base, t, told, torch.zeros_like(t) if position is None else position)
        arrays = {name: np.ascontiguousarray(value.float().numpy()) for name, value in zip(self._names, given)}
        return torch.from_numpy(self._run(arrays)).to(r_t.dtype)


def _onnxruntime(model: bytes, dtype: torch.dtype, threads: int) -> _Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait take the time of whoever else computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda arrays: session.run(None, arrays)[0]


def _openvino(model: bytes, dtype: torch.dtype, threads: int) -> _Session:
    import openvino

    core = openvino.Core()
    precision = "f32" if dtype == torch.float32 else "bf16"
    settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    compiled = core.compile_model(core.read_model(model=model), "CPU", settings)

    def run(arrays: dict[str, np.ndarray]) -> np.ndarray:
        # A request of its own: several threads may enhance at a time.
        found: np.ndarray = compiled.create_infer_request().infer(arrays)[0]
        return found.copy()

    return run
