"""Two processes that train one model: the same weights as one process with both batches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from enhance.models.checkpoint import load_checkpoint

# One process of a run. Arguments: the folder, and the last step. Crops are random pictures, the same in every run.
PROCESS = """
import logging, os, signal, sys
from pathlib import Path
import torch
from enhance.diffusion.thresholds import RateTable
from enhance.models.unet import Denoiser, UNetConfig
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.loss import Objective
from enhance.training.ranks import joined

folder, steps, interrupt = Path(sys.argv[1]), int(sys.argv[2]), "interrupt" in sys.argv
torch.set_num_threads(1)
torch.manual_seed(0)
config = UNetConfig(widths=(4, 4), encoder_blocks=(1,), decoder_blocks=(1,), middle_blocks=1, embedding=8)
table = RateTable((5, 95), (0.1, 0.1))
generator = torch.Generator().manual_seed(1)

def batches(rank, count):
    while True:
        pictures = torch.randint(0, 256, (2, 8, 3, 32, 32), generator=generator).to(torch.uint8)
        mine = slice(rank * 8 // count, (rank + 1) * 8 // count)
        yield pictures[0, mine], pictures[1, mine], torch.zeros(8 // count, 4), torch.full((8 // count,), 10.0)

with joined("cpu") as ranks:
    objective = Objective(looks_share=0.0, posterior_share=0.0)
    training = TrainingConfig(steps=steps, warmup=0.0, schedule="constant", accumulate=2, objective=objective)
    trainer = Trainer(Denoiser(config), table, table, training, ranks=ranks, dtype=torch.float32)
    for parameter in trainer.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    trainer.average.load_state_dict(trainer.denoiser.state_dict())
    if (folder / "state.pt").exists():
        trainer.resume(folder / "state.pt")
    def stream():
        for number, batch in enumerate(batches(ranks.rank, ranks.count)):
            if interrupt and number == 4 and not ranks.is_first:
                signal.raise_signal(signal.SIGINT)
            yield batch
    try:
        trainer.run(stream(), folder)
    finally:
        weights = torch.cat([parameter.detach().reshape(-1) for parameter in trainer.denoiser.parameters()])
        torch.save(weights, folder / f"weights{ranks.rank}of{ranks.count}.pt")
"""


def start(folder: Path, count: int, steps: int, *options: str) -> list[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    command = [sys.executable, "-c", PROCESS, str(folder), str(steps), *options]
    return [
        subprocess.Popen(command, env={**common, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(count)
    ]


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert all(process.returncode == 0 for process in processes), told
    return told


def weights(folder: Path, name: str) -> torch.Tensor:
    loaded: torch.Tensor = torch.load(folder / f"weights{name}.pt", weights_only=True)
    return loaded


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_both_batches(tmp_path: Path) -> None:
    together, alone = tmp_path / "two", tmp_path / "one"
    finish(start(together, 2, 3))
    finish(start(alone, 1, 3))
    assert torch.equal(weights(together, "0of2"), weights(together, "1of2"))
    assert torch.allclose(weights(together, "0of2"), weights(alone, "0of1"), atol=1e-3)
    training = load_checkpoint(together / "model.safetensors").training
    assert (training["step"], training["crops"], training["processes"]) == (3, 3 * 2 * 8, 2)
    finish(start(together, 2, 5))
    assert load_checkpoint(together / "model.safetensors").training["step"] == 5
    assert torch.equal(weights(together, "0of2"), weights(together, "1of2"))


def test_all_stop_after_the_same_step_when_one_is_interrupted(tmp_path: Path) -> None:
    processes = start(tmp_path, 2, 1000, "interrupt")
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert all(process.returncode != 0 and "KeyboardInterrupt" in text for process, text in zip(processes, told))
    assert load_checkpoint(tmp_path / "model.safetensors").training["step"] == 3
    assert torch.equal(weights(tmp_path, "0of2"), weights(tmp_path, "1of2"))
