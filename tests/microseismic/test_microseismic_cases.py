"""Inputs that were once refused or read wrongly: what is right is in the cases' README."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from zoo.microseismic.location.trace_files import read_event_picks, read_traces
from zoo.microseismic.physics.layers import layered_model, read_layers
from zoo.microseismic.physics.simulation import grid_points

STATIONS_KM = np.array([[0.2, 0.2, 1.0], [0.6, 0.2, 1.0], [0.2, 0.6, 1.0], [0.6, 0.6, 1.0]])


@pytest.fixture(scope="module")
def cases(real_cases):
    folder = real_cases / "microseismic"
    if not folder.is_dir():
        pytest.skip("no cases of microseismic")
    return folder


def test_a_table_of_layers_is_an_earth(cases):
    model = layered_model(read_layers(cases / "layers.csv"), STATIONS_KM, (20, 20, 20))
    assert model.shape == (41, 41, 61)
    column = model.vp_m_s[0, 0]
    # The sensors at z = 1.0 km are on the seabed, in the water.
    assert column[[60, 50, 49, 40, 20, 10, 0]].tolist() == [1480, 1480, 1800, 2300, 2800, 3300, 3300]
    assert model.vs_m_s[5, 5, 50] == 0 and model.vs_m_s[5, 5, 49] == 700


def test_a_receiver_off_the_grid_stays_there(cases):
    rows = np.loadtxt(cases / "rec_off.csv", delimiter=",", skiprows=1)
    model = layered_model(read_layers(cases / "layers.csv"), STATIONS_KM, (20, 20, 20))
    np.testing.assert_allclose(grid_points(rows, model, "receiver"), [[10.35, 10, 50], [10, 30, 50]])


def test_starts_that_differ_are_put_on_one_time_axis(cases):
    read = read_traces(cases / "starts.mseed", cases / "st.csv")
    stream = obspy.read(str(cases / "starts.mseed"))
    starts = [float(trace.stats.starttime - stream[0].stats.starttime) for trace in stream]
    assert np.ptp(starts) > 0.003
    np.testing.assert_allclose(read.receivers_km, STATIONS_KM)
    latest, step_s = max(starts), stream[0].stats.delta
    for row, trace, start in zip(read.traces, stream, starts, strict=True):
        time_s = latest + step_s * np.arange(len(row))
        expected = np.interp(time_s, start + step_s * np.arange(trace.stats.npts), trace.data)
        # Linear interpolation is not exact: but a start of another sample would be seen.
        assert np.corrcoef(row[50:-50], expected[50:-50])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["picks.csv", "picks.obs"])
def test_picks_of_anybody_are_read(cases, name):
    picks, _ = read_event_picks(cases / name, cases / "st.csv")
    # In the order of their times.
    np.testing.assert_allclose(picks.receivers_km, STATIONS_KM[[0, 2, 1, 3]])
    np.testing.assert_allclose(picks.times_s - picks.times_s[0], [0.0, 0.02, 0.05, 0.1], atol=1e-4)
