"""A built wheel, installed away from the checkout, carries models, recipes and builders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIMIT_BYTES = 30_000_000

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
    for card in ROOT.glob("checkpoints/*/card.json"):
        size = sum(path.stat().st_size for path in card.parent.iterdir())
        assert size <= LIMIT_BYTES, f"{card.parent.name} has {size / 1e6:.0f} MB: ship its card and name mirrors"
