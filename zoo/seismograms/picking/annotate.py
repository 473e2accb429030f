"""What is in these seismograms? Picks, labels and probabilities of continuous ObsPy streams.

    probabilities = annotate(stream, "phase_picker")               # an obspy.Stream
    picks = classify(stream, "phase_picker")                       # obspy.core.event.Pick
    windows = classify(stream, "noise_earthquake")                 # labelled windows
    print(annotate_files(["day.mseed"], "phase_picker", "picked").report())

Streams may hold any number of stations with one or three components, at any sampling rate, with gaps and different
start times. The rules are in `zoo.seismograms.picking.segments` (which instrument, what a gap is),
`zoo.seismograms.picking.windows` (overlap) and `zoo.seismograms.picking.picks` (picks).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, did_you_mean
from zoo.files import write_json
from zoo.progress import bar
from zoo.seismograms.picking.files import find, groups, read_headers, stream_of
from zoo.seismograms.picking.report import Annotated, Done, Station
from zoo.seismograms.picking.results import (
    Window,
    picks_of,
    read_probabilities,
    traces_of,
    windows_of,
    write_picks,
    write_probabilities,
    write_windows,
)
from zoo.seismograms.picking.segments import MAX_GAP_S, Segment, instruments, segments
from zoo.seismograms.picking.windows import ARRIVAL, CLASS, PICKS, Answer, Shape, answers, model_and_shape

if TYPE_CHECKING:
    from obspy import Stream, UTCDateTime
    from obspy.core.event import Pick

__all__ = ["Annotated", "Window", "annotate", "annotate_files", "classify"]

_AGREEMENT = 0.5  # share of windows that agree on an arrival, where a caller names no threshold


def annotate(
    stream: Stream, model: Any = "phase_picker", *, overlap: float | None = None, max_gap_s: float = MAX_GAP_S
) -> Stream:
    """Return a model's probabilities as traces, one for each label and each stretch without a gap.

    >>> import obspy
    >>> stream = obspy.read()  # ObsPy's example: an earthquake at BW.RJOB, three components
    >>> [trace.id for trace in annotate(stream, "phase_picker")]
    ['BW.RJOB..phase_picker_P', 'BW.RJOB..phase_picker_S', 'BW.RJOB..phase_picker_noise']

    Args:
        stream: waveforms of any stations, in any unit; left unchanged.
        model: a waveform model, or the name or folder of its checkpoint.
        overlap: share of a window that overlaps with the next one, default 0.5 (0.9 for models of one arrival).
        max_gap_s: gaps up to this length are filled by straight lines; longer ones are not bridged.

    Returns:
        Traces with channels `MODEL_LABEL` (`phase_picker_P`). Pickers: 0 to 1 in time, at the model's sampling rate.
        Classifiers: one sample per window, at the time of its middle. Models of one arrival: the share of overlapping
        windows that agree on an arrival there.

    Raises:
        ZooError: if the model does not annotate waveforms, if there is no vertical component, if nothing is as long as
            half a window, or if a record cannot be resampled to the model's rate.
    """
    from obspy import Stream

    model, shape = model_and_shape(model)
    made, done = Stream(), Done()
    for answer in _answers(stream, model, shape, done, overlap, max_gap_s):
        made += Stream(traces_of(answer))
    done.check(shape)
    return made


def classify(
    stream: Stream,
    model: Any = "phase_picker",
    thresholds: Mapping[str, float] | float | None = None,
    *,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> list[Pick] | list[Window]:
    """Return picks (models of phases or of one arrival) or labelled windows (classifiers), by station and time.

    >>> import obspy
    >>> [(pick.phase_hint, pick.time.strftime("%H:%M:%S")) for pick in classify(obspy.read(), "phase_picker")]
    [('P', '00:20:07'), ('S', '00:20:08')]
    >>> [window.label for window in classify(obspy.read(), "noise_earthquake")]
    ['earthquake', 'earthquake']

    Args:
        stream, model, overlap, max_gap_s: as in `annotate`.
        thresholds: least probability of a pick, for all phases or by phase; default 0.3, and for models of one arrival
            0.5, the share of windows that agree.

    Returns:
        `obspy.core.event.Pick`s with phase_hint, time, waveform_id, method_id (the model) and the probability in a
        comment; or `Window`s with codes, start, end, label and probability.

    Raises:
        ZooError: as in `annotate`.
        UsageError: if a threshold is not a probability, or is for a phase that is not picked.
    """
    model, shape = model_and_shape(model)
    thresholds = _thresholds(thresholds, shape)
    found, done = [], Done()
    for answer in _answers(stream, model, shape, done, overlap, max_gap_s):
        found += windows_of(answer) if shape.answers == CLASS else picks_of(answer, thresholds)
    done.check(shape)
    return found if shape.answers == CLASS else [pick.as_pick(shape.method) for pick in found]


def annotate_files(
    files: Sequence[str | os.PathLike],
    model: Any = "phase_picker",
    out: str | os.PathLike = "annotated",
    thresholds: Mapping[str, float] | float | str | None = None,
) -> Annotated:
    """Annotate files and write picks or labelled windows, probabilities and figures to a folder.

    Only the files of one station (and of others that share files with it) are in memory at a time.

    >>> import obspy, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     obspy.read().write(f"{folder}/day.mseed", format="MSEED")
    ...     annotate_files([f"{folder}/day.mseed"], "phase_picker", f"{folder}/picked").summary()["picks"]
    {'P': 1, 'S': 1}

    Args:
        files: files that ObsPy reads, folders (searched with all below them) and wildcards.
        model: as in `annotate`.
        out: folder for picks.csv and picks.xml, or windows.csv; probabilities/NET.STA.mseed; figures; summary.json.
        thresholds: as in `classify`, or a text like "P=0.3,S=0.3".

    Returns:
        What was found; `report()` gives it as a text.

    Raises:
        ZooError: if there is no file, or one that ObsPy cannot read, and as in `annotate`.
        UsageError: as in `classify`.
    """
    from zoo.seismograms.figures.picks import draw_all

    paths = find(files)
    model, shape = model_and_shape(model)
    result = Annotated(shape, _thresholds(thresholds, shape), Path(out))
    headers, unread = read_headers(paths)
    result.notes.extend(unread)
    together = groups(headers)
    for old in ("summary.json", "picks.csv", "picks.xml", "windows.csv"):  # from an earlier run, maybe of another model
        (result.folder / old).unlink(missing_ok=True)
    seconds = sum(h.seconds for group in together for h in group)
    with bar(f"Annotating {len(headers)} file{'s' * (len(headers) != 1)}", seconds) as advance:
        for group in together:
            left = sum(h.seconds for h in group)

            def passed(seconds: float) -> None:
                nonlocal left
                advance(min(seconds, left))
                left -= min(seconds, left)

            stream = stream_of(h.path for h in group)
            _annotate_group(stream, model, result, passed)
            advance(left)
            del stream
    result.done.check(shape, aloud=False)
    result.picks.sort(key=lambda pick: (pick.network, pick.station, pick.time.ns))
    result.windows.sort(key=lambda window: (window.network, window.station, window.start.ns))
    if shape.answers == CLASS:
        write_windows(result.windows, shape.labels, result.folder)
    else:
        write_picks(result.picks, shape.method, result.folder)

    def waveforms(start: UTCDateTime, end: UTCDateTime) -> Stream:
        inside = [h.path for h in headers if h.begins <= end and h.ends >= start]
        return stream_of(inside, start, end)

    def probabilities(code: str, start: UTCDateTime, end: UTCDateTime) -> Stream:
        return read_probabilities(result.folder / "probabilities" / f"{code}.mseed", start, end)

    draw_all(result, waveforms, probabilities)
    write_json(result.folder / "summary.json", result.summary())  # last: where it exists, so do the others
    return result


def _annotate_group(stream: Stream, model: Any, result: Annotated, advance: Callable[[float], None]) -> None:
    """Annotate a stream and write its probabilities, station by station."""
    traces: list = []
    code = None

    def write() -> None:
        if traces:
            write_probabilities(traces, result.folder / "probabilities" / f"{code}.mseed")
            traces.clear()

    for answer in _answers(stream, model, result.shape, result.done, advance=advance):
        if answer.segment.instrument.code != code:
            write()
            code = answer.segment.instrument.code
        traces += traces_of(answer)
        if result.shape.answers == PICKS:  # that of noise is 1 less the others
            traces[:] = [trace for trace in traces if not trace.stats.channel.endswith("_noise")]
        if result.shape.answers == CLASS:
            result.windows += windows_of(answer)
        else:
            result.picks += picks_of(answer, result.thresholds)
    write()


def _answers(
    stream: Stream,
    model: Any,
    shape: Shape,
    done: Done,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    advance: Callable[[float], Any] = lambda seconds: None,
) -> Iterator[Answer]:
    """Yield the answers for a stream, station by station; enter in `done` what was annotated."""
    half_s = shape.samples / shape.sampling_rate_hz / 2
    chosen, notes = instruments(stream)
    done.notes += notes

    def long_enough() -> Iterator[Segment]:
        for instrument in chosen:
            found, notes = segments(instrument, max_gap_s)
            station = Station(instrument.code, f"{instrument.location}.{instrument.band}", "".join(instrument.parts))
            done.stations[instrument.code] = station
            long = [2 * segment.length(shape.sampling_rate_hz) >= shape.samples for segment in found]
            short = [segment for segment, enough in zip(found, long, strict=True) if not enough]
            if short:
                seconds = sum(s.samples / s.rate_hz for s in short)
                notes.append(
                    f"{instrument.code}: {len(short)} pieces shorter than half a window ({half_s:g} s) skipped, "
                    f"{seconds:.3g} s in all."
                )
            if found and found[0].rate_hz < 0.99 * shape.sampling_rate_hz:
                notes.append(
                    f"{instrument.code}: {found[0].rate_hz:g} Hz resampled to the model's {shape.sampling_rate_hz:g} "
                    "Hz: high frequencies are missing that the model was trained on."
                )
            done.notes += notes
            for segment, enough in zip(found, long, strict=True):
                station.take(segment, enough)
                if enough:
                    yield segment

    yield from answers(long_enough(), model, shape, overlap=overlap, advance=advance)


def _thresholds(given: Mapping[str, float] | float | str | None, shape: Shape) -> dict[str, float]:
    """Return the least probability of a pick by phase; an empty dict for a classifier.

    Raises:
        UsageError: if a phase is not picked, a value is not a probability, or the model is a classifier.
    """
    from zoo.seismograms.picking.picks import THRESHOLD

    if shape.answers == CLASS:
        if given is not None:
            raise UsageError(f"{shape.name} labels windows and lists all their probabilities: it has no threshold.")
        return {}
    phases = [label for label in shape.labels if label != "noise"]
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        try:
            if len(pairs) == 1 and not pairs[0][1]:
                given = float(given)
            else:
                given = {phase.strip(): float(value) for phase, _, value in pairs}
        except ValueError:
            raise UsageError(f"Thresholds look like 0.3, or P=0.3,S=0.3; received {given!r}.") from None
    if given is None:
        given = _AGREEMENT if shape.answers == ARRIVAL else THRESHOLD
    if not isinstance(given, Mapping):
        given = dict.fromkeys(phases, float(given))
    for phase, value in given.items():
        if phase not in phases:
            raise UsageError(f"{shape.name} does not pick {phase!r}.{did_you_mean(phase, phases)}")
        if not 0 < value <= 1:
            raise UsageError(f"The threshold of {phase} is {value:g}; expected a probability like 0.3.")
    return {phase: float(given.get(phase, THRESHOLD)) for phase in phases}
