"""A tiny model of the learned codec: untrained, but with everything that a trained one has."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from enhance.codecs import registry
from enhance.learned.model import LearnedModel, model_of, save_model, serialise
from enhance.learned.network import LearnedCodec, LearnedConfig
from enhance.learned.tables import logistic_tables

ROOT = Path(__file__).parents[2]

TINY = LearnedConfig(
    latent=48,
    hyper=6,
    width=16,
    fine=16,
    hyper_width=12,
    embedding=4,
    analysis_blocks=1,
    synthesis_blocks=1,
    fine_blocks=1,
)


@pytest.fixture(scope="session")
def network() -> LearnedCodec:
    """Every weight is other than zero, so that nothing can be left out unseen."""
    generator = torch.Generator().manual_seed(3)
    codec = LearnedCodec(TINY)
    basis = torch.linalg.qr(torch.randn(768, TINY.latent, generator=generator))[0].T
    codec.start_from(basis.contiguous(), torch.linspace(1, 0.02, TINY.latent))
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if "basis" not in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return codec.eval()


@pytest.fixture(scope="session")
def model(network: LearnedCodec) -> LearnedModel:
    return model_of(network, logistic_tables())


@pytest.fixture(scope="session")
def picture() -> npt.NDArray[np.uint8]:
    """uint8 [90, 139, 3]: smooth, with an edge; its sides are multiples of nothing."""
    rows, columns = np.mgrid[:90, :139]
    waves = np.stack([np.sin(rows / 9 + k) * np.cos(columns / (7 + k)) for k in range(3)], axis=-1)
    waves[30:60, 40:80] *= -1
    return np.asarray(np.rint(127 + 100 * waves), np.uint8)


@pytest.fixture
def installed(network: LearnedCodec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This interpreter as if the package were installed, with the tiny model in the place of the one that ships.

    Gives the folder in which the package is declared.
    """
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    site = tmp_path / "site"
    described = site / "enhance_itself-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: enhance-itself\nVersion: 1.0\n", encoding="utf-8")
    points = f"[{registry.GROUP}]\n{setup['options.entry_points'][registry.GROUP]}\n"
    (described / "entry_points.txt").write_text(points, encoding="utf-8")
    save_model(serialise(network, logistic_tables(), {}), site / "base.safetensors")
    monkeypatch.setattr("enhance.learned.model.SHIPPED", site / "base.safetensors")
    monkeypatch.syspath_prepend(site)
    caches = (registry.all_codecs, registry.added_codecs, registry.all_decoders)
    for cache in caches:
        cache.cache_clear()
    yield site
    for cache in caches:
        cache.cache_clear()
