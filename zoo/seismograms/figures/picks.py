"""Figures of what was found in continuous seismograms: an overview of all stations, the strongest events, traces.

`draw_all` takes a `zoo.seismograms.picking.report.Annotated` and draws

    overview.png             stations against time, by first pick: what was analysed, picks or labels, their rate
    event-1.png ...          up to four stretches with most picks: verticals of all stations, ordered by first pick
    event-1-stations.png ... and the components of some stations with the probabilities below

Waveforms are high-passed causally at 1 Hz: onsets stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, save_figure, style
from zoo.seismograms.picking.windows import ARRIVAL, CLASS
from zoo.seismograms.signals import bandpass

_PHASES = {"P": BLUE, "S": VERMILLION}
_LABELS = (VERMILLION, BLUE, GREEN, ORANGE, PURPLE)
_EVENTS, _SECTION_STATIONS, _PANEL_STATIONS, _ROWS = 4, 30, 6, 60  # the most that fit into a picture
_EVENT_S, _BEFORE_S, _AFTER_S, _SHORTEST_S = 60.0, 5.0, 12.0, 20.0
_PANELS, _FAR = 5, 10.0
_HIGH_PASS_HZ = 1.0
_DAY_S = 86400.0


class Event(NamedTuple):
    """A stretch of time that deserves a picture."""

    start: Any
    end: Any
    stations: list[str]
    """`NET.STA` in order of their first pick."""


def draw_all(result: Any, waveforms: Callable, probabilities: Callable) -> None:
    """Draw every figure of a result into its folder.

    Args:
        result: `zoo.seismograms.picking.report.Annotated`.
        waveforms: takes start and end, and returns an `obspy.Stream` of all stations.
        probabilities: takes `NET.STA`, start and end, and returns an `obspy.Stream` of probabilities.
    """
    folder = Path(result.folder)
    for old in folder.glob("event-*.png"):
        old.unlink()
    save_figure(overview_figure(result), folder / "overview.png")
    for number, event in enumerate(strongest_events(result), 1):
        stream = waveforms(event.start - 5, event.end)
        if len(event.stations) > 1 and result.picks:
            save_figure(section_figure(result, event, stream), folder / f"event-{number}.png")
        shown = event.stations[:_PANEL_STATIONS]
        below = {code: probabilities(code, event.start, event.end) for code in shown}
        save_figure(stations_figure(result, event, stream, below), folder / f"event-{number}-stations.png")


def strongest_events(result: Any) -> list[Event]:
    """Return up to four stretches of time with the strongest events, in order of time.

    They are the minutes with the largest sum of probabilities, in which the most probable pick of each phase counts at
    each station. For a classifier they are its surest windows that are not noise (or not of the commonest label).
    """
    if result.shape.answers == CLASS:
        return _labelled_events(result)
    picks = sorted(result.picks, key=lambda pick: pick.time.ns)
    times = np.array([pick.time.ns for pick in picks]) / 1e9
    candidates = []
    for number, begin in enumerate(times):
        best: dict[tuple[str, str], float] = {}
        for pick in picks[number : np.searchsorted(times, begin + _EVENT_S)]:
            key = _code(pick), pick.phase
            best[key] = max(best.get(key, 0), pick.probability)
        candidates.append((-sum(best.values()), number))
    chosen: list[tuple[int, int]] = []
    for _, number in sorted(candidates):
        behind = int(np.searchsorted(times, times[number] + _EVENT_S))
        if all(behind <= low or number >= high for low, high in chosen):
            chosen.append((number, behind))
        if len(chosen) == _EVENTS:
            break
    events = []
    for low, high in sorted(chosen):
        start = picks[low].time - _BEFORE_S
        end = max(picks[high - 1].time + _AFTER_S, start + _SHORTEST_S)
        events.append(Event(start, end, list(dict.fromkeys(_code(pick) for pick in picks[low:high]))))
    return events


def _labelled_events(result: Any) -> list[Event]:
    """Return the stretches around the surest windows of a classifier."""
    events: list[Event] = []
    labels = [window.label for window in result.windows]
    quiet = "noise" if "noise" in result.shape.labels else max(set(labels), key=labels.count)
    for window in sorted(result.windows, key=lambda window: -window.probability):
        length = window.end - window.start
        start, end = window.start - length / 2, window.end + length / 2
        if window.label != quiet and all(end <= e.start or start >= e.end for e in events):
            same = [w for w in result.windows if w.label == window.label]
            near = sorted((w.start.ns, _code(w)) for w in same if w.start < window.end and w.end > window.start)
            events.append(Event(start, end, list(dict.fromkeys(code for _, code in near))))
        if len(events) == _EVENTS:
            break
    return sorted(events, key=lambda event: event.start.ns)


def overview_figure(result: Any) -> Figure:
    """Draw stations against time, and above them how many picks or windows there are.

    A record that was analysed is grey; picks are strokes, windows bars in the colour of their label. Times far from
    each other, as those of records of several years, have panels of their own.
    """
    labelled = result.shape.answers == CLASS
    colours = _colours(result)
    items = [
        (_code(i), i.label if labelled else i.phase, i.start if labelled else i.time, i.probability)
        for i in (result.windows if labelled else result.picks)
    ]
    codes = _rows(result, items)
    every = _stretches([(s.ns / 1e9, e.ns / 1e9) for station in result.stations.values() for s, e in station.spans])
    shown = _busiest(every, items)
    codes = [
        code for code in codes if any(b <= s.ns / 1e9 <= e for s, _ in result.stations[code].spans for b, e in shown)
    ]
    drawn = [label for label in colours if not labelled or label != "noise"]
    with style():
        height = 0.34 * len(codes) if len(codes) < 12 else 0.22 * len(codes)
        figure = Figure(figsize=(9.0, 2.4 + max(0.6, height)))
        ratios = [1.1, max(0.6, height)]
        panels = figure.subplots(2, len(shown), sharex="col", sharey="row", height_ratios=ratios, squeeze=False)
        for number, (top, bottom) in enumerate(panels.T):
            begin_s, end_s = shown[number]
            inside = [item for item in items if begin_s <= item[2].ns / 1e9 <= end_s]
            at = [[_days(time) for _, label, time, _ in inside if label == name] for name in drawn]
            edges = np.linspace(begin_s / _DAY_S, end_s / _DAY_S, 49)
            top.hist(at, edges, stacked=True, color=[colours[name] for name in drawn], alpha=0.85)
            top.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            if len(shown) > 1:
                day = f"{datetime.fromtimestamp(begin_s, UTC):%Y-%m-%d}"
                top.set_title(f"{day}\n{_duration(end_s - begin_s)}", fontsize=8, loc="left")
            _draw_rows(bottom, result, codes, inside, drawn, (begin_s, end_s), len(shown))
        panels[0, 0].set_ylabel(
            f"{'windows' if labelled else 'picks'}\nin {_duration((shown[0][1] - shown[0][0]) / 48)}"
        )
        if len(shown) > 1:
            panels[0, 0].set_ylabel(f"{'windows' if labelled else 'picks'}\nin 1/48")
        keys = [Patch(color=colours[name], label=name) for name in drawn]
        keys.append(Patch(color="0.88", label="analysed"))
        figure.legend(handles=keys, loc="outside upper right", ncols=len(keys), fontsize="small")
        hidden = sum(bool(station.spans) for station in result.stations.values()) - len(codes)
        more = f" ({hidden} of {len(result.stations)} stations not shown)" if hidden else ""
        if len(shown) < len(every):
            more += f" ({len(every) - len(shown)} of {len(every)} stretches of time not shown)"
        text = f"{result.shape.method}: {_counted(items, drawn)}{more}"
        figure.suptitle(text, x=0.01, ha="left", fontsize="medium")
    return figure


def _draw_rows(
    axes: Axes,
    result: Any,
    codes: list[str],
    items: list[tuple],
    drawn: list[str],
    stretch: tuple[float, float],
    panels: int,
) -> None:
    """Draw what was analysed and found at each station in a stretch of time (s), one of several side by side."""
    begin_s, end_s = stretch
    labelled, colours = result.shape.answers == CLASS, _colours(result)
    for row, code in enumerate(codes):
        for start, stop in result.stations[code].spans:
            if start.ns / 1e9 <= end_s and stop.ns / 1e9 >= begin_s:
                axes.barh(row, (stop - start) / _DAY_S, left=_days(start), height=0.84, color="0.92", lw=0)
    length_s = result.shape.samples / result.shape.sampling_rate_hz
    for name in drawn:
        own = [(codes.index(code), _days(time), p) for code, label, time, p in items if label == name and code in codes]
        if not own:
            continue
        row, x, probability = np.array(own).T
        if labelled:
            axes.barh(row, length_s / _DAY_S, left=x, height=0.6, color=colours[name], lw=0, alpha=0.7)
        else:  # the height of a stroke shows the probability
            half = 0.42 * probability
            axes.vlines(x, row - half, row + half, color=colours[name], lw=1.1 if len(items) < 400 else 0.6)
    axes.set_yticks(range(len(codes)), codes, fontsize=8.5 if len(codes) < 30 else 7)
    axes.set_ylim(len(codes) - 0.4, -0.6)
    axes.set_xlim(begin_s / _DAY_S, end_s / _DAY_S)
    locator = AutoDateLocator() if panels == 1 else AutoDateLocator(minticks=1, maxticks=max(2, 6 // panels))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=panels == 1))
    axes.set_xlabel("time (UTC)")
    axes.tick_params(axis="y", length=0)


def _stretches(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return stretches of time (s), parted where nothing was analysed for ten times as long as all that was."""
    joined: list[list[float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([begin, end])
    apart = _FAR * max(60.0, sum(end - begin for begin, end in joined))
    made: list[list[float]] = []
    for begin, end in joined:
        if made and begin - made[-1][1] < apart:
            made[-1][1] = end
        else:
            made.append([begin, end])
    return [(begin, end) for begin, end in made]


def _busiest(stretches: list[tuple[float, float]], items: Sequence[tuple]) -> list[tuple[float, float]]:
    """Return the stretches with most items, in order of time, as many as fit into a picture."""
    times = np.sort([item[2].ns / 1e9 for item in items])
    count = [-(np.searchsorted(times, end, "right") - np.searchsorted(times, begin)) for begin, end in stretches]
    return sorted(stretches[number] for number in np.argsort(count, kind="stable")[:_PANELS])


def section_figure(result: Any, event: Event, stream: Any) -> Figure:
    """Draw the verticals of an event's stations with their picks, each divided by its largest amplitude."""
    codes = event.stations[:_SECTION_STATIONS]
    with style():
        figure = Figure(figsize=(9.0, 1.3 + max(1.6, (0.55 if len(codes) < 12 else 0.3) * len(codes))))
        axes = figure.subplots()
        for row, code in enumerate(codes):
            components = _components(result, stream, code, event)
            if components:
                time_s, trace = next(iter(components.values()))
                scale = np.abs(trace).max() or 1.0
                axes.plot(time_s, row - 0.55 * trace / scale, color=BLACK, lw=0.5)
            for pick in _picks(result, code, event):
                at = pick.time - event.start
                axes.vlines(at, row - 0.45, row + 0.45, color=_PHASES.get(pick.phase, GREEN), lw=1.6, zorder=3)
        axes.set_yticks(range(len(codes)), codes, fontsize=8.5)
        axes.set_ylim(len(codes) - 0.3, -0.7)
        axes.set_xlim(0, event.end - event.start)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"time after {_text(event.start)} UTC (s)")
        shown = f", first {len(codes)} of {len(event.stations)} stations" if len(codes) < len(event.stations) else ""
        title = f"verticals above {_HIGH_PASS_HZ:g} Hz, each divided by its largest amplitude{shown}"
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
        _legend(figure, result)
    return figure


def stations_figure(result: Any, event: Event, stream: Any, probabilities: dict[str, Any]) -> Figure:
    """Draw the components of some stations, and below them the probabilities with the thresholds."""
    codes = list(probabilities)
    across = 1 if len(codes) <= 3 else 2
    down = -(-len(codes) // across)
    with style():
        figure = Figure(figsize=(9.0, 0.9 + 2.7 * down))
        outer = figure.add_gridspec(down, across)
        for number, code in enumerate(codes):
            inner = outer[number // across, number % across].subgridspec(2, 1, height_ratios=[2.6, 1], hspace=0.04)
            upper, lower = figure.add_subplot(inner[0]), figure.add_subplot(inner[1])
            _draw_components(upper, result, event, stream, code)
            _draw_probabilities(lower, result, event, probabilities[code], first=number % across == 0)
            upper.sharex(lower)
            upper.tick_params(labelbottom=False)
            lower.set_xlim(0, event.end - event.start)
            if number + across >= len(codes):
                lower.set_xlabel("time (s)")
        title = f"from {_text(event.start)} UTC, above {_HIGH_PASS_HZ:g} Hz"
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
        _legend(figure, result)
    return figure


def _draw_components(axes: Axes, result: Any, event: Event, stream: Any, code: str) -> None:
    components = _components(result, stream, code, event)
    scale = max((np.abs(trace).max() for _, trace in components.values()), default=1.0) or 1.0
    for row, (time_s, trace) in enumerate(components.values()):
        axes.plot(time_s, trace / scale - 1.25 * row, color=BLACK, lw=0.5)
    for pick in _picks(result, code, event):
        axes.axvline(pick.time - event.start, color=_PHASES.get(pick.phase, GREEN), lw=1.2, zorder=3)
    axes.set_yticks([-1.25 * row for row in range(len(components))], list(components))
    axes.set_ylim(-1.25 * (len(components) - 1) - 1.1, 1.1)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.set_title(f"{code}.{result.stations[code].instrument}", loc="left", fontsize=9, pad=3)


def _draw_probabilities(axes: Axes, result: Any, event: Event, stream: Any, first: bool) -> None:
    labelled = result.shape.answers == CLASS
    for name, colour in _colours(result).items():
        for trace in stream.select(channel=name[:3].upper()):
            time_s = trace.times() + (trace.stats.starttime - event.start)
            axes.plot(time_s, trace.data, "o-" if labelled else "-", color=colour, lw=1.0, ms=3)
            if not labelled:
                axes.fill_between(time_s, trace.data, color=colour, alpha=0.2, lw=0)
        if name in result.thresholds:
            axes.axhline(result.thresholds[name], color=colour, lw=0.6, ls=":")
    axes.set(ylim=(0, 1.05), yticks=[0, 1])
    if first:
        axes.set_ylabel("agreement" if result.shape.answers == ARRIVAL else "probability", fontsize=8)


def _components(result: Any, stream: Any, code: str, event: Event) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the time (s after the event's start) and the high-passed values of each component that was annotated.

    They are as they were recorded, the vertical first.
    """
    from obspy import Stream

    network, station = code.split(".", 1)
    found = {}
    for component, used in result.stations[code].channels.items():
        for location, channel in used:  # a second instrument where the first has no data
            of_one = [
                trace.copy()
                for trace in stream
                if (trace.stats.network, trace.stats.station) == (network, station)
                and (trace.stats.location, trace.stats.channel) == (location, channel)
                and trace.stats.endtime > event.start
            ]
            if of_one:
                break
        else:
            continue
        rates = [trace.stats.sampling_rate for trace in of_one]
        traces = Stream([trace for trace in of_one if trace.stats.sampling_rate == max(rates, key=rates.count)])
        letter = component if channel[-1:].upper() in ("N", "E", "Z") or len(channel) < 2 else channel[-1]
        traces.merge(method=1)
        trace = traces[0]
        rate = trace.stats.sampling_rate
        values = np.ma.masked_invalid(np.ma.asarray(trace.data, dtype=float))
        missing = np.ma.getmaskarray(values)
        if missing.all():
            continue
        filled = values.filled(values.mean()) - (values[~missing][0] if len(values) else 0)
        if rate >= 4 * _HIGH_PASS_HZ:
            filled = bandpass(filled[np.newaxis, :, np.newaxis], rate, _HIGH_PASS_HZ, 0.45 * rate, corners=2)[0, :, 0]
        time_s = trace.times() + (trace.stats.starttime - event.start)
        inside = time_s >= 0
        if inside.any():
            found[letter] = time_s[inside], np.where(missing, 0, filled)[inside]
    return found


def _rows(result: Any, items: Sequence[tuple]) -> list[str]:
    """Return stations in order of their first pick, then by name; only the busiest ones if there are too many."""
    first: dict[str, int] = {}
    count: dict[str, int] = {}
    for code, label, time, _ in items:
        if label != "noise":
            first[code] = min(first.get(code, time.ns), time.ns)
            count[code] = count.get(code, 0) + 1
    shown = [code for code, station in result.stations.items() if station.spans]
    shown = sorted(shown, key=lambda code: -count.get(code, 0))[:_ROWS]
    return sorted(shown, key=lambda code: (first.get(code, np.inf), code))


def _picks(result: Any, code: str, event: Event) -> list[Any]:
    return [pick for pick in result.picks if _code(pick) == code and event.start <= pick.time <= event.end]


def _colours(result: Any) -> dict[str, str]:
    if result.shape.answers != CLASS:
        return {phase: _PHASES.get(phase, GREEN) for phase in result.thresholds}
    others = [label for label in result.shape.labels if label != "noise"]
    colours = dict(zip(others, _LABELS, strict=False))
    return colours | ({"noise": GREY} if "noise" in result.shape.labels else {})


def _legend(figure: Figure, result: Any) -> None:
    keys = [Line2D([], [], color=colour, label=name) for name, colour in _colours(result).items()]
    figure.legend(handles=keys, loc="outside upper right", ncols=len(keys), fontsize="small")


def _counted(items: Sequence[tuple], names: Sequence[str]) -> str:
    return ", ".join(f"{sum(item[1] == name for item in items):,} {name}" for name in names)


def _code(item: Any) -> str:
    return f"{item.network}.{item.station}"


def _days(time: Any) -> float:
    return time.ns / 1e9 / _DAY_S


def _duration(seconds: float) -> str:
    for unit, size in (("d", _DAY_S), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"


def _text(time: Any) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-4]
