"""The glossary has every word of ours, once, beside a file that uses it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "glossary.md"
ROW = re.compile(r"\| (?P<word>[^|]+) \| (?P<meaning>[^|]+) \| (?P<where>[^|]+) \|")
LINK = re.compile(r"\[`(?P<shown>[^`]+)`\]\((?P<file>[^)]+)\)")
ROWS = [row for row in ROW.finditer(PAGE.read_text(encoding="utf-8")) if row["word"] != "word"]
WORDS = (
    "video, frame, clip, span, view, expensive backbone, cheap backbone, feature map, aggregator, hidden state, "
    "read gate, update gate, pattern, stage 1, stage 2, bundle, GMACs, recipe, run directory, any-time prediction, "
    "published network, head, teacher, student, distillation"
)
WRITTEN_IN_CODE = {"expensive backbone": "50", "cheap backbone": "R2D-26", "GMACs": "GMACs", "stage 2": "Stage 2"}
"""Where a file says it in other letters than the glossary."""


def test_every_word_is_explained_once_in_a_sentence() -> None:
    words = [row["word"] for row in ROWS]
    assert len(set(words)) == len(words)
    assert [word for word in WORDS.split(", ") if word not in words] == []
    assert [row["word"] for row in ROWS if not re.match(r"[A-Z].{20,}\.$|[A-Z].{20,}[^.]$", row["meaning"])] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["word"])
def test_word_is_used_in_the_file_beside_it(row: re.Match[str]) -> None:
    links = list(LINK.finditer(row["where"]))
    assert links
    for link in links:
        path = (PAGE.parent / link["file"]).resolve()
        assert path.is_file() and path.relative_to(PAGE.parent.parent.resolve()) == Path("faster_video", link["shown"])
        word = WRITTEN_IN_CODE.get(row["word"], row["word"])
        spellings = (word, word.replace(" ", "_"), word.replace(" ", ""))
        text = path.read_text(encoding="utf-8").lower()
        assert any(spelling.lower() in text for spelling in spellings), link["file"]
