"""Readers of binary files and JSON, fed with mutated valid files: each ends in a ZooError or in an answer.

`ZOO_FUZZ` says how many cases a reader gets (`make faults`: 3,000).
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import h5py
import keras
import numpy as np
import obspy
import pytest

import zoo
from zoo import checkpoint, gate
from zoo.crust.maps import read_dispersion_map
from zoo.crust.physics.earth import prem, read_deck, write_deck
from zoo.data import prepared
from zoo.errors import ZooError
from zoo.field.grid_files import read_earth
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.fwi.inversion.wavelet import _read_wavelet
from zoo.fwi.physics.velocity_files import read_fields, write_fields
from zoo.fwi.shots import Shots, read_shots, write_shots
from zoo.microseismic.location.receiver_tables import read_receiver_table
from zoo.microseismic.location.trace_files import read_traces
from zoo.microseismic.physics.elastic_model import read_model
from zoo.seismicity.catalogues import read_catalogue
from zoo.seismicity.manual import read_periods
from zoo.seismograms import read as read_waveforms

CASES = int(os.environ.get("ZOO_FUZZ", "60"))
NUMBERS = [b"\xff" * 8, b"\x00" * 8, (1 << 62).to_bytes(8, "little"), b"\x7f" + b"\xff" * 3, b"nan", b"1e999", b"-1"]


SAMPLES = Path(zoo.__file__).parent
ITALY, YUNNAN = SAMPLES / "seismograms/samples/central_italy", SAMPLES / "crust/samples/yunnan"


def _shots(path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.arange(6.0)
    where = {"source_x_m": x, "source_depth_m": x, "receiver_x_m": 10 * x, "receiver_depth_m": x}
    write_shots(Shots(rng.normal(size=(6, 40)).astype(np.float32), 0.004, np.repeat([1, 2], 3), **where), path)


def _unix(path: Path) -> None:
    _shots(path.with_suffix(".segy"))
    path.write_bytes(path.with_suffix(".segy").read_bytes()[3600:])


def _revision_2(path: Path) -> None:
    """With a textual block that states the layout, and an additional header to each trace."""
    _shots(path.with_suffix(".segy"))
    content = path.with_suffix(".segy").read_bytes()
    head, traces = bytearray(content[:3600]), content[3600:]
    head[3500:3508] = bytes([2, 1, 0, 1, 0, 1, 0, 1])
    places = {"sht_x": 73, "rec_x": 81, "ffid": 9, "relev": 41}
    entries = "".join(f'<entry name="{name}" byte="{byte}" type="coor4"/>' for name, byte in places.items())
    text = f'((SEG:Layout:text/xml))<segy-layout name="x">{entries}</segy-layout>'.encode().ljust(3200)
    step = 240 + 4 * 40
    parts = [traces[at : at + 240] + bytes(240) + traces[at + 240 : at + step] for at in range(0, len(traces), step)]
    path.write_bytes(bytes(head) + text + b"".join(parts))


def _traces(path: Path) -> None:
    rng = np.random.default_rng(0)
    held = {"traces": rng.normal(size=(4, 80)), "sampling_rate_hz": 250.0, "receivers_km": rng.normal(size=(4, 3))}
    np.savez(path, noise_sd=np.ones(4), noise=rng.normal(size=(4, 30)), unit="Pa", **held)


def _velocity(path: Path) -> None:
    velocity = np.full((8, 9), 2000, np.float32)
    write_fields(path, {"velocity_m_s": velocity, "spacing_m": 10.0, "title": "t", "source": "s"})


def _map(path: Path) -> None:
    longitude, latitude = np.arange(100, 104.0), np.arange(20, 23.0)
    held = {"longitude": longitude, "latitude": latitude, "period_s": np.array([10.0, 20.0])}
    held["phase_velocity_km_s"] = np.full((2, 3, 4), 3.2)
    if path.suffix == ".npz":
        np.savez(path, **held)
        return
    with h5py.File(path, "w") as file:
        for name, values in held.items():
            file.create_dataset(name, data=values, compression="gzip" if values.ndim > 1 else None)
        file["phase_velocity_km_s"].attrs["units"] = "km s-1"


def _rock(path: Path) -> None:
    vp = np.full((4, 5, 6), 3000.0)
    np.savez_compressed(path, vp_m_s=vp, vs_m_s=vp / 2, density_kg_m3=vp, spacing_m=(10.0, 10.0, 10.0))


def _wavelet(path: Path) -> None:
    np.savez(path, wavelet=np.hanning(40), time_step_s=0.002)


def _geojson(path: Path) -> None:
    event = {"type": "Feature", "properties": {"mag": 1.2, "time": 1562198400000, "type": "earthquake"}}
    event["geometry"] = {"type": "Point", "coordinates": [-117.5, 35.6, 3.0]}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{**event, "id": str(i)} for i in range(9)]}))


def _records(path: Path) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(6):
            writer.write(bytes([number]) * 50)


def _model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])


def _of_checkpoint(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        folder = zoo.save(_model(), path.with_name("checkpoint"), "x")
        shutil.copy(folder / name, path)

    return write


def _load_forged(name: str) -> Callable[[Path], None]:
    """Return what loads a checkpoint of which one file was exchanged, by somebody who signed it again."""

    def load(path: Path) -> None:
        folder = path.with_name("checkpoint")
        shutil.copy(path, folder / name)
        card = json.loads((folder / "card.json").read_text())
        card["files"][name]["sha256"] = checkpoint.sha256(folder / name)
        (folder / "card.json").write_text(json.dumps(card))
        checkpoint.load(folder)

    return load


def _lines(file: Path, count: int) -> Callable[[Path], None]:
    """Return what writes the first lines of a shipped file."""

    def write(path: Path) -> None:
        path.write_text("".join(file.read_text().splitlines(keepends=True)[:count]))

    return write


def _obs(path: Path) -> None:
    line = "ARRO   ?    ?    ? P      ? 20161014 0000   12.4500 GAU  2.00e-02 -1.00e+00 -1.00e+00 -1.00e+00\n"
    path.write_text(line * 3 + "\n" + line.replace(" P ", " S ") * 3)


def _quakeml(path: Path) -> None:
    from obspy.core.event import Arrival, Catalog, Event, Magnitude, Origin, Pick, WaveformStreamID

    time = obspy.UTCDateTime(2019, 7, 4)
    made = [Pick(time=time + 3, phase_hint="P", waveform_id=WaveformStreamID("IV", "ARRO", "", "EHZ"))]
    origin = Origin(time=time, latitude=42.5, longitude=13.0, depth=5000.0)
    origin.arrivals = [Arrival(pick_id=made[0].resource_id, phase="P")]
    event = Event(picks=made, origins=[origin], magnitudes=[Magnitude(mag=2.1, magnitude_type="ML")])
    Catalog([event]).write(str(path), format="QUAKEML")


def _station_xml(path: Path) -> None:
    from obspy.core.inventory import Inventory, Network, Station

    stations = [Station(code, 42.5 + i, 13.0, 100.0) for i, code in enumerate(("ARRO", "AM05"))]
    Inventory([Network("IV", stations)], source="x").write(str(path), format="STATIONXML")


def _mini_seed(path: Path) -> None:
    data = np.random.default_rng(0).integers(-1000, 1000, 600).astype(np.int32)
    header = {"network": "XX", "station": "AAA", "sampling_rate": 20.0, "starttime": obspy.UTCDateTime(2020, 1, 1)}
    traces = [obspy.Trace(data, {**header, "channel": f"HH{component}"}) for component in "ZNE"]
    obspy.Stream(traces).write(str(path), format="MSEED", reclen=512)


def _card(path: Path) -> None:
    gate.check_card(gate.read_plain_json(path, "card"), path)


READERS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], object]]] = {
    "shots": ("a.npz", _shots, read_shots),
    "SEG-Y shots": ("a.segy", _shots, read_shots),
    "Seismic Unix shots": ("a.su", _unix, read_shots),
    "SEG-Y of revision 2": ("a.sgy", _revision_2, read_shots),
    "traces": ("a.npz", _traces, read_traces),
    "velocity npz": ("a.npz", _velocity, lambda path: read_fields(path, None, None)),
    "velocity netCDF": ("a.nc", _velocity, lambda path: read_fields(path, None, None)),
    "velocity SEG-Y": ("a.segy", _velocity, lambda path: read_fields(path, None, None)),
    "map npz": ("a.npz", _map, read_dispersion_map),
    "map netCDF": ("a.nc", _map, read_dispersion_map),
    "elastic model": ("a.npz", _rock, read_model),
    "wavelet": ("a.npz", _wavelet, lambda path: _read_wavelet(path, 0.004)),
    "deck": ("a.deck", lambda path: write_deck(prem(), path), read_deck),
    "GeoJSON": ("a.json", _geojson, read_catalogue),
    "picks": ("picks.csv", _lines(ITALY / "picks.csv", 30), read_picks),
    "picks of NonLinLoc": ("a.obs", _obs, read_picks),
    "picks as QuakeML": ("a.xml", _quakeml, read_picks),
    "stations": ("stations.csv", _lines(ITALY / "stations.csv", 12), read_stations),
    "StationXML": ("a.xml", _station_xml, read_stations),
    "layers": ("layers.csv", _lines(ITALY / "layers.csv", 12), read_earth),
    "catalogue": ("a.csv", _lines(ITALY / "relocated.csv", 30), read_catalogue),
    "periods": ("a.csv", lambda path: path.write_text("start,end\n2019-07-04,2019-07-06T12:00\n"), read_periods),
    "phase velocities": ("a.csv", _lines(YUNNAN / "velocities.csv", 60), read_dispersion_map),
    "receivers": (
        "a.csv",
        lambda path: path.write_text("station,x_m,y_m,z_m\nA,0,0,10\nB,5,0,10\nC,5,9,1\n"),
        read_receiver_table,
    ),
    "miniSEED": ("a.mseed", _mini_seed, read_waveforms),
    "records": ("a.tfrecord", _records, lambda path: list(prepared.read_records(path))),
    "card": ("card.json", _of_checkpoint("card.json"), _card),
    "configuration": ("config.json", _of_checkpoint("config.json"), _load_forged("config.json")),
    "weights": ("model.weights.h5", _of_checkpoint("model.weights.h5"), _load_forged("model.weights.h5")),
}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with a few things of the kind wrong that disks, copies and attackers do."""
    made = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(len(made) + 1)), int(rng.integers(1, 40))
        kind = rng.integers(7)
        if kind == 0 and made:
            made[min(at, len(made) - 1)] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            made[at : at + length] = bytes(length)
        elif kind == 2:
            made[at : at + length] = rng.bytes(length)
        elif kind == 3:
            del made[at : at + length]
        elif kind == 4:
            made[at:at] = made[int(rng.integers(len(made) + 1)) :][:length]
        elif kind == 5:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            made[at : at + len(number)] = number
        elif rng.random() < 0.3:
            del made[at:]
    return bytes(made)


@pytest.mark.parametrize("name", READERS)
def test_no_mutated_file_ends_in_a_raw_error(name, tmp_path):
    file, write, read = READERS[name]
    path = tmp_path / file
    write(path)
    content, rng = path.read_bytes(), np.random.default_rng(list(name.encode()))
    read(path)
    for number in range(CASES):
        case = mutated(content, rng)
        path.write_bytes(case)
        try:
            read(path)
        except ZooError as error:
            assert path.name in str(error) or "cannot be built" in str(error)
        except Exception as error:
            kept = tmp_path / f"case-{number}-{file}"
            kept.write_bytes(case)
            raise AssertionError(f"{kept} ends in {type(error).__name__}: {error}") from error
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    assert peak_gb < 6


_KEPT = {
    "cat": read_catalogue,
    "deck": read_deck,
    "elastic": read_model,
    "map": read_dispersion_map,
    "shots": read_shots,
    "traces": read_traces,
    "vel": READERS["velocity npz"][2],
    "wavelet": READERS["wavelet"][2],
}
_WITHIN = {"cat_json-TypeError-72c7ea.json", "cat_json-ValueError-4dd3b3.json"}
"""Of these, the features that are damaged are left out."""


def test_what_once_ended_in_a_raw_error(real_cases):
    """The smallest inputs of each kind, under the name of the error that they raised."""
    kept = [path for path in (real_cases / "faults" / "inputs").iterdir() if re.split("[_-]", path.name)[0] in _KEPT]
    assert len(kept) > 30
    for path in kept:
        with nullcontext() if path.name in _WITHIN else pytest.raises(ZooError):
            _KEPT[re.split("[_-]", path.name)[0]](path)


@pytest.mark.parametrize("delay_ms", [1, 255, 32767])
def test_a_trace_that_begins_after_the_others_have_ended_is_empty(tmp_path, delay_ms):
    """Found by mutation: a delay of one trace (bytes 109 and 110) longer than all of them."""
    path = tmp_path / "a.su"
    _unix(path)
    content = bytearray(path.read_bytes())
    size = len(content) // 6
    content[5 * size + 108 : 5 * size + 110] = delay_ms.to_bytes(2, "big")
    path.write_bytes(content)
    shots = read_shots(path)
    traces = np.asarray(shots.traces)
    assert traces.shape == (6, 40) and np.any(traces[0])
    assert np.any(traces[5]) == (delay_ms == 1)


def _changed(write: Callable[[Path], None], path: Path, **changes: object) -> Path:
    write(path)
    with np.load(path) as held:
        values = {**held, **changes}
    np.savez(path, **values)
    return path


@pytest.mark.parametrize("name", ["receivers_km", "noise", "noise_sd", "sampling_rate_hz"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_traces_with_values_that_are_no_numbers_are_refused(tmp_path, name, value):
    shape = {"receivers_km": (4, 3), "noise": (4, 30), "noise_sd": (4,), "sampling_rate_hz": ()}[name]
    with pytest.raises(ZooError, match=f"{name}. holds {value}"):
        read_traces(_changed(_traces, tmp_path / "a.npz", **{name: np.full(shape, value)}))


@pytest.mark.parametrize("number", [1.5, np.nan, np.inf, 1e300])
def test_a_shot_has_a_whole_number(tmp_path, number):
    path = _changed(_shots, tmp_path / "a.npz", shot=np.array([1, 1, number, 2, 2, 2]))
    with pytest.raises(ZooError, match="`shot` holds"):
        read_shots(path)
    _shots(path)
    table = tmp_path / "geometry.csv"
    rows = [f"{shot},0,0,{row},0" for row, shot in enumerate([1, 1, number, 2, 2, 2])]
    header = "shot,source_x_m,source_depth_m,receiver_x_m,receiver_depth_m"
    table.write_text("\n".join([header, *rows]))
    with pytest.raises(ZooError, match="`shot` holds"):
        read_shots(path, table)


@pytest.mark.parametrize("name", ["first_sample_s", "time_step_s"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_times_of_shots_are_finite(tmp_path, name, value):
    with pytest.raises(ZooError):
        read_shots(_changed(_shots, tmp_path / "a.npz", **{name: value}))


def test_a_header_of_terabytes_allocates_nothing(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("traces.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(ZooError, match="states 1000000000000 x 8 bytes"):
        read_traces(path)
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("velocity_m_s", shape=(10**6, 10**6), dtype="f8", chunks=(10, 10), compression="gzip")
        file.attrs["spacing_m"] = 1.0
    with pytest.raises(ZooError, match="states 8000000000000 bytes"):
        read_fields(tmp_path / "a.nc", None, None)
