"""The record of a picture to which nothing was done says so, with and without a model."""

from __future__ import annotations

import pytest
import torch

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.unknown_rate import UnknownRate
from enhance.enhancer import shipped_model
from enhance.inference.records import nothing_done
from enhance.knobs import Knobs
from enhance.models.checkpoint import load_checkpoint


def test_nothing_is_said_of_a_model_where_none_was_asked() -> None:
    record = nothing_done(UnknownRate(), Knobs(seed=7, strength=0.5), where="cpu", dtype=torch.bfloat16)
    assert (record.codec, record.model, record.steps, record.tile, record.factor) == ("unknown", "", 0, 0, (0.0, 0.0))
    assert (record.threshold, record.residual_scale, record.perception, record.sampler) == (0, 0, 0, "one-step")
    assert (record.seed, record.strength, record.device, record.dtype) == (7, 0.5, "cpu", "bfloat16")


def test_the_models_threshold_and_scale_are_those_of_the_rate() -> None:
    rate, knobs, model = JpegRate.from_quality(20), Knobs(threshold=0.5), load_checkpoint(shipped_model("jpeg"))
    sampling = knobs.resolve(model.sampling)
    record = nothing_done(rate, knobs, where="cpu", dtype=torch.float32, model=model, sampling=sampling)
    assert record.threshold == pytest.approx(0.5 * model.threshold(20))
    assert record.residual_scale == pytest.approx(model.residual_scale(20))
    assert record.model == f"{model.name} {model.sha256[:12]}"
    assert record.perception == sampling.perception
