"""The documents that point at code point at the right line."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE_LINK = re.compile(r"\[`(?P<code>[^`]+)`\]\((?P<file>[^)#\s]+)#L(?P<line>\d+)\)")
FILE_LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<file>[^)#\s]+)[^)]*\)")


def misplaced(document: Path) -> list[str]:
    """What is wrong with the document's links to code, one sentence each."""
    complaints = []
    for link in CODE_LINK.finditer(document.read_text(encoding="utf-8")):
        code, line = link["code"], int(link["line"])
        lines = (document.parent / link["file"]).read_text(encoding="utf-8").splitlines()
        if line > len(lines) or code not in lines[line - 1]:
            now = [number for number, text in enumerate(lines, start=1) if code in text]
            where = f"it is on line {', '.join(map(str, now))} now" if now else "it is nowhere in that file now"
            complaints.append(f"{document.name}: {link['file']}#L{line} should hold `{code}`; {where}")
    return complaints


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_linked_file_exists(document: Path) -> None:
    links = [link["file"] for link in FILE_LINK.finditer(document.read_text(encoding="utf-8"))]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_named_line_holds_the_code_it_is_named_for(document: Path) -> None:
    assert misplaced(document) == []


@pytest.mark.parametrize("number", range(1, 6))
def test_each_equation_of_the_paper_is_beside_its_line(number: int) -> None:
    rows = (ROOT / "docs" / "equations.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if re.match(rf"\|[^|]*\({number}\)", row) and CODE_LINK.search(row)]


def test_a_line_that_has_moved_is_reported_with_its_new_place(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("first = 1\nsecond = 2\n")
    document = tmp_path / "page.md"
    document.write_text("[`second = 2`](code.py#L1) [`first`](code.py#L1) [`third`](code.py#L9)")
    assert misplaced(document) == [
        "page.md: code.py#L1 should hold `second = 2`; it is on line 2 now",
        "page.md: code.py#L9 should hold `third`; it is nowhere in that file now",
    ]
