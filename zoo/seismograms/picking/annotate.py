"""What is in these seismograms? Picks, labels and probabilities of continuous ObsPy streams.

    probabilities = annotate(stream, "phase_picker")               # an obspy.Stream
    picks = classify(stream, "phase_picker")                       # obspy.core.event.Pick
    windows = classify(stream, "noise_earthquake")                 # labelled windows
    print(annotate_files(["day.mseed"], "phase_picker", "picked").report())

Streams may hold any number of stations with one or three components, at any sampling rate, with gaps and different
start times. The rules are in `zoo.seismograms.picking.instruments` (which instrument), `.components` (which channel is
which component), `.segments` (what a gap is), `.windows` (overlap), `.picks` (picks) and `.measures` (polarity and
amplitude). What fails at one station becomes a note with its name; the others are picked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import PassedOver
from zoo.files import write_json
from zoo.progress import bar
from zoo.seismograms.picking.components import COMPONENTS, components_of
from zoo.seismograms.picking.files import find, groups, read_headers, stream_of
from zoo.seismograms.picking.instruments import LEAST_RATE_HZ, instruments
from zoo.seismograms.picking.measures import Responses
from zoo.seismograms.picking.options import inventory_of, thresholds_of, traces_in
from zoo.seismograms.picking.pick_list import Picks
from zoo.seismograms.picking.report import Annotated, Done, Station
from zoo.seismograms.picking.results import (
    StationPick,
    Window,
    picks_of,
    read_probabilities,
    traces_of,
    windows_of,
    write_picks,
    write_probabilities,
    write_windows,
)
from zoo.seismograms.picking.segments import MAX_GAP_S, Segment, station_segments
from zoo.seismograms.picking.windows import (
    CLASS,
    PICKS,
    Answer,
    Shape,
    answers,
    least_samples,
    model_and_shape,
)

if TYPE_CHECKING:
    from obspy import Inventory, Stream, Trace, UTCDateTime

__all__ = ["Annotated", "Window", "annotate", "annotate_files", "classify"]

_PASSBAND = 5.0  # least rate of a record, in corners of the model's high-pass


def annotate(
    stream: Stream | Trace,
    model: Any = "phase_picker",
    *,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    components: Mapping[str, str] | str | None = None,
) -> Stream:
    """Return a model's probabilities as traces, one for each label and each stretch without a gap.

    >>> import obspy
    >>> stream = obspy.read()  # ObsPy's example: an earthquake at BW.RJOB, three components
    >>> [trace.id for trace in annotate(stream, "phase_picker")]
    ['BW.RJOB..phase_picker_P', 'BW.RJOB..phase_picker_S', 'BW.RJOB..phase_picker_noise']

    Args:
        stream: waveforms of any stations, in any unit; left unchanged. One trace will do.
        model: a waveform model, or the name or folder of its checkpoint.
        overlap: share of a window that overlaps with the next one, default 0.5 (0.9 for models of one arrival).
        max_gap_s: gaps up to this length are filled by straight lines; longer ones are not bridged.
        components: which channel is which component, where the names do not say so: channel codes or their last
            letters, like `{"0": "Z", "1": "N", "2": "E"}` or `"UD=Z,NS=N,EW=E"`.

    Returns:
        Traces with channels `MODEL_LABEL` (`phase_picker_P`). Pickers: 0 to 1 in time, at the model's sampling rate.
        Classifiers: one sample per window, at the time of its middle. Models of one arrival: the share of overlapping
        windows that agree on an arrival there.

    Raises:
        ZooError: if the model does not annotate waveforms, or if nothing could be annotated: no vertical component, a
            rate too low, or pieces too short. Where one station of several fails, a note says so.
        UsageError: if `components` does not say Z, N or E of a channel.
    """
    from obspy import Stream

    model, shape = model_and_shape(model)
    made, done = Stream(), Done()
    said = components_of(components)
    for answer in answers_of(traces_in(stream), model, shape, done, overlap, max_gap_s, said):
        made += Stream(traces_of(answer))
    done.check(shape)
    return made


def classify(
    stream: Stream | Trace,
    model: Any = "phase_picker",
    thresholds: Mapping[str, float] | float | None = None,
    *,
    false_per_hour: float | None = None,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    components: Mapping[str, str] | str | None = None,
    inventory: Inventory | None = None,
) -> Picks | list[Window]:
    """Return picks (models of phases or of one arrival) or labelled windows (classifiers), by station and time.

    >>> import obspy
    >>> [(pick.phase_hint, pick.time.strftime("%H:%M:%S")) for pick in classify(obspy.read(), "phase_picker")]
    [('P', '00:20:07'), ('S', '00:20:08')]
    >>> [window.label for window in classify(obspy.read(), "noise_earthquake")]
    ['earthquake', 'earthquake']

    Args:
        stream, model, overlap, max_gap_s, components: as in `annotate`.
        thresholds: least probability of a pick, for all phases or by phase. Default: what gives one false pick of each
            phase in an hour of noise; 0.3 of a picker that was not calibrated on noise; for models of one arrival 0.5,
            the share of windows that agree.
        false_per_hour: false picks of each phase in an hour of noise at a station, instead of thresholds.
        inventory: of the stations (`obspy.read_inventory`): amplitudes are in metres then.

    Returns:
        `Picks`, a list of `obspy.core.event.Pick` with phase_hint, time, waveform_id, method_id (the model), polarity,
        and the probability and amplitude in comments; it has `select`, `to_dataframe` and `to_catalog`. Or `Window`s
        with codes, start, end, label and probability.

    Raises:
        ZooError: as in `annotate`.
        UsageError: if a threshold is not a probability, or is for a phase that is not picked; as in `annotate`.
    """
    model, shape = model_and_shape(model)
    thresholds = thresholds_of(thresholds, shape, false_per_hour)
    found, done = [], Done()
    responses, said = Responses(inventory), components_of(components)
    for answer in answers_of(traces_in(stream), model, shape, done, overlap, max_gap_s, said):
        found += _found(answer, thresholds, responses, done)
    done.notes += responses.notes
    done.check(shape)
    return found if shape.answers == CLASS else Picks(pick.as_pick(shape.method) for pick in found)


def annotate_files(
    files: Sequence[str | os.PathLike],
    model: Any = "phase_picker",
    out: str | os.PathLike = "annotated",
    thresholds: Mapping[str, float] | float | str | None = None,
    *,
    false_per_hour: float | None = None,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    components: Mapping[str, str] | str | None = None,
    inventory: Inventory | str | os.PathLike | None = None,
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
        model, overlap, max_gap_s, components: as in `annotate`.
        out: folder for picks.csv and picks.xml, or windows.csv; probabilities/NET.STA.mseed; figures; summary.json.
        thresholds: as in `classify`, or a text like "P=0.3,S=0.3".
        false_per_hour: as in `classify`.
        inventory: as in `classify`, or a file that ObsPy reads (StationXML, dataless SEED ...).

    Returns:
        What was found; `report()` gives it as a text.

    Raises:
        ZooError: if there is no file, or none that ObsPy can read, and as in `annotate`.
        UsageError: as in `classify`.
    """
    from zoo.seismograms.figures.picks import draw_all

    options = {"overlap": overlap, "max_gap_s": max_gap_s, "components": components_of(components)}
    responses = Responses(inventory_of(inventory))
    paths = find(files)
    model, shape = model_and_shape(model)
    result = Annotated(shape, thresholds_of(thresholds, shape, false_per_hour), Path(out))
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

            stream = stream_of(group, notes=result.notes)
            _annotate_group(stream, model, result, options, responses, passed)
            advance(left)
            del stream
    result.notes.extend(responses.notes)
    result.done.check(shape, aloud=False)
    result.picks.sort(key=lambda pick: (pick.network, pick.station, pick.time.ns))
    result.windows.sort(key=lambda window: (window.network, window.station, window.start.ns))
    if shape.answers == CLASS:
        write_windows(result.windows, shape.labels, result.folder)
    else:
        write_picks(result.picks, shape.method, result.folder)

    def waveforms(start: UTCDateTime, end: UTCDateTime) -> Stream:
        inside = [h for h in headers if h.begins <= end and h.ends >= start]
        return stream_of(inside, start, end, notes=[])

    def probabilities(code: str, start: UTCDateTime, end: UTCDateTime) -> Stream:
        return read_probabilities(result.folder / "probabilities" / f"{code}.mseed", start, end)

    draw_all(result, waveforms, probabilities)
    write_json(result.folder / "summary.json", result.summary())  # last: where it exists, so do the others
    return result


def _found(
    answer: Answer, thresholds: Mapping[str, float], responses: Responses, done: Done
) -> list[StationPick] | list[Window]:
    """Return the picks or windows of a segment; enter in `done` what was left out, and what failed."""
    code = answer.segment.instrument.code
    try:
        if answer.shape.answers == CLASS:
            return windows_of(answer)
        return picks_of(answer, thresholds, responses, done.stations[code].leave_out)
    except Exception as error:  # one odd station never ends a run
        lost = f"{type(error).__name__}: {error}; its picks are lost from {answer.segment.time(0, 1)}."
        done.notes.append(PassedOver(f"{code}: {lost}"))
        return []


def _annotate_group(
    stream: Stream,
    model: Any,
    result: Annotated,
    options: Mapping[str, Any],
    responses: Responses,
    advance: Callable[[float], None],
) -> None:
    """Annotate a stream and write its probabilities, station by station."""
    traces: list = []
    code = None

    def write() -> None:
        if traces:
            write_probabilities(traces, result.folder / "probabilities" / f"{code}.mseed")
            traces.clear()

    for answer in answers_of(stream, model, result.shape, result.done, advance=advance, **options):
        if answer.segment.instrument.code != code:
            write()
            code = answer.segment.instrument.code
        traces += traces_of(answer)
        if result.shape.answers == PICKS:  # that of noise is 1 less the others
            traces[:] = [trace for trace in traces if not trace.stats.channel.endswith("_noise")]
        found = _found(answer, result.thresholds, responses, result.done)
        (result.windows if result.shape.answers == CLASS else result.picks).extend(found)
    write()


def least_rate_hz(model: Any) -> float:
    """Return the least rate (Hz) of a record that a model is asked about: five times the corner of its high-pass."""
    return max(LEAST_RATE_HZ, _PASSBAND * float(getattr(model, "high_pass_hz", 0) or 0))


def answers_of(
    stream: Sequence[Trace] | Stream,
    model: Any,
    shape: Shape,
    done: Done,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    components: Mapping[str, str] | None = None,
    advance: Callable[[float], Any] = lambda seconds: None,
    choose: Callable = instruments,
) -> Iterator[Answer]:
    """Yield the answers for a stream, station by station; enter in `done` what was annotated.

    `choose` returns the instruments, as `zoo.seismograms.picking.instruments.instruments` does.
    """
    least = least_samples(shape)
    least_s, window_s = least / shape.sampling_rate_hz, shape.samples / shape.sampling_rate_hz
    chosen, notes = choose(stream, components, least_rate_hz(model))
    done.notes += notes

    def failed(segment: Segment, error: Exception) -> None:
        code = segment.instrument.code
        done.notes.append(PassedOver(f"{code}: {type(error).__name__}: {error}; passed over."))
        done.stations[code].lose(segment)

    def long_enough() -> Iterator[Segment]:
        for instrument in chosen:
            place = f"{instrument.location}.{instrument.band}"
            station = Station(instrument.code, place, "".join(c for c in COMPONENTS if c in instrument.parts))
            done.stations[instrument.code] = station
            try:
                found, notes = station_segments(instrument, max_gap_s)
                lengths = [segment.length(shape.sampling_rate_hz) for segment in found]
            except Exception as error:  # one odd station never ends a run
                done.notes.append(PassedOver(f"{instrument.code}: {type(error).__name__}: {error}; passed over."))
                continue
            short = [segment for segment, length in zip(found, lengths, strict=True) if length < least]
            if short:
                seconds = sum(s.samples / s.rate_hz for s in short)
                limit = f"half a window ({least_s:g} s)" if 2 * least >= shape.samples else f"{least_s:g} s"
                what = f"{len(short)} piece{'s' * (len(short) > 1)} shorter than {limit} passed over"
                notes.append(PassedOver(f"{instrument.code}: {what}, {seconds:.3g} s in all."))
            mirrored = [length for length in lengths if least <= length < shape.samples]
            if mirrored:
                seconds = sum(mirrored) / shape.sampling_rate_hz
                what = f"{len(mirrored)} piece{'s' * (len(mirrored) > 1)} shorter than a window ({window_s:g} s)"
                notes.append(f"{instrument.code}: {what} continued by mirror images, {seconds:.3g} s in all.")
            if found and found[0].rate_hz < 0.99 * shape.sampling_rate_hz:
                notes.append(
                    f"{instrument.code}: {found[0].rate_hz:g} Hz resampled to the model's {shape.sampling_rate_hz:g} "
                    "Hz: high frequencies are missing that the model was trained on."
                )
            done.notes += notes
            for segment, length in zip(found, lengths, strict=True):
                station.take(segment, length >= least)
                if length >= least:
                    yield segment

    yield from answers(long_enough(), model, shape, overlap=overlap, advance=advance, failed=failed)
    for station in done.stations.values():
        station.say_masked(done.notes)
