"""Lines of a text file and their fields: encoding, a sample from all parts of the file, the separator."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from zoo.seismicity.catalogues.dates import CLOCK, ISO, parse
from zoo.seismicity.catalogues.names import meaning

_BLOCKS, _BLOCK_BYTES, _HEAD_BYTES = 8, 60_000, 200_000


_MARKS = (";", "\t", "|", ",", "^", "~")


_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")


_COMMENT = re.compile(r"\s*(?:#|%|//|!|\*|>|--)")


_ENCODINGS = ("gb18030", "shift_jis", "euc_kr", "cp1251", "cp1253", "cp1254", "cp1252")


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: by its byte-order mark, by zeros, by what makes its header readable."""
    head = b"".join(_blocks(path))
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return name
    start = head[:1000]
    if start.count(0) > 0.2 * len(start):
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        first = head[:_HEAD_BYTES]
        first[: first.rfind(b"\n") + 1 or None].decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    known = {}
    for name in _ENCODINGS:
        try:
            top = head[:4000].decode(name, "ignore").splitlines()[:30]
        except UnicodeError:
            continue
        fields = [re.split(r"[;\t|,]", line) for line in top]
        known[name] = max((sum(bool(meaning(each).role) for each in row) for row in fields), default=0)
    best = max(known.values(), default=0)
    return next((name for name in reversed(_ENCODINGS) if known.get(name) == best), "cp1252")


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the start of a file and blocks from all its parts, whole lines each."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
        yield head if size <= _HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head
        for number in range(1, _BLOCKS if size > 2 * _HEAD_BYTES else 0):
            file.seek((size * number // _BLOCKS) // 2 * 2)
            block = file.read(_BLOCK_BYTES)
            lines = block.split(b"\n")
            if len(lines) > 2 and size > 2 * _HEAD_BYTES:
                yield b"\n".join([*lines[1:-1], b""])


def sample_lines(path: Path, encoding: str) -> tuple[list[str], list[str]]:
    """Return the lines at the top of a file, and lines from its other parts."""
    blocks = list(_blocks(path))
    if encoding.startswith("utf-16"):  # lines cannot be cut byte by byte: the top has to do
        return _lines(blocks[0].decode(encoding, "ignore")), []
    texts = [_lines(block.decode(encoding, "replace")) for block in blocks]
    return texts[0], [line for lines in texts[1:] for line in lines[:200]]


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\n|\r", text)  # as files are read; splitlines would also split at form feeds


def split(line: str, mark: str | None) -> list[str]:
    """Return the fields of a line; `mark` None is for blanks."""
    if mark is None:
        return blank_fields(line)
    return next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])


def blank_fields(line: str) -> list[str]:
    if '"' not in line:
        return line.split()
    return next(csv.reader([re.sub(r"\s+", " ", line.strip())], delimiter=" "), [])


@lru_cache(20_000)
def is_value(text: str) -> bool:
    """Return whether a field is a number, a date or a time of day, as in rows and not in headers."""
    text = text.strip()
    if not text or not re.search(r"\d", text):
        return False
    if _NUMBER.fullmatch(text) or CLOCK.fullmatch(text) or ISO.fullmatch(text):
        return True
    return len(text) >= 6 and bool(parse([text]).kind[0]) or bool(re.fullmatch(r"\d+\.?\d*\s*[NSEWO]", text))


def values_in(fields: Sequence[str]) -> int:
    return sum(map(is_value, fields))


def separator(lines: Sequence[str]) -> str | None:
    """Return what separates the fields: the mark under which most fields are values; None for blanks."""
    body = [line for line in lines[len(lines) // 3 :] if line.strip() and not _COMMENT.match(line)][:120]
    body = body or [line for line in lines if line.strip()][:120]
    scores = {}
    for mark in (*_MARKS, None):
        rows = [split(line, mark) for line in body]
        widths = Counter(map(len, rows))
        width = widths.most_common(1)[0][0]
        if width < 3 and mark is not None:
            continue
        values = sorted(values_in(row) for row in rows)[len(rows) // 2]
        # ISC's rows end with as many magnitudes as there are: they differ in width.
        scores[mark] = values
    if not any(scores.values()):  # a header alone
        return max(scores, key=lambda mark: len(split(body[0], mark)))
    marked = {mark: score for mark, score in scores.items() if mark is not None and score >= 3}
    if marked:
        best = max(marked.values())
        # 36,33;-117,65: under the comma there are values too, but the semicolon keeps the numbers whole.
        for mark in _MARKS:
            if marked.get(mark, 0) >= min(3, best) and (mark != "," or marked[mark] == best):
                other = scores.get(None, 0)
                return mark if marked[mark] >= 4 or other <= marked[mark] + 1 else None
    return None


def lead_of(sample: Sequence[Sequence[str]]) -> int:
    """Return how many fields at the start of nearly all rows are values; 0 where that differs from row to row."""
    counts = Counter(next((n for n, text in enumerate(row) if not is_value(text)), len(row)) for row in sample)
    lead, rows = counts.most_common(1)[0]
    return lead if rows >= 0.95 * len(sample) else 0


def is_row(line: str) -> bool:
    return bool(line.strip()) and not _COMMENT.match(line) or bool(re.match(r"\s*-+[\d.]", line))
