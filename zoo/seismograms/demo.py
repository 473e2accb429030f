"""A chapter of `zoo demo`: from real picks to a catalogue, beside one that was made elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from zoo.progress import say

SAMPLE = Path(__file__).parent / "samples" / "central_italy"
"""Two hours of a real sequence: picks, stations, layers, and events that were relocated by others."""
_NEAR_S, _NEAR_KM = 1.5, 10.0


def chapter(folder: Path) -> Path:
    """Make a catalogue of two hours of the Central Italy sequence; compare it with relocated events; return its CSV.

    Args:
        folder: where the sample is copied to, and the catalogue is written.
    """
    from zoo.seismograms import make_catalogue

    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    say("   Real data: two hours of the 2016 Central Italy sequence, 11,902 picks of PhaseNet at 60 stations.")
    names = [str(folder / name) for name in ("picks.csv", "stations.csv", "layers.csv")]
    say(
        f"   zoo catalogue {names[0]} --stations {names[1]} --velocity-model {names[2]} --relative "
        f"--out {folder / 'made'}"
    )
    made = make_catalogue(*names, relative=True)
    made.write(folder / "made", pages=2)
    print(made.report())
    print(compared(made, folder / "relocated.csv"))
    say("   made/map.png shows places and errors; made/relative.png a cluster before and after double differences.")
    return folder / "made" / "events.csv"


def compared(made, known: Path) -> str:
    """Return a sentence on how many events of another catalogue were found, and how far from there.

    Args:
        made: the catalogue.
        known: CSV of time, latitude_deg, longitude_deg, depth_km.
    """
    table = np.genfromtxt(known, delimiter=",", names=True, dtype=None, encoding="utf-8")
    time_s = np.array([np.datetime64(text.rstrip("Z"), "ns") for text in table["time"]]).astype(np.int64) / 1e9
    at = made.located
    east, north = at.associated.projection.forward(table["longitude_deg"], table["latitude_deg"])
    away_s = np.abs(at.origin_s - time_s[:, np.newaxis])
    away_km = np.hypot(at.place_km[:, 0] - east[:, np.newaxis], at.place_km[:, 1] - north[:, np.newaxis])
    away_km = np.where((away_s < _NEAR_S) & (away_km < _NEAR_KM), away_km, np.inf).min(axis=1)
    found = np.isfinite(away_km)
    return (
        f"{found.sum()} of the {len(found)} events that others relocated are among them; epicentres differ by "
        f"{np.median(away_km[found]):.2f} km (median)"
    )
