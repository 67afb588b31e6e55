"""What the tests share: tiny random models, JPEG files made from one of scikit-image's photos, and small originals."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from hypothesis import settings
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from skimage import data

from enhance.diffusion.thresholds import RateTable
from enhance.models.checkpoint import Checkpoint, save_checkpoint
from enhance.models.unet import Denoiser, UNetConfig

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Whoever starts the tests may ignore signals (nohup does, and shells for what runs in the background). Programs inherit
# that, and a hang-up that is ignored stays ignored; the tests send signals to programs started as a user starts them.
for _number, _usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

JpegFactory = Callable[..., bytes]
ReadDeep = Callable[[bytes], npt.NDArray[np.uint16]]


# Ray's workers take what other programs leave (nice 15), which beside other tests is nearly nothing.
os.environ.setdefault("RAY_worker_niceness", "0")


@contextmanager
def time_limit(seconds: int = 300) -> Iterator[None]:
    """Raises TimeoutError in what waits for other processes for ever, so that the tests after it run."""

    def end(*_: Any) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")  # it holds an event loop, which other tests may have no use for
def chromium() -> Iterator[Browser]:
    """The real browser; tests that need it are skipped where there is none (`ENHANCE_CHROMIUM` names one)."""
    names = (os.environ.get("ENHANCE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    # A browser of a test says nothing to anybody, and needs neither a display nor a sandbox of its own.
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync", "extensions", "default-apps"]
    options = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    """The pictures are small: more threads only wait for each other, beside other workers most of all."""
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1))


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is remembered between runs is remembered between tests, and not in the user's home."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """What computes may flush denormals to zero in this thread; hypothesis, among others, cannot live with that."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def tiny_checkpoint() -> Checkpoint:
    """An untrained JPEG model whose every input matters to its output; shared, so not to be changed."""
    config = UNetConfig(
        widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1), middle_blocks=1, decoder_blocks=(1, 1, 1), embedding=16
    )
    generator = torch.Generator().manual_seed(0)
    denoiser = Denoiser(config).eval().requires_grad_(False)
    for parameter in denoiser.parameters():
        # New networks are zero where they add to the identity; an output of order one tests more.
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 16
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)
    tables = RateTable((10.0, 90.0), (0.1, 0.03)), RateTable((10.0, 90.0), (4.0, 5.0))
    return Checkpoint(denoiser, *tables, name="tiny", sha256="0" * 64)


@pytest.fixture(scope="session")
def tiny_model_file(tiny_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of `tiny_checkpoint`, for `--model`."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(tiny_checkpoint, path)
    return path


@pytest.fixture(scope="session")
def tiny_vvc_checkpoint(tiny_checkpoint: Checkpoint) -> Checkpoint:
    """The same network as a VVC model."""
    scale, threshold = RateTable((22.0, 47.0), (0.02, 0.08)), RateTable((22.0, 47.0), (5.0, 4.0))
    return dataclasses.replace(tiny_checkpoint, residual_scale=scale, threshold=threshold, codec="vvc")


@pytest.fixture(scope="session")
def tiny_vvc_model_file(tiny_vvc_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of `tiny_vvc_checkpoint`, for `--model`."""
    path = tmp_path_factory.mktemp("model") / "tiny-vvc.safetensors"
    save_checkpoint(tiny_vvc_checkpoint, path)
    return path


@pytest.fixture
def tiny_weights(
    tiny_checkpoint: Checkpoint,
    tiny_model_file: Path,
    tiny_vvc_model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with tiny models in the place of those that ship, so that no `--model` is needed."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for codec, file in (("jpeg", tiny_model_file), ("vvc", tiny_vvc_model_file)):
        (folder / f"{codec}.safetensors").symlink_to(file)
    save_checkpoint(dataclasses.replace(tiny_checkpoint, codec="learned"), folder / "learned.safetensors")
    monkeypatch.setattr("enhance.enhancer.WEIGHTS", folder)
    return folder


@pytest.fixture(scope="session")
def read_deep() -> ReadDeep:
    """Reads a picture file with 16 bits per sample, which Pillow cannot: [H, W, 3] RGB, gray as three equal ones."""

    def read(content: bytes) -> npt.NDArray[np.uint16]:
        if content[:2] == b"II":
            pixels = np.asarray(tifffile.imread(io.BytesIO(content)))
            return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2)
        width, height = Image.open(io.BytesIO(content)).size
        arguments = ["-v", "error", "-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb48le", "-"]
        program = imageio_ffmpeg.get_ffmpeg_exe()
        done = subprocess.run([program, *arguments], input=content, capture_output=True, check=True)
        return np.frombuffer(done.stdout, "<u2").reshape(height, width, 3)

    return read


@pytest.fixture(scope="session")
def jpeg_bytes() -> JpegFactory:
    """Makes JPEG files: `jpeg_bytes(quality=20, size=(width, height), mode="RGB", **options for Pillow)`."""
    photo = Image.fromarray(np.ascontiguousarray(data.astronaut()[40:136, 170:298]))  # 128x96

    def make(quality: int = 20, size: tuple[int, int] = photo.size, mode: str = "RGB", **options: Any) -> bytes:
        stream = io.BytesIO()
        photo.convert(mode).resize(size).save(stream, "JPEG", quality=quality, **options)
        return stream.getvalue()

    return make


@pytest.fixture
def photo_folder(tmp_path: Path, jpeg_bytes: JpegFactory) -> Path:
    """A folder with a.jpg, b.jpeg, sub/c.jpg and the text file readme.txt."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(jpeg_bytes(10))
    (folder / "b.jpeg").write_bytes(jpeg_bytes(30, size=(50, 34)))
    (folder / "sub" / "c.jpg").write_bytes(jpeg_bytes(50, mode="L"))
    (folder / "readme.txt").write_text("holiday", encoding="utf-8")
    return folder


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A folder with one.png and two.png, 48x40 pixels, and a text file."""
    folder = tmp_path / "originals"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(small).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    return folder
