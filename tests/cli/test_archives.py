"""Comic books and zips: order and other files are kept, and what means no good is refused."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from enhance.batch import archive as archives
from enhance.models.checkpoint import Checkpoint, load_checkpoint

JpegFactory = Callable[..., bytes]
Run = Callable[..., int]


@pytest.fixture
def book(tmp_path: Path, jpeg_bytes: JpegFactory) -> Path:
    """Pages out of order, text beside them, a page that is damaged, and a picture that is none of ours."""
    path = tmp_path / "book.cbz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.comment = b"a book"
        made.writestr("pages/", b"")
        made.writestr("pages/10.jpg", jpeg_bytes(30, size=(32, 24)))
        made.writestr("pages/2.JPEG", jpeg_bytes(30, size=(24, 32)))
        made.writestr("ComicInfo.xml", b"<ComicInfo/>")
        made.writestr("pages/bad.jpg", jpeg_bytes(30)[:300])
        made.writestr("pages/é \u202e.gif", b"GIF89a")
    return path


def test_order_and_other_files_are_kept(
    book: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = book.read_bytes()
    out = tmp_path / "better.cbz"
    assert run(book, "-o", out) == 1  # one page is damaged
    told = capsys.readouterr().err
    assert f"error: {book}: pages/bad.jpg: " in told and "enhance-" not in told
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(out) as made:
        names = ["pages/", "pages/10.png", "pages/2.png", "ComicInfo.xml", "pages/bad.jpg", "pages/é \u202e.gif"]
        assert made.namelist() == names and made.comment == b"a book" and made.testzip() is None
        for name in ("ComicInfo.xml", "pages/bad.jpg", "pages/é \u202e.gif"):
            assert made.read(name) == source.read(name)
            assert made.getinfo(name).date_time == source.getinfo(name).date_time
        assert Image.open(io.BytesIO(made.read("pages/2.png"))).size == (24, 32)
    assert book.read_bytes() == before


def test_formats_folders_and_what_is_there_already(book: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    assert run(book, "-o", out, "--format", "webp", "--quiet") == 1
    with zipfile.ZipFile(out / "book.cbz") as made:
        assert made.namelist()[1] == "pages/10.webp" and made.read("pages/10.webp")[8:12] == b"WEBP"
    before = (out / "book.cbz").read_bytes()
    assert run(book, "-o", out) == 1 and run(book, "-o", out, "--resume") == 0
    assert (out / "book.cbz").read_bytes() == before
    assert run(book, "-o", out, "--force", "--quiet") == 1
    assert (out / "book.cbz").read_bytes() != before
    assert run(book, "-o", book, "--force") == 1  # never over itself


def test_a_dry_run_makes_nothing(book: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(book, "-o", tmp_path / "out", "--dry-run") == 0
    told = capsys.readouterr()
    assert told.out == f"{book} -> {tmp_path / 'out' / 'book.cbz'}\n" and "3 pictures" in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "..\\evil.jpg", "C:\\evil.jpg"])
def test_names_that_lead_out_are_refused(
    name: str, tmp_path: Path, run: Run, jpeg_bytes: JpegFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in" / "book.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zipfile.ZipInfo(name), jpeg_bytes(30))
    assert run(path, "-o", tmp_path / "out") == 1
    assert "leads out of the archive" in capsys.readouterr().err
    assert not list(tmp_path.rglob("evil*"))


def test_links_and_encrypted_files_are_refused(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = zipfile.ZipInfo("a.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "book.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(link, "/etc/passwd")
    assert run(path, "-o", tmp_path / "out") == 1
    assert "leads out of the archive" in capsys.readouterr().err
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.jpg", b"x")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    assert run(path, "-o", tmp_path / "out") == 1
    assert "is encrypted" in capsys.readouterr().err


def test_bombs_are_refused_before_they_are_unpacked_and_lies_while(
    tmp_path: Path,
    run: Run,
    jpeg_bytes: JpegFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "book.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.jpg", b"\xff\xd8\xff" + bytes(3 << 20))
    assert path.stat().st_size < 1 << 15
    assert run(path, "-o", tmp_path / "out", "--max-megabytes", 2) == 1
    assert "unpacks to more than the limit of 2 megabytes" in capsys.readouterr().err
    content = path.read_bytes()
    lie = content.replace((3 * 2**20 + 3).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    path.write_bytes(lie)
    assert run(path, "-o", tmp_path / "out", "--max-megabytes", 2) == 1
    assert "cannot be unpacked" in capsys.readouterr().err
    monkeypatch.setattr(archives, "_MOST_ENTRIES", 1)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.jpg", jpeg_bytes(30))
        made.writestr("b.jpg", jpeg_bytes(30))
    assert run(path, "-o", tmp_path / "out") == 1
    assert "holds 2 files, the limit is 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_and_mixed_calls(
    book: Path, photo_folder: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "fake.zip"
    fake.write_bytes(b"PK no zip")
    assert run(fake, "-o", tmp_path / "out") == 1
    assert "cannot be read as a zip" in capsys.readouterr().err
    with zipfile.ZipFile(fake, "w") as made:
        made.writestr("a.txt", b"text")
    assert run(fake, "-o", tmp_path / "out") == 1
    assert "holds no picture" in capsys.readouterr().err
    assert run(book, photo_folder / "a.jpg", "-o", tmp_path / "out") == 2
    assert run(book, "-o", tmp_path / "out.png") == 2
    assert run(book) == 2


def test_two_pages_that_would_share_a_name(tmp_path: Path, run: Run, jpeg_bytes: JpegFactory) -> None:
    path = tmp_path / "book.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name in ("a.jpg", "a.jpeg", "a.png"):
            made.writestr(name, jpeg_bytes(30, size=(16, 16)) if name != "a.png" else b"mine")
    assert run(path, "-o", tmp_path / "out") == 0
    with zipfile.ZipFile(tmp_path / "out" / "book.zip") as made:
        assert made.namelist() == ["a-2.png", "a-3.png", "a.png"] and made.read("a.png") == b"mine"


def test_a_folder_tells_of_its_archives(
    book: Path, photo_folder: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (photo_folder / "book.cbz").write_bytes(book.read_bytes())
    assert run(photo_folder, "-r", "-o", tmp_path / "out") == 0
    told = capsys.readouterr().err
    reason = "an archive, whose pages are enhanced if it is named itself"
    assert f"passed over       1  {reason}: {photo_folder / 'book.cbz'}\n" in told
    (tmp_path / "books").mkdir()
    book.rename(tmp_path / "books" / "book.cbz")
    assert run(tmp_path / "books", "-o", tmp_path / "other") != 0
    assert f"are named: enhance run {tmp_path / 'books' / 'book.cbz'} -o FOLDER" in capsys.readouterr().err


def test_a_pattern_of_archives_is_taken(book: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "another.cbz").write_bytes(book.read_bytes())
    assert run(tmp_path / "*.cbz", "-o", tmp_path / "out", "--quiet") == 1  # each has its damaged page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["another.cbz", "book.cbz"]


def test_all_archives_share_one_model(book: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "another.cbz").write_bytes(book.read_bytes())
    loaded = []

    def load(path: str) -> Checkpoint:
        loaded.append(path)
        return load_checkpoint(path)

    monkeypatch.setattr("enhance.enhancer.load_checkpoint", load)
    assert run(book, tmp_path / "another.cbz", "-o", tmp_path / "out", "--quiet") == 1  # each has its damaged page
    assert len(loaded) == 1


def test_entries_of_one_name_stay_themselves(tmp_path: Path, run: Run, jpeg_bytes: JpegFactory) -> None:
    path, out = tmp_path / "book.cbz", tmp_path / "out.cbz"
    with zipfile.ZipFile(path, "w") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("p.jpg", jpeg_bytes(30, size=(32, 24)))
        made.writestr("p.jpg", jpeg_bytes(30, size=(24, 32)))
    assert run(path, "-o", out, "--quiet") == 0
    with zipfile.ZipFile(out) as made:
        sizes = [Image.open(io.BytesIO(made.read(entry))).size for entry in made.infolist()]
    assert sizes == [(32, 24), (24, 32)]


def test_archives_of_a_list_keep_their_folders(
    book: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    book.rename("sub/book.cbz")
    Path("books.txt").write_text("sub/book.cbz\n")
    assert run("--files-from", "books.txt", "-o", "out", "--quiet") == 1 and Path("out/sub/book.cbz").is_file()
    Path("photo.txt").write_text("photo.jpg\n")
    assert run("sub/book.cbz", "--files-from", "photo.txt", "-o", "new") == 2  # not passed over in silence
    assert "archives and other inputs" in capsys.readouterr().err and not Path("new").exists()


def test_programs_are_told_of_every_archive(
    book: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, out = tmp_path / "bad.cbz", tmp_path / "out"
    bad.write_bytes(b"PK")

    def told(*options: str) -> list[tuple[str, str]]:
        capsys.readouterr()
        assert run(book, bad, "-o", out, "--json", *options) == 1
        return [(it["status"], it["input"]) for it in map(json.loads, capsys.readouterr().out.splitlines())]

    assert told("--dry-run") == [("planned", str(book)), ("failed", str(bad))]
    assert told()[-1] == ("failed", str(bad))
    assert told("--resume") == [("skipped", str(book)), ("failed", str(bad))]


def test_stdout_takes_no_archive_and_long_names_are_missing_files(
    book: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(book, "-o", "-") == 2
    assert "cannot go to stdout" in capsys.readouterr().err and not Path("-").exists()
    assert run("x" * 300 + ".cbz", "-o", "out") == 1
    assert "no such file" in capsys.readouterr().err


def test_times_and_what_a_killed_run_left(book: Path, tmp_path: Path, run: Run) -> None:
    os.utime(book, (1e9, 1e9))
    out = tmp_path / "out"
    out.mkdir()
    (out / f".enhance-{'0' * 16}.tmp").write_bytes(b"part")
    assert run(book, "-o", out, "--keep-times", "--quiet") == 1
    assert [path.name for path in out.iterdir()] == ["book.cbz"] and (out / "book.cbz").stat().st_mtime == 1e9
