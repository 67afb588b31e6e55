"""Makes decoded pictures better: here decoder, network, sampler and projection meet, and nowhere else."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import torch
from PIL import Image

from enhance import runtime
from enhance.backends.runtimes import ARITHMETIC, Backend, OnnxNetwork, choose_backend
from enhance.codecs.registry import find_codec
from enhance.codecs.unknown_rate import UnknownRate
from enhance.diffusion.noise import NoiseField
from enhance.errors import DecodeError, UsageError, WeightsError
from enhance.frames.depth import Values, to_dtype
from enhance.images import (
    Consistency,
    DecodedImage,
    EnhancedImage,
    EnhancementRecord,
    EnhancementResult,
    Pixels,
    Rate,
    Trust,
)
from enhance.inference import batch
from enhance.inference.alignment import Aligned, align
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.choices import Guidance, choose_guidance, choose_trust, probable_codec, trust_at
from enhance.inference.fused_blocks import can_fuse
from enhance.inference.progress import Evaluations, Progress, untold
from enhance.inference.reconstruction import Change, Reconstruction, reconstruct
from enhance.inference.records import nothing_done
from enhance.inference.residual import Residual, sample_residual, state_bytes, state_dtype
from enhance.inference.rounded_weights import RoundedWeights
from enhance.inference.tiled_denoiser import TiledDenoiser, WindowNetwork, window_bytes
from enhance.inference.tiling import padded
from enhance.knobs import Knobs, KnobValues, Sampling, check_names
from enhance.models.checkpoint import Checkpoint, load_checkpoint
from enhance.models.unet import Denoiser
from enhance.output.writer import OutputFormat, check_depth, check_target, write_image
from enhance.sources import (
    Array,
    FileContent,
    Opened,
    OpenedTensor,
    PictureOrPath,
    notes_without_file,
    open_source,
    rate_told,
)
from enhance.system import memory

if TYPE_CHECKING:
    from typing_extensions import Unpack

_LOG = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "weights"

# 100 megapixels are promised within 2 GiB beyond the decoded image; what is left is for torch itself and for bands.
_CEILING = 1800 * 2**20
_SMALLEST_BUDGET = 64 * 2**20

# Pixels times evaluations that one thread does in a few seconds: what a Ctrl-C may have to wait for.
_SMALL = 2**20
_SMALL_BYTES = 700 * 2**20  # for so many pixels in float32 (`BandedDenoiser`), and what surrounds the network

_NOTHING_TO_MEND = "left as it is: at this rate the model has nothing to mend"
_SETTLED = "two colours: {share:.0%} of the picture is set to what fits the file, as nothing near it does"
_ONE_COLOUR = "left as it is: all of it is one colour"
_NO_MODEL = "left as it is: no model ships for {codec}"

_DTYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}


def shipped_model(codec: str) -> Path:
    """The file of the model that comes with a codec. Raises WeightsError where none does."""
    known = find_codec(codec)
    if known is None or known.weights is None:
        raise WeightsError(f"no model ships for {codec}", hint="pass one of your own as the model")
    return WEIGHTS / known.weights  # an absolute path stands for itself


class CallOptions(KnobValues, total=False):
    """The keyword arguments of `Enhancer.__call__`, for type checkers."""

    output: str | os.PathLike[str] | None
    format: str | None
    depth: int | None
    overwrite: bool


class EnhanceOptions(CallOptions, total=False):
    """The keyword arguments of `enhance`, for type checkers."""

    model: str | os.PathLike[str] | None
    device: str
    dtype: str


class Enhancer:
    """Makes decoded pictures look like their originals again. Several threads may use it, and it can be pickled.

    Args:
        model: a checkpoint, whose weights stay as they are from now on, or its path; by default the one that ships for
            each codec, loaded when it is first needed.
        device: "auto", "cpu", "cuda", "cuda:N", "mps".
        dtype: arithmetic of the network: "float32", "bfloat16", or "auto" for what the device is fast at.
        threads: CPU threads of the whole process; None leaves them alone.
        backend: what computes the network: "torch", or on the CPU "onnxruntime" (in float32 only) or "openvino"; "auto"
            is torch, or OpenVINO where that is installed and torch does not compute in bfloat16. All else is the same
            code, and the results are the same but for rounding.

    Raises:
        DeviceError: the device is missing.
        UsageError: there is no such device or dtype.
        WeightsError: the checkpoint is missing, damaged, or does not fit.
    """

    def __init__(
        self,
        model: Checkpoint | str | os.PathLike[str] | None = None,
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        threads: int | None = None,
        backend: Backend | Literal["auto"] = "torch",
    ) -> None:
        runtime.set_threads(threads)
        self._threads = threads
        only_on_cpu = device == "auto" and backend in ARITHMETIC
        self.device = runtime.select_device("cpu" if only_on_cpu else device)
        wanted = dtype  # of torch, if it is to compute

        def is_torch_fast() -> bool:
            return runtime.select_dtype(wanted, self.device) == torch.bfloat16 and can_fuse()

        self.backend = choose_backend(backend, self.device, is_torch_fast)
        only_float32 = ARITHMETIC.get(self.backend) == (torch.float32,)
        self.dtype = runtime.select_dtype("float32" if dtype == "auto" and only_float32 else dtype, self.device)
        self._check_backend()
        self._networks: dict[str, WindowNetwork | RoundedWeights] = {}
        self._lock = threading.Lock()
        self._shipped: dict[str, Checkpoint] = {}
        self._own = None if model is None else self._load(model)

    def _check_backend(self) -> None:
        if self.backend != "torch" and (self.device.type != "cpu" or self.dtype not in ARITHMETIC[self.backend]):
            kinds = " or ".join(str(dtype).removeprefix("torch.") for dtype in ARITHMETIC[self.backend])
            raise UsageError(f"{self.backend} computes on the CPU in {kinds}", hint="leave device and dtype open")

    def network(self, codec: str) -> WindowNetwork | RoundedWeights:
        """What computes the model for a codec. Raises WeightsError where there is none."""
        denoiser = self.checkpoint(codec).denoiser
        if self.backend == "torch" and (self.dtype == torch.float32 or not isinstance(denoiser, Denoiser)):
            return denoiser
        with self._lock:
            if codec not in self._networks:
                in_torch = self.backend == "torch"
                made = RoundedWeights(denoiser) if in_torch else OnnxNetwork(denoiser, self.backend, self.dtype)
                self._networks[codec] = made
            return self._networks[codec]

    def __getstate__(self) -> dict[str, Any]:
        """For other processes: without its lock, and without models that ship, which they load themselves."""
        return {**vars(self), "_lock": None, "_shipped": {}, "_networks": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())
        runtime.set_threads(self._threads)

    def has_model(self, codec: str) -> bool:
        """Whether pictures of a codec are enhanced. Some codecs come without a model: theirs are only decoded."""
        known = find_codec(codec)
        return self._own is not None or known is None or known.weights is not None

    def checkpoint(self, codec: str) -> Checkpoint:
        """The model for a codec, on the device. Raises WeightsError where there is none."""
        if self._own is not None:
            if self._own.codec != codec:
                raise WeightsError(f"the model {self._own.name!r} is for {self._own.codec}, not for {codec}")
            return self._own
        with self._lock:
            if codec not in self._shipped:
                self._shipped[codec] = self._load(shipped_model(codec))
            return self._shipped[codec]

    @runtime.denormals_flushed()
    def _load(self, model: Checkpoint | str | os.PathLike[str]) -> Checkpoint:
        """A model that is ready to be used on the device."""
        checkpoint = model if isinstance(model, Checkpoint) else load_checkpoint(model)
        checkpoint.denoiser.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return checkpoint

    @runtime.computing()
    def run(
        self,
        decoded: DecodedImage,
        knobs: Knobs | None = None,
        *,
        depth: int | None = None,
        noise: NoiseField | None = None,
        progress: Progress = untold,
        guidance: Guidance | None = None,
    ) -> EnhancedImage:
        """Enhances one decoded image.

        Args:
            decoded: from a decoder; not changed.
            knobs: the user's choices.
            depth: of the result: 8 (uint8), 16 (uint16) or 32 (float32 in [0, 1]); by default as decoded. The result is
                computed in floating point whatever was decoded, and rounded once.
            noise: the field of the knobs' seed, where several pictures share it; by default it is made anew.
            progress: called many times, in this thread, with the share of the work that is done, 0 to 1.
            guidance: `choose_guidance(decoded, knobs)`, where several knobs share it; by default it is found anew.

        Returns:
            pixels of the same shape, and the record of what was done.

        Raises:
            UsageError: there is no such depth.
            WeightsError: there is no usable model for the codec.
            DeviceError: out of memory.
        """
        if depth is not None and depth not in _DTYPES:
            raise UsageError(f"depth must be 8, 16 or 32, not {depth!r}")
        dtype = decoded.pixels.dtype if depth is None else np.dtype(_DTYPES[depth])
        knobs = knobs or Knobs()
        began = time.perf_counter()
        guidance = guidance or choose_guidance(decoded, knobs)
        rate, notes = guidance.rate, guidance.notes
        if isinstance(rate, UnknownRate):
            progress(1.0)
            return self._untouched(decoded, guidance, knobs, dtype, began)
        if not self.has_model(rate.codec):
            progress(1.0)
            guidance = replace(guidance, notes=(*notes, _NO_MODEL.format(codec=rate.codec)))
            return self._untouched(decoded, guidance, knobs, dtype, began)
        model = self.checkpoint(rate.codec)
        sampling = knobs.resolve(model.sampling)
        scale, threshold = model.residual_scale(rate.level), knobs.threshold * model.threshold(rate.level)
        consistency = decoded.consistency if knobs.consistent else None
        if consistency is not None and (guidance.overridden or guidance.coding is not None):
            consistency = None
            reason = "the quality was overridden" if guidance.overridden else "they are those of the later coding"
            notes += (f"not projected onto the file's own intervals: {reason}",)
        trust = choose_trust(decoded, rate, model.trust, sampling, knobs)
        denoise = None
        if trust.is_blind or decoded.is_one_colour:
            reconstruction, consistency = Reconstruction(np.array(to_dtype(decoded.pixels, dtype))), None
            if knobs.strength > 0:
                notes += (_ONE_COLOUR if decoded.is_one_colour else _NOTHING_TO_MEND,)
        else:
            aligned = align(decoded, guidance.coding)
            with torch.inference_mode():
                denoise = self._denoise(aligned.pixels, rate.conditioning(), model, sampling, knobs, progress)
                residual = sample_residual(denoise, sampling, noise or NoiseField(int(knobs.seed)), threshold)
                notes += denoise.notes
                change = _change(decoded, aligned, residual, scale)
                believed = _believed(decoded.pixels, rate) if knobs.guard else None
                settle = knobs.strength == 1  # who asks for half of a correction wants no original
                reconstruction, consistency, more = _apply(decoded, change, consistency, trust, believed, dtype, settle)
                notes += more
        progress(1.0)
        weights = reconstruction.weights
        record = replace(
            self._nothing_done(rate, knobs, model, sampling),
            rate_overridden=guidance.overridden,
            coding=None if guidance.coding is None else guidance.coding.describe(),
            steps=sampling.evaluations if denoise else 0,
            consistent=consistency is not None,
            factor=(trust.luma, trust.chroma),
            withheld=None if weights is None else float(1 - weights.mean()),
            settled=reconstruction.settled,
            tile=denoise.plan.tile if denoise else 0,
            seconds=time.perf_counter() - began,
            notes=decoded.notes + notes,
        )
        return EnhancedImage(reconstruction.pixels, record, decoded.metadata, decoded.source, weights)

    def _untouched(
        self, decoded: DecodedImage, guidance: Guidance, knobs: Knobs, dtype: np.dtype[Any], began: float
    ) -> EnhancedImage:
        """A picture of which nothing is known, or for which there is no model: as it is."""
        record = replace(
            self._nothing_done(guidance.rate, knobs),
            seconds=time.perf_counter() - began,
            notes=decoded.notes + guidance.notes,
        )
        pixels = np.array(to_dtype(decoded.pixels, dtype))
        return EnhancedImage(pixels, record, decoded.metadata, decoded.source)

    @runtime.computing()
    def run_batch(
        self, images: torch.Tensor, rates: Sequence[Rate], knobs: Knobs | None = None
    ) -> tuple[torch.Tensor, tuple[EnhancementRecord, ...]]:
        """Enhances pictures that are a tensor already, together, where the network is; each as if it were alone.

        Args:
            images: [N, 3, H, W] RGB or [N, 1, H, W] gray, floating point in [0, 1]; not changed.
            rates: how strongly each was compressed, all by one codec.
            knobs: the user's choices for all of them; what they say of rates is not used.

        Returns:
            a new float32 tensor of the same shape on the network's device, and what was done to each picture.

        Raises:
            UsageError: there are other numbers of rates than of pictures, or several codecs.
            WeightsError: there is no usable model for the codec.
            DeviceError: out of memory.
        """
        codecs = {rate.codec for rate in rates}
        if len(rates) != len(images) or len(codecs) > 1:
            raise UsageError(f"{len(images)} pictures with {len(rates)} rates of {len(codecs)} codecs")
        if not rates:
            return images.to(self.device, torch.float32, copy=True), ()
        knobs, began = knobs or Knobs(), time.perf_counter()
        model = self.checkpoint(codecs.pop())
        sampling = knobs.resolve(model.sampling)
        values = images.detach().to(self.device, torch.float32)
        members = [
            batch.Member(
                rate,
                model.residual_scale(rate.level),
                knobs.threshold * model.threshold(rate.level),
                trust_at(rate, model.trust, sampling, knobs, is_neutral=is_neutral),
                _believed(_as_array(image), rate) if knobs.guard else None,
            )
            for image, rate, is_neutral in zip(values, rates, batch.neutral(values), strict=True)
        ]
        result, done = values.clone(), [self._left(member, model, sampling, knobs) for member in members]

        def denoise(pictures: torch.Tensor, conditioning: np.ndarray) -> TiledDenoiser:
            return self._denoise(pictures, conditioning, model, sampling, knobs)

        count, noise = self._at_a_time(values, model, sampling), NoiseField(int(knobs.seed))
        for group in batch.correct(values, members, denoise, sampling, noise, count):
            result[group.indices] = group.images
            for index in group.indices:
                notes = notes_without_file(members[index].rate) + group.notes
                done[index] = replace(done[index], steps=sampling.evaluations, tile=group.tile, notes=notes)
        seconds = (time.perf_counter() - began) / len(done)
        return result, tuple(replace(record, seconds=seconds) for record in done)

    def _at_a_time(self, images: torch.Tensor, model: Checkpoint, sampling: Sampling) -> int:
        network, (height, width) = self.network(model.codec), images.shape[2:]
        if isinstance(network, (Denoiser, RoundedWeights)):
            network = BandedDenoiser(network)  # as it will be used
        window = padded(height, network.stride), padded(width, network.stride)
        needed = state_bytes(height, width, sampling) + window_bytes(network, *window, self.dtype)
        return batch.at_a_time(
            height * width, len(images), self.device, int(0.6 * memory.free_memory(self.device)) // needed
        )

    @property
    def _where(self) -> str:
        """Where the network runs, for records."""
        return str(self.device) if self.backend == "torch" else f"{self.device} ({self.backend})"

    def _left(self, member: batch.Member, model: Checkpoint, sampling: Sampling, knobs: Knobs) -> EnhancementRecord:
        """What is recorded of a picture of a batch as long as nothing was done to it."""
        kept = notes_without_file(member.rate) + (() if knobs.strength == 0 else (_NOTHING_TO_MEND,))
        record = self._nothing_done(member.rate, knobs, model, sampling)
        return replace(record, factor=(member.trust.luma, member.trust.chroma), notes=kept)

    def _nothing_done(
        self, rate: Rate, knobs: Knobs, model: Checkpoint | None = None, sampling: Sampling | None = None
    ) -> EnhancementRecord:
        return nothing_done(rate, knobs, where=self._where, dtype=self.dtype, model=model, sampling=sampling)

    def is_small(self, decoded: DecodedImage, knobs: Knobs) -> bool:
        """Whether a picture is a few seconds' work for one thread, and best left to it while others do their own.

        Raises:
            WeightsError: there is no usable model for the codec.
        """
        return self.is_small_size(probable_codec(decoded.rate, knobs), decoded.height, decoded.width, knobs)

    def is_small_size(self, codec: str, height: int, width: int, knobs: Knobs) -> bool:
        """The same for pictures of a codec and a size."""
        if not self.has_model(codec):
            return height * width <= _SMALL
        evaluations = knobs.resolve(self.checkpoint(codec).sampling).evaluations * knobs.ensemble
        return height * width * evaluations <= _SMALL

    def small_at_a_time(self) -> int:
        """How many small pictures to enhance at a time: one per CPU thread, if memory allows; one on other devices."""
        if self.device.type != "cpu":
            return 1
        return max(1, min(torch.get_num_threads(), memory.free_memory(self.device) // (2 * _SMALL_BYTES)))

    def _denoise(
        self,
        pixels: Pixels | torch.Tensor,
        conditioning: np.ndarray,
        model: Checkpoint,
        sampling: Sampling,
        knobs: Knobs,
        progress: Progress = untold,
    ) -> TiledDenoiser:
        """The network over a picture, or over several that are a tensor [N, 3, H, W]."""
        several = isinstance(pixels, torch.Tensor)
        count, (height, width) = (len(pixels), pixels.shape[2:]) if several else (1, pixels.shape[:2])
        free, state = memory.free_memory(self.device), count * state_bytes(height, width, sampling)
        on_cpu = self.device.type == "cpu"
        budget = min(int(0.6 * free), _CEILING) - state if on_cpu else int(0.6 * free)
        return TiledDenoiser(
            self.network(model.codec),
            pixels,
            conditioning,
            device=self.device,
            dtype=self.dtype,
            tile=knobs.tile,
            state_dtype=state_dtype(height, width),
            state_device=self.device if on_cpu or state < 0.2 * free else torch.device("cpu"),
            budget=max(budget, _SMALLEST_BUDGET),
            ensemble=knobs.ensemble,
            tick=Evaluations(sampling.evaluations, progress).add,
        )

    @overload
    def __call__(self, source: PictureOrPath, **options: Unpack[CallOptions]) -> EnhancementResult[Image.Image]: ...
    @overload
    def __call__(self, source: FileContent, **options: Unpack[CallOptions]) -> EnhancementResult[bytes]: ...
    @overload
    def __call__(self, source: Array, **options: Unpack[CallOptions]) -> EnhancementResult[Array]: ...
    @overload
    def __call__(self, source: torch.Tensor, **options: Unpack[CallOptions]) -> EnhancementResult[torch.Tensor]: ...

    def __call__(
        self,
        source: Any,
        *,
        output: str | os.PathLike[str] | None = None,
        format: str | None = None,
        depth: int | None = None,
        overwrite: bool = False,
        **knobs: Any,
    ) -> EnhancementResult[Any]:
        """Enhances whatever holds a decoded or a compressed picture.

        Args:
            source: the path or the bytes of a file, an open binary file, a PIL image, an array (uint8, uint16
                or floating point in [0, 1]; [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] with alpha), or a tensor (NCHW or
                CHW, floating point in [0, 1] or uint8; enhanced on the network's device, as one batch, each picture as
                if alone). Colours are RGB in this order: OpenCV's BGR is taken for RGB, nobody can tell, and the result
                is worse (`enhance.integrations.opencv` takes BGR). Only files and PIL images that `Image.open` made
                from a JPEG know how they were compressed; for the others, PNG, WebP, BMP and TIFF files among them,
                `quality` (they were a JPEG; "auto": it is found out whether they were) or `qp` (VVC) must be given.
            output: also write the result there (one image only).
            format: "png", "jpeg", "webp" or "tiff": of `output` (by default what its extension says), and of the bytes
                that bytes give (by default PNG).
            depth: bits per sample of `output` and of those bytes: 8, or 16 in PNG and TIFF; by default 16 for uint16
                arrays, otherwise 8.
            overwrite: replace an `output` that exists; the source itself is never replaced.
            **knobs: as in `Knobs`.

        Returns:
            the result in the same kind as the source, and what was done. A path gives a PIL image of 8 bits that is
            upright, whatever the file's orientation tag says: Pillow's `save` forgets the tag. (More bits in memory:
            `Enhancer.run(decode(path), depth=16)`.)

        Raises:
            EnhanceError: see `errors`; each names its source, the reason and a way out.
        """
        check_names(knobs, CallOptions.__optional_keys__)
        settings = Knobs(**knobs)
        find_out = settings.quality == "auto"
        if isinstance(source, torch.Tensor) and settings.told_rates and output is None and depth is None:
            return self._tensor(OpenedTensor.of(source), settings)
        opened = open_source(source, told=settings.told_rates, find_out=find_out, format=format, depth=depth)
        if output is not None:
            _check_output(opened, output, format, depth, overwrite)
        elif depth is not None and not opened.gives_bytes:
            raise UsageError("depth is for files, and none is written", hint="name one with output=")
        enhanced = [self.run(image, settings, depth=_least_depth(image, depth)) for image in opened.images]
        if output is not None:
            notes = write_image(enhanced[0], output, fmt=format, depth=depth, overwrite=overwrite)
            record = enhanced[0].record
            enhanced[0] = replace(enhanced[0], record=replace(record, notes=record.notes + notes))
        return EnhancementResult(opened.restore(enhanced), tuple(image.record for image in enhanced))

    def _tensor(self, opened: OpenedTensor, knobs: Knobs) -> EnhancementResult[torch.Tensor]:
        """Pictures of which the user says how they were compressed, as one batch."""
        rate = rate_told(knobs.told_rates, opened.images.shape[1] == 1, "a tensor")
        images, records = self.run_batch(opened.images, [rate] * len(opened.images), knobs)
        return EnhancementResult(opened.restore(images), records)


def _least_depth(image: DecodedImage, depth: int | None) -> int | None:
    """The depth in which a result is computed for a file: 16 bits for a deep file of an 8-bit picture, else its own."""
    return 16 if depth == 16 and image.pixels.dtype == np.uint8 else None


def _check_output(
    opened: Opened, output: str | os.PathLike[str], format: str | None, depth: int | None, overwrite: bool
) -> None:
    """Refuses what could not be written anyway, before any work is done."""
    if len(opened.images) != 1:
        raise UsageError(f"{len(opened.images)} images cannot be written to one output")
    if opened.has_alpha:
        raise UsageError("an image with an alpha channel is not written", hint="save the image that is returned")
    check_depth(OutputFormat.from_path(output) if format is None else OutputFormat.from_name(format), depth)
    check_target(output, source=opened.images[0].source, overwrite=overwrite)


def _change(decoded: DecodedImage, aligned: Aligned, residual: Residual, scale: float) -> Change:
    """What the network adds to rows of the picture, in 8-bit code values."""

    def answer(rows: slice, width: int) -> Values:
        # From [-1, 1] to code values: 255 / 2.
        values = residual.rows(rows, width).mul_(scale * 127.5)
        found: Values = (values.mean(dim=2) if decoded.is_gray else values).numpy()
        return found

    return aligned.back(answer)


def _as_array(image: torch.Tensor) -> Pixels:
    """[C, H, W] as [H, W, 3], or [H, W] where it is gray."""
    array: Pixels = image.permute(1, 2, 0).cpu().numpy()
    return array[..., 0] if array.shape[2] == 1 else array


def _believed(pixels: Pixels, rate: Rate) -> Values | None:
    """How far a correction is to be believed in each block, by what the pixels show; None where they do not tell."""
    codec = find_codec(rate.codec)
    return codec.believe(pixels) if codec and codec.believe else None


def _apply(
    decoded: DecodedImage,
    change: Change,
    consistency: Consistency | None,
    trust: Trust,
    believed: Values | None,
    dtype: np.dtype[Any],
    settle: bool,
) -> tuple[Reconstruction, Consistency | None, tuple[str, ...]]:
    """Adds the change to the decoded picture; gives the result, the projection that was really applied, and notes.

    Where the file's coefficients cannot be read, the result is not projected, and a note says so.
    """
    try:
        made = reconstruct(
            decoded.pixels, change, consistency, trust=trust, believed=believed, dtype=dtype, settle=settle
        )
        return made, consistency, (_SETTLED.format(share=made.settled),) if made.settled else ()
    except DecodeError as error:
        _LOG.debug("%s: %s", decoded.source, error)
        unprojected = reconstruct(decoded.pixels, change, trust=trust, believed=believed, dtype=dtype)
        return unprojected, None, (f"not projected: {error.reason}",)


@lru_cache(maxsize=4)
def shared_enhancer(model: str | None = None, device: str = "auto", dtype: str = "auto") -> Enhancer:
    """The enhancer of those who make none of their own: its models are loaded once and kept. Arguments as there."""
    return Enhancer(model, device=device, dtype=dtype)


@overload
def enhance(source: PictureOrPath, **options: Unpack[EnhanceOptions]) -> Image.Image: ...
@overload
def enhance(source: FileContent, **options: Unpack[EnhanceOptions]) -> bytes: ...
@overload
def enhance(source: Array, **options: Unpack[EnhanceOptions]) -> Array: ...
@overload
def enhance(source: torch.Tensor, **options: Unpack[EnhanceOptions]) -> torch.Tensor: ...


def enhance(
    source: Any,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    dtype: str = "auto",
    output: str | os.PathLike[str] | None = None,
    format: str | None = None,
    depth: int | None = None,
    overwrite: bool = False,
    **knobs: Any,
) -> Any:
    """Enhances a picture in one line; the model is loaded once and kept.

    Arguments, result and errors as in `Enhancer` and `Enhancer.__call__`; only the image is returned.
    """
    check_names(knobs, EnhanceOptions.__optional_keys__)
    shared = shared_enhancer(None if model is None else os.fspath(model), device, dtype)
    return shared(source, output=output, format=format, depth=depth, overwrite=overwrite, **knobs).image
