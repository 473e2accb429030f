"""Chapters of `zoo demo`: P and S picked in real records, and a catalogue of real picks; beside what others found."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.chapters import Chapter, Picture
from zoo.progress import say

SAMPLES = Path(__file__).parent / "samples"
SAMPLE = SAMPLES / "central_italy"
"""Two hours of a real sequence: picks, stations, layers, and events that were relocated by others."""
RECORDS = SAMPLES / "southern_california"
"""Six real records of a minute, with the P and S of analysts."""
_NEAR_S, _NEAR_KM = 1.5, 10.0
_RIGHT_S = 0.5


def chapter(folder: Path) -> Chapter:
    """Make a catalogue of two hours of the Central Italy sequence, and compare it with relocated events.

    Args:
        folder: where the sample is copied to, and the catalogue is written.
    """
    from zoo.seismograms import make_catalogue

    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    names = [str(folder / name) for name in ("picks.csv", "stations.csv", "layers.csv")]
    out = folder / "made"
    command = f"zoo catalogue {names[0]} --stations {names[1]} --velocity-model {names[2]} --relative --out {out}"
    say("   Real data: two hours of the 2016 Central Italy sequence, 11,902 picks of PhaseNet at 60 stations")
    say(f"   {command}")
    made = make_catalogue(*names, relative=True)
    made.write(out, pages=1)
    return Chapter(
        question="Which earthquakes were there, and where?",
        data="Real data: 11,902 picks of PhaseNet at 60 stations in two hours of the 2016 Central Italy sequence "
        "(14 October, from REAL's demonstration, MIT licence); compared with events that others relocated.",
        commands=[command, f"zoo seismicity {out / 'events.csv'} --out found   # goes on; two hours are short for it"],
        answer=f"{made.report()}\n{compared(made, folder / 'relocated.csv')}",
        pictures=[
            Picture(
                out / "map.png",
                "Real events: places with their errors, from above and from the side, and the stations.",
            ),
            Picture(
                out / "relative.png",
                "A cluster of real events before and after double differences.",
            ),
        ],
    )


def picking(folder: Path) -> Chapter:
    """Pick P and S in six real records, and draw them with those of analysts.

    Args:
        folder: where the sample is copied to, and the picks are written.
    """
    from obspy import UTCDateTime, read

    from zoo.figures import save_figure
    from zoo.seismograms import annotate_files

    shutil.copytree(RECORDS, folder, dirs_exist_ok=True)
    file, out = folder / "records.mseed", folder / "picked"
    command = f"zoo annotate {file} --out {out}"
    say("   Real data: six earthquakes at one station in southern California, from STEAD")
    say(f"   {command}")
    picked = annotate_files([file], "phase_picker", out)
    with (folder / "analyst.csv").open(encoding="utf-8") as lines:
        known = [(row["phase"], UTCDateTime(row["time"])) for row in csv.DictReader(lines)]
    stream = read(str(file)).select(component="Z")
    picture = save_figure(_records_figure(stream, known, picked.picks), folder / "records.png")
    return Chapter(
        question="Where do P and S arrive?",
        data="Real data: six earthquakes of magnitude 1.4 to 3.3 at 19 to 107 km from station TA.109C in southern "
        "California, with analysts' picks (STEAD, CC BY 4.0). The picker did not learn from them.",
        commands=[command],
        answer=f"{picked.report()}\n" + "\n".join(agreement(phase, known, picked.picks) for phase in "PS"),
        pictures=[
            Picture(
                picture,
                "Real records, vertical component, weakest event first: picks of the zoo (lines through the trace) and "
                "of an analyst (dashes above it); what was found beside the analyst's is seen as a line alone.",
            )
        ],
    )


def agreement(phase: str, known: Sequence[tuple[str, Any]], picks: Sequence[Any]) -> str:
    """Return a sentence on how many of an analyst's picks of a phase were found, how near, and how many others.

    Args:
        phase: P or S.
        known: phase and time of each of the analyst's.
        picks: those found, with `phase` and `time`.
    """
    times = [time for which, time in known if which == phase]
    own = [pick.time for pick in picks if pick.phase == phase]
    near = [min((abs(found - time) for found in own), default=np.inf) for time in times]
    right_s = [residual_s for residual_s in near if residual_s <= _RIGHT_S]
    median = f"median difference {np.median(right_s):.2f} s; " if right_s else ""
    others = sum(min(abs(found - time) for time in times) > _RIGHT_S for found in own)
    return f"{phase}: {len(right_s)} of {len(times)} of the analyst's within {_RIGHT_S} s; {median}{others} other picks"


def _records_figure(stream: Any, known: Sequence[tuple[str, Any]], picks: Sequence[Any]) -> Any:
    """Draw each record with the picks that lie in it, the weakest event (by its peak) first."""
    from matplotlib.figure import Figure

    from zoo.figures import BLACK, BLUE, VERMILLION, style

    colours = {"P": BLUE, "S": VERMILLION}
    with style():
        figure = Figure(figsize=(9.6, 1.15 * len(stream) + 0.9))
        panels = figure.subplots(len(stream), 1, sharex=True)
        for axes, trace in zip(panels, sorted(stream, key=lambda trace: np.abs(trace.data).max()), strict=True):
            start, data = trace.stats.starttime, trace.data / np.abs(trace.data).max()
            axes.plot(trace.times(), data, color=BLACK, lw=0.5)
            for phase, time in known:
                if start <= time <= trace.stats.endtime:
                    axes.plot([time - start] * 2, [1.05, 1.5], "-", color=colours[phase], lw=3, clip_on=False)
            for pick in picks:
                if start <= pick.time <= trace.stats.endtime:
                    axes.axvline(pick.time - start, 0, 0.8, color=colours[pick.phase], lw=1.3)
            axes.set(ylim=(-1.0, 1.5), yticks=[], xlim=(0, trace.stats.endtime - start))
            axes.set_title(f"{start.strftime('%Y-%m-%d %H:%M:%S')}", loc="left", fontsize=8, pad=1)
            axes.spines["left"].set_visible(False)
        for phase, colour in colours.items():
            panels[0].plot([], [], color=colour, lw=1.3, label=f"{phase} of the zoo")
            panels[0].plot([], [], color=colour, lw=4, label=f"{phase} of the analyst (above)")
        figure.legend(loc="outside upper center", ncols=4, handles=panels[0].get_legend_handles_labels()[0])
        panels[-1].set_xlabel("time after the start of the record (s)")
    return figure


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
