"""A built wheel, installed away from the checkout, carries models, recipes and builders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIMIT_BYTES, LIMIT_TOGETHER_BYTES = 90_000_000, 250_000_000  # ResNet-101 has 42 million parameters of two bytes

_CODE = """
import zoo, pathlib
assert pathlib.Path(zoo.__file__).is_relative_to({site!r}), zoo.__file__
assert "microseismic" in zoo.list_datasets()
names = zoo.list_models()
assert names
for name in names:
    zoo.load(name)
from zoo import builders
assert "marine" in builders.builder_class("microseismic").builder_configs
print(len(names))
"""


@pytest.mark.slow
def test_a_wheel_works_away_from_the_checkout(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("seismic_zoo-*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    code = _CODE.format(site=str(site))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_wheel_stays_small():
    sizes = {
        card.parent.name: sum(path.stat().st_size for path in card.parent.iterdir())
        for card in ROOT.glob("checkpoints/*/card.json")
    }
    for name, size in sizes.items():
        assert size <= LIMIT_BYTES, f"{name} has {size / 1e6:.0f} MB: ship its card and name mirrors"
    assert sum(sizes.values()) <= LIMIT_TOGETHER_BYTES
