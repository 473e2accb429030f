"""What a builder stands on: its own system's modules, by name; a change there makes shards stale, another does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import zoo
from zoo.data import code
from zoo.data.builders import builder_class, home
from zoo.data.shards import Sharded

ROOT = Path(zoo.__file__).parent


@pytest.fixture
def house(tmp_path):
    """A copy of the package's sources."""
    shutil.copytree(ROOT, tmp_path / "zoo", ignore=lambda folder, names: [n for n in names if n in _DATA])
    return tmp_path / "zoo"


_DATA = ("__pycache__", "checkpoints", "datasets", "recipes")


@pytest.mark.parametrize(
    ("dataset", "changed", "stale"),
    [
        ("prem_dispersion", "crust/physics/rayleigh_kernels.py", True),
        ("prem_dispersion", "crust/physics/prior.py", True),
        ("prem_dispersion", "microseismic/physics/elastic.py", False),
        ("prem_dispersion", "files.py", False),
        ("microseismic", "microseismic/physics/elastic_kernels.py", True),
        ("microseismic", "crust/physics/earth.py", False),
        ("seismicity_maps", "seismicity/physics/sequences.py", True),
        ("seismicity_maps", "seismicity/figures/pages.py", False),
        ("local_seismograms", "seismograms/physics/waves.py", True),
        ("local_seismograms", "seismograms/archives/preparation.py", True),
        ("local_seismograms", "fwi/physics/acoustic.py", False),
        ("stead", "seismograms/signals.py", True),
        ("stead", "seismograms/physics/waves.py", False),
    ],
)
def test_shards_and_blocks_are_stale_where_their_own_modules_change(house, dataset, changed, stale):
    builder = [home(dataset) / f"{dataset}_dataset_builder.py"]
    before = code.code_hashes(builder, house)
    path = house / changed
    path.write_text(path.read_text() + "\n# changed\n")
    assert (code.code_hashes(builder, house) != before) == stale


def test_the_key_of_a_shard_holds_the_code(monkeypatch):
    from zoo.data import shards

    cls = builder_class("prem_dispersion")
    assert issubclass(cls, Sharded)
    config = cls.builder_configs["mini"]
    before = shards._key(cls, config)
    assert shards._key(cls, config) == before
    monkeypatch.setattr(shards, "code_hashes", lambda files: ["other code"])
    assert shards._key(cls, config) != before


def test_what_a_builder_imports_beside_it_counts(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "toy_dataset_builder.py").write_text("from .tables import read\nfrom zoo.crust.physics import earth\n")
    (folder / "tables.py").write_text("def read(): ...\n")
    found = [path.name for path in code.foundations([folder / "toy_dataset_builder.py"])]
    assert found == ["earth.py", "tables.py"] or set(found) == {"earth.py", "tables.py"}
