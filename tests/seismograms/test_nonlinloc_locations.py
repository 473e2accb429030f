"""Our locations beside NonLinLoc's own of real events, which ObsPy keeps as test files with their picks and stations.

The earths are not in these files. They are made from the travel times that NonLinLoc printed, not from the picks: one
speed for the mine (all rays agree within 0.4 %), straight lines of speed over depth for the other (within 0.02 s, as
large as the error that NonLinLoc assumed for them).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import obspy
import pytest

from zoo.field.layers import Layers
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.seismograms.association.known import keep_events
from zoo.seismograms.association.locate import locate

FILES = Path(obspy.__file__).parent / "io" / "nlloc" / "tests" / "data"
MODEL_ERROR_S = 0.02  # of UH: from the weights of its phases, which are proportional to 1 / (error^2 + this^2)


def lines_of(name: str) -> tuple[dict[str, list[str]], list[list[str]]]:
    """The words of the lines of a .hyp file by their first one, and those of its phases."""
    if not (FILES / name).is_file():
        pytest.skip("ObsPy was installed without its test files")
    rows = [line.split() for line in (FILES / name).read_text().splitlines() if line.strip()]
    begin = next(i for i, row in enumerate(rows) if row[0] == "PHASE") + 1
    end = next(i for i, row in enumerate(rows) if row[0] == "END_PHASE")
    return {row[0]: row for row in rows}, rows[begin:end]


def after(words: list[str], *names: str) -> np.ndarray:
    return np.array([float(words[words.index(name) + 1]) for name in names])


@pytest.mark.parametrize("likelihood", ["gaussian", "edt"])
@pytest.mark.parametrize("name", ["nlloc.hyp", "nlloc_custom.hyp"])
def test_events_are_where_nonlinloc_says(tmp_path, name, likelihood):
    head, phases = lines_of(name)
    mine = name == "nlloc.hyp"
    trans = "LAMBERT Clarke-1880 51.6563 7.74258 50.0 52.0 0.0" if mine else "TRANS_MERC Bessel 48.0482 11.6458 0.0"
    # The coordinates of the second are Gauss-Krueger ones; they are moved to an origin near the network.
    zero = np.zeros(2) if mine else np.array([4473.68, 5323.28])
    places = {row[0]: np.array(row[18:21], float) for row in phases}
    lines = [f"TRANS {trans}"] + [
        f"GTSRCE {code} XYZ {x - zero[0]} {y - zero[1]} {z} 0.0" for code, (x, y, z) in places.items()
    ]
    (tmp_path / "stations.in").write_text("\n".join(lines))
    picks = read_picks(FILES / name)
    if mine:
        earth = Layers(np.array([0.0]), np.array([3.371]), np.array([1.95]))
        region = {"margin_km": 4.5, "least_depth_km": -0.5, "most_depth_km": 4.9}
    else:
        earth = Layers([-0.4, 9.0], [2.590, 2.590 + 9.4 * 0.7655], [1.724, 1.724 + 9.4 * 0.2512], linear=True)
        region = {"margin_km": 8.0, "least_depth_km": -0.35, "most_depth_km": 9.0}
        delay = {(row[0], row[4]): float(row[26]) for row in phases}
        delays = np.array([delay[key] for key in zip(picks.station, picks.phase.tolist(), strict=True)])
        sd = np.hypot(picks.uncertainty_s, MODEL_ERROR_S)
        picks = replace(picks, time_s=picks.time_s - delays, uncertainty_s=sd)
    found = keep_events(picks, read_stations(tmp_path / "stations.in"), earth, region)
    located = locate(found, {"travel_time_error": 0.0, "term_sd_s": 0.0, "likelihood": likelihood})
    statistics = head["STATISTICS"]
    x, y, z = after(statistics, "ExpectX", "Y", "Z")
    (tmp_path / "hyp.in").write_text(f"TRANS {trans}\nGTSRCE HYP XYZ {x - zero[0]} {y - zero[1]} {z} 0.0")
    expected = read_stations(tmp_path / "hyp.in").place_km(found.projection)[0]
    sd = np.sqrt(after(statistics, "CovXX", "YY", "ZZ"))
    off = (located.place_km[0] - expected) / sd
    print(name, likelihood, "off by standard deviations of NonLinLoc:", off.round(2), "its and our sd in km:",
          sd.round(3), located.sd_km[0].round(3))  # fmt: skip
    assert np.abs(off).max() < 1.0
    assert np.all(located.sd_km[0] > 0.4 * sd) and np.all(located.sd_km[0] < 2.5 * sd)
    minute = obspy.UTCDateTime(*map(int, head["GEOGRAPHIC"][2:7])).timestamp
    assert abs(located.origin_s[0] - minute - float(head["GEOGRAPHIC"][7])) < 3 * located.origin_sd_s[0] + 0.3
