"""Shot gathers in and out of files, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.fwi.shots import GEOMETRY, Shots, read_shots, write_shots


@pytest.fixture
def shots():
    """Two shots of three traces."""
    rng = np.random.default_rng(0)
    return Shots(
        traces=rng.normal(size=(6, 50)).astype(np.float32),
        time_step_s=0.004,
        shot=np.repeat([3, 8], 3),
        source_x_m=np.repeat([100.0, 200.25], 3),
        source_depth_m=np.full(6, 7.5),
        receiver_x_m=np.array([0.0, 50, 90.5, 100, 150, 190.5]),
        receiver_depth_m=np.full(6, 5.0),
    )


def assert_same(first: Shots, second: Shots) -> None:
    for name in ("traces", "time_step_s", "first_sample_s", *GEOMETRY):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("suffix", [".npz", ".segy", ".sgy"])
def test_files_hold_traces_and_geometry(shots, tmp_path, suffix):
    assert_same(read_shots(write_shots(shots, tmp_path / f"shots{suffix}")), shots)


def test_records_that_begin_after_one_step_keep_their_time_in_segy(shots, tmp_path):
    late = dataclasses.replace(shots, first_sample_s=shots.time_step_s)
    found = read_shots(write_shots(late, tmp_path / "late.segy"))
    assert found.first_sample_s == 0 and not found.traces[:, 0].any()
    np.testing.assert_array_equal(found.traces[:, 1:], shots.traces)
    delayed = dataclasses.replace(shots, first_sample_s=0.012)
    assert_same(read_shots(write_shots(delayed, tmp_path / "delayed.segy")), delayed)


def test_compact_npz_is_unrolled_and_missing_traces_are_left_out(tmp_path):
    observed = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    weights = np.array([[1, 0, 1], [1, 1, 1]])
    places = {"sources_m": [[10.0, 0], [10, 40]], "receivers_m": [[5.0, 20], [5, 30], [5, 60]]}
    np.savez(tmp_path / "c.npz", observed=observed, time_step_s=0.002, weights=weights, wavelet=np.ones(5), **places)
    found = read_shots(tmp_path / "c.npz")
    np.testing.assert_array_equal(found.shot, [1, 1, 2, 2, 2])
    np.testing.assert_array_equal(found.traces[1], observed[0, :, 2])
    np.testing.assert_array_equal(found.receiver_x_m, [20, 60, 20, 30, 60])
    assert found.source_depth_m[0] == 10 and found.first_sample_s == 0.002 and len(found.wavelet) == 5


def test_a_table_gives_the_geometry_of_any_file(shots, tmp_path):
    from obspy import Stream, Trace

    Stream([Trace(t, {"delta": 0.004, "station": f"S{i}"}) for i, t in enumerate(shots.traces)]).write(
        str(tmp_path / "s.mseed"), format="MSEED"
    )
    table = np.stack([getattr(shots, name) for name in GEOMETRY], 1)
    np.savetxt(tmp_path / "g.csv", table, delimiter=",", header=",".join(GEOMETRY), comments="")
    assert_same(read_shots(tmp_path / "s.mseed", tmp_path / "g.csv"), shots)
    with pytest.raises(ZooError, match="says nothing about sources"):
        read_shots(tmp_path / "s.mseed")
    np.savetxt(tmp_path / "short.csv", table[:-1], delimiter=",", header=",".join(GEOMETRY), comments="")
    with pytest.raises(ZooError, match="6 traces but the geometry .* has 5 rows"):
        read_shots(tmp_path / "s.mseed", tmp_path / "short.csv")
    (tmp_path / "names.csv").write_text("shot,source_x,source_depth_m,receiver_x_m,receiver_depth_m\n1,0,0,0,0\n")
    with pytest.raises(ZooError, match="lacks `source_x_m`. Is it source_x"):
        read_shots(tmp_path / "s.mseed", tmp_path / "names.csv")
    (tmp_path / "text.csv").write_text(",".join(GEOMETRY) + "\n1,0,0,here,0\n")
    with pytest.raises(ZooError, match="row 1: `receiver_x_m` is missing or not a number"):
        read_shots(tmp_path / "s.mseed", tmp_path / "text.csv")


def test_segy_headers_of_other_programs_are_read(shots, tmp_path):
    """Scalars that multiply, elevations, one record number for all, and the interval in the file's header only."""
    from obspy import read

    stream = read(write_shots(shots, tmp_path / "a.segy"), format="SEGY")
    for trace in stream:
        header = trace.stats.segy.trace_header
        header.original_field_record_number = 1
        header.scalar_to_be_applied_to_all_coordinates = 10
        header.scalar_to_be_applied_to_all_elevations_and_depths = 0
        header.source_coordinate_x, header.group_coordinate_x = header.source_coordinate_x // 100, 4
        header.source_depth_below_surface, header.surface_elevation_at_source = 30, 10
        header.receiver_group_elevation = -6
    stream.write(str(tmp_path / "b.segy"), format="SEGY", data_encoding=1)
    found = read_shots(tmp_path / "b.segy")
    np.testing.assert_array_equal(found.source_x_m, np.repeat([1000, 2000], 3))
    assert (found.receiver_x_m == 40).all() and (found.receiver_depth_m == 6).all()
    assert (found.source_depth_m == 20).all()
    np.testing.assert_array_equal(found.shot, np.repeat([0, 1], 3))
    np.testing.assert_allclose(found.traces, shots.traces, rtol=1e-6)  # IBM floats


def test_damaged_segy_is_refused(shots, tmp_path):
    content = write_shots(shots, tmp_path / "a.segy").read_bytes()
    for cut, message in ((100, "cut short"), (3700, "cut short"), (-20, "cut short"), (-300, "has 5940 bytes")):
        (tmp_path / "b.segy").write_bytes(content[:cut])
        with pytest.raises(ZooError, match=message):
            read_shots(tmp_path / "b.segy")
    (tmp_path / "text.segy").write_text("no seismograms")
    with pytest.raises(ZooError, match="not SEG-Y"):
        read_shots(tmp_path / "text.segy")


def test_what_segy_cannot_say_or_means_otherwise_is_refused(shots, tmp_path):
    with pytest.raises(ZooError, match="whole microseconds; received 1333.33"):
        write_shots(dataclasses.replace(shots, time_step_s=4e-3 / 3), tmp_path / "a.segy")
    with pytest.raises(ZooError, match="whole milliseconds"):
        write_shots(dataclasses.replace(shots, first_sample_s=0.0105), tmp_path / "a.segy")
    with pytest.raises(ZooError, match="received shots.csv"):
        write_shots(shots, tmp_path / "shots.csv")
    assert not list(tmp_path.iterdir())
    same = dataclasses.replace(shots, source_x_m=np.zeros(6), receiver_x_m=np.zeros(6))
    with pytest.raises(ZooError, match="at one place"):
        read_shots(write_shots(same, tmp_path / "same.segy"))


def test_a_sampling_interval_of_zero_is_refused(shots, tmp_path):
    content = bytearray(write_shots(shots, tmp_path / "a.segy").read_bytes())
    content[3216:3220] = bytes(4)
    for row in range(6):
        start = 3600 + row * (240 + 4 * 50) + 116
        content[start : start + 2] = bytes(2)
    (tmp_path / "b.segy").write_bytes(content)
    with pytest.raises(ZooError, match="sampling interval is 0 s"):
        read_shots(tmp_path / "b.segy")
    with pytest.raises(ZooError, match="sampling interval is nan s"):
        dataclasses.replace(shots, time_step_s=np.nan)


def test_numbers_that_are_missing_are_named(shots):
    traces = shots.traces.copy()
    traces[4, 20] = np.nan
    with pytest.raises(ZooError, match=r"shot 8, trace 5 holds nan at sample 21 \(1 such"):
        dataclasses.replace(shots, traces=traces)
    with pytest.raises(ZooError, match="6 traces but `shot` has shape"):
        dataclasses.replace(shots, shot=shots.shot[:5])
    with pytest.raises(ZooError, match="`receiver_x_m` of trace 2 is not a number"):
        dataclasses.replace(shots, receiver_x_m=np.where(np.arange(6) == 1, np.nan, 0))
    with pytest.raises(ZooError, match="wavelet has shape"):
        dataclasses.replace(shots, wavelet=np.zeros((2, 3)))


def test_bad_npz_is_refused(shots, tmp_path):
    content = write_shots(shots, tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ZooError, match="damaged, cut short"):
        read_shots(tmp_path / "b.npz")
    with pytest.raises(ZooError, match="There is no file"):
        read_shots(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", observed=np.zeros((1, 5, 2)), time_step_s=0.1, source_m=[[0, 0]], receivers_m=[[0, 0]])
    with pytest.raises(ZooError, match="lacks `sources_m`. Is it source_m"):
        read_shots(tmp_path / "d.npz")
    np.savez(
        tmp_path / "e.npz", observed=np.zeros((1, 5, 2)), time_step_s=1.0, sources_m=[[0, 0]], receivers_m=[[0, 0]]
    )
    with pytest.raises(ZooError, match=r"`receivers_m` \(1, 2\); expected \(shots, time, receivers\)"):
        read_shots(tmp_path / "e.npz")
