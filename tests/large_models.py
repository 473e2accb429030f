"""Models so large that each test of them takes many seconds: such tests are slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

LARGE = ("seismicity_resnet34", "seismicity_resnet101")


def large_are_slow(names: Sequence[str]) -> list[Any]:
    """Return names of recipes, architectures or checkpoints for `parametrize`, the large ones marked slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name.split(".")[0] in LARGE else name for name in names]
