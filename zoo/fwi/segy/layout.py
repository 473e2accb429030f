"""Where everything lies in a file of SEG-Y or Seismic Unix, found by headers that must agree with the file's size.

No header is believed alone. Byte order, number of samples, extended textual headers, additional trace headers,
trailers: for each there are several places that state it, by revision and by what programs have made of it, and each
combination says how large the file must be. Those that say its size are left, and of these the one at whose strides
the trace headers look most alike. What disagreed is told in a note.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.segy.fields import STANDARD, Place, extended, stanza_places

FORMATS = {1: 4, 2: 4, 3: 2, 5: 4, 6: 8, 7: 3, 8: 1, 9: 8, 10: 4, 11: 2, 12: 8, 15: 3, 16: 1}
"""Code of a sample format -> bytes of a sample."""
_NOT_READ = {4: "fixed point with gain, which revision 0 leaves open"}
TEXT, BINARY, TRACE = 3200, 400, 240
"""Bytes of a textual header, of the binary header, of a trace header."""
_FIRST = TEXT + BINARY
_BYTE_ORDER = 16_909_060  # the four bytes 1, 2, 3, 4
_PAIRS_SWAPPED = 33_620_995  # 2, 1, 4, 3
_MOST_BLOCKS = 1000  # of text, of trailers
_LOOKED_AT = 64  # trace headers that are compared
_ALIKE = (29, 30, 69, 70, 71, 72, 89, 90, 115, 116, 117, 118)
"""Bytes of trace headers that seldom change within a file: code, scalars, units, samples, interval."""
_END = re.compile(r"\(\(\s*SEG\s*:\s*EndText\s*\)\)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the traces of a file are.

    Attributes:
        kind: "SEG-Y" or "Seismic Unix".
        order: byte order, ">" or "<".
        format: code of the sample format.
        offsets: (n,) int64, where each trace's header begins.
        lengths: (n,) int64, samples of each trace.
        header_bytes: of a trace's headers together.
        places: of the fields in trace headers.
        interval_us: sampling interval of the binary header in microseconds; 0 where it states none.
        system: measurement system of the binary header: 1 metres, 2 feet, else not stated.
        plain: whether it has no more than revision 0 has: a library can open it.
        notes: sentences on headers that disagree.
    """

    kind: str
    order: str
    format: int
    offsets: np.ndarray
    lengths: np.ndarray
    header_bytes: int
    places: Mapping[str, tuple[Place, ...]]
    interval_us: float = 0.0
    system: int = 0
    plain: bool = True
    notes: tuple[str, ...] = ()

    @property
    def sample_bytes(self) -> int:
        return FORMATS[self.format]


def find_layout(path: Path, content: np.ndarray, kind: str) -> Layout:
    """Return where everything lies.

    Args:
        path: of the file, for errors.
        content: its bytes (uint8), a memory map.
        kind: "SEG-Y" or "Seismic Unix".

    Raises:
        ZooError: no combination of what the headers state has the file's size, or a format that is not read.
    """
    return _segy(path, content) if kind == "SEG-Y" else _unix(path, content)


@dataclass(frozen=True)
class _Guess:
    """A combination of what headers state: first trace, trace headers, samples, blocks at the end; with their words."""

    first: int
    headers: int
    samples: int
    trailers: int
    said: str

    def count(self, size: int, sample_bytes: int) -> int:
        """Return how many traces the file then has; 0 where its size is another."""
        step = TRACE * self.headers + sample_bytes * self.samples
        rest = size - self.first - TEXT * self.trailers
        return rest // step if self.samples > 0 and rest >= step and rest % step == 0 else 0


def _segy(path: Path, content: np.ndarray) -> Layout:
    size = len(content)
    if size < _FIRST + TRACE:
        raise ZooError(f"{path} is cut short or not SEG-Y: {size} bytes are less than its headers. Copy it again.")
    order, code = _order_and_format(path, content)
    read = _Reader(content, order)
    major = int(content[3500]) if order == ">" or content[3500] else int(content[3501])
    two = major == 2 or read("i4", 3297) == _BYTE_ORDER  # that number is of revision 2
    text, stated, blocks = _texts(content, read("i2", 3505), order)
    firsts = [_FIRST + TEXT * number for number in blocks]
    if two and _FIRST <= (first := read("u8", 3521)) < size:
        firsts.insert(0, first)
    headers = [1 + n for n in (read("u2", 3507), read("i4", 3507)) if two and 0 <= n < 100] + [1]
    trailers = [n for n in (read("i4", 3529),) if two and 0 < n < _MOST_BLOCKS] + [0]
    guesses = []
    for first, count, ends in itertools.product(*map(_once, (firsts, headers, trailers))):
        if first + TRACE * count <= size:
            guesses += [_Guess(first, count, *one) for one in _sample_counts(read, first, count, two, ends)]
    found = _best(content, guesses, FORMATS[code])
    if found is None:
        return _walked(path, content, read, order, code, guesses, (firsts, headers))
    n = found.count(size, FORMATS[code])
    step = TRACE * found.headers + FORMATS[code] * found.samples
    places, noted = _places(text, content, found.first, found.headers)
    notes = [*noted, *_said(guesses, found, stated, places)]
    interval = read("f8", 3273) if two else 0.0
    return Layout(
        "SEG-Y",
        order,
        code,
        found.first + step * np.arange(n, dtype=np.int64),
        np.full(n, found.samples, np.int64),
        TRACE * found.headers,
        places,
        interval if np.isfinite(interval) and 0 < interval < 1e9 else read("i2", 3217),
        read("i2", 3255),
        found.headers == 1 and not found.trailers and stated >= 0 and found.first == _FIRST + TEXT * stated,
        tuple(notes),
    )


class _Reader:
    """Reads a number of the file at a byte that is counted from 1, as the standard does."""

    def __init__(self, content: np.ndarray, order: str):
        self.content, self.order = content, order

    def __call__(self, kind: str, byte: int):
        there = np.dtype(self.order + kind)
        return self.content[byte - 1 : byte - 1 + there.itemsize].view(there)[0].item()


def _order_and_format(path: Path, content: np.ndarray) -> tuple[str, int]:
    """Return the byte order and the code of the format, which each other's reading must make possible."""
    codes = {order: _Reader(content, order)("i2", 3225) for order in "><"}
    constants = {order: _Reader(content, order)("i4", 3297) for order in "><"}
    if any(value == _PAIRS_SWAPPED for value in constants.values()):
        raise ZooError(f"{path}: its bytes are swapped in pairs (bytes 3297 to 3300). Swap them, as dd conv=swab does.")
    known = [order for order in "><" if constants[order] == _BYTE_ORDER] or [o for o in "><" if codes[o] in FORMATS]
    for order in known:
        if codes[order] in FORMATS:
            return order, codes[order]
    for order in known or "><":
        if codes[order] in _NOT_READ:
            why = _NOT_READ[codes[order]]
            raise ZooError(
                f"{path}: its samples have the format {codes[order]} ({why}). Write them as format 5 (IEEE)."
            )
    raise ZooError(
        f"{path} is cut short or not SEG-Y: bytes 3225 to 3226, the format of samples, hold {codes['>']} (in the other "
        f"byte order {codes['<']}); expected one of {', '.join(map(str, FORMATS))}."
    )


def _texts(content: np.ndarray, stated: int, order: str) -> tuple[str, int, list[int]]:
    """Return the extended text, how many blocks are stated, and the numbers of blocks that there may be."""
    most = min((len(content) - _FIRST - TRACE) // TEXT, _MOST_BLOCKS)
    numbers = [stated] if 0 <= stated <= most else []
    for block in range(most if stated < 0 else 0):
        start = _FIRST + TEXT * block
        if _END.match(_decoded(content[start : start + 80])):
            numbers.append(block + 1)
            break
    count = numbers[0] if numbers else 0
    return _decoded(content[_FIRST : _FIRST + TEXT * count]), stated, [*numbers, 0]


def _decoded(content: np.ndarray) -> str:
    """Return text of ASCII or EBCDIC, whichever it looks like."""
    raw = content.tobytes()
    ascii_like = np.count_nonzero((content >= 32) & (content < 127))
    return raw.decode("latin-1" if 2 * ascii_like >= len(raw) else "cp037", "replace")


def _sample_counts(read: _Reader, first: int, headers: int, two: bool, ends: int) -> Iterator[tuple[int, int, str]]:
    if two and read("u4", 3269):
        yield read("u4", 3269), ends, "the extended number in the binary header (byte 3269)"
    if two and headers > 1 and read("u4", first + TRACE + 137):
        yield read("u4", first + TRACE + 137), ends, "the first trace's extension (byte 137)"
    yield read("u2", 3221), ends, "the binary header (byte 3221)"
    yield read("u2", first + 115), ends, "the first trace header (byte 115)"


def _best(content: np.ndarray, guesses: list[_Guess], sample_bytes: int) -> _Guess | None:
    """Return the guess of the file's size at whose strides the headers look most alike, the first of these."""
    found = [guess for guess in guesses if guess.count(len(content), sample_bytes)]
    return max(found, key=lambda guess: _alikeness(content, guess, sample_bytes), default=None)


def _alikeness(content: np.ndarray, guess: _Guess, sample_bytes: int) -> float:
    """Return the share of bytes that are as in most of the file's trace headers."""
    n = guess.count(len(content), sample_bytes)
    step = TRACE * guess.headers + sample_bytes * guess.samples
    looked = guess.first + step * np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
    there = content[looked[:, None] + np.array(_ALIKE) - 1]
    return float(np.mean(there == np.median(there, axis=0)))


def _places(text: str, content: np.ndarray, first: int, headers: int) -> tuple[dict, list[str]]:
    """Return the places of the fields, with those of extensions and of a stanza, and sentences on these."""
    ends = [first + TRACE * (number + 1) for number in range(1, headers)]
    names = tuple(_decoded(content[end - 8 : end]).strip("\0 ") for end in ends)
    places = dict(STANDARD)
    if names and names[0] == "SEG00001":
        places = extended(places, 1)
    try:
        given = stanza_places(text, names)
    except ValueError as error:
        return places, [f"its stanza SEG:Layout is not followed ({error}): fields are read where the standard has them"]
    if given is None:
        return places, []
    return given, ["fields are read where its stanza SEG:Layout places them, none where it places none"]


def _said(guesses: list[_Guess], found: _Guess, stated: int, places: Mapping) -> list[str]:
    """Return sentences on headers that state something else than what is there."""
    notes = []
    same = [guess for guess in guesses if (guess.first, guess.headers) == (found.first, found.headers)]
    others = {guess.samples: guess.said for guess in same if guess.samples not in (found.samples, 0)}
    if others and places.get("samples") == STANDARD["samples"]:
        said = ", ".join(f"{words} {number}" for number, words in others.items())
        notes.append(f"its size is that of traces with {found.samples} samples, as {found.said} states; {said}")
    there = (found.first - _FIRST) / TEXT
    if stated not in (there, -1):
        notes.append(f"it states {stated} extended textual headers and has {there:g}")
    return notes


def _walked(path, content, read, order, code, guesses, starts) -> Layout:
    """Return the layout of a file whose traces have lengths of their own, each in its header."""
    for first, headers in itertools.product(*map(_once, starts)):
        offsets, lengths, at = [], [], first
        while at + TRACE * headers <= len(content):
            samples = read("u2", at + 115)
            if headers > 1:
                samples = read("u4", at + TRACE + 137) or samples
            end = at + TRACE * headers + FORMATS[code] * samples
            if not samples or end > len(content):
                break
            offsets.append(at)
            lengths.append(samples)
            at = end
        if offsets and at == len(content):
            text, _, _ = _texts(content, read("i2", 3505), order)
            places, notes = _places(text, content, first, headers)
            return Layout(
                "SEG-Y",
                order,
                code,
                np.array(offsets, np.int64),
                np.array(lengths, np.int64),
                TRACE * headers,
                places,
                read("i2", 3217),
                read("i2", 3255),
                False,
                tuple(notes),
            )
    raise ZooError(_cut(path, content, guesses, FORMATS[code], "SEG-Y"))


def _cut(path: Path, content: np.ndarray, guesses: list[_Guess], sample_bytes: int, kind: str) -> str:
    """Return the error of a file that no combination of its headers explains."""
    guess = next((guess for guess in guesses if guess.samples > 0), None)
    if guess is None:
        return f"{path} is cut short or not {kind}: no header states the number of samples of a trace. Copy it again."
    step = TRACE * guess.headers + sample_bytes * guess.samples
    whole, over = divmod(len(content) - guess.first, step)
    return (
        f"{path} has {len(content)} bytes: after {guess.first} bytes of headers {whole} traces of {guess.samples} "
        f"samples ({guess.said}) and {over} bytes over. It is cut short or not {kind}, or its number of samples is "
        "wrong. Copy it again."
    )


def _unix(path: Path, content: np.ndarray) -> Layout:
    guesses = {}
    for order in "<>":
        if len(content) >= TRACE:
            samples = _Reader(content, order)("u2", 115)
            guesses[order] = _Guess(0, 1, samples, 0, f"the first trace header, {_ORDER[order]} endian")
    fit = {order: guess for order, guess in guesses.items() if guess.count(len(content), 4)}
    if not fit:
        raise ZooError(_cut(path, content, list(guesses.values()), 4, "Seismic Unix"))
    order = max(fit, key=lambda one: _alikeness(content, fit[one], 4))
    n, step = fit[order].count(len(content), 4), TRACE + 4 * fit[order].samples
    # From byte 181 on Seismic Unix has fields of its own.
    places = {name: there for name, there in STANDARD.items() if there[0].byte < 181}
    return Layout(
        "Seismic Unix",
        order,
        5,
        step * np.arange(n, dtype=np.int64),
        np.full(n, fit[order].samples, np.int64),
        TRACE,
        places,
    )


_ORDER = {"<": "little", ">": "big"}


def _once(values: list[int]) -> list[int]:
    return list(dict.fromkeys(values))
