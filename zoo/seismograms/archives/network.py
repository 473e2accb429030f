"""A SYNTHETIC network as a person has one: an SDS tree of miniSEED, StationXML, a table of layers; and the truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.field.projection import LocalProjection
from zoo.files import write_csv, write_with
from zoo.progress import track
from zoo.seismograms.physics.networks import COUNTS_PER_M_S, CRUST, Arrivals, Network, station_record

if TYPE_CHECKING:
    from obspy import Inventory

START = "2020-01-01T00:00:00"
CENTRE = LocalProjection(13.2, 42.8)
"""Where the middle of the network is put."""
_RATE_HZ = 100.0


def write_network(network: Network, folder: str | os.PathLike) -> list[Arrivals]:
    """Write waveforms/ (SDS), stations.xml, layers.csv, true_events.csv and true_arrivals.csv into a folder.

    Args:
        network: from `zoo.seismograms.physics.networks.draw_network`.
        folder: is made where it is missing.

    Returns:
        What arrives when at each station.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    codes = station_codes(network)
    write_with(folder / "stations.xml", lambda path: inventory(network).write(str(path), format="STATIONXML"))
    tops = np.append(0.0, np.cumsum(CRUST.thickness_km[0]))
    rows = zip(tops.round(4), CRUST.vp_km_s[0], CRUST.vs_km_s[0], strict=True)
    write_csv(folder / "layers.csv", ("depth_km", "vp_km_s", "vs_km_s"), rows)
    found = []
    for number in track(range(len(codes)), "Simulating stations", len(codes)):
        record, arrivals = station_record(network, number)
        _write_record(record, codes[number], folder / "waveforms")
        found.append(arrivals)
    longitude, latitude = CENTRE.inverse(*network.place_km[:, :2].T)
    write_csv(
        folder / "true_events.csv",
        ("time", "latitude_deg", "longitude_deg", "depth_km", "magnitude"),
        [
            (_time(network.origin_s[e]), f"{latitude[e]:.6f}", f"{longitude[e]:.6f}", f"{network.place_km[e, 2]:.4f}",
             f"{network.magnitude[e]:.3f}")
            for e in range(len(network.magnitude))
        ],
    )  # fmt: skip
    write_csv(
        folder / "true_arrivals.csv",
        ("event", "station_id", "p_time", "s_time", "snr"),
        [
            (e + 1, code, _time(arrivals.p_s[e]), _time(arrivals.s_s[e]), f"{arrivals.snr[e]:.3f}")
            for code, arrivals in zip(codes, found, strict=True)
            for e in range(len(network.magnitude))
        ],
    )
    return found


def station_codes(network: Network) -> list[str]:
    """Return what the stations of a network are called: XX.N00 ..."""
    return [f"XX.N{number:02d}" for number in range(len(network.station_km))]


def inventory(network: Network) -> Inventory:
    """Return the stations with their responses, flat to velocity."""
    from obspy import UTCDateTime
    from obspy.core.inventory import Channel, Inventory, Network, Response, Site, Station

    longitude, latitude = CENTRE.inverse(*network.station_km.T)
    response = Response.from_paz([], [], COUNTS_PER_M_S, input_units="M/S", output_units="COUNTS")
    begins = UTCDateTime(START) - 86400
    stations = []
    for code, x, y in zip(station_codes(network), longitude, latitude, strict=True):
        place = {"latitude": float(y), "longitude": float(x), "elevation": 0.0}
        channels = [
            Channel(f"HH{c}", "", **place, depth=0.0, azimuth=a, dip=d, sample_rate=_RATE_HZ, start_date=begins,
                    response=response)
            for c, a, d in (("Z", 0.0, -90.0), ("N", 0.0, 0.0), ("E", 90.0, 0.0))
        ]  # fmt: skip
        name = code.split(".")[1]
        stations.append(Station(name, **place, site=Site("synthetic"), channels=channels, start_date=begins))
    return Inventory([Network("XX", stations=stations)], source="zoo: SYNTHETIC")


def _time(seconds: float) -> str:
    start_us = np.datetime64(START, "us")
    return f"{start_us + np.timedelta64(round(seconds * 1e6), 'us')}Z"


def _write_record(record: np.ndarray, code: str, root: Path) -> None:
    """Write a record into an SDS tree, day by day."""
    from obspy import Trace, UTCDateTime

    network, station = code.split(".")
    day = round(86400 * _RATE_HZ)
    for letter, samples in zip("ZNE", record, strict=True):
        for number in range(0, record.shape[1], day):
            start = UTCDateTime(START) + number / _RATE_HZ
            header = {"network": network, "station": station, "channel": f"HH{letter}", "starttime": start}
            trace = Trace(samples[number : number + day], {**header, "sampling_rate": _RATE_HZ})
            path = root / f"{start.year}" / network / station / f"HH{letter}.D"
            path /= f"{trace.id}.D.{start.year}.{start.julday:03d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_with(path, lambda at, trace=trace: trace.write(str(at), format="MSEED", encoding="STEIM2"))
