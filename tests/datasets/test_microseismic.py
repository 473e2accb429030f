"""The microseismic builder: published files as they are, simulated datasets, and what may be wrong."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import zoo
from zoo.data import datasets
from zoo.data.builders import builder_class
from zoo.errors import UsageError, ZooError

PUBLISHED = "microseismic/spurio_mancini_2021"


@pytest.fixture
def published_files(tmp_path):
    """Files in the form of the published ones, with random traces (20 training, 10 test events)."""
    folder = tmp_path / "manual"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 10)):
        index = np.stack([rng.integers(2, n, count) for n in (80, 80, 243)], 1).astype(np.int16)
        index[:, 2] += 1
        index[0] = (1, 40, 100)  # on a face
        np.save(folder / f"coordinates_grid_{split}.npy", index)
        np.save(folder / f"seismograms_sparse_{split}.npy", rng.normal(size=(count, 501)).astype(np.float32))
        np.save(folder / f"missing_abs_bound_{split}.npy", np.full(count, 0.5, np.float32))
    return folder


def test_published_files_are_read_as_they_are(published_files, tmp_path):
    datasets.prepare(PUBLISHED, tmp_path / "data", published_files)
    for split in ("train", "test"):
        records = datasets.arrays(PUBLISHED, split, tmp_path / "data")
        stored = np.load(published_files / f"seismograms_sparse_{split}.npy")
        index = np.load(published_files / f"coordinates_grid_{split}.npy")
        np.testing.assert_array_equal(records["traces"][:, 0], stored)
        np.testing.assert_allclose(records["coordinates_km"], (index - 1) * [0.0125, 0.0125, 0.01], atol=1e-6)
        assert records["on_boundary_face"].tolist() == [True] + [False] * (len(index) - 1)
        assert (np.diff(records["event"]) == 1).all()
        assert (records["missing_abs_bound"] == 0.5).all()
    about = datasets.metadata(PUBLISHED, tmp_path / "data")
    assert about["splits"] == {"train": 20, "test": 10}
    np.testing.assert_allclose(about["receivers_km"], [[0.5, 0.5, 2.43]], atol=1e-6)
    with pytest.raises(ZooError, match="no split 'validation'"):
        zoo.load_dataset(PUBLISHED, "validation", data_dir=tmp_path / "data")


def test_the_authors_own_pair_of_files(tmp_path):
    folder = tmp_path / "manual"
    folder.mkdir()
    rng = np.random.default_rng(0)
    index = np.stack([rng.integers(1, n, 4000) for n in (82, 82, 244)], 1)
    np.save(folder / "coordinates_4000seismo_ISO.npy", index.astype(float))
    traces = rng.normal(size=(4000, 501)).astype(np.float32)
    np.save(folder / "seismograms_4000seismo_ISO.npy", traces)
    datasets.prepare(PUBLISHED, tmp_path / "data", folder)
    assert datasets.metadata(PUBLISHED, tmp_path / "data")["splits"] == {
        "train": 2000,
        "validation": 1000,
        "test": 1000,
    }
    test = datasets.arrays(PUBLISHED, "test", tmp_path / "data")
    np.testing.assert_array_equal(test["traces"][:, 0], traces[3000:])
    assert test["event"][0] == 3000


def test_parts_of_a_split_and_shuffling(published_files, tmp_path):
    datasets.prepare(PUBLISHED, tmp_path / "data", published_files)
    read = lambda split, **k: datasets.load_dataset(PUBLISHED, split, data_dir=tmp_path / "data", **k)
    events = lambda *a, **k: [int(r["event"]) for r in read(*a, **k)]
    assert events("train[:75%]") == list(range(15))
    assert events("train[75%:]") == list(range(15, 20))
    shuffled = events("train", shuffle_seed=1)
    assert shuffled != list(range(20)) and sorted(shuffled) == list(range(20))
    assert shuffled == events("train", shuffle_seed=1) != events("train", shuffle_seed=2)
    batch = next(iter(read("train", batch_size=8)))
    assert batch["traces"].shape == (8, 1, 501)


def _truncate(folder):
    path = folder / "seismograms_sparse_train.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def _nan(folder):
    traces = np.load(folder / "seismograms_sparse_test.npy")
    traces[3, 7] = np.nan
    np.save(folder / "seismograms_sparse_test.npy", traces)


def _short(folder):
    traces = np.load(folder / "seismograms_sparse_train.npy")
    np.save(folder / "seismograms_sparse_train.npy", traces[:, :500])


def _zero_based(folder):
    np.save(folder / "coordinates_grid_train.npy", np.load(folder / "coordinates_grid_train.npy") - 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "truncated"),
        (_nan, "event 3 holds NaN"),
        (_short, r"\(events, 501\)"),
        (_zero_based, "from 1 to"),
        (lambda folder: [p.unlink() for p in folder.iterdir()], "manual"),
    ],
)
def test_damaged_files_are_refused_by_name(published_files, tmp_path, damage, message):
    damage(published_files)
    with pytest.raises(ZooError, match=message):
        datasets.prepare(PUBLISHED, tmp_path / "data", published_files)
    with pytest.raises(ZooError, match="not prepared"):
        datasets.arrays(PUBLISHED, "train", tmp_path / "data")


@pytest.mark.slow  # one of 60 CPU-seconds; those of a field of one's own are as real
def test_the_small_marine_dataset(small_dataset):
    train = datasets.arrays("microseismic/marine_small", "train", small_dataset)
    assert train["traces"].shape == (200, 1, 501) and np.isfinite(train["traces"]).all()
    assert datasets.metadata("microseismic/marine_small", small_dataset)["splits"] == {
        "train": 200,
        "validation": 100,
        "test": 100,
    }
    # Sources keep away from the faces and from the soft seabed.
    source = train["coordinates_km"]
    assert (source[:, :2] >= 0.05 - 1e-6).all() and (source[:, :2] <= 0.95 + 1e-6).all()
    assert source[:, 2].min() >= 0.05 - 1e-6 and source[:, 2].max() <= 2.43 - 0.15 + 1e-6
    # Farther sources arrive later and are weaker.
    distance = np.linalg.norm(source - [0.5, 0.5, 2.43], axis=1)
    peak = np.abs(train["traces"][:, 0]).argmax(1)
    assert np.corrcoef(distance, peak)[0, 1] > 0.98
    largest = np.abs(train["traces"][:, 0]).max(1)
    assert np.corrcoef(np.log(distance), np.log(largest))[0, 1] < -0.8


def test_a_dataset_of_ones_own(tmp_path, monkeypatch, capsys):
    from zoo.microseismic.physics import elastic
    from zoo.microseismic.physics.elastic import ElasticModel, write_model

    vp = np.full((21, 21, 31), 2500, np.float32)
    vs, density = vp / 1.8, np.full_like(vp, 2200)
    vp[:, :, 26:], vs[:, :, 26:], density[:, :, 26:] = 1500, 0, 1000
    write_model(ElasticModel(vp, vs, density, (20.0, 20.0, 20.0)), tmp_path / "model.npz")
    with open(tmp_path / "receivers.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["x_km", "y_km", "z_km"], [0.2, 0.2, 0.52], [0.1, 0.3, 0.52]])
    settings = {
        "velocity_model": str(tmp_path / "model.npz"),
        "receivers": str(tmp_path / "receivers.csv"),
        "sources": "12",
        "duration_s": "0.4",
        "pulse_sigma_s": "0.028",
    }
    # Interrupted at the second receiver, it goes on from there.
    simulate = elastic.receiver_gathers

    def interrupted(*arguments, description, **options):
        if description == "Receiver 2 of 2":
            raise KeyboardInterrupt
        return simulate(*arguments, description=description, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(elastic, "receiver_gathers", interrupted)
        datasets.prepare("microseismic/field", tmp_path / "data", settings=settings)
    capsys.readouterr()
    datasets.prepare("microseismic/field", tmp_path / "data", settings=settings)
    said = capsys.readouterr().err
    assert "1 of 2 shards are there already" in said and "Receiver 1 of 2" not in said
    train = datasets.arrays("microseismic/field", "train", tmp_path / "data")
    assert train["traces"].shape == (6, 2, 101)
    assert np.abs(train["traces"]).max() > 0
    about = datasets.metadata("microseismic/field", tmp_path / "data")
    np.testing.assert_allclose(about["receivers_km"], [[0.2, 0.2, 0.52], [0.1, 0.3, 0.52]])
    assert "microseismic/field" in datasets.describe("microseismic", tmp_path / "data")["prepared"]


def test_wrong_settings_of_ones_own_dataset(tmp_path):
    prepare = lambda name="microseismic/own", **settings: datasets.prepare(name, tmp_path, settings=settings)
    with pytest.raises(UsageError, match="Did you mean sources"):
        prepare(source="12")
    with pytest.raises(UsageError, match="whole number in sources from 4; received .many."):
        prepare(sources="many")
    with pytest.raises(UsageError, match="name of its own"):
        prepare("microseismic/marine", sources="12")
    (tmp_path / "r.csv").write_text("x,y,z\n1,2,3\n")
    with pytest.raises(ZooError, match="x_km,y_km,z_km"):
        prepare(receivers=str(tmp_path / "r.csv"))
    (tmp_path / "r.csv").write_text("x_km,y_km,z_km\n1,2,30\n")
    with pytest.raises(ZooError, match="outside the velocity model"):
        prepare(receivers=str(tmp_path / "r.csv"))


def test_receivers_by_degrees_and_a_table_of_layers(tmp_path):
    """The top of the layers is at an elevation, and so are the stations."""
    (tmp_path / "layers.csv").write_text(
        "depth_m,vp_m_s,vs_m_s,density_kg_m3\n0,1800,700,2000\n300,2300,1100,2150\n600,2800,1450,2250\n"
    )
    (tmp_path / "stations.csv").write_text(
        "station,latitude,longitude,elevation_m\nA,46.8,10.5,850\nB,46.802,10.5,800\n"
    )
    settings = {name: str(tmp_path / f"{file}.csv") for name, file in
                (("velocity_model", "layers"), ("receivers", "stations"))}  # fmt: skip
    builder = builder_class("microseismic")
    config = builder.custom_config("field", settings | {"surface_elevation_m": "900"})
    np.testing.assert_allclose(config.receivers_km, [[0.2, 0.2, 0.85], [0.2, 0.4223, 0.8]], atol=1e-3)
    (tmp_path / "stations.csv").write_text("x_km,y_km,z_km\n0.2,0.2,0.8\n")
    with pytest.raises(UsageError, match="places receivers by degrees"):
        builder.custom_config("field", settings | {"surface_elevation_m": "900"})


def test_unknown_datasets_say_what_is_near(tmp_path):
    with pytest.raises(ZooError, match="Did you mean microseismic"):
        zoo.load_dataset("microseismc/marine", "train")
    with pytest.raises(ZooError, match="Did you mean marine"):
        zoo.load_dataset("microseismic/marin", "train", data_dir=tmp_path)
    with pytest.raises(ZooError, match="zoo prepare microseismic/marine"):
        zoo.load_dataset("microseismic/marine", "train", data_dir=tmp_path)
