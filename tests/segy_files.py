"""Files of SEG-Y and Seismic Unix with any header, byte by byte, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

KINDS = {2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}
PLACES = {9: "i4", 17: "i4", 29: "i2", 37: "i4", 41: "i4", 45: "i4", 49: "i4", 53: "i4", 57: "i4", 61: "i4", 65: "i4"}
PLACES |= {69: "i2", 71: "i2", 73: "i4", 77: "i4", 81: "i4", 85: "i4", 89: "i2", 103: "i2", 105: "i2", 109: "i2"}
PLACES |= {115: "i2", 117: "i2", 125: "i2", 131: "i2", 215: "i2"}


def ibm(values: np.ndarray) -> np.ndarray:
    """Return numbers as the 32 bits of IBM's floats, rounded to 20 bits."""
    values = np.asarray(values, np.float64)
    exponent = np.ceil(np.log(np.maximum(np.abs(values), 1e-70)) / np.log(16) + 1e-12).astype(int)
    fraction = np.round(np.abs(values) / 16.0**exponent * 2**24).astype(np.uint32)
    sign = (values < 0).astype(np.uint32) << 31
    return np.where(values == 0, 0, sign | ((exponent + 64).astype(np.uint32) << 24) | fraction).astype(np.uint32)


def encoded(trace: np.ndarray, code: int, order: str) -> bytes:
    """Return the samples of a trace in one of SEG-Y's formats."""
    if code == 1:
        return ibm(trace).astype(order + "u4").tobytes()
    if code in (7, 15):
        four = np.asarray(trace).astype(order + "i4").view(np.uint8).reshape(-1, 4)
        return (four[:, 1:] if order == ">" else four[:, :3]).tobytes()
    return np.asarray(trace).astype(order + KINDS[code]).tobytes()


def write(
    path: Path,
    traces: Sequence[np.ndarray],
    headers: Mapping[int, Sequence[float]],
    *,
    code: int = 5,
    order: str = ">",
    binary: Mapping[int, tuple[str, float]] | None = None,
    text: bytes = b"",
    more: Sequence[bytes] = (),
    trailer: bytes = b"",
    unix: bool = False,
) -> Path:
    """Write a file.

    Args:
        path: of it.
        traces: each (time,).
        headers: byte of the standard trace header -> a value for each trace.
        code: format of samples.
        order: byte order.
        binary: byte (3201 to 3600) of the binary header -> kind and value, beside format, samples and interval.
        text: extended textual headers, filled up to blocks of 3200.
        more: additional 240 bytes of each trace.
        trailer: what comes after the traces.
        unix: no file header.
    """
    head = bytearray(3600)
    head[:3200] = "".join(f"C{n:2d}".ljust(80) for n in range(1, 41)).encode("cp037")
    given = {3217: ("i2", 4000), 3221: ("u2", len(traces[0])), 3225: ("i2", code), 3255: ("i2", 1), **(binary or {})}
    for byte, (kind, value) in given.items():
        raw = np.array(value, order + kind).tobytes()
        head[byte - 1 : byte - 1 + len(raw)] = raw
    parts = [] if unix else [bytes(head), text.ljust(-(-len(text) // 3200) * 3200)]
    for row, trace in enumerate(traces):
        header = bytearray(240)
        for byte, values in headers.items():
            raw = np.array(values[row], order + PLACES[byte]).tobytes()
            header[byte - 1 : byte - 1 + len(raw)] = raw
        parts += [bytes(header), more[row] if more else b"", encoded(trace, code, order)]
    path.write_bytes(b"".join(parts) + trailer)
    return path


def line(shots: int = 2, receivers: int = 5, samples: int = 20) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return whole numbers as traces (n, samples), and the headers of a line along x, receivers every 10 m."""
    rng = np.random.default_rng(3)
    traces = rng.integers(1, 100, (shots * receivers, samples)).astype(np.float64)
    shot, receiver = np.divmod(np.arange(shots * receivers), receivers)
    headers = {9: shot + 7, 29: 1 + 0 * shot, 41: -5 + 0 * shot, 49: 6 + 0 * shot, 73: 20 * shot, 81: 10 * receiver}
    return traces, {**headers, 115: samples + 0 * shot, 117: 4000 + 0 * shot}
