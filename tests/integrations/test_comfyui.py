"""ComfyUI's nodes: what they promise the host, what they do with batches [B, H, W, C], and a workflow in the real one.

The real host runs where `ENHANCE_COMFYUI` names its checkout, with the Python that `ENHANCE_COMFYUI_PYTHON` names.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage import data
from torch import Tensor

from enhance.codecs.jpeg.codec import JPEG
from enhance.enhancer import Enhancer, enhance
from enhance.errors import UsageError
from enhance.integrations import comfyui_host
from enhance.integrations.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from tests.conftest import JpegFactory

ROOT = Path(__file__).parents[2]
HOST = os.environ.get("ENHANCE_COMFYUI")
ROUNDING = 2e-5
PLAIN = {"mode": "fidelity", "strength": 1.0, "seed": 0, "dtype": "float32"}


def node(name: str, **inputs: Any) -> Any:
    """Runs a node as the host does: an instance, the method that it names, inputs by name."""
    kind: Any = NODE_CLASS_MAPPINGS[name]
    return getattr(kind(), kind.FUNCTION)(**inputs)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch, tiny_defaults: None) -> None:
    monkeypatch.setattr(comfyui_host, "device", lambda: "cpu")


@pytest.fixture
def photo(tmp_path: Path, jpeg_bytes: JpegFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo of 72x48 that is meant to be seen turned, in the input folder of the working folder."""
    exif = Image.Exif()
    exif[274] = 6
    stored = Image.open(io.BytesIO(jpeg_bytes(20, size=(72, 48))))
    path = tmp_path / "input" / "photo.jpg"
    path.parent.mkdir()
    stored.save(path, quality="keep", exif=exif)
    monkeypatch.chdir(tmp_path)
    return path


def as_image(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"), np.float32) / 255)[None]


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_a_node_keeps_the_hosts_contract(name: str) -> None:
    kind: Any = NODE_CLASS_MAPPINGS[name]
    assert name in NODE_DISPLAY_NAME_MAPPINGS and kind.DESCRIPTION and kind.CATEGORY
    assert len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES) == len(kind.OUTPUT_TOOLTIPS)
    assert callable(getattr(kind, kind.FUNCTION))
    inputs = kind.INPUT_TYPES()
    assert set(inputs) <= {"required", "optional"}
    for kind_of_input, options in [told for group in inputs.values() for told in group.values()]:
        assert isinstance(kind_of_input, (str, list)) and options["tooltip"]
        if kind_of_input in ("INT", "FLOAT"):
            assert options["min"] <= options["default"] <= options["max"]
    json.dumps(inputs)  # the page of ComfyUI gets them so


def test_a_file_comes_with_its_tables_and_is_enhanced_with_them(photo: Path) -> None:
    kind: Any = NODE_CLASS_MAPPINGS["EnhanceLoadCodedPicture"]
    assert kind.INPUT_TYPES()["required"]["image"][0] == ["photo.jpg"]
    assert kind.VALIDATE_INPUTS("photo.jpg") is True and kind.VALIDATE_INPUTS("none.jpg") is not True
    image, coding, facts = node("EnhanceLoadCodedPicture", image="photo.jpg")
    shown = as_image(ImageOps.exif_transpose(Image.open(photo)))
    assert image.shape == (1, 72, 48, 3) and (image - shown).abs().max() < 1.5 / 255
    assert json.loads(facts)["quality"] == 20
    result, record = node("EnhancePicture", image=image, coding=coding, **PLAIN)
    expected = as_image(Enhancer(device="cpu", dtype="float32")(photo, mode="fidelity").image)
    assert result.shape == image.shape and (result - expected).abs().max() <= 0.5 / 255 + ROUNDING
    assert json.loads(record)["consistent"] is True
    with pytest.raises(UsageError, match="not as it came from its file"):
        node("EnhancePicture", image=image * 0.9, coding=coding, **PLAIN)
    with pytest.raises(UsageError, match="not as it came from its file"):
        node("EnhancePicture", image=torch.cat([image, image]), coding=coding, **PLAIN)


def test_another_file_of_the_same_name_is_another_picture(photo: Path) -> None:
    kind: Any = NODE_CLASS_MAPPINGS["EnhanceLoadCodedPicture"]
    before = kind.IS_CHANGED("photo.jpg")
    assert kind.IS_CHANGED("photo.jpg") == before
    photo.write_bytes(photo.read_bytes() + b"\0")
    assert kind.IS_CHANGED("photo.jpg") != before


def test_gray_files_are_three_equal_channels(photo: Path) -> None:
    Image.open(photo).convert("L").save(photo.with_name("gray.jpg"), quality=20)
    image, coding, _ = node("EnhanceLoadCodedPicture", image="gray.jpg")
    result, _ = node("EnhancePicture", image=image, coding=coding, **PLAIN)
    assert result.shape == image.shape == (1, 48, 72, 3)
    assert torch.equal(result[..., 0], result[..., 2]) and not torch.equal(result, image)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_batch_is_what_each_of_its_pictures_would_be(channels: int) -> None:
    images = torch.rand((10, 32, 48, channels), generator=torch.Generator().manual_seed(1))
    (coding,) = node("EnhanceTellCoding", codec="JPEG quality", value=30.0)
    before = images.clone()
    result, records = node("EnhancePicture", image=images, coding=coding, **PLAIN)
    assert torch.equal(images, before) and result.shape == images.shape and len(records.splitlines()) == 10
    for image, found in zip(images, result):
        alone = enhance(image.numpy(), quality=30, mode="fidelity", device="cpu", dtype="float32")
        assert np.abs(alone - found.numpy()).max() < ROUNDING


def test_the_knobs_reach_the_enhancer() -> None:
    images = torch.rand((1, 32, 32, 3), generator=torch.Generator().manual_seed(1))
    (coding,) = node("EnhanceTellCoding", codec="VVC QP", value=37.5)
    more = {"steps": 3, "perception": 0.7, "ensemble": "2", "mode": "perceptual", "seed": 5, "strength": 0.5}
    result, record = node("EnhancePicture", image=images, coding=coding, **{**PLAIN, **more})
    told = json.loads(record)
    assert (told["steps"], told["perception"], told["ensemble"], told["seed"]) == (3, 0.7, 2, 5)
    assert told["rate"]["qp"] == 37.5 and told["strength"] == 0.5 and not torch.equal(result, images)
    with pytest.raises(UsageError, match="whole number"):
        node("EnhanceTellCoding", codec="JPEG quality", value=37.5)


def test_pixels_are_asked_whether_they_were_a_jpeg() -> None:
    photo_pixels = data.astronaut()[:256, 128:384]
    coded = io.BytesIO()
    Image.fromarray(photo_pixels).save(coded, "JPEG", quality=20)
    images = torch.cat([as_image(Image.open(coded)), as_image(Image.fromarray(photo_pixels))])
    coding, was_jpeg, quality, found = node("EnhanceWasItAJpeg", image=images)
    assert was_jpeg is True and quality == 20
    first, second = found.splitlines()
    assert "jpeg quality 20" in first and "left as it is" in second
    result, _ = node("EnhancePicture", image=images, coding=coding, **PLAIN)
    expected = enhance(images[0].numpy(), quality="auto", mode="fidelity", device="cpu", dtype="float32")
    assert np.abs(result[0].numpy() - expected).max() < ROUNDING and not torch.equal(result[0], images[0])
    assert torch.equal(result[1], images[1])
    with pytest.raises(UsageError, match="other pictures"):
        node("EnhancePicture", image=images[:1], coding=coding, **PLAIN)


def test_cancel_ends_a_node(monkeypatch: pytest.MonkeyPatch, photo: Path) -> None:
    class Cancelled(Exception):
        pass

    class Management:
        @staticmethod
        def throw_exception_if_processing_interrupted() -> None:
            raise Cancelled

    monkeypatch.setitem(sys.modules, "comfy.model_management", Management)
    image, coding, _ = node("EnhanceLoadCodedPicture", image="photo.jpg")
    (told,) = node("EnhanceTellCoding", codec="JPEG quality", value=30.0)
    for each in (coding, told):
        with pytest.raises(Cancelled):
            node("EnhancePicture", image=image, coding=each, **PLAIN)


def block(language: str) -> str:
    """The first example of the page in a language."""
    page = (ROOT / "docs/integrations/comfyui.md").read_text(encoding="utf-8")
    return page.split(f"```{language}\n")[1].split("```")[0]


@contextmanager
def comfyui(folder: Path) -> Iterator[str]:
    """The real ComfyUI on the CPU, with this checkout's nodes and a folder of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "custom_nodes").mkdir(exist_ok=True)
    (folder / "custom_nodes" / "enhance_nodes.py").write_text(block("python"), encoding="utf-8")
    python = os.environ.get("ENHANCE_COMFYUI_PYTHON", sys.executable)
    options = ["--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(folder)]
    more = ["--disable-api-nodes", "--database-url", "sqlite:///:memory:", "--disable-auto-launch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "main.py", *options, *more], cwd=HOST, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            while not answers(address):
                assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()
            process.wait()


def answers(address: str) -> bool:
    """Whether there is a server."""
    try:
        urllib.request.urlopen(f"{address}/queue").close()
    except urllib.error.URLError:
        return False
    return True


def call(address: str, content: Any = None) -> Any:
    """An answer of ComfyUI's API."""
    request = urllib.request.Request(address, None if content is None else json.dumps(content).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


@pytest.mark.slow
@pytest.mark.skipif(HOST is None, reason="ENHANCE_COMFYUI names no checkout of ComfyUI")
def test_the_workflow_of_the_page_runs_in_the_real_host(photo: Path, tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()[:256, 64:384]).save(photo, quality=20, exif=Image.open(photo).getexif())
    workflow = json.loads(block("json"))
    with comfyui(tmp_path) as address:
        told = call(f"{address}/object_info/EnhancePicture")["EnhancePicture"]
        assert told["display_name"] == "Enhance" and told["input"]["required"]["mode"][1]["tooltip"]
        number = call(f"{address}/prompt", {"prompt": workflow})["prompt_id"]
        while not (history := call(f"{address}/history/{number}")):
            time.sleep(0.5)
    done = history[number]
    assert done["status"]["status_str"] == "success", done["status"]
    texts = [json.loads(line) for output in done["outputs"].values() for line in output.get("text", [])]
    assert [record["consistent"] for record in texts] == [True]
    enhancer = Enhancer(ROOT / "enhance/weights" / str(JPEG.weights), device="cpu", dtype="float32")
    stored = ImageOps.exif_transpose(Image.open(photo))
    for name, picture in (
        ("of_the_file", enhancer(photo, mode="fidelity")),
        ("of_its_pixels", enhancer(stored, quality="auto", mode="fidelity")),
    ):
        (saved,) = (tmp_path / "output").glob(f"{name}*.png")
        found, expected = (np.asarray(each, np.int16) for each in (Image.open(saved), picture.image))
        assert found.shape == (320, 256, 3) and np.abs(found - expected).max() <= 1  # ComfyUI does not round
        assert np.abs(found - np.asarray(stored, np.int16)).max() > 5
