"""Independent work gives the same whoever does it: here, threads, processes, Dask, and where workers are killed.

What needs Dask is skipped where it is not installed (pip install seismic-zoo[dask]; `make lanes` runs it).
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cluster_jobs
import numpy as np
import pytest

from zoo import cli, cluster
from zoo.cluster import Job, run
from zoo.errors import UsageError, ZooError

with_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="Dask is not installed (pip install seismic-zoo[dask])"
)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def two_workers():
    """A client of two worker processes that find the modules of the tests."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [before])])
    try:
        with cluster.opened("local:2") as client:
            yield client
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def address(client) -> str:
    return client.scheduler.address


def kill_one(client) -> None:
    pids = client.run(os.getpid, on_error="ignore")
    os.kill(next(pid for pid in pids.values() if isinstance(pid, int)), signal.SIGKILL)


@pytest.mark.parametrize("how", [{}, {"threads": 3}])
def test_every_item_is_done_once(how):
    for count in (0, 1, 9, 10, 40):
        found = list(run(Job(cluster_jobs.times, 3, cluster_jobs.squared), range(count), **how))
        assert sorted(found) == [(item, 9 * item) for item in range(count)]


def test_in_processes(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent), *sys.path]))
    assert sorted(run(Job(cluster_jobs.times, 3), range(9), processes=2)) == [(item, 3 * item) for item in range(9)]


def test_of_failing_work_none_begins_after_it():
    begun = []

    def work(_, item):
        begun.append(item)
        return cluster_jobs.fails(None, item)

    for how in ({}, {"threads": 2}):
        begun.clear()
        with pytest.raises(ZooError, match="item 2 cannot be done"):
            list(run(Job(work), range(1000), **how))
        assert len(begun) < 20


def test_what_is_no_cluster_is_refused(monkeypatch):
    for wrong in ("local:0", "local", "local:x", "http://here:1", ""):
        with pytest.raises(UsageError, match="local:N"):
            list(run(Job(cluster_jobs.times, 3), [1], cluster=wrong))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ZooError, match=r'pip install "seismic-zoo\[dask\]"'):
        list(run(Job(cluster_jobs.times, 3), [1], cluster="local:2"))


def test_what_the_cluster_has_nothing_to_do_with_says_so(tmp_path, capsys):
    command = ["locate", "one.npz", "--out", str(tmp_path), "--cluster", "local:2"]
    assert cli.main(command) == 2
    assert "many events" in capsys.readouterr().err


def test_only_functions_with_names_are_sent():
    for work in (lambda state, item: item, Job(pow).state):
        with pytest.raises(UsageError, match="by name"):
            list(run(Job(work), [1], cluster="local:2"))


def test_workers_of_other_code_are_refused():
    cluster.check_code(cluster.own_code())
    with pytest.raises(ZooError, match="other code"):
        cluster.check_code("of another version")


@with_dask
def test_no_scheduler_there(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with pytest.raises(ZooError, match="No Dask scheduler answers at tcp://127.0.0.1:9"):
        list(run(Job(cluster_jobs.times, 3), [1], cluster="tcp://127.0.0.1:9"))


@with_dask
def test_workers_do_the_same_and_what_fails_is_reported(two_workers):
    found = run(Job(cluster_jobs.times, 3, cluster_jobs.squared), range(40), cluster=address(two_workers))
    assert sorted(found) == [(item, 9 * item) for item in range(40)]
    with pytest.raises(ZooError, match="item 2 cannot be done"):
        list(run(Job(cluster_jobs.fails), range(4), cluster=address(two_workers)))


@with_dask
def test_work_of_killed_workers_is_done_again(two_workers, tmp_path):
    found = run(Job(cluster_jobs.dies_once, str(tmp_path)), range(5), cluster=address(two_workers))
    assert sorted(found) == [(item, item * item) for item in range(5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3"]


@with_dask
def test_a_gradient_of_shots_is_the_same_with_a_worker_killed(two_workers):
    from zoo.fwi.physics.acoustic_apertures import AperturePropagator, apertures_around
    from zoo.fwi.physics.acoustic_propagator import Propagator
    from zoo.fwi.physics.acoustic_spread import SpreadPropagator

    random = np.random.default_rng(0)
    shape, shots, steps = (40, 60), 16, 120
    velocity = np.full(shape, 2000.0, np.float32) + 10 * random.standard_normal(shape).astype(np.float32)
    receivers = np.stack([np.full(12, 2.0), np.linspace(3, 56, 12)], 1)
    sources = np.stack([np.full(shots, 1.5), np.linspace(5, 54, shots)], 1)
    wavelet = random.standard_normal((shots, steps)).astype(np.float32)
    residual = random.standard_normal((shots, steps, 12)).astype(np.float32)
    near = apertures_around(sources, np.tile(receivers, (shots, 1, 1)), np.ones((shots, 12)), shape[1], 5)
    numbered = np.concatenate([sources, np.arange(shots)[:, None]], 1)
    options = {"spacing_m": 10.0, "time_step_s": 0.001, "reference_m_s": 2500.0}
    for one, where in (
        (Propagator(shape, receivers=receivers, **options), sources),
        (AperturePropagator(shape, near, **options), numbered),
    ):
        expected = one.traces(velocity, wavelet, where)
        by_velocity, by_wavelet = one.gradient(velocity, wavelet, where, residual)
        spread = SpreadPropagator(one, two_workers)
        assert 0 < spread.kept_bytes(steps) <= one.kept_bytes(steps)
        traces, kept = spread.traces(velocity, wavelet, where, keep=True)
        np.testing.assert_allclose(traces, expected, atol=1e-6 * np.abs(expected).max())
        if isinstance(one, Propagator):
            kill_one(two_workers)  # with the checkpoints of its shots
        found = spread.gradient(velocity, wavelet, where, residual, kept)
        for got, wanted in zip(found, (by_velocity, by_wavelet), strict=True):
            assert np.linalg.norm(got - wanted) < 1e-6 * np.linalg.norm(wanted)


@with_dask
def test_an_inversion_finds_the_same(two_workers):
    from zoo.fwi import Settings, Survey, VelocityModel, simulate
    from zoo.fwi.inversion.fit import fit_velocity

    true = np.full((30, 40), 2000.0, np.float32)
    true[15:] = 2200.0
    start = VelocityModel(np.full((30, 40), 2050.0, np.float32), 20.0, "start", "test")
    time_s = np.arange(150) * 0.002
    pulse = (1 - 2 * (np.pi * 8 * (time_s - 0.12)) ** 2) * np.exp(-((np.pi * 8 * (time_s - 0.12)) ** 2))
    sources = np.array([[1.0, x] for x in (5.0, 15.0, 25.0, 35.0)])
    receivers = np.stack([np.ones(20), np.linspace(1, 38, 20)], 1)
    survey = Survey(np.tile(pulse, (4, 1)).astype(np.float32), sources, receivers, 0.002)
    survey = dataclasses.replace(survey, observed=simulate(true, 20.0, survey))
    settings = Settings(iterations=3, optimizer="adam", learning_rate=10.0)
    one, other = (fit_velocity(start, survey, settings, client=client) for client in (None, two_workers))
    np.testing.assert_allclose(other.velocity_m_s, one.velocity_m_s, atol=0.05)
    assert np.abs(one.velocity_m_s - start.velocity_m_s).max() > 5


@with_dask
def test_shards_have_the_same_bytes(two_workers, tmp_path):
    from zoo.data import datasets

    settings = {"models": "40", "models_per_shard": "10", "frequencies_mhz": "20:40:10", "depths_km": "10,50"}
    made = []
    for name, how in (("here", {}), ("there", {"cluster": address(two_workers)})):
        datasets.prepare("prem_dispersion/own", tmp_path / name, settings=settings, **how)
        files = sorted((tmp_path / name).glob("prem_dispersion/*/*/*.tfrecord*"))
        made.append([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files])
    assert made[0] == made[1] and made[0]


@with_dask
@pytest.mark.slow
def test_many_events_are_located_there_as_here(two_workers, tmp_path, capsys):
    from zoo import registry

    model = registry.load("cvae_emulator")
    with np.load(registry.find("cvae_emulator") / "golden.npz", allow_pickle=False) as sample:
        traces, noise_sd = sample["traces"][:2], float(sample["noise_sd"])
    told = {"sampling_rate_hz": 250.0, "receivers_km": model.receivers_km, "noise_sd": noise_sd}
    for number, one in enumerate(traces):
        np.savez(tmp_path / f"event{number}.npz", traces=one, **told)
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    files = [str(tmp_path / name) for name in ("event0.npz", "broken.npz", "event1.npz")]
    command = ["locate", *files, "--model", "cvae_emulator", "--velocity-error", "0", "--clock-error-ms", "0"]
    command += ["--gain-error", "0", "--strength", "known", "--pulse", "known", "--origin-time", "known"]
    tables = []
    for name, how in (("here", []), ("there", ["--cluster", address(two_workers)])):
        assert cli.main([*command, "--out", str(tmp_path / name), *how]) == 0
        said = capsys.readouterr()
        assert "1 of 3 files were passed over" in said.out and "broken.npz" in said.err
        with open(tmp_path / name / "locations.csv", newline="") as file:
            tables.append(list(csv.reader(file)))
        assert (tmp_path / name / "event1" / "summary.json").exists()
    # Workers have one thread, which adds in another order: by far less than what is not known.
    (header, *here), (same, *there) = tables
    assert header == same and [row[0] for row in here] == [row[0] for row in there] == ["event0", "event1"]
    for one, other in zip(here, there, strict=True):
        for axis in (1, 3, 5):
            assert abs(float(one[axis]) - float(other[axis])) < 0.1 * float(one[axis + 1])


@with_dask
@pytest.mark.parametrize("kills, hours", [(2, 2), pytest.param(10, 5, marks=pytest.mark.slow)])
def test_picks_are_the_same_with_workers_killed(two_workers, tmp_path, kills, hours):
    """Each time that one more unit is done, a worker is killed, whatever it is at."""
    from obspy import UTCDateTime
    from toy_picker import record, write_sds

    from zoo.seismograms.picking.running import annotate_archive

    at = (30.0, 1789.95, 3600.0 * hours - 1800.0)
    write_sds(record(UTCDateTime("2020-02-28T22:30:00.03"), 3600 * hours, at), tmp_path / "sds")
    out = tmp_path / "there"
    expected = annotate_archive(tmp_path / "sds", "phase_picker", tmp_path / "here", piece_hours=0.25)

    def killing() -> None:
        for done in range(1, kills + 1):
            while len(list((out / "units").rglob("*.json"))) < done:
                time.sleep(0.05)
            kill_one(two_workers)

    killer = threading.Thread(target=killing, daemon=True)
    killer.start()
    found = annotate_archive(tmp_path / "sds", "phase_picker", out, piece_hours=0.25, cluster=address(two_workers))
    killer.join(600)
    assert not killer.is_alive()
    assert found.done == found.units > kills
    for day in expected.days:
        one, other = ((tmp_path / folder / "days" / day / "picks.csv").read_bytes() for folder in ("here", "there"))
        assert one == other
    assert list(expected.picks())
