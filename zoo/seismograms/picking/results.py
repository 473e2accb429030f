"""What becomes of a model's answers: picks, labelled windows, traces of probability; and their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo.files import write_csv, write_with
from zoo.interrupts import uninterrupted
from zoo.seismograms.picking.measures import Responses, measure
from zoo.seismograms.picking.pick_list import catalog_of
from zoo.seismograms.picking.windows import ARRIVAL, PIECE_S, Answer, consensus

if TYPE_CHECKING:
    from obspy import Stream, Trace, UTCDateTime
    from obspy.core.event import Pick

    from zoo.seismograms.picking.picks import Pick as Peak

_AROUND_S = 10.0  # read on both sides of a piece that is searched for picks: more than a pick depends on


class StationPick(NamedTuple):
    """A pick of a phase at a station; the channel is the vertical for P, a horizontal for S where there is one."""

    network: str
    station: str
    location: str
    channel: str
    phase: str
    time: UTCDateTime
    probability: float
    polarity: str = ""
    """First motion of P on the vertical: "up", "down", or "" where it is not clear."""
    amplitude: float | None = None
    """Peak displacement between 1 and 20 Hz (`zoo.seismograms.picking.measures`); None where it was not measured."""
    amplitude_unit: str = ""
    """ "m", or without an inventory the record's unit times seconds, "counts s" ("counts s2" for accelerometers)."""
    uncertainty_s: float | None = None
    """Half width of the interval that holds the arrival in 68.3 % of cases, s; None where it is not known."""

    def as_pick(self, method: str) -> Pick:
        """Return it as a pick of ObsPy.

        The name of the model is its method; probability and amplitude stand in its comments.
        """
        from obspy.core.event import Comment, Pick, QuantityError, ResourceIdentifier, WaveformStreamID

        where = self.network, self.station, self.location, self.channel
        name = "/".join((*where[:3], self.channel, self.phase, self.time.strftime("%Y%m%dT%H%M%S.%f")))
        name = re.sub(r"[^\w.*()+?~'=,;/&-]", "_", name.replace("//", "/--/"))  # what QuakeML allows
        texts = [f"probability={self.probability:.4f}"]
        if self.amplitude is not None:
            texts.append(f"amplitude={self.amplitude:.6g} {self.amplitude_unit}")
        return Pick(
            resource_id=ResourceIdentifier(f"smi:local/pick/{method}/{name}"),
            time=self.time,
            time_errors=QuantityError(uncertainty=self.uncertainty_s),
            phase_hint=self.phase,
            polarity={"up": "positive", "down": "negative"}.get(self.polarity),
            waveform_id=WaveformStreamID(*where[:2], location_code=self.location, channel_code=self.channel),
            evaluation_mode="automatic",
            method_id=ResourceIdentifier(f"smi:local/zoo/{method}"),
            comments=[Comment(text=text, force_resource_id=False) for text in texts],
        )


class Window(NamedTuple):
    """A window that a classifier labelled; `channel` is the channel code without its last letter."""

    network: str
    station: str
    location: str
    channel: str
    start: UTCDateTime
    end: UTCDateTime
    label: str
    probability: float
    probabilities: dict[str, float]


def picks_of(
    answer: Answer,
    thresholds: Mapping[str, float],
    responses: Responses | None = None,
    left_out: Callable[[int], Any] = lambda picks: None,
) -> list[StationPick]:
    """Return the picks of a segment in order of time.

    They are peaks of probability, with P at its onset (`zoo.seismograms.picking.picks`), or arrivals that overlapping
    windows agree on.

    Args:
        answer: what the model says of the segment.
        thresholds: least peak by phase: `options.thresholds_of`.
        responses: sensitivities of an inventory; amplitudes are in metres then.
        left_out: called with the number of picks that lie in gaps that were filled, and are left out.
    """
    segment, rate = answer.segment, answer.shape.sampling_rate_hz
    found, masked = [], 0
    known = answer.shape.calibration
    for pick in _peaks(answer, thresholds):
        time_ns = segment.time_ns(pick.sample, rate)
        components = "Z" if pick.phase == "P" else segment.channels
        if any(segment.is_filled(component, time_ns) for component in components):
            masked += 1
        else:
            found.append(pick)
    native = [segment.position(pick.sample, rate) for pick in found]
    made = []
    for number, (_, phase, sample, probability, width_s) in enumerate(found):
        until = uncertainty_s = None
        if phase == "P":
            later = zip(found[number + 1 :], native[number + 1 :], strict=True)
            until = next((at for other, at in later if other.phase == "S"), None)
        if known:
            uncertainty_s = float(known.uncertainty_s(phase, probability, width_s))
            probability = float(known.probability(phase, probability))
        order = "NEZ" if phase == "S" else "Z"
        channel = next(segment.channels[component] for component in order if component in segment.channels)
        instrument = segment.instrument
        codes = instrument.network, instrument.station, instrument.location
        measured = measure(segment, native[number], until, phase, responses or Responses(None))
        time = segment.time(sample, rate)
        made.append(StationPick(*codes, channel, phase, time, float(probability), *measured, uncertainty_s))
    left_out(masked)
    return made


def _peaks(answer: Answer, thresholds: Mapping[str, float]) -> list[Peak]:
    """Return the peaks of a segment in order; samples are at the model's rate."""
    from zoo.seismograms.picking.picks import Pick as Peak
    from zoo.seismograms.picking.picks import picks

    segment, shape = answer.segment, answer.shape
    rate, labels = shape.sampling_rate_hz, shape.labels
    if shape.answers == ARRIVAL:
        return [Peak(0, "P", at, share) for at, share in consensus(answer, thresholds["P"])]
    found = []
    piece, around = round(PIECE_S * rate), round(_AROUND_S * rate)
    columns = {label: labels.index(label) for label in thresholds}
    length = len(answer.probabilities)
    edges = [0, *range(piece - segment.first(rate) % piece, length, piece), length]  # whatever the record's start
    for first, behind in zip(edges, edges[1:], strict=False):
        inside = answer.probabilities[first:behind]
        if not any((inside[:, column] >= thresholds[label]).any() for label, column in columns.items()):
            continue
        low, high = max(0, first - around), min(length, behind + around)
        waveform = segment.resampled(low, high - low, rate)[np.newaxis]
        for pick in picks(answer.probabilities[np.newaxis, low:high], waveform, rate, thresholds, labels):
            if first <= low + pick.sample < behind:
                found.append(pick._replace(sample=low + pick.sample))
    return found


def windows_of(answer: Answer) -> list[Window]:
    """Return the labelled windows of a segment in order of time."""
    segment, shape = answer.segment, answer.shape
    instrument, rate = segment.instrument, shape.sampling_rate_hz
    made = []
    for start, values in zip(answer.starts, answer.values, strict=True):
        end = min(start + shape.samples, segment.length(rate))
        best = int(np.argmax(values))
        made.append(
            Window(
                *(instrument.network, instrument.station, instrument.location, instrument.band),
                segment.time(start, rate),
                segment.time(end, rate),
                shape.labels[best],
                float(values[best]),
                dict(zip(shape.labels, values.tolist(), strict=True)),
            )
        )
    return made


def traces_of(answer: Answer) -> list[Trace]:
    """Return a trace of probability for each label, channel `MODEL_LABEL`.

    Probabilities in time have the model's sampling rate and begin with the segment. Those of windows are one sample per
    window, at its middle (without windows off the grid, at the ends of a segment).
    """
    from obspy import Trace

    segment, shape, instrument = answer.segment, answer.shape, answer.segment.instrument
    rate = shape.sampling_rate_hz
    first, step, values = 0.0, 1, answer.probabilities
    if values is None:
        used = answer.on_grid if answer.on_grid.any() else np.arange(len(answer.starts)) == 0
        first, step = answer.starts[used][0] + (shape.samples - 1) / 2, answer.hop
        values = answer.values[used]
    header = {
        "network": instrument.network,
        "station": instrument.station,
        "location": instrument.location,
        "starttime": segment.time(first, rate),
        "sampling_rate": segment.true_rate_hz(rate) / step,
    }
    return [
        Trace(np.ascontiguousarray(values[:, column], np.float32), {**header, "channel": f"{shape.name}_{label}"})
        for column, label in enumerate(shape.labels)
    ]


def write_picks(picks: Sequence[StationPick], method: str, folder: Path) -> None:
    """Write picks.csv and picks.xml (QuakeML)."""
    rows = [
        (
            *pick[:5],
            *(_time(pick.time), f"{pick.probability:.4f}", pick.polarity),
            *("" if pick.amplitude is None else f"{pick.amplitude:.6g}", pick.amplitude_unit),
            "" if pick.uncertainty_s is None else f"{pick.uncertainty_s:.3f}",
        )
        for pick in picks
    ]
    write_csv(folder / "picks.csv", StationPick._fields, rows)
    made = catalog_of([pick.as_pick(method) for pick in picks], method)
    write_with(folder / "picks.xml", lambda path: made.write(str(path), format="QUAKEML"))


def write_windows(windows: Sequence[Window], labels: Sequence[str], folder: Path) -> None:
    """Write windows.csv: the label of each window, and the probability of every label."""
    rows = [
        (
            *window[:4],
            *(_time(window.start), _time(window.end), window.label, f"{window.probability:.4f}"),
            *(f"{window.probabilities[label]:.4f}" for label in labels),
        )
        for window in windows
    ]
    header = (*Window._fields[:-1], *(f"probability_{label}" for label in labels))
    write_csv(folder / "windows.csv", header, rows)


def write_probabilities(traces: Sequence[Trace], path: Path) -> None:
    """Write traces of probability as miniSEED (float32).

    Its codes are as long as SEED allows: channels are the first three letters of the label (P, S, NOI, EAR ...), and of
    a longer station code, as that of a file without one, the first five remain. The file's name has all of it.
    """
    from obspy import Stream, Trace

    stream = Stream()
    for trace in traces:
        label = trace.stats.channel.rpartition("_")[2]
        lengths = {"network": 2, "station": 5, "location": 2}
        cut = {key: trace.stats[key].encode("ascii", "replace").decode()[:most] for key, most in lengths.items()}
        stream.append(Trace(trace.data, {**trace.stats, **cut, "channel": label[:3].upper()}))
    with uninterrupted():
        write_with(path, lambda temporary: stream.write(str(temporary), format="MSEED", encoding="FLOAT32"))


def read_probabilities(path: Path, start: Any = None, end: Any = None) -> Stream:
    """Read what `write_probabilities` wrote, all or between two times."""
    from obspy import read

    with uninterrupted():
        return read(str(path), format="MSEED", starttime=start, endtime=end)


def _time(time: UTCDateTime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
