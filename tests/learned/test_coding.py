"""A picture goes to a file and back, the same on all threads; what is damaged or foreign is refused with a way out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.codecs.registry import decode as decode_any
from enhance.codecs.registry import inspect
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError, UsageError, WeightsError
from enhance.learned import coding
from enhance.learned.coding import decode, encode
from enhance.learned.decoder import LearnedDecoder
from enhance.learned.file_format import MAGIC, CodedFile, parse
from enhance.learned.integers import quantise
from enhance.learned.model import LearnedModel, load_model, serialise
from enhance.learned.network import STRIDE, LearnedCodec
from enhance.learned.packing import pack, unpack
from enhance.learned.padding import padded
from enhance.learned.tables import logistic_tables
from enhance.system.limits import Limits
from tests.learned.test_integers import threads

pytest.importorskip("constriction")
Picture = npt.NDArray[np.uint8]


def psnr(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    return float(-10 * np.log10(np.mean((one.astype(np.float64) - other) ** 2)))


@pytest.fixture(scope="module")
def coded(model: LearnedModel, picture: Picture) -> CodedFile:
    return encode(picture, 5, model)


@pytest.fixture(scope="module")
def decoder(model: LearnedModel, network: LearnedCodec, tmp_path_factory: pytest.TempPathFactory) -> LearnedDecoder:
    path = tmp_path_factory.mktemp("model") / "base.safetensors"
    path.write_bytes(serialise(network, logistic_tables(), {}))
    return LearnedDecoder(base=path)


def test_a_file_holds_the_latent_exactly(model: LearnedModel, coded: CodedFile, picture: Picture) -> None:
    again = parse(coded.to_bytes(), "picture.msh")
    assert again == coded
    decoded = decode(again, model)
    assert decoded.shape == picture.shape and decoded.dtype == np.float32
    assert decoded.min() >= 0 and decoded.max() <= 1


def test_higher_rates_take_more_bits(model: LearnedModel, picture: Picture) -> None:
    sizes = [len(encode(picture, rate, model).to_bytes()) for rate in (1, 4, 8)]
    assert sizes == sorted(sizes) and sizes[0] < 0.8 * sizes[2]


def test_gray_pictures_stay_gray(model: LearnedModel, picture: Picture) -> None:
    decoded = decode(encode(picture[..., 1], 4, model), model)
    assert decoded.shape == picture.shape[:2]


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (65, 64), (64, 64)])
def test_pictures_of_any_size(model: LearnedModel, shape: tuple[int, int]) -> None:
    assert decode(encode(np.full((*shape, 3), 90, np.uint8), 3, model), model).shape == (*shape, 3)


def test_other_threads_and_kernels_decode_the_same(model: LearnedModel, coded: CodedFile, picture: Picture) -> None:
    one = decode(coded, model)
    for count, mkldnn in ((1, True), (2, True), (2, False)):
        with threads(count), torch.backends.mkldnn.flags(enabled=mkldnn):
            other = decode(coded, model)
            latents = decode(encode(picture, 5, model), model)
        assert np.abs(one - other).max() < 1e-5
        assert np.abs(one - latents).max() < 0.2  # a value on the edge may be rounded elsewhere by another encoder


def test_bands_are_not_seen(
    model: LearnedModel, coded: CodedFile, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode(coded, model)
    monkeypatch.setattr(coding, "_BAND_PIXELS", 1)
    tall = np.tile(picture, (4, 1, 1))
    assert np.abs(decode(coded, model) - whole).max() < 1e-5
    banded = coding._latent(padded(tall, STRIDE).sub_(0.5), 2, model)
    monkeypatch.setattr(coding, "_BAND_PIXELS", 1 << 30)
    assert torch.allclose(banded, coding._latent(padded(tall, STRIDE).sub_(0.5), 2, model), atol=1e-4)


def test_the_registry_knows_it(decoder: LearnedDecoder, coded: CodedFile, picture: Picture) -> None:
    content = coded.to_bytes()
    facts = inspect(content, source_name="a.msh", decoders=[decoder])
    image = decode_any(content, source_name="a.msh", decoders=[decoder])
    assert (facts.width, facts.height, facts.rate, facts.details) == (139, 90, image.rate, image.details)
    assert image.pixels.shape == picture.shape
    assert facts.details["bits_per_pixel"] == pytest.approx(8 * len(content) / (139 * 90), abs=1e-4)
    assert (facts.rate.codec, facts.rate.level, facts.rate.describe()) == ("learned", 5.0, {"rate": 5})


@settings(max_examples=60, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_no_changed_byte_goes_unseen(decoder: LearnedDecoder, coded: CodedFile, where: float, change: int) -> None:
    content = bytearray(coded.to_bytes())
    content[int(where * len(content))] ^= change
    with pytest.raises((DecodeError, UnsupportedImageError)) as raised:
        decode_any(bytes(content), source_name="a.msh", decoders=[decoder])
    assert raised.value.source == "a.msh" and raised.value.reason and raised.value.hint


def test_no_cut_goes_unseen(decoder: LearnedDecoder, coded: CodedFile) -> None:
    content = coded.to_bytes()
    for size in (len(MAGIC), 20, len(content) // 2, len(content) - 1):
        with pytest.raises(DecodeError, match=r"a\.msh"):
            decode_any(content[:size], source_name="a.msh", decoders=[decoder])
    with pytest.raises(DecodeError):
        decode_any(content + b"\0", source_name="a.msh", decoders=[decoder])


@pytest.mark.parametrize(
    "change", [{"rate": 0}, {"rate": 9}, {"width": 0}, {"indices": 1}, {"hyper": b"\1\2\3\4"}, {"latent": b"\1\2\3\4"},
               {"latent": b""}, {"hyper": b"123"}, {"width": 300}, {"model": bytes(8)}],
)  # fmt: skip
def test_what_is_forged_with_a_right_checksum_is_refused(
    decoder: LearnedDecoder, coded: CodedFile, change: dict[str, Any]
) -> None:
    content = dataclasses.replace(coded, **change).to_bytes()
    with pytest.raises((DecodeError, UnsupportedImageError)) as raised:
        decode_any(content, source_name="a.msh", decoders=[decoder])
    assert not isinstance(raised.value.__cause__, (RuntimeError, IndexError, AssertionError))


def test_what_claims_more_than_the_limits_is_refused_before_any_memory(
    decoder: LearnedDecoder, coded: CodedFile
) -> None:
    large = dataclasses.replace(coded, width=1 << 20, height=1 << 20).to_bytes()
    for limits in (Limits(), Limits(max_pixels=1 << 50)):
        with pytest.raises(UnsupportedImageError, match="pixels"):
            decode_any(large, source_name="a.msh", limits=limits, decoders=[decoder])


def test_a_file_says_which_model_it_needs(network: LearnedCodec, coded: CodedFile) -> None:
    other = load_model(serialise(network, logistic_tables(), {"other": True}))
    with pytest.raises(UnsupportedImageError, match="another model"):
        decode(coded, other)


def test_a_machine_that_computes_other_integers_is_told_so(
    model: LearnedModel, network: LearnedCodec, coded: CodedFile
) -> None:
    entropy = quantise(network)
    vectors = {**entropy.vectors, "index_shift": entropy.vectors["index_shift"] + (1 << 24)}
    wrong = dataclasses.replace(model, entropy=dataclasses.replace(entropy, vectors=vectors))
    with pytest.raises(DecodeError, match="probabilities"):
        decode(coded, wrong)


def test_a_rate_that_there_is_not_is_refused(model: LearnedModel, picture: Picture) -> None:
    with pytest.raises(UsageError, match="from 1"):
        encode(picture, 9, model)


def test_a_damaged_model_is_refused(network: LearnedCodec) -> None:
    content = serialise(network, logistic_tables(), {})
    for wrong in (content[:100], content[:-50], b"", b"\xff" * 300):
        with pytest.raises(EnhanceError) as raised:
            load_model(wrong, "base.safetensors")
        assert raised.value.exit_code == 3


def test_the_same_network_is_the_same_file(network: LearnedCodec) -> None:
    contents = {serialise(network, logistic_tables(), {"steps": 1}) for _ in range(8)}
    assert len(contents) == 1, "files name their model by its hash"


def test_a_packed_model_is_the_same_model(network: LearnedCodec, coded: CodedFile, picture: Picture) -> None:
    """Smaller, without loss, and files that the other coded stay readable."""
    content = serialise(network, logistic_tables(), {})
    packed = pack(content)
    assert len(packed) < 0.95 * len(content) and unpack(packed, len(content)) == content
    model = load_model(packed)
    assert model.sha256 == load_model(content).sha256
    assert np.array_equal(decode(coded, model), decode(coded, load_model(content)))


def test_a_damaged_packed_model_is_refused(network: LearnedCodec) -> None:
    packed = pack(serialise(network, logistic_tables(), {}))
    flipped = packed[:-200] + bytes([packed[-200] ^ 255]) + packed[-199:]
    for wrong in (packed[:-5], flipped, pack(b"no model")):
        with pytest.raises(WeightsError, match=r"cannot be read|not a learned codec"):
            load_model(wrong, "base.safetensors")
    with pytest.raises(ValueError, match="larger than any"):
        unpack(packed, 1000)
