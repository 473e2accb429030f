"""Numbers of fixed columns, in which blanks stand for zeros and the point may be implied."""

from __future__ import annotations

import re

Row = tuple[float, ...]
"""year, month, day, hour, minute, second, longitude, latitude, depth in km, magnitude"""


def number(text: str | None, scale: float = 1.0) -> float:
    """Return a number of a fixed field; "" where it is blank; a point counts more than an implied one."""
    text = (text or "").strip()
    if not text or not re.fullmatch(r"[-+]?\s*[\d ]*\.?[\d ]*", text):
        return float("nan")
    text = text.replace(" ", "0")
    try:
        return float(text) * (1.0 if "." in text else scale)
    except ValueError:
        return float("nan")
