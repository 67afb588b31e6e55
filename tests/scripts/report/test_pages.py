"""Pages: what stands between markers is replaced, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.pages import Marker, fill, update

from enhance.errors import UsageError

PAGE = """# Title
<!-- a note -->
<!-- shown: one
     row="a b: `--c` d" row=e flag -->
old
<!-- /shown -->
In the text <!-- shown: two -->old<!-- /shown --> and on. `<!-- shown: code -->`
<!-- other: kept --> old <!-- /other -->
```
<!-- shown: fenced -->
```
"""


def show(marker: Marker) -> str:
    return "a table\nof lines" if marker.subject == "one" else "a number"


def test_markers_are_filled_in_and_all_else_stays() -> None:
    filled = fill(PAGE, {"shown": show}, "page.md")
    assert filled == PAGE.replace("-->\nold\n<!--", "-->\n\na table\nof lines\n\n<!--").replace(
        "two -->old<", "two -->a number<"
    )
    assert fill(filled, {"shown": show}, "page.md") == filled


def test_words_of_a_marker() -> None:
    seen: list[Marker] = []

    def keep(marker: Marker) -> str:
        seen.append(marker)
        return ""

    fill(PAGE, {"shown": keep}, "page.md")
    assert [marker.subject for marker in seen] == ["one", "two"]
    assert seen[0].options == {"row": ["a b: `--c` d", "e"]} and seen[0].flags == ["flag"]
    assert seen[0].one("absent", "x") == "x"
    with pytest.raises(UsageError, match="row= is given twice"):
        seen[0].one("row")
    with pytest.raises(UsageError, match="cannot hold 'flag'"):
        seen[0].check(["row"], [])


@given(st.text(st.characters(exclude_characters="<`~", exclude_categories=["Cs"])), st.text("ab \n"))
def test_whatever_stands_there_is_replaced(around: str, old: str) -> None:
    page = f"{around}\n<!-- shown: two -->{old}<!-- /shown -->{around}"
    assert fill(page, {"shown": show}, "p") == f"{around}\n<!-- shown: two -->a number<!-- /shown -->{around}"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("\n\n<!-- shown: one -->", "page.md:3: <!-- /shown --> is missing"),
        ("\n<!-- shown: one --><!-- shown: two --><!-- /shown -->", "page.md:2: <!-- /shown --> is missing"),
        ("\n<!-- /shown -->", "page.md:2: nothing is open"),
        ('<!-- shown: one row="a -->x<!-- /shown -->', "page.md:1: .*No closing quotation"),
        ("<!-- shown: row=a -->x<!-- /shown -->", "page.md:1: .*must name what it shows"),
    ],
)
def test_errors_name_page_and_line(page: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fill(page, {"shown": show}, "page.md")


def test_nothing_is_written_unless_all_pages_can_be(tmp_path: Path) -> None:
    good, bad, binary = tmp_path / "good.md", tmp_path / "bad.md", tmp_path / "binary.md"
    good.write_text(PAGE)
    bad.write_text("<!-- shown: one -->")
    binary.write_bytes(b"\xff")
    for other in (bad, binary, tmp_path / "missing.md"):
        with pytest.raises(UsageError, match=other.name):
            update([good, other], {"shown": show})
    assert good.read_text() == PAGE
    assert update([good], {"shown": show}, is_check=True) == [good] and good.read_text() == PAGE
    assert update([good, good], {"shown": show}) == [good] and good.read_text() != PAGE
    assert update([good], {"shown": show}, is_check=True) == []
