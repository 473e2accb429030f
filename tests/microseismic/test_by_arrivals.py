"""Picks and locations in a homogeneous rock, where arrivals are distances over speed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.microseismic.location.by_arrivals import locate_by_arrivals
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.picks import PULSE_SIGMA_S, Picks, pick_arrivals
from zoo.microseismic.location.travel_time_fields import travel_times
from zoo.microseismic.physics.elastic import ElasticModel, gaussian_derivative, write_model
from zoo.sampling.smc import Settings

pytest.importorskip("skfmm")

SMALL = Settings(screen=8_192, particles=512, evidence_draws=1_024, batch=1_024)
SPEED_KM_S = 2.0
RECEIVERS_KM = np.array([[0.2, 0.9, 1.2], [0.5, 0.5, 1.2], [0.9, 0.8, 1.2], [0.7, 0.15, 1.2], [0.1, 0.2, 1.2]])
SOURCE_KM = np.array([0.42, 0.55, 0.6])
RATE_HZ = 250.0


def arrivals_s(source_km):
    return np.linalg.norm(RECEIVERS_KM - source_km, axis=1) / SPEED_KM_S


def record(source_km=SOURCE_KM, noise_sd=1.0, seed=0, late_s=0.0, peak=20.0):
    time_s = np.arange(301) / RATE_HZ
    traces = peak * np.stack([gaussian_derivative(time_s - t - late_s) for t in arrivals_s(source_km)])
    return traces + noise_sd * np.random.default_rng(seed).normal(size=traces.shape)


def observe(**options):
    return Observation(record(**options), RATE_HZ, RECEIVERS_KM, 1.0, options.get("source_km", SOURCE_KM), "Pa")


@pytest.fixture(scope="module")
def rock(tmp_path_factory):
    """A homogeneous rock, with its travel times in a cache of their own."""
    shape = (26, 26, 31)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ElasticModel(*(np.full(shape, v) for v in (1000 * SPEED_KM_S, 1100.0, 2100.0)), (40.0, 40.0, 40.0))


@pytest.fixture(scope="module")
def located(rock):
    return locate_by_arrivals(observe(), rock, settings=SMALL)


def test_fitted_picks_are_unbiased_and_as_sure_as_they_say():
    z_scores = []
    for seed in range(30):
        source_km = np.random.default_rng(seed).uniform(0.1, 0.9, 3)
        picks = pick_arrivals(record(source_km, seed=seed), RATE_HZ, RECEIVERS_KM, 1.0)
        assert np.all(picks.signal_to_noise > 20)
        z_scores.append((picks.times_s - arrivals_s(source_km)) / picks.sds_s)
    assert abs(np.mean(z_scores)) < 0.3
    assert 0.8 < np.std(z_scores) < 1.25


def test_polarity_unit_and_estimated_noise_do_not_matter():
    straight = pick_arrivals(record(), RATE_HZ, RECEIVERS_KM, 1.0)
    flipped = pick_arrivals(-1e-6 * record(), RATE_HZ, RECEIVERS_KM, 1e-6)
    np.testing.assert_allclose(flipped.times_s, straight.times_s, atol=1e-9)
    estimated = pick_arrivals(record(), RATE_HZ, RECEIVERS_KM)
    np.testing.assert_allclose(estimated.times_s, straight.times_s, atol=1e-9)
    np.testing.assert_allclose(estimated.sds_s, straight.sds_s, rtol=0.3)


def test_onsets_need_no_pulse_but_are_late():
    errors, sds = [], []
    for seed in range(20):
        picks = pick_arrivals(record(seed=seed), RATE_HZ, RECEIVERS_KM, 1.0, pulse_sigma_s="unknown")
        errors.append(picks.times_s - arrivals_s(SOURCE_KM))
        sds.append(picks.sds_s)
    assert 1.5 * PULSE_SIGMA_S < np.median(errors) < 4 * PULSE_SIGMA_S
    assert 0.5 < np.std(errors) / np.median(sds) < 2.0


def test_noise_alone_is_not_picked():
    for seed in range(20):
        picks = pick_arrivals(record(peak=0.0, seed=seed), RATE_HZ, RECEIVERS_KM, 1.0)
        assert np.all(np.isnan(picks.times_s))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traces": np.ones(300)}, "traces of one event"),
        ({"traces": record() * [[1], [1], [0], [1], [1]]}, "index 2 is zero"),
        ({"traces": np.where(np.arange(301) == 7, np.nan, record())}, "index 0"),
        ({"sampling_rate_hz": None}, "positive number"),
        ({"noise_sd": np.ones(3)}, "one for each of 5"),
        ({"pulse_sigma_s": 0.2}, "has 500 samples"),
    ],
)
def test_unusable_traces_are_refused(changes, message):
    options = {"traces": record(), "sampling_rate_hz": RATE_HZ, "receivers_km": RECEIVERS_KM, "noise_sd": 1.0}
    with pytest.raises(ZooError, match=message):
        pick_arrivals(**options | changes)


def test_truth_is_recovered(rock, located):
    z_scores = [(located.mean_km - SOURCE_KM) / located.sd_km]
    for seed in range(1, 6):
        source_km = np.random.default_rng(seed).uniform(0.2, 0.8, 3)
        result = locate_by_arrivals(
            observe(source_km=source_km, seed=seed), rock, pick_sd_s="auto", seed=seed, settings=SMALL
        )
        assert result.converged, result.report()
        z_scores.append((result.mean_km - source_km) / result.sd_km)
    assert np.abs(z_scores).max() < 3.5
    assert np.abs(located.residuals_s).max() < 0.005


def test_sd_is_that_of_the_fisher_information(rock, located):
    offset = SOURCE_KM - RECEIVERS_KM
    jacobian = offset / np.linalg.norm(offset, axis=1, keepdims=True) / SPEED_KM_S / 0.005
    np.testing.assert_allclose(located.sd_km, np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian))), rtol=0.12)


def test_an_unknown_origin_time_is_found(rock):
    result = locate_by_arrivals(observe(late_s=0.2), rock, origin_time_known=False, settings=SMALL)
    assert np.abs((result.mean_km - SOURCE_KM) / result.sd_km).max() < 3
    assert abs(result.origin_time_s - 0.2) < 0.02
    wrong = locate_by_arrivals(observe(late_s=0.2), rock, settings=SMALL)
    assert any("not explained" in warning for warning in wrong.warnings)


@pytest.mark.slow
def test_edt_covers_the_truth_with_and_without_the_origin_time(rock):
    results = [locate_by_arrivals(observe(late_s=late), rock, likelihood="edt", settings=SMALL) for late in (0.0, 0.2)]
    for result in results:
        assert result.converged, result.report()
        assert np.abs((result.mean_km - SOURCE_KM) / result.sd_km).max() < 3
    np.testing.assert_allclose(results[1].mean_km, results[0].mean_km, atol=0.03)
    paper = locate_by_arrivals(observe(), rock, likelihood="edt", edt_power=1.0, settings=SMALL)
    assert np.all(paper.sd_km > results[0].sd_km)


def test_a_receiver_without_an_arrival_is_left_out(rock):
    traces = record()
    traces[3] = np.random.default_rng(5).normal(size=301)
    result = locate_by_arrivals(Observation(traces, RATE_HZ, RECEIVERS_KM, 1.0), rock, settings=SMALL)
    assert np.isnan(result.residuals_s[3]) and np.isfinite(result.predicted_s).all()
    assert any("receivers 3" in note for note in result.notes) and "none" in result.report()
    assert np.abs((result.mean_km - SOURCE_KM) / result.sd_km).max() < 3
    with pytest.raises(ZooError, match="0 of 5 receivers have a P arrival"):
        locate_by_arrivals(Observation(record(peak=0.0), RATE_HZ, RECEIVERS_KM, 1.0), rock, settings=SMALL)


def test_own_picks_and_a_model_from_a_file(rock, located, tmp_path):
    write_model(rock, tmp_path / "rock.npz")
    picks = Picks(RECEIVERS_KM, located.picks.times_s, np.full(5, 0.005))
    result = locate_by_arrivals(picks, tmp_path / "rock.npz", settings=SMALL)
    np.testing.assert_array_equal(result.mean_km, located.mean_km)
    names = sorted(path.name for path in result.write(tmp_path / "event").iterdir())
    assert names == ["corner.png", "samples.npz", "summary.json"]


def test_an_event_at_the_edge_of_the_rock_is_doubted(rock):
    at_the_edge = locate_by_arrivals(observe(source_km=np.array([0.42, 0.005, 0.6])), rock, settings=SMALL)
    assert any("lower edge of the velocity model's rock, y_km = 0" in warning for warning in at_the_edge.warnings)


def test_values_of_the_marine_earth_are_named_where_another_earth_is_given(rock, located):
    assert "0.005 s (pick_sd_s, --pick-sd" in located.notes[0] and "0.014 s (pulse_sigma_s" in located.notes[0]
    assert located.notes[0] in located.report()
    stated = locate_by_arrivals(observe(), rock, pick_sd_s=0.005, pulse_sigma_s=0.014, settings=SMALL)
    assert stated.notes == ()
    np.testing.assert_array_equal(stated.mean_km, located.mean_km)
    half = locate_by_arrivals(located.picks, rock, settings=SMALL)
    assert len(half.notes) == 1 and "pick_sd_s" in half.notes[0] and "pulse_sigma_s" not in half.notes[0]
    estimated = locate_by_arrivals(observe(), rock, pick_sd_s="auto", settings=SMALL)
    assert "pulse_sigma_s" in estimated.notes[0] and "pick_sd_s" not in estimated.notes[0]


def test_no_doubt_about_an_event_amid_the_rock(located):
    assert not located.warnings


def test_travel_times_are_distances_over_speed(rock):
    found = travel_times([SOURCE_KM, SOURCE_KM + 0.1], rock, RECEIVERS_KM)
    assert found.dtype == np.float64
    # Fast marching is wrong by a few hundredths of the 20 ms that a wave takes across a cell.
    np.testing.assert_allclose(found, [arrivals_s(SOURCE_KM), arrivals_s(SOURCE_KM + 0.1)], atol=0.03 * 0.020)
    with pytest.raises(ZooError, match=r"source at \(0.42, 0.55, 9\) km is outside the velocity model"):
        travel_times([[0.42, 0.55, 9.0]], rock, RECEIVERS_KM)


def test_write(located, tmp_path):
    folder = located.write(tmp_path / "event")
    names = ["arrivals.png", "corner.png", "samples.npz", "summary.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    summary = json.loads((folder / "summary.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert summary["likelihood"] == "gaussian" and summary["converged"] is True
    np.testing.assert_allclose(summary["picks_s"], located.picks.times_s)
    with np.load(folder / "samples.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["samples_km"], located.samples.samples)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"likelihood": "gausian"}, "Did you mean gaussian"),
        ({"pick_sd_s": 0.0}, "positive number of seconds"),
        ({"pick_sd_s": "automatic"}, "'automatic'; expected a positive number"),
        ({"pulse_sigma_s": "short"}, "'short'; expected"),
        ({"edt_power": -1.0}, "edt_power"),
        ({"seed": -1}, "seed is -1"),
        ({"sampler": "mcmc"}, "no sampler"),
        ({"velocity_model": None}, "none of the marine model's"),
        ({"data": Observation(record(), RATE_HZ)}, "receivers_km"),
        ({"data": Observation(record(), RATE_HZ, RECEIVERS_KM + 0.5, 1.0)}, "outside the velocity model"),
    ],
)
def test_what_does_not_fit_is_refused(rock, changes, message):
    with pytest.raises((ZooError, UsageError), match=message):
        locate_by_arrivals(**{"data": observe(), "velocity_model": rock, "settings": SMALL} | changes)


def test_picks_that_do_not_fit_are_refused():
    with pytest.raises(ZooError, match=r"expected \(receivers,\)"):
        Picks(RECEIVERS_KM, np.zeros(4), np.ones(4))
    with pytest.raises(ZooError, match="positive sd"):
        Picks(RECEIVERS_KM, np.zeros(5), np.zeros(5))


@pytest.mark.parametrize("kind", ["csv", "obs", "xml"])
def test_picks_of_anybody_are_located(rock, tmp_path, kind):
    """A table, NonLinLoc's lines and QuakeML: times of day, so the origin is unknown; a stranger and an S are noted."""
    from obspy import UTCDateTime
    from obspy.core.event import Catalog, Event, Pick, QuantityError, WaveformStreamID

    from zoo.microseismic.location.trace_files import read_event_picks

    origin = UTCDateTime(2026, 1, 1, 0, 0, 0, 250000)
    travel_s = np.linalg.norm(RECEIVERS_KM - SOURCE_KM, axis=1) / SPEED_KM_S
    rows = [(f"S{i}", "P", origin + t) for i, t in enumerate(travel_s)]
    rows += [("XX", "P", origin + 1.0), ("S0", "S", origin + 1.2)]
    receivers = tmp_path / "st.csv"
    lines = [f"S{i}," + ",".join(map(str, place)) for i, place in enumerate(RECEIVERS_KM)]
    receivers.write_text("\n".join(["station,x_km,y_km,z_km", *lines]) + "\n")
    path = tmp_path / f"picks.{kind}"
    if kind == "csv":
        path.write_text(
            "station,phase,time,uncertainty_s\n" + "\n".join(f"{s},{p},{t},0.004" for s, p, t in rows) + "\n"
        )
    elif kind == "obs":
        form = "{} ? ? ? {} ? 20260101 0000 {:.4f} GAU 4.00e-03 -1.00e+00 -1.00e+00 -1.00e+00"
        path.write_text("\n".join(form.format(s, p, t - UTCDateTime(2026, 1, 1)) for s, p, t in rows) + "\n")
    else:
        picks = [
            Pick(
                time=t, phase_hint=p, waveform_id=WaveformStreamID("", s), time_errors=QuantityError(uncertainty=0.004)
            )
            for s, p, t in rows
        ]
        Catalog([Event(picks=picks)]).write(str(path), format="QUAKEML")
    picks, notes = read_event_picks(path, receivers)
    assert any("XX" in note for note in notes) and any("of S are left out" in note for note in notes)
    np.testing.assert_allclose(picks.times_s[np.argsort(picks.receivers_km[:, 0], kind="stable")],
                               (0.25 + travel_s)[np.argsort(RECEIVERS_KM[:, 0], kind="stable")], atol=1e-3)  # fmt: skip
    np.testing.assert_allclose(picks.sds_s, 0.004, rtol=1e-3)
    found = locate_by_arrivals(picks, rock, pick_sd_s="auto", origin_time_known=False, settings=SMALL)
    assert np.abs((found.mean_km - SOURCE_KM) / found.sd_km).max() < 3
    assert abs(found.origin_time_s - 0.25) < 0.03
    with pytest.raises(ZooError, match="No P pick of .* is of a station"):
        receivers.write_text("station,x_km,y_km,z_km\nother,0.1,0.1,1.0\n")
        read_event_picks(path, receivers)
