"""Archives in their real layout, served on loopback by processes of their own: what `scaling.py` prepares.

Traces are noise; names, tables, attributes, zips and services are as the archives have them, so that every step of
`zoo prepare` is taken: download, verification, unpacking, reading, writing.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import multiprocessing
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
STATIONS, PERIODS_S = 10, (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 35, 40, 50, 60, 70, 80)


@contextlib.contextmanager
def served(run: Callable) -> Iterator[str]:
    """Yield the address of what `run(connection)` serves, in a process whose time is not counted; forked at once."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=run, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        pass


def files(folder: Path) -> Callable:
    """Return what serves the files of a folder."""

    def run(connection) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
        connection.send(f"http://127.0.0.1:{server.server_address[1]}")
        server.serve_forever()

    return run


@contextlib.contextmanager
def mirror(folder: Path) -> Iterator[None]:
    """Let downloads come from a folder, by a server on loopback."""
    with served(files(folder)) as address:
        os.environ["ZOO_MIRROR"] = address
        yield
        del os.environ["ZOO_MIRROR"]


def write_stead(folder: Path, traces: int) -> None:
    """Write a zip of a chunk of STEAD, with its table, and the list of test traces."""
    import waveforms

    made = folder / "made"
    made.mkdir(parents=True)
    waveforms.DIFFERENT = traces  # each trace lies in the file for itself
    waveforms.write_archive(made, traces)
    with zipfile.ZipFile(folder / "chunk2.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for end in ("hdf5", "csv"):
            archive.write(made / f"merge.{end}", f"chunk2/chunk2.{end}")
    (made / "test.npy").rename(folder / "test.npy")


def write_len_db(folder: Path, traces: int) -> None:
    """Write LEN-DB.hdf5, half of it noise, in the three spans of its splits."""
    from waveform_files import write_len_db as write

    begins = np.resize([1_431_223_231.0, 1_431_223_231.0, 1_490_000_000.0, 1_515_527_757.0], traces // 2)
    rows = list(enumerate(begins))
    names = {net: [f"{net}_ST{n % 100:02d}_{begin + 3600 * n:.3f}" for n, begin in rows] for net in ("IV", "XV")}
    write(folder / "LEN-DB.hdf5", names["IV"], names["XV"])


def explosions_service(folder: Path, events: int) -> Callable:
    """Write tables of events and stations; return what serves their records as an FDSN service."""
    from obspy import Inventory, Stream, Trace, UTCDateTime
    from obspy.core.inventory import Channel, Network, Station

    begin = UTCDateTime("2020-01-01")
    origins = [begin + 600 * number for number in range(events)]
    kinds = ["earthquake" if number % 4 else "quarry blast" for number in range(events)]
    rows = ["event_id,event_type,origin_time,latitude_deg,longitude_deg,depth_km,magnitude,magnitude_type"]
    rows += [f"e{n},{kinds[n]},{origin},{46 + 0.001 * n},-122.2,1.5,2.0,ml" for n, origin in enumerate(origins)]
    (folder / "events.csv").write_text("\n".join(rows) + "\n")

    def run(connection) -> None:
        import threading

        from fdsn_service import FdsnService, serving

        random, stream, stations = np.random.default_rng(0), Stream(), []
        for number in range(STATIONS):
            place = {"latitude": 46.1 + 0.02 * number, "longitude": -122.0, "elevation": 900.0}
            channels = [Channel(f"HH{c}", "00", depth=0.0, sample_rate=100.0, **place) for c in "ZNE"]
            stations.append(Station(f"S{number}", channels=channels, start_date=begin - 1e6, **place))
            for origin in origins:
                for component in "ZNE":
                    data = random.integers(-20, 20, 12_000).astype(np.int32)
                    header = {"network": "XX", "station": f"S{number}", "channel": f"HH{component}", "location": "00"}
                    stream += Trace(data, header | {"sampling_rate": 100.0, "starttime": origin - 40})
        inventory = Inventory([Network("XX", stations=stations)], source="made")
        with serving(FdsnService(stream, inventory)) as running:
            connection.send(running.url)
            threading.Event().wait()

    return run


def write_xie(folder: Path, points: int) -> list[str]:
    """Write a file a period, lon lat c sd, as the authors give them; return their names."""
    side = int(np.ceil(np.sqrt(points)))
    longitude, latitude = np.divmod(np.arange(points), side)
    names = []
    for period_s in PERIODS_S:
        velocity = 3.0 + 0.2 * np.log(period_s) + 0.05 * np.sin(longitude + latitude)
        columns = np.column_stack([95 + 0.05 * longitude, 20 + 0.05 * latitude, velocity, np.full(points, 0.02)])
        names.append(f"R_{period_s}s.txt")
        np.savetxt(folder / names[-1], columns, fmt="%.4f")
    return names
