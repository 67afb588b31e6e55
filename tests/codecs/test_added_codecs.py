"""A codec of another package: installed beside ours, it is decoded, described and enhanced as ours are."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.codecs import registry
from enhance.models.checkpoint import Checkpoint, save_checkpoint

# A toy of a codec: "TOY!", step, width, height, and samples divided by the step. As a package would have it.
PACKAGE = """
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhance.codecs import conditioning
from enhance.codecs.codec import Codec, RateKnob
from enhance.errors import UsageError
from enhance.images import DecodedImage, InspectedImage


@dataclass(frozen=True)
class ToyRate:
    step: int
    codec = "toy"

    @property
    def level(self):
        return float(self.step)

    def conditioning(self):
        return conditioning.pack(luma=np.full(64, self.step / 32))

    def describe(self):
        return {"step": self.step}

    @classmethod
    def told(cls, value, is_gray):
        if value > 40:
            raise UsageError("a step is at most 40")
        return cls(int(value))


class ToyDecoder:
    name = "toy"
    extensions = (".toy",)

    def __init__(self, upside_down=False):
        self.upside_down = upside_down

    def sniff(self, head):
        return head.startswith(b"TOY!")

    def inspect(self, data, *, source, limits):
        return InspectedImage.of(self.decode(data, source=source, limits=limits))

    def decode(self, data, *, source, limits):
        step, width, height = data[4:7]
        pixels = np.frombuffer(data[7:], np.uint8).reshape(height, width, 3) * np.uint8(step)
        pixels = pixels[::-1] if self.upside_down else pixels
        return DecodedImage(np.ascontiguousarray(pixels), ToyRate(step), source=source, details={"toy": True})


CODEC = Codec(
    name="toy", title="Toy", decoder=ToyDecoder, options=("upside_down",), level="step",
    knob=RateKnob("quality", "1..40", ToyRate.told), weights=Path(__file__).with_name("toy.safetensors"),
)
NOT_A_CODEC = "toy"
OURS = Codec(name="jpeg", title="Another JPEG", decoder=ToyDecoder)
"""

ENTRY_POINTS = """[enhance.codecs]
toy = enhance_toy:CODEC
missing = enhance_toy_that_is_not_there:CODEC
text = enhance_toy:NOT_A_CODEC
twin = enhance_toy:OURS
"""

BROKEN = ("missing", "text", "twin")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Checkpoint) -> Path:
    """A folder of installed packages with the toy codec and some that are broken."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "enhance_toy.py").write_text(PACKAGE, encoding="utf-8")
    described = folder / "enhance_toy-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: enhance-toy\nVersion: 1.0\n", encoding="utf-8")
    (described / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    save_checkpoint(dataclasses.replace(tiny_checkpoint, codec="toy"), folder / "toy.safetensors")
    return folder


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A file of the toy codec, 8x6 pixels of (8, 16, 24), the last a little brighter."""
    file = tmp_path / "in" / "picture.toy"
    file.parent.mkdir()
    file.write_bytes(b"TOY!" + bytes([8, 8, 6]) + bytes([1, 2, 3] * 47 + [2, 2, 3]))
    return file


def call(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The console command in an interpreter that has the package."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *sys.path])}
    command = [sys.executable, "-m", "enhance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_its_files_are_found_described_and_enhanced(site: Path, toy: Path, tmp_path: Path) -> None:
    done = call(site, "run", toy.parent, "-o", tmp_path / "out", "--json", "--seed", "3", "--dtype", "float32")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)["record"]
    assert (record["codec"], record["rate"]) == ("toy", {"step": 8})
    assert record["model"].startswith("toy ")
    with Image.open(tmp_path / "out" / "picture.png") as result:
        assert result.size == (8, 6) and not np.array_equal(np.asarray(result)[0, 0], [8, 16, 24])


def test_a_knob_replaces_its_rate_and_info_and_doctor_know_it(site: Path, toy: Path, tmp_path: Path) -> None:
    done = call(site, "run", toy, "-o", tmp_path / "out.png", "--json", "--quality", "12", "--qp", "30")
    record = json.loads(done.stdout)["record"]
    assert (record["rate"], record["rate_overridden"]) == ({"step": 12}, True)
    facts = json.loads(call(site, "info", "--json", toy).stdout)
    assert (facts["codec"], facts["step"], facts["toy"], facts["consistent"]) == ("toy", 8, True, False)
    report = json.loads(call(site, "doctor", "--json").stdout)
    assert report["decoders"]["codec toy"] == ".toy"
    assert report["weights"]["toy.safetensors"].startswith("toy, ")
    for name, problem in {"missing": "ModuleNotFoundError", "text": "no enhance", "twin": "already"}.items():
        assert problem in report["decoders"][f"codec {name}"], "one that is broken is told and does not stop the rest"


@pytest.fixture
def added(site: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """This interpreter as if the package were installed."""
    monkeypatch.syspath_prepend(site)
    caches = (registry.all_codecs, registry.added_codecs, registry.all_decoders)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("added")
def test_its_decoder_takes_its_options(toy: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [codec.name for codec in registry.all_codecs()]
    # Our own learned codecs come by entry points, too: they are there where this package is installed.
    installed = [point for point in entry_points(group=registry.GROUP) if point.name not in BROKEN]
    assert names == ["jpeg", "vvc", *(point.load().name for point in sorted(installed, key=lambda point: point.name))]
    assert "toy" in names
    assert tuple(record.args[0] for record in caplog.records if isinstance(record.args, tuple)) == BROKEN
    content = b"TOY!" + bytes([8, 1, 2]) + bytes([1, 1, 1, 2, 2, 2])
    for options, top in (({}, 8), ({"upside_down": True}, 16)):
        decoders = registry.make_decoders(**options)
        assert registry.decode(content, decoders=decoders).pixels[0, 0, 0] == top
    assert (registry.level_name("toy"), registry.usual_extension("toy")) == ("step", ".toy")


def test_an_option_of_no_decoder_is_refused() -> None:
    with pytest.raises(TypeError, match="upside_down"):
        registry.make_decoders(upside_down=True)
