"""What the enhancer promises: no tile, thread or neighbour changes a result, and every knob does what it says."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from enhance import runtime
from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.noise import NoiseField
from enhance.diffusion.schedule import alpha_bar
from enhance.enhancer import Enhancer
from enhance.errors import DecodeError, DeviceError, UsageError, WeightsError
from enhance.images import DecodedImage, Pixels
from enhance.inference import residual, tiled_denoiser
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint, save_checkpoint
from enhance.models.unet import Denoiser
from enhance.system import memory

SAMPLES = Knobs(steps=4, perception=0.7)


@pytest.fixture(scope="module")
def enhancer(tiny_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_checkpoint, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def vvc_enhancer(tiny_vvc_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_vvc_checkpoint, device="cpu", dtype="float32")


def jpeg(pixels: Pixels, quality: int = 15, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def photo(height: int = 75, width: int = 110) -> DecodedImage:
    return decode(jpeg(skimage.data.astronaut()[100 : 100 + height, 100 : 100 + width]))


def vvc_picture(qp: float = 37, estimated: bool = False) -> DecodedImage:
    pixels = skimage.data.astronaut()[100:150, 100:170].astype(np.float32) / 255
    return DecodedImage(pixels, VvcRate(qp, estimated))


def plain(pixels: Pixels, quality: int = 20) -> DecodedImage:
    return DecodedImage(pixels, JpegRate.from_quality(quality))


def levels(a: Pixels, b: Pixels) -> float:
    """Largest difference, in 8-bit code values."""
    unit = {"u1": 1, "u2": 257, "f4": 1 / 255}[a.dtype.str[1:]]
    return float(np.abs(a.astype(np.float64) - b).max() / unit)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    tile=st.integers(1, 100),
    knobs=st.sampled_from([{}, {"steps": 3}, {"steps": 4, "sampler": "ddpm"}, {"eta": 1, "perception": 0.5}]),
)
def test_tiles_of_any_size_give_the_same_picture(
    enhancer: Enhancer, height: int, width: int, tile: int, knobs: dict[str, Any]
) -> None:
    # Floating-point pixels show differences that rounding to 8 bits would hide.
    pixels = skimage.data.astronaut()[:height, :width].astype(np.float32) / 255
    assume(not plain(pixels).is_one_colour)  # of one pixel, mostly
    whole = enhancer.run(plain(pixels), Knobs(tile=0, **knobs))
    tiled = enhancer.run(plain(pixels), Knobs(tile=tile, **knobs))
    assert whole.pixels.shape == pixels.shape
    assert levels(whole.pixels, tiled.pixels) < 1e-3
    assert levels(whole.pixels, pixels) > 0.5


@pytest.mark.slow
def test_small_tiles_of_a_real_file_give_the_same_pixels(enhancer: Enhancer) -> None:
    decoded = photo(300, 400)
    whole, tiled = (enhancer.run(decoded, dataclasses.replace(SAMPLES, tile=tile)) for tile in (0, 64))
    assert whole.record.tile == 0
    assert tiled.record.tile == 64
    assert whole.record.consistent and tiled.record.consistent
    assert np.mean(whole.pixels != tiled.pixels) < 1e-3  # a value that lies on the edge of rounding
    assert levels(whole.pixels, tiled.pixels) <= 1


def test_one_step_adds_the_networks_prediction_in_the_pixels_own_unit(
    enhancer: Enhancer, tiny_checkpoint: Checkpoint
) -> None:
    """x̂ = x̃ + s(q) clamp(g(x̃, T, q), ±τ(q)) with both pictures in [-1, 1], computed without the enhancer."""
    decoded = plain(skimage.data.astronaut()[:96, :80].astype(np.float32) / 255)
    base = torch.from_numpy(decoded.pixels).permute(2, 0, 1)[None] * 2 - 1
    conditioning = torch.from_numpy(decoded.rate.conditioning())[None]
    predicted = tiny_checkpoint.denoiser(torch.zeros_like(base), base, torch.ones(1), conditioning)
    limit = tiny_checkpoint.threshold(20)
    enhanced = base + tiny_checkpoint.residual_scale(20) * predicted.clamp(-limit, limit)
    expected = ((enhanced[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()
    assert levels(enhancer.run(decoded, Knobs(steps=1)).pixels, expected) < 0.01
    assert levels(decoded.pixels, expected) > 1


def test_the_threshold_is_a_factor_on_the_models(enhancer: Enhancer, tiny_checkpoint: Checkpoint) -> None:
    """As if the model's own τ(q) were another, in one step and in samples, up to no limit at all."""
    decoded = photo()
    for factor, knobs in itertools.product((0.1, 1e6, math.inf), (Knobs(), SAMPLES)):
        table = tiny_checkpoint.threshold
        values = tuple(min(factor * value, 1e9) for value in table.values)
        model = dataclasses.replace(tiny_checkpoint, threshold=dataclasses.replace(table, values=values))
        found = enhancer.run(decoded, dataclasses.replace(knobs, threshold=factor))
        assert np.array_equal(found.pixels, Enhancer(model, device="cpu", dtype="float32").run(decoded, knobs).pixels)
        assert found.record.threshold == factor * tiny_checkpoint.threshold(15)
    assert not np.array_equal(enhancer.run(decoded, Knobs(threshold=0.1)).pixels, enhancer.run(decoded).pixels)


@pytest.mark.parametrize(
    "knobs", [Knobs(steps=1), Knobs(), SAMPLES, Knobs(steps=5, sampler="ddpm"), Knobs(steps=3, eta=1)], ids=str
)
def test_same_seed_same_result(enhancer: Enhancer, knobs: Knobs) -> None:
    decoded = photo()
    once, again = (enhancer.run(decoded, knobs) for _ in range(2))
    assert np.array_equal(once.pixels, again.pixels)
    other = enhancer.run(decoded, dataclasses.replace(knobs, seed=1))
    # One step needs no noise, whatever the perception.
    assert np.array_equal(once.pixels, other.pixels) == (once.record.steps == 1)
    assert other.record.seed == 1


def test_thread_counts_give_the_same_picture(enhancer: Enhancer) -> None:
    pixels, before = skimage.data.astronaut()[:200, :200].astype(np.float32) / 255, torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            runtime.set_threads(threads)
            results.append(enhancer.run(plain(pixels), SAMPLES).pixels)
    finally:
        torch.set_num_threads(before)
    assert max(levels(result, results[0]) for result in results) < 1e-3


def test_several_threads_may_use_one_enhancer(enhancer: Enhancer) -> None:
    pictures = [photo(60 + 10 * index, 80) for index in range(4)]
    alone = [enhancer.run(picture, SAMPLES).pixels for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: enhancer.run(picture, SAMPLES).pixels, pictures))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_small_pictures_are_a_few_seconds_of_work_and_as_many_as_memory_holds(
    enhancer: Enhancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, wider = photo(64, 64), photo(80, 80)
    monkeypatch.setattr("enhance.enhancer._SMALL", 3 * 64 * 64)
    assert enhancer.is_small(wide, Knobs(steps=3)) and not enhancer.is_small(wide, Knobs(steps=4))
    assert enhancer.is_small(wider, Knobs()) and not enhancer.is_small(wider, Knobs(steps=2))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    for gibibytes, threads in ((64, 8), (4, 2), (1, 1)):
        monkeypatch.setattr(memory, "free_memory", lambda device, free=gibibytes * 2**30: free)
        assert enhancer.small_at_a_time() == threads


def test_an_ensemble_is_the_mean_over_mirror_images(enhancer: Enhancer) -> None:
    """The picture is whole blocks of the network's grid, so mirroring it by hand mirrors that grid."""
    pixels = 0.3 + 0.4 * skimage.data.astronaut()[:64, :80].astype(np.float32) / 255
    knobs = Knobs(mode="fidelity", threshold=math.inf)

    def mirrored(*axes: int) -> Pixels:
        turned = np.ascontiguousarray(np.flip(pixels, axes))
        return np.flip(enhancer.run(plain(turned), knobs).pixels, axes)

    alone = [mirrored(), mirrored(1), mirrored(0), mirrored(0, 1)]
    assert levels(alone[0], alone[3]) > 0.1, "the network is not symmetric by itself"
    inside = np.all([(one > 0) & (one < 1) for one in alone], axis=0)
    for count in (2, 4):
        together = enhancer.run(plain(pixels), dataclasses.replace(knobs, ensemble=count))
        assert together.record.ensemble == count and together.record.steps == 1
        assert np.abs(together.pixels - np.mean(alone[:count], axis=0))[inside].max() < 1e-5


def test_no_strength_is_the_decoded_picture(enhancer: Enhancer) -> None:
    decoded = photo()
    result = enhancer.run(decoded, Knobs(strength=0, steps=4))
    assert np.array_equal(result.pixels, decoded.pixels)
    assert result.pixels is not decoded.pixels
    assert result.record.steps == 0


def test_strength_scales_the_change(enhancer: Enhancer) -> None:
    pixels = 0.3 + 0.4 * skimage.data.astronaut()[:64, :64].astype(np.float32) / 255
    full, half = (enhancer.run(plain(pixels), Knobs(strength=strength)).pixels for strength in (1, 0.5))
    assert np.abs(pixels + 0.5 * (full - pixels) - half)[(full > 0) & (full < 1)].max() < 1e-6


def test_perception_goes_from_one_step_to_the_sample(enhancer: Enhancer) -> None:
    pixels = 0.3 + 0.4 * skimage.data.astronaut()[:64, :80].astype(np.float32) / 255
    mean = enhancer.run(plain(pixels), Knobs(steps=1))
    none, half, full = (enhancer.run(plain(pixels), Knobs(steps=4, perception=p)) for p in (0, 0.5, 1))
    assert np.array_equal(mean.pixels, none.pixels)
    assert none.record.steps == 1
    assert none.record.sampler == "one-step"
    assert (half.record.steps, full.record.steps, full.record.sampler) == (4, 4, "ddim")
    inside = (mean.pixels > 0) & (mean.pixels < 1) & (full.pixels > 0) & (full.pixels < 1)
    assert np.abs((mean.pixels + full.pixels) / 2 - half.pixels)[inside].max() < 1e-6
    assert levels(mean.pixels, full.pixels) > 0.5


def test_perception_of_one_step_is_the_position(enhancer: Enhancer, tiny_checkpoint: Checkpoint) -> None:
    """x̂ = x̃ + s(q) g(0, x̃, 1, q, p), computed without the enhancer."""
    decoded = plain(0.3 + 0.4 * skimage.data.astronaut()[:64, :80].astype(np.float32) / 255)
    base = torch.from_numpy(decoded.pixels).permute(2, 0, 1)[None] * 2 - 1
    conditioning = torch.from_numpy(decoded.rate.conditioning())[None]
    for p in (0.25, 1.0):
        place = torch.tensor([p])
        predicted = tiny_checkpoint.denoiser(torch.zeros_like(base), base, torch.ones(1), conditioning, place)
        limit = tiny_checkpoint.threshold(20)
        enhanced = base + tiny_checkpoint.residual_scale(20) * predicted.clamp(-limit, limit)
        expected = ((enhanced[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()
        assert levels(enhancer.run(decoded, Knobs(steps=1, perception=p)).pixels, expected) < 0.01


def without_position(checkpoint: Checkpoint) -> Checkpoint:
    """A model as they were before they knew a position."""
    denoiser = Denoiser(dataclasses.replace(checkpoint.denoiser.config, position=False)).eval().requires_grad_(False)
    state = checkpoint.denoiser.state_dict()
    denoiser.load_state_dict({name: value for name, value in state.items() if "position_mlp" not in name})
    return dataclasses.replace(checkpoint, denoiser=denoiser)


def test_without_a_position_perception_of_one_step_is_the_noise_level(tiny_checkpoint: Checkpoint) -> None:
    """x̂ = x̃ + s(q) g(√(1-ᾱ_t) ε, x̃, t, q) with t = 1 - p (1 - t_s), computed without the enhancer."""
    tiny_checkpoint = without_position(tiny_checkpoint)
    enhancer = Enhancer(tiny_checkpoint, device="cpu", dtype="float32")
    decoded = plain(0.3 + 0.4 * skimage.data.astronaut()[:64, :80].astype(np.float32) / 255)
    base = torch.from_numpy(decoded.pixels).permute(2, 0, 1)[None] * 2 - 1
    conditioning = torch.from_numpy(decoded.rate.conditioning())[None]
    noise = torch.from_numpy(NoiseField(5).crop(0, 0, 0, 64, 80))[None]
    found = {}
    for p in (0.25, 1.0):
        t = 1 - p * (1 - 0.7)
        state = math.sqrt(1 - alpha_bar(t)) * noise
        predicted = tiny_checkpoint.denoiser(state, base, torch.tensor([t]), conditioning)
        limit = tiny_checkpoint.threshold(20)
        enhanced = base + tiny_checkpoint.residual_scale(20) * predicted.clamp(-limit, limit)
        expected = ((enhanced[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()
        found[p] = enhancer.run(decoded, Knobs(steps=1, perception=p, start=0.7, seed=5))
        assert levels(found[p].pixels, expected) < 0.01
        assert (found[p].record.steps, found[p].record.perception, found[p].record.sampler) == (1, p, "one-step")
    assert levels(found[0.25].pixels, found[1.0].pixels) > 0.1


def test_steps_are_network_evaluations(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    original = tiled_denoiser.TiledDenoiser.__call__

    def counted(self: tiled_denoiser.TiledDenoiser, r_t: torch.Tensor | None, *place: float) -> torch.Tensor:
        calls.append(place[0])
        return original(self, r_t, *place)

    monkeypatch.setattr(tiled_denoiser.TiledDenoiser, "__call__", counted)
    enhancer = Enhancer(tiny_checkpoint, device="cpu", dtype="float32")
    for knobs in (Knobs(), Knobs(steps=5), Knobs(steps=3, init="gaussian"), Knobs(steps=2, perception=0.5)):
        calls.clear()
        record = enhancer.run(photo(), knobs).record
        assert len(calls) == record.steps == (knobs.steps or 1)


def test_consistency_can_be_turned_off_and_is_recorded(enhancer: Enhancer) -> None:
    decoded = photo()
    on, off = (enhancer.run(decoded, Knobs(consistent=consistent)) for consistent in (True, False))
    assert (on.record.consistent, off.record.consistent) == (True, False)
    assert not np.array_equal(on.pixels, off.pixels)
    moved = np.abs(on.pixels.astype(int) - decoded.pixels).mean()
    assert moved < np.abs(off.pixels.astype(int) - decoded.pixels).mean()


def test_a_quality_that_replaces_the_files_own_is_recorded(enhancer: Enhancer) -> None:
    decoded = photo()
    own, same, other = (enhancer.run(decoded, Knobs(quality=quality)) for quality in (None, 15, 60))
    assert [image.record.rate_overridden for image in (own, same, other)] == [False, False, True]
    assert np.array_equal(own.pixels, same.pixels)
    assert other.record.rate["quality"] == 60
    assert other.record.residual_scale < own.record.residual_scale
    assert own.record.consistent and not other.record.consistent
    assert any("overridden" in note for note in other.record.notes)


def test_the_other_codecs_knob_does_not_pass_unnoticed(enhancer: Enhancer, vvc_enhancer: Enhancer) -> None:
    for own, decoded, name, knobs in (
        (enhancer, photo(), "qp", {"qp": 30}),
        (vvc_enhancer, vvc_picture(), "quality", {"quality": 30}),
    ):
        record = own.run(decoded, Knobs(**knobs)).record  # type: ignore[arg-type]
        assert not record.rate_overridden
        assert [note for note in record.notes if note.startswith(f"{name} is for ")]
        both = own.run(decoded, Knobs(quality=30, qp=30)).record  # one line for files of both kinds
        assert both.rate_overridden
        assert not [note for note in both.notes if " is for " in note]


def test_a_vvc_picture_is_enhanced_at_its_qp(vvc_enhancer: Enhancer) -> None:
    decoded = vvc_picture(qp=37.25, estimated=True)
    own, same, other = (vvc_enhancer.run(decoded, Knobs(qp=qp)) for qp in (None, 37.25, 45))
    assert own.record.codec == "vvc"
    assert own.record.rate == {"qp": 37.25, "estimated": True}
    assert not own.record.rate_overridden and not own.record.consistent
    assert other.record.rate == {"qp": 45, "estimated": False}
    assert other.record.rate_overridden and same.record.rate_overridden  # no estimate any more
    assert np.array_equal(own.pixels, same.pixels)
    assert other.record.residual_scale > own.record.residual_scale
    assert not np.array_equal(own.pixels, other.pixels)
    assert own.pixels.dtype == np.float32
    assert levels(own.pixels, decoded.pixels) > 0.5


def test_a_qp_that_is_the_streams_own_replaces_nothing(vvc_enhancer: Enhancer) -> None:
    assert not vvc_enhancer.run(vvc_picture(qp=37), Knobs(qp=37)).record.rate_overridden


def test_gray_stays_gray(enhancer: Enhancer) -> None:
    decoded = decode(jpeg(skimage.data.camera()[:70, :90]))
    for knobs in (Knobs(), SAMPLES, Knobs(quality=50)):
        result = enhancer.run(decoded, knobs)
        assert result.pixels.shape == (70, 90)
        assert not np.array_equal(result.pixels, decoded.pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_depths_agree(enhancer: Enhancer, dtype: Any) -> None:
    pixels = skimage.data.astronaut()[:40, :50]
    scale = {np.uint8: 1, np.uint16: 257, np.float32: np.float32(1 / 255)}[dtype]
    result = enhancer.run(plain((pixels * dtype(scale)).astype(dtype)))
    assert result.pixels.dtype == dtype
    exact = enhancer.run(plain(pixels.astype(np.float32) / 255)).pixels
    assert levels(result.pixels, exact * np.float32(255) * scale) < 0.51


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(strength=0), Knobs(consistent=False)], ids=str)
def test_the_result_is_rounded_once_to_the_asked_depth(enhancer: Enhancer, knobs: Knobs) -> None:
    decoded = photo()
    exact = enhancer.run(decoded, knobs, depth=32).pixels
    assert exact.dtype == np.float32 and exact.shape == decoded.pixels.shape
    for depth, dtype, white in ((8, np.uint8, 255), (16, np.uint16, 65535), (None, np.uint8, 255)):
        result = enhancer.run(decoded, knobs, depth=depth).pixels
        assert result.dtype == dtype
        assert np.abs(result - exact.astype(np.float64) * white).max() <= 0.51
    between = np.abs(exact * 255 - np.rint(exact * 255)).max()
    assert between > 0.4 if knobs.strength else between < 0.001


def test_a_depth_that_is_none_is_a_usage_error(enhancer: Enhancer) -> None:
    with pytest.raises(UsageError, match="depth"):
        enhancer.run(photo(), depth=10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (16, 16), (17, 15)])
def test_any_size(enhancer: Enhancer, shape: tuple[int, int]) -> None:
    decoded = decode(jpeg(np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)))
    for knobs in (Knobs(), SAMPLES):
        assert enhancer.run(decoded, knobs).pixels.shape == (*shape, 3)


def test_the_record_says_what_was_done(enhancer: Enhancer) -> None:
    record = enhancer.run(photo(), SAMPLES).record
    assert record.codec == "jpeg"
    assert record.rate == {"quality": 15, "tables": "standard"}
    assert (record.steps, record.sampler, record.perception, record.strength) == (4, "ddim", 0.7, 1.0)
    assert record.threshold == pytest.approx(4.0, abs=0.1)
    assert record.model == "tiny 000000000000"
    assert (record.device, record.dtype, record.ensemble) == ("cpu", "float32", 1)
    assert record.seconds > 0


def test_large_pictures_kept_in_fewer_bits_are_the_same_to_half_a_level(
    enhancer: Enhancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = skimage.data.astronaut()[:100, :100].astype(np.float32) / 255
    for knobs in (Knobs(), Knobs(steps=3), SAMPLES, Knobs(steps=4, sampler="ddpm")):
        exact = enhancer.run(plain(pixels), knobs).pixels
        with monkeypatch.context() as patch:
            patch.setattr(residual, "LARGE", 100)
            short = [enhancer.run(plain(pixels), dataclasses.replace(knobs, tile=tile)).pixels for tile in (0, 48)]
        assert levels(exact, short[0]) < 0.5
        assert levels(short[0], short[1]) < 0.1


class _Wrapped(torch.nn.Module):
    """A network with something wrong, otherwise the tiny one."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.stride, self.receptive_radius = inner.stride, inner.receptive_radius
        self.knows_position = inner.config.position

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.inner(*inputs)
        return result


class _OverflowsInBfloat16(_Wrapped):
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(*inputs) * (float("nan") if torch.is_autocast_enabled("cpu") else 1)


class _NotFinite(_Wrapped):
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(*inputs) / 0


class _TakesMuchMemory(_Wrapped):
    largest = 280 * 280

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        if inputs[0].shape[2] * inputs[0].shape[3] > self.largest:
            torch.empty(2**60, dtype=torch.uint8)
        return super().forward(*inputs)


def _with_network(checkpoint: Checkpoint, kind: type[_Wrapped]) -> Checkpoint:
    return dataclasses.replace(checkpoint, denoiser=kind(checkpoint.denoiser))  # type: ignore[arg-type]


def test_bfloat16_is_near_float32(tiny_checkpoint: Checkpoint, enhancer: Enhancer) -> None:
    fast = Enhancer(tiny_checkpoint, device="cpu", dtype="bfloat16").run(photo())
    assert fast.record.dtype == "bfloat16"
    difference = fast.pixels.astype(int) - enhancer.run(photo()).pixels
    assert np.abs(difference).max() > 0
    assert np.abs(difference).mean() < 1


def test_float32_steps_in_where_bfloat16_is_not_finite(tiny_checkpoint: Checkpoint, enhancer: Enhancer) -> None:
    broken = Enhancer(_with_network(tiny_checkpoint, _OverflowsInBfloat16), device="cpu", dtype="bfloat16")
    result = broken.run(photo(), Knobs(tile=64))
    assert levels(result.pixels, enhancer.run(photo()).pixels) <= 1
    assert any("float32" in note for note in result.record.notes)


def test_a_network_that_is_never_finite_is_a_weights_error(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(WeightsError, match="finite"):
        Enhancer(_with_network(tiny_checkpoint, _NotFinite), device="cpu", dtype="bfloat16").run(photo())


def test_tiles_shrink_when_memory_is_short(tiny_checkpoint: Checkpoint, enhancer: Enhancer) -> None:
    short = Enhancer(_with_network(tiny_checkpoint, _TakesMuchMemory), device="cpu", dtype="float32")
    decoded = photo(300, 300)
    for tile in ("auto", 0):
        result = short.run(decoded, dataclasses.replace(SAMPLES, tile=tile))
        assert 0 < result.record.tile < 300
        assert levels(result.pixels, enhancer.run(decoded, SAMPLES).pixels) <= 1


def test_no_memory_at_all_is_a_device_error(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_TakesMuchMemory, "largest", 0)
    short = Enhancer(_with_network(tiny_checkpoint, _TakesMuchMemory), device="cpu", dtype="float32")
    with pytest.raises(DeviceError, match="out of memory"):
        short.run(photo())


def test_free_memory_decides_the_tile(enhancer: Enhancer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.enhancer._SMALLEST_BUDGET", 0)
    monkeypatch.setattr(memory, "free_memory", lambda device: 2**40)
    assert enhancer.run(photo(400, 400)).record.tile == 0
    monkeypatch.setattr(memory, "free_memory", lambda device: 10 * 2**20)
    assert 0 < enhancer.run(photo(400, 400)).record.tile < 400


class _Unreadable:
    def project(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise DecodeError("the DCT coefficients cannot be read")


def test_a_projection_that_fails_is_left_out_with_a_note(enhancer: Enhancer) -> None:
    decoded = photo()
    result = enhancer.run(dataclasses.replace(decoded, consistency=_Unreadable()))
    assert not result.record.consistent
    assert any("coefficients" in note for note in result.record.notes)
    assert np.array_equal(result.pixels, enhancer.run(decoded, Knobs(consistent=False)).pixels)


def test_an_enhancer_goes_to_other_processes(enhancer: Enhancer) -> None:
    there = pickle.loads(pickle.dumps(enhancer))
    assert np.array_equal(there.run(photo()).pixels, enhancer.run(photo()).pixels)
    assert pickle.dumps(Enhancer(device="cpu"))  # with the models that ship, too


def test_models_come_from_files_and_must_fit_the_codec(tiny_checkpoint: Checkpoint, tmp_path: Any) -> None:
    path = tmp_path / "own.safetensors"
    save_checkpoint(dataclasses.replace(tiny_checkpoint, codec="vvc"), path, half=False)
    with pytest.raises(WeightsError, match="vvc"):
        Enhancer(path, device="cpu").run(photo())
    with pytest.raises(WeightsError):
        Enhancer(tmp_path / "none.safetensors", device="cpu")
