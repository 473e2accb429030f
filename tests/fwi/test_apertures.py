"""Shots that see a part of the grid, on receivers of their own: the same waves, for what the aperture costs."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import keras
import numpy as np
import pytest
import segy_files

from zoo.errors import UsageError
from zoo.fwi import Settings, Shots, VelocityModel, invert, read_shots
from zoo.fwi.inversion.shots_on_grid import to_survey
from zoo.fwi.inversion.streaming import Observed
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.models.wave_apertures import waves_of
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_apertures import AperturePropagator, Apertures, apertures_around
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.training.metrics import relative_error

STEP_S, SPACING_M, T = 0.001, 10.0, 160


def _earth(columns: int = 90) -> np.ndarray:
    z, x = np.indices((30, columns))
    return (1800 + 10 * z + 60 * np.sin(x / 9.0) + 300 * (z > 18)).astype(np.float32)


def _survey(columns: int = 90, own: bool = True) -> Survey:
    """Three shots, each with eight receivers that move along with it."""
    at = np.array([20, 45, 70])
    receivers = np.stack([np.full((3, 8), 2), at[:, None] + np.arange(-12, 12, 3)], axis=2)
    wavelet = np.tile(ricker(15.0, STEP_S, T), (3, 1))
    around = np.tile([0, columns], (3, 1)) if own else None
    sources = np.stack([np.full(3, 1), at], 1)
    return Survey(wavelet, sources, receivers, STEP_S, columns=around)


def test_apertures_of_the_whole_grid_change_nothing():
    velocity, survey = _earth(), _survey()
    options = {"spacing_m": SPACING_M, "time_step_s": STEP_S, "reference_m_s": 2500.0}
    found = simulate(velocity, SPACING_M, survey)
    residual = np.random.default_rng(0).normal(size=found.shape).astype(np.float32)
    apertures = AperturePropagator(velocity.shape, Apertures(survey.columns, survey.receivers), **options)
    traces, marks = apertures.traces(velocity, survey.wavelet, survey.numbered, keep=True)
    by_velocity, by_wavelet = apertures.gradient(velocity, survey.wavelet, survey.numbered, residual, marks)
    np.testing.assert_array_equal(
        by_velocity, apertures.gradient(velocity, survey.wavelet, survey.numbered, residual)[0]
    )
    total = np.zeros(velocity.shape)
    for shot in range(3):
        one = slice(shot, shot + 1)
        whole = Propagator(velocity.shape, receivers=survey.receivers[shot], **options)
        given = velocity, survey.wavelet[one], survey.sources[one]
        np.testing.assert_array_equal(traces[one], whole.traces(*given))
        gradient, pulse = whole.gradient(*given, residual[one])
        np.testing.assert_array_equal(by_wavelet[one], pulse)
        total += gradient
    np.testing.assert_allclose(by_velocity, total, rtol=1e-6, atol=1e-6 * np.abs(total).max())


def test_the_gradient_of_narrow_apertures_is_that_of_their_traces():
    velocity, survey = _earth(110).astype(np.float64), _survey()
    around = apertures_around(survey.sources, survey.receivers, np.ones((3, 8)), 110, 6)
    assert (around.columns == [[0, 48], [20, 68], [45, 93]]).all() and around.cells(30) == 3 * 48 * 30
    options = {"spacing_m": SPACING_M, "time_step_s": STEP_S, "reference_m_s": 2500.0, "dtype": "float64"}
    waves = AperturePropagator(velocity.shape, around, **options)
    given = survey.wavelet.astype(np.float64), survey.numbered
    residual = np.random.default_rng(1).normal(size=(3, T, 8))
    gradient, _ = waves.gradient(velocity, *given, residual)
    change = np.random.default_rng(2).normal(size=velocity.shape)
    values = [np.sum(residual * waves.traces(velocity + h * change, *given)) for h in (1e-3, -1e-3)]
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(np.sum(gradient * change), rel=1e-6)
    assert not gradient[:, 93:].any() and gradient[:, 92].any()


def test_a_narrow_aperture_hears_what_the_grid_does():
    velocity, survey = _earth(), _survey()
    whole = simulate(velocity, SPACING_M, survey)
    around = apertures_around(survey.sources, survey.receivers, np.ones((3, 8)), 90, 20)
    narrow = simulate(velocity, SPACING_M, survey.within(around.columns))
    assert np.linalg.norm(narrow - whole) < 0.02 * np.linalg.norm(whole)


def test_places_off_the_nodes_are_kept_within_apertures():
    velocity, on_nodes = _earth(), _survey()
    moved = {"sources": on_nodes.sources + [0.4, 0.3], "receivers": on_nodes.receivers + [0.2, 0.45]}
    survey = replace(on_nodes, **moved)
    whole = simulate(velocity, SPACING_M, survey)
    around = apertures_around(survey.sources, survey.receivers, np.ones((3, 8)), 90, 20)
    narrow = simulate(velocity, SPACING_M, survey.within(around.columns))
    assert relative_error(narrow, whole) < 0.02 and relative_error(simulate(velocity, SPACING_M, on_nodes), whole) > 0.1
    options = {"spacing_m": SPACING_M, "time_step_s": STEP_S, "reference_m_s": 2500.0, "dtype": "float64"}
    waves = AperturePropagator(velocity.shape, around, **options)
    given = survey.wavelet.astype(np.float64), survey.numbered
    residual, change = (np.random.default_rng(i).normal(size=of) for i, of in enumerate(((3, T, 8), velocity.shape)))
    gradient, _ = waves.gradient(velocity.astype(np.float64), *given, residual)
    values = [np.sum(residual * waves.traces(velocity + h * change, *given)) for h in (1e-3, -1e-3)]
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(np.sum(gradient * change), rel=1e-6)


def test_the_layer_trains_and_is_saved():
    velocity, survey = _earth(), _survey()
    waves = waves_of(velocity, SPACING_M, survey)
    inputs = [keras.Input((T,)), keras.Input((3,))]
    model = keras.Model(inputs, waves(tuple(inputs)))
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    observed = simulate(velocity, SPACING_M, survey)
    assert model.train_on_batch([survey.wavelet, survey.numbered], observed) == pytest.approx(0, abs=1e-12)
    again = type(waves).from_config(waves.get_config())
    np.testing.assert_array_equal(again.apertures.receivers, survey.receivers)


def _line(path, shots: int = 12, channels: int = 16) -> np.ndarray:
    """Write a moving spread, simulated, as SEG-Y in map coordinates; return the true velocity."""
    velocity = _earth(120)
    at = np.linspace(30, 90, shots).round().astype(int)
    receivers = np.stack([np.full((shots, channels), 2), at[:, None] + np.arange(-16, 16, 32 // channels)], axis=2)
    wavelet = np.tile(ricker(12.0, STEP_S, 400), (shots, 1))
    survey = Survey(wavelet, np.stack([np.full(shots, 2), at], 1), receivers, STEP_S)
    survey = survey.within(np.tile([0, 120], (shots, 1)))
    traces = simulate(velocity, SPACING_M, survey).transpose(0, 2, 1).reshape(shots * channels, 400)
    shot = np.repeat(np.arange(shots), channels)
    x = np.round(100 * SPACING_M * receivers[..., 1].ravel()).astype(int)
    headers = {9: shot + 1, 29: 1 + 0 * shot, 69: -100 + 0 * shot, 71: -100 + 0 * shot, 109: 1 + 0 * shot}
    headers |= {73: 0 * shot + 30_000_000 + (100 * SPACING_M * at[shot]).astype(int), 77: 500_000_000 + 0 * shot}
    headers |= {81: 30_000_000 + x, 85: 500_000_000 + 0 * shot, 41: -2000 + 0 * shot, 49: 2000 + 0 * shot}
    segy_files.write(path, traces, headers, binary={3217: ("i2", 1000)})
    return velocity


@pytest.mark.long
def test_a_line_is_inverted_within_its_apertures(tmp_path):
    velocity = _line(tmp_path / "line.sgy")
    start = VelocityModel(np.repeat(velocity.mean(axis=1, keepdims=True), 120, 1), SPACING_M)
    settings = Settings(iterations=3, learning_rate=20.0)
    run = {"corner_m": (3e5, 5e6), "wavelet": "ricker:12", "settings": settings}
    shots = read_shots(tmp_path / "line.sgy", corner_m=(3e5, 5e6))
    survey, notes = to_survey(shots, start, "ricker:12", aperture_m=150.0)
    assert survey.observed.shape == (12, 400, 16) and survey.receivers.shape == (12, 16, 2)
    assert any("150 m beyond" in note for note in notes)
    inverted = invert(tmp_path / "line.sgy", start, tmp_path / "out", aperture_m=150.0, **run)
    assert inverted.misfits[1] < 0.8 * inverted.misfits[0]
    assert (tmp_path / "out" / "shots.png").is_file()
    assert f"12 shots, {len(np.unique(shots.receiver_x_m))} receivers" in inverted.report()
    found = read_shots(tmp_path / "line.sgy", corner_m=(3e5, 5e6)).line.at(np.array([0.0, 1190.0]))
    from obspy.io.segy.segy import _read_segy

    headers = [trace.header for trace in _read_segy(str(tmp_path / "out" / "model.segy"), unpack_headers=True).traces]
    ends = [(one.source_coordinate_x / 100, one.source_coordinate_y / 100) for one in (headers[0], headers[-1])]
    np.testing.assert_allclose(ends, found, atol=0.01)


def test_shots_on_receivers_of_their_own_are_the_same_survey():
    """A moving spread gathered by shot, and the same shots on all receivers of the line."""
    rng = np.random.default_rng(0)
    shot = np.repeat(np.arange(6), 4)
    x = 100.0 * shot + np.tile([50.0, 80, 110, 140], 6)
    traces = rng.normal(size=(24, 60)).astype(np.float32)
    traces[5] = 0
    shots = Shots(traces, 0.002, shot, 100.0 * shot, np.full(24, 10.0), x, np.full(24, 10.0))
    model = VelocityModel(np.full((30, 70), 2000.0), SPACING_M)
    own, notes = to_survey(shots, model, "ricker:10")
    assert own.receivers.shape == (6, 4, 2) and any("1 dead traces" in note for note in notes)
    fixed = replace(shots, receiver_x_m=np.tile([50.0, 80, 110, 140], 6))
    shared, _ = to_survey(fixed, model, "ricker:10")
    assert shared.receivers.shape == (4, 2)
    scale = own.observed[2] / shared.observed[2]  # each survey has its own scale of the wavelet, none of the data
    np.testing.assert_allclose(scale, 1, rtol=1e-6)
    assert own.weights.sum() == 23 and own.weights[1].sum() == 3


def _undrawn(*arguments, **options):
    """An inversion without its figures, which take longer than two iterations; those of a streamed one are drawn."""
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setattr("zoo.fwi.inversion.result.Inversion._draw", lambda *_: None)
        return invert(*arguments, **options)


@pytest.mark.slow
def test_a_survey_larger_than_memory_is_streamed_to_the_same_model(tmp_path, monkeypatch):
    """Gradients of parts, accumulated, are that of all shots at once."""
    velocity = _line(tmp_path / "line.sgy")
    start = VelocityModel(np.repeat(velocity.mean(axis=1, keepdims=True), 120, 1), SPACING_M)
    some = {"windows_s": (0.25,), "mute_early": True, "mute_m": 20.0, "wavelet_per_shot": True}
    settings = Settings(iterations=2, bands_hz=(20.0,), learning_rate=20.0, total_variation=0.01, **some)
    run = {"corner_m": (3e5, 5e6), "wavelet": "ricker:12", "settings": settings, "aperture_m": 150.0}
    held = _undrawn(tmp_path / "line.sgy", start, tmp_path / "held", **run)
    monkeypatch.setattr("zoo.fwi.inversion.gather.MOST_HELD_BYTES", 1000)
    monkeypatch.setattr("zoo.fwi.inversion.streaming._PART_BYTES", 4 * 4 * 400 * 16)
    streamed = invert(tmp_path / "line.sgy", start, tmp_path / "streamed", **run)
    assert any("more than is held in memory" in note for note in streamed.notes)
    # Adam's first steps are as large where a gradient is rounding: there are two of them.
    changes = [one.velocity_m_s - start.velocity_m_s for one in (streamed, held)]
    assert relative_error(changes[0], changes[1]) < 1e-3 and np.abs(changes[1]).max() > 20
    np.testing.assert_allclose(streamed.misfits, held.misfits, rtol=1e-5)
    np.testing.assert_allclose(streamed.history[0]["loss"], held.history[0]["loss"], rtol=1e-4)
    assert len(streamed.history) == 2 and held.held_out.sum() == streamed.held_out.sum() == 24
    assert streamed.checks.held_out is not None and any("without the truth in 4 shots" in n for n in streamed.notes)
    # One wavelet for all is that of the shots that are held together: here all of them.
    monkeypatch.setattr("zoo.fwi.inversion.streaming._PART_BYTES", 4 * 400 * 16 * 12)
    solved = {"point_source": True, "time_dispersion": True, "wavelet_every": 1}
    run |= {"wavelet": None, "settings": Settings(iterations=1, learning_rate=20.0, **solved)}
    streamed = _undrawn(tmp_path / "line.sgy", start, tmp_path / "streamed2", **run)
    monkeypatch.undo()
    held = _undrawn(tmp_path / "line.sgy", start, tmp_path / "held2", **run)
    assert isinstance(streamed.survey.observed, Observed) and isinstance(held.survey.observed, np.ndarray)
    np.testing.assert_allclose(streamed.misfits, held.misfits, rtol=1e-4)
    np.testing.assert_allclose(streamed.checks.shared, held.checks.shared, rtol=1e-3)
    assert relative_error(streamed.velocity_m_s - start.velocity_m_s, held.velocity_m_s - start.velocity_m_s) < 1e-2
    monkeypatch.setattr("zoo.fwi.inversion.gather.MOST_HELD_BYTES", 1000)
    with pytest.raises(UsageError, match="cg needs the traces of all shots in memory"):
        cg = {**run, "settings": Settings(optimizer="cg", iterations=2)}
        invert(tmp_path / "line.sgy", start, tmp_path / "cg", **cg)


def test_memory_of_a_survey_follows_its_data(tmp_path):
    """40 shots of 48 channels in a line of 238 receivers: twice the data, not all receivers times all shots."""
    shot, channel = np.divmod(np.arange(40 * 48), 48)
    headers = {9: shot + 1, 29: 1 + 0 * shot, 73: 50 * shot, 81: 25 * (channel + 2 * shot), 41: -10 + 0 * shot}
    trace = np.hanning(750)
    path = segy_files.write(tmp_path / "a.sgy", [trace] * len(shot), {**headers, 49: 10 + 0 * shot})
    data_mb = len(shot) * 750 * 4 / 1e6
    model = VelocityModel(np.full((30, 140), 3000.0), 25.0)
    shots = read_shots(path)
    to_survey(shots, model, "ricker:8", aperture_m=200.0)
    tracemalloc.start()
    to_survey(read_shots(path), model, "ricker:8", aperture_m=200.0)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert peak_mb < 3.5 * data_mb
