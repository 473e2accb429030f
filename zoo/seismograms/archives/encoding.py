"""Records as serialized `tf.train.Example`s in TFRecord files, a block at a time and without TensorFlow.

TensorFlow's own serializer needs a Python object per value, and importing it takes more memory than all the rest of a
preparation; here every value of a column is appended to the same bytes. Features are in the order of their names.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import google_crc32c
import numpy as np

_BYTES_LIST, _INT64_LIST = 0x0A, 0x1A  # fields 1 and 3 of tf.train.Feature


def serialize(columns: Mapping[str, Any]) -> list[bytes]:
    """Return one serialized example per row.

    Args:
        columns: by feature name, arrays (n, ...) or lists of n texts. Integers become an Int64List; texts, and the
            little-endian bytes of each row of everything else, a BytesList with one value.
    """
    parts = [_entries(name.encode(), columns[name]) for name in sorted(columns)]
    return [_message(0x0A, b"".join(row)) for row in zip(*parts, strict=True)]


def write_tfrecord(path: str | os.PathLike, records: Iterable[bytes]) -> None:
    """Write records into a TFRecord file: each after its length and between two checksums."""
    with open(path, "wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(b"".join((length, _masked_crc(length), record, _masked_crc(record))))


def _masked_crc(content: bytes) -> bytes:
    """Return the CRC-32C as in a TFRecord: rotated by 15 bits, plus a constant."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    """Return a number as protocol buffers write it: 7 bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _message(tag: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that has a length and a content."""
    return bytes((tag,)) + _varint(len(content)) + content


def _entry(name: bytes, field: int, value: bytes) -> bytes:
    """Return an entry in the map of features: its name, and a list of one value."""
    return _message(0x0A, _message(0x0A, name) + _message(0x12, _message(field, value)))


def _entries(name: bytes, values: Any) -> list[bytes]:
    """Return the entries of one feature, row by row."""
    if isinstance(values, np.ndarray) and values.dtype.kind not in "iuSUO":
        rows = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).reshape(len(values), -1)
        size = rows.shape[1] * rows.itemsize
        prefix = _entry(name, _BYTES_LIST, _message(0x0A, bytes(size)))[:-size]
        raw = rows.tobytes()
        return [prefix + raw[at : at + size] for at in range(0, len(raw), size)]
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        made = {number: _whole(name, number) for number in set(values.tolist())}
        return [made[number] for number in values.tolist()]
    return _texts(name, values)


def _whole(name: bytes, number: int) -> bytes:
    packed = _varint(number % (1 << 64))  # negative numbers in two's complement, as in protocol buffers
    return _entry(name, _INT64_LIST, _message(0x0A, packed))


def _texts(name: bytes, values: Sequence[str]) -> list[bytes]:
    prefixes: dict[int, bytes] = {}  # the bytes before a text depend on its length alone
    out = []
    for value in values:
        raw = value.encode()
        prefix = prefixes.get(len(raw))
        if prefix is None:
            whole = _entry(name, _BYTES_LIST, _message(0x0A, raw))
            prefix = prefixes[len(raw)] = whole[: len(whole) - len(raw)]
        out.append(prefix + raw)
    return out
