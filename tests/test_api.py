"""One call for whatever a programmer holds in hand: the same kind comes out."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from PIL import Image, ImageOps

import enhance
from enhance.enhancer import Enhancer
from enhance.errors import DecodeError, OutputError, UnsupportedImageError, UsageError
from enhance.models.checkpoint import Checkpoint
from enhance.sources import open_source

ReadDeep = Callable[[bytes], npt.NDArray[np.uint16]]


@pytest.fixture(scope="module")
def enhancer(tiny_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_checkpoint, device="cpu", dtype="float32")


def photo(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(skimage.data.astronaut()[50:92, 100:159]).convert(mode)


def jpeg(quality: int = 20, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    photo(mode).save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def test_importing_the_package_imports_nothing_heavy() -> None:
    check = (
        "import sys, enhance; enhance.__version__; dir(enhance); "
        "sys.exit(bool({'torch', 'PIL', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_every_public_name_is_there() -> None:
    assert all(getattr(enhance, name) is not None for name in enhance.__all__)
    assert set(enhance.__all__) <= set(dir(enhance))
    with pytest.raises(AttributeError, match="improve"):
        enhance.improve  # noqa: B018


def test_one_line(tiny_model_file: Path) -> None:
    result = enhance.enhance(jpeg(), model=tiny_model_file, device="cpu", dtype="float32", seed=3)
    assert Image.open(io.BytesIO(result)).format == "PNG"


def test_a_path_gives_a_pil_image(enhancer: Enhancer, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    for source in (path, str(path)):
        result = enhancer(source)
        assert isinstance(result.image, Image.Image)
        assert result.image.size == photo().size
        assert result.record.rate["quality"] == 20
        assert result.record.consistent
    assert sorted(tmp_path.iterdir()) == [path]


def test_bytes_give_bytes_and_all_ways_agree(enhancer: Enhancer, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    pixels = np.asarray(enhancer(path).image)
    for source in (path.read_bytes(), bytearray(path.read_bytes()), io.BytesIO(path.read_bytes())):
        result = enhancer(source).image
        assert isinstance(result, bytes)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(result))), pixels)
    assert Image.open(io.BytesIO(enhancer(jpeg(), format="webp").image)).format == "WEBP"


def test_output_is_written_once_and_never_over_the_source(enhancer: Enhancer, tmp_path: Path) -> None:
    path, output = tmp_path / "photo.jpg", tmp_path / "better.png"
    path.write_bytes(jpeg())
    result = enhancer(path, output=output)
    assert np.array_equal(np.asarray(Image.open(output)), np.asarray(result.image))
    with pytest.raises(OutputError, match="exists"):
        enhancer(path, output=output)
    enhancer(path, output=output, overwrite=True, strength=0)
    assert np.array_equal(np.asarray(Image.open(output)), np.asarray(Image.open(path)))
    with pytest.raises(OutputError):
        enhancer(path, output=path, overwrite=True)
    assert path.read_bytes() == jpeg()
    with pytest.raises(UsageError):
        enhancer(path, output=tmp_path / "better.xyz")


def test_metadata_stays_with_the_picture(enhancer: Enhancer) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a photo", 6
    data = jpeg(exif=exif.tobytes(), icc_profile=None, dpi=(300, 300))
    opened = Image.open(io.BytesIO(enhancer(data, format="jpeg").image))
    assert opened.getexif()[0x010E] == "a photo"
    assert opened.getexif()[0x0112] == 6
    as_pil = enhancer(Image.open(io.BytesIO(data))).image
    assert as_pil.getexif()[0x010E] == "a photo"
    assert as_pil.size == photo().size


def test_a_path_gives_an_upright_picture(enhancer: Enhancer, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg(exif=exif.tobytes()))
    result = enhancer(path, strength=0).image
    result.save(tmp_path / "saved.png")
    with Image.open(path) as source, Image.open(tmp_path / "saved.png") as saved:
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(source)), np.asarray(saved))
    assert ImageOps.exif_transpose(result).size == result.size == photo().size[::-1]


def test_what_cannot_be_written_is_refused_before_the_work(
    enhancer: Enhancer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        pytest.fail("the network was started")

    monkeypatch.setattr(enhancer, "run", work)
    path, there = tmp_path / "photo.jpg", tmp_path / "there.png"
    path.write_bytes(jpeg())
    there.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        enhancer(path, output=there)
    with pytest.raises(OutputError, match="never changed"):
        enhancer(path, output=path, overwrite=True)
    with pytest.raises(OutputError, match="does not exist"):
        enhancer(path, output=tmp_path / "none" / "out.png")
    with pytest.raises(UsageError, match="unknown output format"):
        enhancer(path, output=tmp_path / "out.png", format="gif")
    assert there.read_bytes() == b"mine"


def test_a_pil_image_of_a_jpeg_knows_its_tables(enhancer: Enhancer) -> None:
    for mode, tables in (("RGB", 12), ("L", 12), ("RGB", 77)):
        source = Image.open(io.BytesIO(jpeg(tables, mode)))
        result = enhancer(source)
        assert result.image.mode == mode
        assert result.record.rate == {"quality": tables, "tables": "standard"}
        assert not result.record.consistent
        from_file = enhancer(jpeg(tables, mode), consistent=False).image
        assert np.array_equal(np.asarray(result.image), np.asarray(Image.open(io.BytesIO(from_file))))
    for mode, options in (("CMYK", {}), ("RGB", {"keep_rgb": True})):  # all components have the luma table
        data = jpeg(30, mode, **options)
        for whole in (data, Image.open(io.BytesIO(data))):
            assert enhancer(whole).record.rate == {"quality": 30, "tables": "standard"}
    custom = Image.open(io.BytesIO(jpeg(qtables=[[9] * 64, [17] * 64])))
    assert enhancer(custom).record.rate["tables"] == "custom"
    assert enhancer(custom, quality=30).record.rate_overridden


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "YCbCr", "HSV"])
def test_pil_modes_without_alpha(enhancer: Enhancer, mode: str) -> None:
    source = photo(mode)
    result = enhancer(source, quality=20).image
    assert result.mode == ("L" if mode in ("1", "L") else "RGB")
    unchanged = enhancer(source, quality=20, strength=0).image
    assert np.array_equal(np.asarray(unchanged), np.asarray(source.convert(result.mode)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_passes_through(enhancer: Enhancer, mode: str, tmp_path: Path) -> None:
    alpha = Image.fromarray(np.random.default_rng(0).integers(0, 256, (42, 59)).astype(np.uint8))
    if mode == "P":
        source = photo("P")
        source.info["transparency"] = 3
        alpha = source.convert("RGBA").getchannel("A")
    else:
        source = photo("RGB" if mode == "RGBA" else "L")
        source.putalpha(alpha)
    result = enhancer(source, quality=20).image
    assert result.mode == ("LA" if mode == "LA" else "RGBA")
    assert np.array_equal(np.asarray(result.getchannel("A")), np.asarray(alpha))
    with pytest.raises(UsageError, match="alpha"):
        enhancer(source, quality=20, output=tmp_path / "out.png")


def test_arrays(enhancer: Enhancer) -> None:
    rgb = np.asarray(photo())
    result = enhancer(rgb, quality=20).image
    assert (result.shape, result.dtype) == (rgb.shape, rgb.dtype)
    alpha = np.dstack([rgb, rgb[..., :1]])
    with_alpha = enhancer(alpha, quality=20).image
    assert np.array_equal(with_alpha[..., :3], result)
    assert np.array_equal(with_alpha[..., 3], alpha[..., 3])
    gray = enhancer(rgb[..., 0], quality=20).image
    assert gray.shape == rgb.shape[:2]
    assert np.array_equal(enhancer(rgb[..., :1], quality=20).image, gray[..., None])
    view = rgb[::-1, ::2]
    assert np.array_equal(enhancer(view, quality=20).image, enhancer(view.copy(), quality=20).image)
    sixteen = rgb.astype(np.uint16) * 257
    deep = enhancer(sixteen, quality=20).image
    assert deep.dtype == np.uint16
    swapped = enhancer(sixteen.astype(">u2"), quality=20).image  # as PGM files and TIFFs of other machines have it
    assert swapped.dtype == np.dtype(">u2") and np.array_equal(swapped, deep)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tensors(enhancer: Enhancer, dtype: torch.dtype, channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = torch.rand((2, channels, 20, 33), generator=generator).to(dtype)
    before = batch.clone()
    result = enhancer(batch, quality=20, steps=3)
    assert (result.image.shape, result.image.dtype, result.image.device) == (batch.shape, dtype, batch.device)
    assert torch.equal(batch, before)
    assert len(result.records) == 2
    assert torch.equal(result.image, result.image.clamp(0, 1))
    if channels == 4:
        assert torch.equal(result.image[:, 3], batch[:, 3])
    rounding = max(torch.finfo(dtype).eps, 2e-5)  # sums over a batch may be made in another order
    for index in range(2):  # each as if it were alone
        alone = enhancer(batch[index], quality=20, steps=3).image
        assert (alone.double() - result.image[index].double()).abs().max() <= rounding


def test_arrays_and_tensors_of_all_kinds_of_samples_agree(enhancer: Enhancer) -> None:
    codes = np.asarray(photo())
    expected = enhancer(codes, quality=20).image.astype(int)
    for dtype in (np.float16, np.float32, np.float64):
        array = (codes / 255).astype(dtype)
        result = enhancer(array, quality=20).image
        assert result.dtype == np.dtype(dtype) and result.shape == codes.shape
        assert np.abs(result.astype(float) * 255 - expected).max() < 0.7
        assert enhancer(array[..., :1], quality=20).image.shape == array[..., :1].shape
    eight = enhancer(torch.from_numpy(codes.copy()).permute(2, 0, 1), quality=20).image
    assert eight.dtype == torch.uint8
    assert np.abs(eight.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_what_is_no_picture_is_told_the_order_of_colours(enhancer: Enhancer) -> None:
    with pytest.raises(UsageError, match=r"RGB \(not BGR\)"):
        enhancer(np.zeros((3, 8, 8), np.uint8), quality=20)


def test_an_empty_batch_stays_empty(enhancer: Enhancer) -> None:
    assert enhancer(torch.zeros(0, 3, 8, 8), quality=20).image.shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    "source",
    [np.zeros((8, 8, 3), np.uint8), torch.zeros(1, 3, 8, 8), Image.new("RGB", (8, 8))],
    ids=["array", "tensor", "PIL image"],
)
def test_pixels_alone_need_a_quality(enhancer: Enhancer, source: Any) -> None:
    with pytest.raises(UsageError, match=r"quality=.* qp="):
        enhancer(source)
    with pytest.raises(UsageError, match="not both"):
        enhancer(source, quality=20, qp=37)


@pytest.mark.parametrize("kind", ["array", "gray array", "tensor", "PIL image"])
def test_pixels_that_were_vvc(tiny_weights: Path, kind: str) -> None:
    picture = np.asarray(photo("L" if kind == "gray array" else "RGB"))
    source: Any = {
        "tensor": torch.from_numpy(picture.copy()).permute(-1, 0, 1).float() / 255 if picture.ndim == 3 else None,
        "PIL image": Image.fromarray(picture),
    }.get(kind, picture)
    enhancer = Enhancer(device="cpu", dtype="float32")
    result = enhancer(source, qp=37.5)
    assert result.record.codec == "vvc" and result.record.rate == {"qp": 37.5, "estimated": False}
    assert result.record.model.startswith("vvc ")
    assert not any("bitstream" in note for note in result.record.notes)  # VVC has no such bounds anyway
    assert enhancer(source, quality=20).record.codec == "jpeg"
    assert type(result.image) is type(source)


def test_a_jpeg_stays_a_jpeg_whatever_qp_says(enhancer: Enhancer) -> None:
    for source in (jpeg(), Image.open(io.BytesIO(jpeg()))):
        record = enhancer(source, qp=37).record
        assert record.codec == "jpeg" and any("qp is for VVC" in note for note in record.notes)


def test_files_of_16_bits(enhancer: Enhancer, tmp_path: Path, read_deep: ReadDeep) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    exact = enhancer.run(enhance.decode(path), depth=32).pixels * 65535
    for fmt in ("png", "tiff"):
        from_path = enhancer(path, output=tmp_path / f"a.{fmt}", depth=16)
        assert from_path.image.mode == "RGB"
        for content in ((tmp_path / f"a.{fmt}").read_bytes(), enhancer(jpeg(), format=fmt, depth=16).image):
            assert np.abs(read_deep(content) - exact).max() <= 0.51
    codes = np.asarray(photo())
    unchanged = enhancer(codes, quality=20)
    from_array = enhancer(codes, quality=20, output=tmp_path / "array.png", depth=16)
    assert from_array.image.dtype == np.uint8
    assert np.abs(from_array.image.astype(int) - unchanged.image).max() <= 1
    assert (np.mean(from_array.image != unchanged.image)) < 0.01  # rounded through 16 bits
    written = read_deep((tmp_path / "array.png").read_bytes())
    assert np.abs(written / 257 - unchanged.image).max() <= 0.51
    tensor = torch.from_numpy(codes.astype(np.float32) / 255).permute(2, 0, 1)
    enhancer(tensor, quality=20, output=tmp_path / "tensor.png", depth=16)
    assert np.abs(read_deep((tmp_path / "tensor.png").read_bytes()).astype(int) - written).max() <= 1
    enhancer(tensor, quality=20, output=tmp_path / "eight.png")
    with Image.open(tmp_path / "eight.png") as eight:
        assert np.abs(np.asarray(eight).astype(int) - unchanged.image).max() <= 1


def test_a_depth_that_nothing_can_hold_is_refused_before_the_work(
    enhancer: Enhancer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    monkeypatch.setattr(enhancer, "run", lambda *_, **__: pytest.fail("the network was started"))
    with pytest.raises(UsageError, match="hold 8 bits"):
        enhancer(path, output=tmp_path / "out.jpg", depth=16)
    with pytest.raises(UsageError, match="hold 8 bits"):
        enhancer(jpeg(), format="webp", depth=16)
    with pytest.raises(UsageError, match="8 or 16"):
        enhancer(jpeg(), depth=12)
    with pytest.raises(UsageError, match="output="):
        enhancer(path, depth=16)


@pytest.mark.parametrize(
    "source",
    [
        None, 7, [1, 2], np.full((8, 8, 3), 200, np.float32), np.zeros((8, 8, 2), np.uint8), np.zeros(5, np.uint8),
        np.zeros((0, 8, 3), np.uint8), torch.zeros(8, 8), torch.zeros(1, 2, 8, 8), torch.zeros(1, 3, 0, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.int32), torch.full((1, 3, 8, 8), float("nan")),
        np.full((8, 8, 3), np.nan, np.float64), np.zeros((8, 8, 3), np.int64),
        torch.zeros(1, 3, 8, 8).to_sparse(), torch.zeros(1, 3, 8, 8, device="meta"),
        torch.full((1, 3, 8, 8), 200.0), torch.full((1, 3, 8, 8), -1.0), Image.new("RGB", (0, 4)),
    ],
    ids=lambda source: f"{type(source).__name__}{list(getattr(source, 'shape', []))}",
)  # fmt: skip
def test_what_is_no_picture_is_a_usage_error(source: Any) -> None:
    with pytest.raises(UsageError):
        open_source(source, told={"quality": 20})


def test_an_opened_file_that_cannot_be_read_is_a_decode_error(enhancer: Enhancer, tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(jpeg()[:-40])
    with pytest.raises(DecodeError, match="truncated"):
        enhancer(Image.open(path))
    closed = Image.open(io.BytesIO(jpeg()))
    closed.close()
    with pytest.raises(DecodeError):
        enhancer(closed)


def test_results_compare_and_hash_as_objects(enhancer: Enhancer) -> None:
    one, other = (enhancer(np.asarray(photo()), quality=20) for _ in range(2))
    assert one == one and one != other and len({one, other}) == 2


def test_bad_files_and_odd_modes_are_their_own_errors(enhancer: Enhancer, tmp_path: Path) -> None:
    with pytest.raises(DecodeError):
        enhancer(b"")
    with pytest.raises(DecodeError):
        enhancer(tmp_path / "none.jpg")
    with pytest.raises(UnsupportedImageError):
        enhancer(Image.new("F", (8, 8)), quality=20)
    with pytest.raises(UsageError):
        enhancer(jpeg(), format="gif")
    with pytest.raises(UsageError):
        enhancer(torch.zeros(2, 3, 8, 8), quality=20, output=tmp_path / "out.png")
