"""The cost model of the published network, against its published numbers; and the cost of ours."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from enhance.models.unet import Denoiser, UNetConfig

FILE = Path(__file__).parents[3] / "scripts" / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_peers", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_operations_of_one_convolution(peers: ModuleType) -> None:
    with torch.device("meta"):
        convolution = torch.nn.Conv2d(5, 7, 3, padding=1)
        assert peers.count_macs(convolution, torch.empty(1, 5, 10, 12)) == 5 * 7 * 9 * 10 * 12
    assert peers.count_parameters(convolution) == 5 * 7 * 9 + 7


def test_fbcnn_has_its_published_cost(peers: ModuleType) -> None:
    with torch.device("meta"):
        network = peers.FBCNN()
        assert peers.count_macs(network, torch.empty(1, 3, 512, 512)) == pytest.approx(peers.FBCNN_MACS_512, rel=0.01)
    assert peers.count_parameters(network) == pytest.approx(peers.FBCNN_PARAMETERS, rel=0.03)


def test_a_small_one_computes_a_picture(peers: ModuleType) -> None:
    network = peers.FBCNN(widths=(4, 6, 8, 10), blocks=1).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, 16, 24)).shape == (2, 3, 16, 24)


def test_our_network_keeps_its_budget(peers: ModuleType) -> None:
    config = UNetConfig()
    with torch.device("meta"):
        network, picture = Denoiser(config), torch.empty(1, 3, 128, 128)
        macs = peers.count_macs(network, picture, picture, torch.empty(1), torch.empty(1, config.conditioning_size))
    assert macs <= 250_000 * 128 * 128
    assert peers.count_parameters(network) <= 8_000_000
