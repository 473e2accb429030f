"""From shot gathers to velocities: data on a grid, wavelets, and the command, on a section of 30 x 40 cells."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from zoo import cli
from zoo.errors import UsageError, ZooError
from zoo.files import read_json
from zoo.fwi.inversion.fit import Settings
from zoo.fwi.inversion.from_shots import invert, read_settings
from zoo.fwi.inversion.shots_on_grid import to_survey
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.inversion.wavelet import estimate_wavelet, given_wavelet, resample
from zoo.fwi.physics.acoustic import longest_time_step_s, ricker
from zoo.fwi.physics.velocity_models import VelocityModel, read_velocity_model, write_velocity_model
from zoo.fwi.shots import GEOMETRY, Shots, write_shots

SPACING_M, TIME_STEP_S, SAMPLES = 10.0, 0.002, 200
SOURCES = np.array([[2, 5], [2, 20], [2, 34]], np.int32)
RECEIVERS = np.array([[1, x] for x in range(0, 40, 3)], np.int32)
MADE = ("model.npz", "model.segy", "model.nc", "history.csv", "wavelet.csv", "overview.png", "shots.png")
MADE += ("profiles.png", "history.png", "iterations.png", "iterations/00003.png", "iterations/00006.png")


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    """Draw fewer pixels: most of the time goes into figures."""
    from zoo import figures

    monkeypatch.setitem(figures._STYLE, "savefig.dpi", 30)


@pytest.fixture(scope="module")
def truth():
    velocity = np.full((30, 40), 1800.0)
    velocity[14:] = 2200
    velocity[8:13, 16:25] = 2000
    return VelocityModel(velocity, SPACING_M, "a box over a layer", "synthetic")


@pytest.fixture(scope="module")
def start(truth):
    return truth.smoothed(60.0)


@pytest.fixture(scope="module")
def survey(truth):
    """What was recorded over the truth with a Ricker wavelet of 12 Hz."""
    wavelet = np.tile(ricker(12.0, TIME_STEP_S, SAMPLES), (3, 1))
    asked = Survey(wavelet, SOURCES, RECEIVERS, TIME_STEP_S)
    return dataclasses.replace(asked, observed=simulate(truth.velocity_m_s, SPACING_M, asked))


@pytest.fixture(scope="module")
def shots(survey):
    """The same in metres, trace by trace, without the wavelet."""
    shot, receiver = (part.ravel() for part in np.indices((3, len(RECEIVERS))))
    return Shots(
        traces=survey.observed.transpose(0, 2, 1).reshape(-1, SAMPLES),
        time_step_s=TIME_STEP_S,
        shot=shot + 101,
        source_x_m=SOURCES[shot, 1] * SPACING_M,
        source_depth_m=SOURCES[shot, 0] * SPACING_M,
        receiver_x_m=RECEIVERS[receiver, 1] * SPACING_M,
        receiver_depth_m=RECEIVERS[receiver, 0] * SPACING_M,
        first_sample_s=TIME_STEP_S,
        source="shots.npz",
    )


def test_records_come_back_as_they_were(shots, start, survey):
    found, notes = to_survey(shots, start, "ricker:12")
    assert found.time_step_s == TIME_STEP_S and notes == ()
    for name in ("sources", "receivers", "wavelet"):
        np.testing.assert_array_equal(getattr(found, name), getattr(survey, name))
    np.testing.assert_allclose(found.observed, survey.observed, atol=1e-5 * np.abs(survey.observed).max())
    assert (found.weights == 1).all()


def test_missing_dead_and_double_traces(shots, start, survey):
    traces = shots.traces.copy()
    traces[4] = 0
    keep = np.delete(np.arange(len(traces)), [7, 30])
    keep = np.append(keep, 20)  # once more
    rows = {name: getattr(shots, name)[keep] for name in GEOMETRY}
    found, notes = to_survey(dataclasses.replace(shots, traces=traces[keep], **rows), start, "ricker:12")
    missing = np.zeros((3, len(RECEIVERS)), bool)
    missing.flat[[4, 7, 30]] = True
    np.testing.assert_array_equal(found.weights == 0, missing)
    assert not found.observed.transpose(0, 2, 1)[missing].any()
    there = ~missing[:, None].repeat(SAMPLES, 1)
    np.testing.assert_allclose(found.observed[there], survey.observed[there], atol=1e-5 * np.abs(survey.observed).max())
    assert "1 dead traces (zero throughout) have weight 0: shot 101, trace 5." in notes[0]
    assert "1 pairs of shot and receiver hold several traces" in notes[1]


def test_places_between_cells_stay_and_places_outside_are_refused(shots, start, survey):
    shifted = dataclasses.replace(shots, receiver_x_m=shots.receiver_x_m + 4.0)
    found, _ = to_survey(shifted, start, "ricker:12")
    np.testing.assert_allclose(found.receivers, survey.receivers + [0, 0.4], atol=1e-5)


def test_what_lies_at_a_free_surface_is_put_below_it(shots, start):
    top = dataclasses.replace(shots, source_depth_m=0 * shots.source_depth_m)
    found, notes = to_survey(top, start, "ricker:12", free_surface=True)
    assert (found.sources[:, 0] == 0.5).all() and "traces have their source" in notes[0] and "5 m below" in notes[0]
    np.testing.assert_array_equal(to_survey(top, start, "ricker:12")[0].sources[:, 0], 0)


def test_places_outside_are_refused(shots, start):
    for name, message in (
        ("receiver_x_m", "receiver of shot 101, trace 14 is at x 396 m .* ends at x 390 m and depth 290 m"),
        ("source_depth_m", "source of shot 101, trace 14 is at x 50 m and depth 396 m"),
    ):
        outside = getattr(shots, name).copy()
        outside[13] = 396.0
        with pytest.raises(ZooError, match=message):
            to_survey(dataclasses.replace(shots, **{name: outside}), start, "ricker:12")


def test_shots_that_cannot_be_are_refused(shots, start):
    with pytest.raises(ZooError, match="Shot 1 has sources at x 50 m and 200 m"):
        to_survey(dataclasses.replace(shots, shot=np.ones(len(shots.shot), int)), start, "ricker:12")
    with pytest.raises(ZooError, match="All traces are dead"):
        to_survey(dataclasses.replace(shots, traces=0 * shots.traces), start, "ricker:12")
    with pytest.raises(ZooError, match="end -602 ms after"):
        to_survey(dataclasses.replace(shots, first_sample_s=-1.0), start, "ricker:12")
    with pytest.raises(ZooError, match="sampled every 2 s, but waves on this grid need 2.23 ms"):
        to_survey(dataclasses.replace(shots, time_step_s=2.0), start, "ricker:12")
    with pytest.raises(ZooError, match="grid points"):
        to_survey(shots, start, "ricker:60")


def test_resampling_keeps_the_band_and_stops_aliases():
    def wave(time_s, hz=10.0):
        return np.exp(-(((time_s - 0.5) / 0.12) ** 2)) * np.sin(2 * np.pi * hz * time_s)

    coarse_s, fine_s = np.arange(260) * 0.004, np.arange(1040) * 0.001
    fine = resample(wave(coarse_s)[None], 0.004, 0.001, 1000, 0.001)[0]
    np.testing.assert_allclose(fine, wave(0.001 + np.arange(1000) * 0.001), atol=1e-5)
    thinned = resample(wave(fine_s)[None], 0.001, 0.004, 250, 0.004)[0]
    np.testing.assert_allclose(thinned, wave(0.004 + np.arange(250) * 0.004), atol=1e-5)
    late = resample(wave(coarse_s + 0.2)[None], 0.004, 0.004, 250, -0.2)[0]
    np.testing.assert_allclose(late[60:190], wave(coarse_s)[60:190], atol=1e-3)
    high = resample(wave(fine_s, 200.0)[None], 0.001, 0.004, 250, 0.0)[0]
    assert np.abs(high).max() < 1e-3


def test_the_time_step_becomes_stable_and_no_shorter_than_needed(shots, start):
    every_third = dataclasses.replace(
        shots, traces=shots.traces[:, 2::3], time_step_s=3 * TIME_STEP_S, first_sample_s=3 * TIME_STEP_S
    )
    found, notes = to_survey(every_third, start, "ricker:12")
    longest_s = longest_time_step_s(1.25 * start.velocity_m_s.max(), SPACING_M)
    assert found.time_step_s <= longest_s < 2 * found.time_step_s and "Resampled from 6 to" in notes[0]
    exact, _ = to_survey(shots, start, "ricker:12")
    assert found.time_step_s == pytest.approx(TIME_STEP_S) and abs(found.observed.shape[1] - SAMPLES) <= 2
    error = found.observed[:, :150] - exact.observed[:, :150]
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(exact.observed)
    fine = resample(shots.traces, TIME_STEP_S, TIME_STEP_S / 4, 4 * SAMPLES, 0.0)
    found, _ = to_survey(dataclasses.replace(shots, traces=fine, time_step_s=TIME_STEP_S / 4), start, "ricker:12")
    assert found.time_step_s == pytest.approx(3 * TIME_STEP_S / 4)
    assert found.time_step_s < 0.8 * longest_s < 4 / 3 * found.time_step_s


def test_the_wavelet_is_estimated_from_the_data(survey, truth, start):
    recorded = dataclasses.replace(survey, wavelet=0 * survey.wavelet, weights=np.ones((3, len(RECEIVERS))))
    found, note = estimate_wavelet(recorded, truth, peak_hz=14.0)
    expected = survey.wavelet[0]
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)
    assert "explains 100 %" in note
    found, note = estimate_wavelet(recorded, start)
    assert np.corrcoef(found, expected)[0, 1] > 0.95


def test_a_wavelet_of_other_units_is_scaled_and_that_of_the_shots_is_taken(shots, start, survey):
    louder = dataclasses.replace(shots, traces=1e4 * shots.traces)
    found, notes = to_survey(louder, start, "ricker:12")
    assert found.wavelet.max() == pytest.approx(1e4, rel=0.2) and "was multiplied by" in notes[0]
    own, notes = to_survey(dataclasses.replace(shots, wavelet=survey.wavelet[0]), start)
    np.testing.assert_array_equal(own.wavelet, survey.wavelet)
    assert notes == ()


def test_frequencies_that_the_grid_does_not_carry_are_filtered_out(shots, start, survey):
    noise = np.diff(np.random.default_rng(0).normal(size=(len(shots.traces), SAMPLES + 1)), axis=1)
    noisy = dataclasses.replace(shots, traces=shots.traces + 0.3 * shots.traces.std() * noise)
    found, notes = to_survey(noisy, start, "ricker:12")
    assert "the most that this grid carries: low-passed at 25.3 Hz" in notes[0]
    clean = survey.low_passed(0.7 * 1804 / 50).observed
    assert np.linalg.norm(found.observed - clean) < 0.2 * np.linalg.norm(clean)
    kept, _ = to_survey(noisy, start, found.wavelet[0], final_wavelet=True)
    np.testing.assert_array_equal(kept.wavelet, found.wavelet)
    np.testing.assert_array_equal(kept.observed, found.observed)
    _, notes = to_survey(noisy, start)
    assert "low-passed" in notes[0] and "wavelet was estimated" in notes[1]


def test_wavelets_from_files(tmp_path):
    dense = ricker(12.0, 0.001, 400)
    expected = ricker(12.0, TIME_STEP_S, SAMPLES)
    np.savez(tmp_path / "w.npz", wavelet=dense, time_step_s=0.001)
    np.savetxt(
        tmp_path / "w.csv", np.stack([np.arange(400) * 0.001, dense], 1), delimiter=",", header="t,a", comments=""
    )
    np.savetxt(tmp_path / "one.csv", expected)
    for name in ("w.npz", "w.csv", "one.csv"):
        found = given_wavelet(tmp_path / name, TIME_STEP_S, TIME_STEP_S, SAMPLES)
        np.testing.assert_allclose(found, expected, atol=2e-3, err_msg=name)
    np.savez(tmp_path / "n.npz", wavelets=dense)
    np.savetxt(tmp_path / "zero.csv", np.zeros(9))
    np.savetxt(tmp_path / "uneven.csv", [[0, 1], [1, 2], [5, 3]], delimiter=",")
    for wavelet, message in (
        ("ricker:loud", "such as ricker:8"),
        ("ricker:900", "between 0 and 250 Hz"),
        (tmp_path / "absent.csv", "There is no wavelet"),
        (tmp_path / "n.npz", "`wavelet` and `time_step_s`"),
        (tmp_path / "zero.csv", "not all of them 0"),
        (tmp_path / "uneven.csv", "evenly spaced times"),
    ):
        with pytest.raises(ZooError, match=message):
            given_wavelet(wavelet, TIME_STEP_S, TIME_STEP_S, SAMPLES)


def test_settings_are_read_by_their_type():
    found = read_settings({"iterations": "7", "bounds": "1500,4000", "bands_hz": "3,6", "freeze_water": "false"})
    assert found == Settings(iterations=7, bounds=(1500.0, 4000.0), bands_hz=(3.0, 6.0), freeze_water=False)
    assert read_settings({"batch_size": "none", "learning_rate": "3"}) == Settings(learning_rate=3.0)
    for changes, message in (
        ({"learning_rat": "1"}, "Did you mean learning_rate"),
        ({"iterations": "many"}, "whole number in gradients from 1; received 'many'"),
        ({"bounds": "1500"}, "2 numbers, with ',' between them in m/s from 0 or none"),
        ({"network": "perhaps"}, "true or false"),
    ):
        with pytest.raises(UsageError, match=message):
            read_settings(changes)


def test_an_inversion_explains_the_data_goes_on_and_refuses_other_runs(
    shots, truth, start, tmp_path, monkeypatch, capsys
):
    from zoo.fwi.figures import models as figures
    from zoo.fwi.inversion import state as fwi_state

    settings = {"iterations": 6, "width": 8}
    arguments = {"wavelet": "ricker:12", "truth": truth, "settings": settings, "figure_every": 3}
    whole = invert(shots, start, tmp_path / "whole", **arguments)
    assert whole.misfits[1] < 0.8 * whole.misfits[0] and whole.rmse_m_s[1] < whole.rmse_m_s[0]
    for name in MADE:
        assert (tmp_path / "whole" / name).stat().st_size > 0, name
    for suffix in (".npz", ".segy", ".nc"):
        model = read_velocity_model(tmp_path / "whole" / f"model{suffix}")
        np.testing.assert_allclose(model.velocity_m_s, whole.velocity_m_s, rtol=1e-6)
        assert model.spacing_m == SPACING_M
    summary = read_json(tmp_path / "whole" / "summary.json", "summary")
    assert summary["shots"] == 3 and summary["traces"] == 42 and summary["iterations"] == 6
    assert summary["model_rmse_m_s"]["inverted"] == pytest.approx(whole.rmse_m_s[1])
    with open(tmp_path / "whole" / "history.csv", newline="") as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == list("123456")
    assert "model RMSE" in whole.report() and "warning" not in whole.report()

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(figures, "draw_models", stop)
        patch.setattr(fwi_state, "_SAVE_EVERY_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            invert(shots, start, tmp_path / "again", **arguments)
    assert not (tmp_path / "again" / "model.npz").exists()
    capsys.readouterr()
    again = invert(shots, start, tmp_path / "again", **arguments)
    assert "Resuming after iteration 2 of 6" in capsys.readouterr().err
    np.testing.assert_allclose(again.velocity_m_s, whole.velocity_m_s, rtol=1e-5)

    before = {path: path.read_bytes() for path in (tmp_path / "whole").rglob("*") if path.is_file()}
    for other, message in (
        ({"settings": {**settings, "learning_rate": 3.0}}, "another run .learning_rate differs"),
        ({"wavelet": "ricker:11"}, "another run .wavelet differs"),
    ):
        with pytest.raises(ZooError, match=message):
            invert(shots, start, tmp_path / "whole", **{**arguments, **other})
    assert before == {path: path.read_bytes() for path in (tmp_path / "whole").rglob("*") if path.is_file()}


@pytest.mark.long
def test_the_command_estimates_a_wavelet_and_says_what_it_found(shots, start, tmp_path, capsys):
    shots_file = str(write_shots(shots, tmp_path / "shots.segy"))
    start_file = str(write_velocity_model(start, tmp_path / "start.npz"))
    command = ["fwi", shots_file, "--start", start_file, "--out", str(tmp_path / "out")]
    command += ["--set", "iterations=2", "width=8", "bounds=1500,2600"]
    assert cli.main(command) == 0
    said = capsys.readouterr()
    assert "3 shots, 14 receivers" in said.out and "The wavelet was estimated with the start from 3 shots" in said.out
    assert "model RMSE" not in said.out and "zoo: models, tables and figures are in" in said.err
    estimated = (tmp_path / "out" / "wavelet.csv").read_text()
    assert cli.main([*command, "--json"]) == 0  # goes on, at its end
    summary = json.loads(capsys.readouterr().out)
    assert summary["iterations"] == 2 and any("estimated" in note for note in summary["notes"])
    assert (tmp_path / "out" / "wavelet.csv").read_text() == estimated


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        (["--set", "iteration=2"], 2, "Did you mean iterations"),
        (["--set", "optimizer=adm"], 2, "Did you mean adam"),
        (["--set", "batch_size=9"], 2, "1 to 3 shots"),
        (["--out", "start.npz"], 1, "start.npz is a file"),
        (["--start", "absent.npz"], 1, "absent.npz"),
        (["--geometry", "absent.csv"], 1, "absent.csv cannot be read"),
        (["--wavelet", "ricker:x"], 2, "ricker:8"),
        (["--true", "small.npz"], 1, "The true model has 20 x 40 nodes at 10 m, the start 30 x 40"),
        (["--set", "bounds=1500,1600"], 1, "bounds"),
    ],
)
def test_wrong_use_is_one_line(shots, start, tmp_path, monkeypatch, capsys, changed, code, message):
    monkeypatch.chdir(tmp_path)
    write_shots(shots, "shots.npz")
    write_velocity_model(start, "start.npz")
    write_velocity_model(VelocityModel(start.velocity_m_s[:20], SPACING_M), "small.npz")
    assert (
        cli.main(["fwi", "shots.npz", "--start", "start.npz", "--out", "out", "--wavelet", "ricker:12", *changed])
        == code
    )
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("zoo: ") and message in said
    assert not (tmp_path / "out" / "model.npz").exists()


def test_start_and_truth_may_be_those_of_a_dataset(tmp_path):
    from zoo.data import datasets
    from zoo.fwi.inversion.from_shots import read_model

    datasets.prepare("velocity_models/synthetic_folded", tmp_path)
    start, true = (read_model("velocity_models/synthetic_folded", f, tmp_path) for f in ("start_m_s", "velocity_m_s"))
    assert start.shape == true.shape and start.spacing_m == 12.5
    np.testing.assert_array_equal(start.water_rows, true.water_rows)
    assert np.std(np.diff(true.velocity_m_s, axis=0)) > np.std(np.diff(start.velocity_m_s, axis=0))
    with pytest.raises(ZooError, match="zoo prepare velocity_models/layered_1d"):
        read_model("velocity_models/layered_1d", data_dir=tmp_path)


def test_a_column_has_pictures_of_its_own(tmp_path):
    """One dimension, one receiver: profiles and lines instead of sections."""
    velocity = np.repeat([2000.0, 2400.0, 3000.0], 15)[:, None].astype(np.float32)
    true = VelocityModel(velocity, 10.0, "layers", "synthetic: test")
    step_s, cell = 0.002, np.array([[1, 0]])
    pulse = ricker(10.0, step_s, 400)
    records = simulate(velocity, 10.0, Survey(pulse[None], cell, cell, step_s))
    place = np.zeros(1), np.full(1, 10.0)
    shots = Shots(records[:, :, 0], step_s, np.array([1]), *place, *place, pulse, first_sample_s=step_s)
    found = invert(shots, true.linear(), tmp_path, truth=true, settings={"iterations": 15})
    assert found.misfits[1] < 0.6 * found.misfits[0]
    assert {path.name for path in tmp_path.glob("*.png")} == {"profiles.png", "history.png", "shots.png"}
    assert not list(tmp_path.glob("iterations/*"))
