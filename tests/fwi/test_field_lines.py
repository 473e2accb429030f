"""Lines from the field: what headers say, and what they must not be believed."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import obspy
import pytest
import segy_files

from zoo.errors import UsageError, ZooError
from zoo.fwi.line import fit_line
from zoo.fwi.segy.layout import FORMATS, find_layout
from zoo.fwi.segy.samples import open_bytes, read_rows
from zoo.fwi.shots import GEOMETRY, read_shots, write_shots


def positions(shots) -> np.ndarray:
    return np.stack([getattr(shots, name) for name in GEOMETRY[1:]])


def noted(shots, words: str) -> bool:
    return any(re.search(words, note) for note in shots.notes)


# Cases -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cases(real_cases):
    return real_cases / "fwi"


@pytest.mark.parametrize(
    ("name", "tolerance_m", "note"),
    [
        ("feet.segy", 0.06, "feet"),
        ("no_count_in_traces.segy", 0, "state no interval"),
        ("shots.su", 0, "metres were taken"),
        ("one_file_a_shot", 0, "3 files"),
        ("straight_line_37_degrees.segy", 0.7, r"azimuth of 53.0 degrees.*\(456000\.\d+, 5812344"),
    ],
)
def test_a_line_is_read_as_the_plain_one(cases, name, tolerance_m, note):
    plain, found = read_shots(cases / "plain.segy"), read_shots(cases / name)
    np.testing.assert_array_equal(found.shot, plain.shot)
    np.testing.assert_allclose(positions(found), positions(plain), rtol=0, atol=tolerance_m)
    np.testing.assert_array_equal(found.traces[:], plain.traces[:])
    assert found.time_step_s == 0.004 and noted(found, note)


def test_delays_are_aligned_and_dead_traces_are_zero(cases):
    plain, delayed = (read_shots(cases / name).traces[:] for name in ("plain.segy", "delay_by_trace.segy"))
    late = np.abs(delayed[:, :15]).max(axis=1) == 0
    assert late[1::2].all()  # 60 ms of 4 ms
    first = [np.argmax(np.abs(trace) > 1e-3 * np.abs(trace).max()) for trace in delayed]
    moved = [np.argmax(np.abs(trace) > 1e-3 * np.abs(trace).max()) for trace in plain]
    assert np.abs(np.array(first) - moved).max() <= 15
    dead = read_shots(cases / "dead_by_code.segy")
    assert not dead.traces[7].any() and dead.traces[6].any() and noted(dead, "dead by their code .*: 1 of 60")


REFUSED = {
    "broken": "68 bytes over. It is cut short",
    "decrement": "none of its 5 traces is seismic",
    "increment-lsb": "none of its 5 traces is seismic",
    "interval-neg-bin-neg-trace": "interval is -0.002 s",
    "multiformats_Format4msb": "the format 4 .fixed point with gain",
    "small": "the sampling interval is 0 s",
    "small-lsb": "the sampling interval is 0 s",
}
"""Of segyio's own files, those that are refused even with a table of the geometry, which none of them has."""


def test_files_of_segyio_open_or_say_why_not(cases, tmp_path):
    files = [path for path in sorted((cases / "segyio").iterdir()) if path.suffix in (".sgy", ".su")]
    assert len(files) == 45
    for path in files:
        with pytest.raises(ZooError, match="hold no geometry|have no coordinates|" + REFUSED.get(path.stem, "$^")):
            read_shots(path)
        table = tmp_path / "geometry.csv"
        if path.stem in REFUSED:
            table.write_text(",".join(GEOMETRY) + "\n1,0,0,0,0\n")
            with pytest.raises(ZooError, match=REFUSED[path.stem]):
                read_shots(path, table)
            continue
        layout = find_layout(path, open_bytes(path), "SEG-Y")
        table.write_text(",".join(GEOMETRY) + "".join(f"\n1,0,0,{row},0" for row in range(len(layout.offsets))))
        found = read_shots(path, table)
        assert found.traces.shape == (len(layout.offsets), layout.lengths[0])


# Formats and layouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("code", FORMATS)
def test_every_format_in_both_byte_orders(tmp_path, code, order):
    traces, headers = segy_files.line()
    path = segy_files.write(tmp_path / "a.sgy", traces, headers, code=code, order=order)
    np.testing.assert_array_equal(read_shots(path).traces[:], traces)
    layout = find_layout(path, open_bytes(path), "SEG-Y")
    rows = np.array([3, 0, 8])
    np.testing.assert_array_equal(read_rows(path, replace(layout, plain=False), rows, 7), traces[rows, :7])


@pytest.mark.parametrize("code", [2, 3, 7, 8])
def test_numbers_below_zero(tmp_path, code):
    traces, headers = segy_files.line()
    traces -= 50
    path = segy_files.write(tmp_path / "a.sgy", traces, headers, code=code)
    np.testing.assert_array_equal(read_shots(path).traces[:], traces)


@pytest.mark.parametrize("order", [">", "<"])
def test_seismic_unix_in_both_byte_orders(tmp_path, order):
    traces, headers = segy_files.line()
    found = read_shots(segy_files.write(tmp_path / "a.su", traces, headers, order=order, unix=True))
    np.testing.assert_array_equal(found.traces[:], traces)
    np.testing.assert_array_equal(found.receiver_x_m, headers[81])


def test_rows_are_read_when_they_are_asked_for(tmp_path):
    traces, headers = segy_files.line()
    rows = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers)).traces
    assert rows.shape == traces.shape and len(rows) == 10 and rows[4].shape == (20,)
    np.testing.assert_array_equal(rows[2:8, ::3], traces[2:8, ::3])
    np.testing.assert_array_equal(rows[headers[9] == 8], traces[5:])
    np.testing.assert_array_equal(np.asarray(rows), traces)
    np.testing.assert_array_equal(rows[-1, 5:], traces[-1, 5:])


def test_counts_that_are_wrong_are_outvoted_by_the_size(tmp_path):
    traces, headers = segy_files.line()
    wrong = {**headers, 115: 0 * headers[9] + 999}
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, wrong))
    assert noted(found, "with 20 samples, as the binary header .* first trace header .byte 115. 999")
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary={3221: ("u2", 999)}))
    np.testing.assert_array_equal(found.traces[:], traces)
    with pytest.raises(ZooError, match="after 3600 bytes of headers .* traces of 998"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, wrong, binary={3221: ("u2", 998)}))


def test_traces_of_lengths_of_their_own_end_with_the_shortest(tmp_path):
    traces, headers = segy_files.line()
    lengths = np.array([20, 17, 20, 18, 20, 20, 19, 20, 20, 16])
    cut = [trace[:length] for trace, length in zip(traces, lengths, strict=True)]
    found = read_shots(segy_files.write(tmp_path / "a.sgy", cut, {**headers, 115: lengths}))
    np.testing.assert_array_equal(found.traces[:], traces[:, :16])
    assert noted(found, "16 to 20 samples")


def test_revision_2_with_all_it_may_have(tmp_path):
    """Extended counts, an additional header with doubles, text of unstated length, a trailer."""
    traces, headers = segy_files.line()
    n = len(traces)
    more = []
    for row in range(n):
        own = bytearray(240)
        for byte, value in ((97, 1000.25 + 20 * (row // 5)), (113, 1000.5 + 10 * (row % 5)), (145, 2000.0)):
            own[byte - 1 : byte + 7] = np.array(value, ">f8").tobytes()
        own[232:240] = b"SEG00001"
        more.append(bytes(own))
    for text, stated in ((b"", 0), (b"((SEG:x))".ljust(3200) + b"((SEG: EndText))", -1), (b"((any))", 1)):
        path = segy_files.write(
            tmp_path / "a.sgy",
            traces,
            {**headers, 115: 0 * headers[9], 117: 0 * headers[9]},
            binary={
                3221: ("u2", 0),
                3269: ("u4", 20),
                3297: ("u4", 16909060),
                3501: ("u2", 0x0200),
                3505: ("i2", stated),
                3507: ("i4", 1),
                3529: ("i4", 1),
            },
            text=text,
            more=more,
            trailer=bytes(3200),
        )
        found = read_shots(path, corner_m=(1000.0, 0.0))
        np.testing.assert_array_equal(found.traces[:], traces)
        assert found.time_step_s == 0.002
        np.testing.assert_allclose(found.source_x_m, 0.25 + headers[73], atol=1e-6)
        np.testing.assert_allclose(found.receiver_x_m, 0.5 + headers[81], atol=1e-6)


def test_bytes_in_pairs_and_unknown_formats_are_named(tmp_path):
    traces, headers = segy_files.line()
    with pytest.raises(ZooError, match="swapped in pairs"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary={3297: ("u4", 0x02010403)}))
    with pytest.raises(ZooError, match=r"hold 77 \(in the other byte order 19712\); expected one of 1, 2"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary={3225: ("i2", 77)}))
    none = {**headers, 115: 0 * headers[9]}
    with pytest.raises(ZooError, match="no header states the number of samples"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, none, binary={3221: ("u2", 0)}))


def test_a_stanza_places_the_fields(tmp_path):
    traces, headers = segy_files.line()
    entries = {"sht_x": ("81", "coor4"), "rec_x": ("73", "coor4"), "co_scal": ("71", "int2"), "dt": ("117", "int2")}
    inside = "".join(f'<entry name="{name}" byte="{byte}" type="{kind}"/>' for name, (byte, kind) in entries.items())
    text = f'((SEG:Layout:text/xml))<?xml version="1.0"?><segy-layout name="a">{inside}</segy-layout>'
    headers |= {71: 2 + 0 * headers[9]}
    binary = {3501: ("u2", 0x0201), 3505: ("i2", 1)}
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary=binary, text=text.encode()))
    np.testing.assert_array_equal(found.source_x_m, 2 * headers[81])  # exchanged, and scaled
    assert noted(found, "where its stanza SEG:Layout places them") and (found.receiver_depth_m == 0).all()
    for wrong, why in (("</segy-layout>", "no XML"), ("coor4", "type coor5"), ('byte="81"', "byte 239")):
        other = {"</segy-layout>": "", "coor4": "coor5", 'byte="81"': 'byte="239"'}[wrong]
        damaged = text.replace(wrong, other).encode()
        found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary=binary, text=damaged))
        assert noted(found, f"is not followed .*{why}")
        np.testing.assert_array_equal(found.receiver_x_m, 2 * headers[81])


# What headers mean --------------------------------------------------------------------------------------------------


def test_scalars_and_units_of_every_kind(tmp_path):
    traces, headers = segy_files.line()
    all_of = {71: -10, 69: -100, 215: -10, 109: 400, 41: -500, 49: 600}
    headers |= {byte: value + 0 * headers[9] for byte, value in all_of.items()} | {73: 10 * headers[73]}
    headers[81] = 10 * headers[81]
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers, binary={3255: ("i2", 2)}))
    foot_m = 0.3048
    np.testing.assert_allclose(found.source_x_m, foot_m * np.repeat([0, 20], 5))
    np.testing.assert_allclose(found.receiver_depth_m, foot_m * 5)
    np.testing.assert_allclose(found.source_depth_m, foot_m * 6)
    assert found.first_sample_s == pytest.approx(0.04) and noted(found, "feet")
    stated = {**headers, 37: np.abs(headers[73] - headers[81]) // 10}
    assert not noted(read_shots(segy_files.write(tmp_path / "b.sgy", traces, stated)), "warning: offsets")
    stated[37] = 3 * stated[37]
    assert noted(read_shots(segy_files.write(tmp_path / "b.sgy", traces, stated)), "warning: offsets .* 3 times")


@pytest.mark.parametrize(
    ("unit", "scalar", "place"),
    [(2, -100, lambda d: d * 360000), (3, -10000, lambda d: d * 10000), (4, -100, None)],
)
def test_degrees_become_metres(tmp_path, unit, scalar, place):
    traces, headers = segy_files.line()
    longitude, latitude = 13.0, 52.0 + np.arange(5) / 100  # 1.11 km apart

    def dms(d):
        minutes = np.round(d * 60, 9)
        return np.round(100 * (np.floor(minutes / 60) * 10000 + np.floor(minutes % 60) * 100 + minutes % 1 * 60))

    place = place or dms
    headers |= {89: unit + 0 * headers[9], 71: scalar + 0 * headers[9]}
    headers |= {81: np.full(10, place(longitude)), 85: np.tile(place(latitude), 2)}
    headers |= {73: np.full(10, place(longitude)), 77: np.repeat(place(latitude[[1, 3]]), 5)}
    headers = {byte: np.round(values).astype(int) for byte, values in headers.items()}
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))
    np.testing.assert_allclose(found.receiver_x_m[:5], 1112.7 * np.arange(5), rtol=2e-3, atol=1)
    np.testing.assert_allclose(found.source_x_m[[0, 5]], [1112.7, 3 * 1112.7], rtol=2e-3)
    assert found.line.system == "EPSG:32633" and noted(found, "WGS 84")


def test_degrees_that_are_none_and_units_that_vary_are_refused(tmp_path):
    traces, headers = segy_files.line()
    headers |= {89: 3 + 0 * headers[9], 85: 100 * headers[81]}
    with pytest.raises(ZooError, match="decimal degrees, and they then reach 40 degrees"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))
    headers[89] = np.arange(10) % 2 + 1
    with pytest.raises(ZooError, match="units of coordinates .* are 1, 2"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))


def test_traces_that_are_not_seismic_are_left_out(tmp_path):
    traces, headers = segy_files.line()
    headers[29] = np.array([1, 9, 1, 2, 1, 1, 14, 1, 1, 3])
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))
    np.testing.assert_array_equal(found.traces[:][[0, 1, 2]], [traces[0], traces[2], 0 * traces[3]])
    assert len(found.traces) == 8 and not found.traces[7].any()
    assert noted(found, "of 10 traces: 1 of near-field gun signatures, 1 of inline components")
    headers[29] = np.full(10, 6)
    with pytest.raises(ZooError, match="none of its 10 traces is seismic .* 10 of sweeps"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))
    swept = {**headers, 29: np.ones(10), 125: np.ones(10), 131: np.full(10, 8000)}
    with pytest.raises(ZooError, match="uncorrelated sweeps of 8000 ms"):
        read_shots(segy_files.write(tmp_path / "a.sgy", traces, swept))


def test_statics_water_and_lags_are_told(tmp_path):
    traces, headers = segy_files.line()
    headers |= {103: np.arange(10) - 4, 57: 300 + 0 * headers[9], 61: 40 + 0 * headers[9], 105: 3 + 0 * headers[9]}
    found = read_shots(segy_files.write(tmp_path / "a.sgy", traces, headers))
    for words in ("warning: statics of -4 to 5 ms .* datum of 300", "water depths of 40 to 40 m", "lag times"):
        assert noted(found, words)


def test_a_delay_between_samples_turns_the_phase(tmp_path):
    time = np.arange(120)
    wave = np.exp(-(((time - 50) / 5.0) ** 2))
    _, headers = segy_files.line(1, 2, 120)
    headers |= {109: np.array([0, 6])}  # one and a half samples
    found = read_shots(segy_files.write(tmp_path / "a.sgy", [wave, wave], headers)).traces
    expected = np.exp(-(((time - 51.5) / 5.0) ** 2))
    np.testing.assert_allclose(found[1], expected[: found.shape[1]], atol=1e-4)


# Surveys and lines --------------------------------------------------------------------------------------------------


def test_files_that_number_their_shots_alike(tmp_path):
    traces, headers = segy_files.line(1)
    for number in (2, 10):  # in the order of numbers, not of letters
        moved = {**headers, 73: 20 * number + headers[73], 9: 1 + 0 * headers[9]}
        segy_files.write(tmp_path / f"shot{number}.sgy", number * traces, moved)
    (tmp_path / "notes.txt").write_text("wind from the west")
    found = read_shots(tmp_path)
    np.testing.assert_array_equal(found.shot, np.repeat([1, 2], 5))
    np.testing.assert_array_equal(found.traces[:], np.concatenate([2 * traces, 10 * traces]))
    assert noted(found, "numbered anew") and noted(found, "1 other files .* notes.txt")
    both = read_shots([tmp_path / "shot2.sgy", tmp_path / "shot10.sgy"])
    np.testing.assert_array_equal(both.source_x_m, found.source_x_m)
    segy_files.write(tmp_path / "shot11.sgy", traces, {**headers, 117: 2000 + 0 * headers[9]})
    with pytest.raises(ZooError, match="time step of 0.002 s, shot2.sgy of 0.004 s"):
        read_shots(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="empty holds no shots"):
        read_shots(tmp_path / "empty")


def _on_map(path: Path, x: np.ndarray, y: np.ndarray, elevation: np.ndarray | float = 0.0) -> Path:
    """Write a line with a source at every other receiver."""
    n = len(x)
    sources = np.arange(0, n, 2)
    shot, receiver = np.repeat(np.arange(len(sources)), n), np.tile(np.arange(n), len(sources))
    traces = np.ones((len(shot), 10))
    z = np.round(100 * (elevation + np.zeros(n))).astype(int)
    headers = {9: shot + 1, 29: 1 + 0 * shot, 69: -100 + 0 * shot, 71: -100 + 0 * shot, 117: 4000 + 0 * shot}
    east, north = np.round(100 * x).astype(int), np.round(100 * y).astype(int)
    headers |= {73: east[sources][shot], 77: north[sources][shot], 81: east[receiver], 85: north[receiver]}
    headers |= {41: z[receiver], 45: z[sources][shot], 49: 200 + 0 * shot}
    return segy_files.write(path, traces, headers)


def test_a_line_of_any_azimuth_and_where_its_model_begins(tmp_path):
    along = np.arange(0, 1000, 25.0)
    for degrees in (0, 20, 90, 135, 290):
        angle = np.radians(degrees)
        path = _on_map(tmp_path / "a.sgy", 4e5 + along * np.sin(angle), 5e6 + along * np.cos(angle))
        found = read_shots(path)
        x = found.receiver_x_m[:40]
        np.testing.assert_allclose(x if x[0] < 1 else x[::-1], along, atol=0.02)
        places = found.line.at(found.receiver_x_m)
        np.testing.assert_allclose(places[:40, 0], 4e5 + along * np.sin(angle), atol=0.02)
        corner = read_shots(path, corner_m=tuple(found.line.at(np.array([-500.0]))[0]))
        np.testing.assert_allclose(corner.receiver_x_m, 500 + found.receiver_x_m, atol=0.02)


def test_coordinates_of_a_model_are_told_from_those_of_a_map(tmp_path):
    along = np.arange(0, 1000, 25.0)
    for x, y, first in ((5000, 0, 5000), (300, 70, 300), (5000, 70, 0), (456_000, 0, 0), (-500, 0, 0)):
        found = read_shots(_on_map(tmp_path / "a.sgy", x + along, y + 0 * along))
        assert found.receiver_x_m[0] == pytest.approx(first, abs=0.01), (x, y)
        assert noted(found, "left edge") == (first > 0) and noted(found, "give --corner") == (first == 0)


def test_a_crooked_line_is_binned_and_its_error_said(tmp_path):
    along = np.arange(0, 6000, 50.0)
    bend = 400 * np.sin(along / 2000)
    found = read_shots(_on_map(tmp_path / "a.sgy", 3e5 + along, 4e6 + bend))
    note = next(note for note in found.notes if "crooked" in note)
    worst = float(re.search(r"([\d.]+) m at most", note)[1])
    true = np.concatenate([[0], np.cumsum(np.hypot(50, np.diff(bend)))])
    assert worst < 150 and np.abs(found.receiver_x_m[:120] - true).max() < 60
    rng = np.random.default_rng(0)
    with pytest.raises(ZooError, match="do not lie along a line"):
        fit_line(rng.uniform(0, 1000, (300, 2)), rng.uniform(0, 1000, (300, 2)))


def test_land_lies_below_a_datum(tmp_path):
    along = np.arange(0, 500, 25.0)
    elevation = 230 + 20.4 * np.sin(along / 100)
    path = _on_map(tmp_path / "a.sgy", 3e5 + along, 4e6 + 0.2 * along, elevation)
    found = read_shots(path)
    assert found.line.datum_m == np.ceil(elevation.max()) and noted(found, "replacement velocity")
    np.testing.assert_allclose(found.receiver_depth_m[:20], found.line.datum_m - elevation, atol=0.006)
    np.testing.assert_allclose(found.source_depth_m[0], found.line.datum_m - elevation[0] + 2, atol=0.006)
    assert read_shots(path, datum_m=300.0).line.datum_m == 300
    with pytest.raises(ZooError, match="datum of 240 m is below the highest"):
        read_shots(path, datum_m=240.0)


def test_written_shots_keep_their_places_on_the_map(tmp_path):
    along = np.arange(0, 500, 25.0)
    first = read_shots(_on_map(tmp_path / "a.sgy", 3e5 + along, 4e6 + 0.5 * along, 120 + 0.1 * along))
    again = read_shots(write_shots(first, tmp_path / "b.segy"), datum_m=first.line.datum_m)
    np.testing.assert_allclose(positions(again), positions(first), atol=0.02)
    np.testing.assert_allclose(again.line.at(along), first.line.at(along), atol=0.02)


def test_what_does_not_go_together_is_refused(tmp_path):
    traces, headers = segy_files.line()
    path = segy_files.write(tmp_path / "a.sgy", traces, {**headers, 81: 0 * headers[81], 73: 500 + headers[73]})
    with pytest.raises(ZooError, match="the receivers have no coordinates"):
        read_shots(path)
    np.savez(tmp_path / "b.npz", traces=traces)
    with pytest.raises(ZooError, match="several kinds"):
        read_shots([path, tmp_path / "b.npz"])
    with pytest.raises(UsageError, match="Corner and datum are for SEG-Y"):
        read_shots(tmp_path / "b.npz", datum_m=3.0)
    with pytest.raises(ZooError, match="There is no file .*missing"):
        read_shots(tmp_path / "missing")


def test_seg_2_takes_a_table_and_has_its_delay(tmp_path):
    folder = Path(obspy.__file__).parent / "io" / "seg2" / "tests" / "data"
    files = sorted(folder.glob("20180307*.seg2"))
    if not files:
        pytest.skip("this ObsPy comes without its tests' data")
    for number in (1, 2):
        shutil.copy(files[0], tmp_path / f"{number}.seg2")
    table = tmp_path / "geometry.csv"
    table.write_text(",".join(GEOMETRY) + "\n1,0,0,10,0\n2,5,0,10,0\n")
    found = read_shots(tmp_path, table)
    assert found.first_sample_s == pytest.approx(-0.01) and found.traces.shape == (2, 2048)
    with pytest.raises(ZooError, match="Give --geometry"):
        read_shots(tmp_path)
