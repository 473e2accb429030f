"""Windows of segments through a model: overlapping, in batches across stations, put together again piece by piece.

Windows begin every half a window (every tenth for models that give one arrival), counted from 1970: a record that is
cut gives the same windows. One more begins, and one ends, with a segment where none does. Where windows overlap,
probabilities in time are averaged with the weight sin^2 of the position in the window: its middle is trusted, its ends,
where half of the context is missing, hardly at all. A segment shorter than a window is continued by its mirror image,
and skipped if it is shorter than 5 s (or half a window, if that is less).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from zoo import registry
from zoo.errors import ZooError
from zoo.seismograms.picking.calibration import Calibration
from zoo.seismograms.picking.segments import COMPONENTS, Segment

PICKS, CLASS, ARRIVAL = "seismograms.picks", "seismograms.class", "seismograms.arrival"
"""What a model may answer: probabilities of phases in time, a label of a window, one arrival in a window."""
OVERLAP = {PICKS: 0.5, CLASS: 0.5, ARRIVAL: 0.9}
"""Share of a window that overlaps with the next one, by what the model answers."""
PIECE_S = 600.0
"""Segments are read in pieces of this length: memory does not grow with them."""
_BATCHES = (1, 8, 32)  # sizes for which a model is compiled; filled up with zeros to the next one (64 leaves the cache)
_LEAST_WEIGHT = 1e-3  # so that samples which only the end of a window holds have a value
_AGREE_S = 0.5
_UNTRUSTED = 0.05  # share of a window at either end in which an arrival is not believed
_FEWEST_WINDOWS = 3
_LEAST_S = 5.0


class Shape(NamedTuple):
    """What a waveform model takes and gives."""

    answers: str
    """`PICKS`, `CLASS` or `ARRIVAL`."""
    sampling_rate_hz: float
    samples: int
    """Length of a window."""
    labels: tuple[str, ...]
    name: str
    """Prefix of the channels of probability."""
    method: str
    """Name of the checkpoint, with its tag."""
    calibration: Calibration | None = None
    """What its peaks mean on continuous data; None: its probabilities are taken as they are."""


def model_and_shape(model: Any) -> tuple[Any, Shape]:
    """Return a model that annotates waveforms, and what it takes and gives.

    Args:
        model: a model, or the name or folder of its checkpoint.

    Raises:
        ZooError: if it answers another question, or takes its components in another order.
    """
    found, method = registry.model_for(model, tuple(OVERLAP))
    # Keras numbers its models (phase_picker_1); channels and picks are called after the recipe.
    name = getattr(found, "recipe_name", None) or found.name
    if found is model:
        method = name
    if found.component_order != COMPONENTS:
        raise ZooError(f"{name} takes components {found.component_order}; expected {COMPONENTS}.")
    labels = ("P",) if found.answers == ARRIVAL else tuple(found.labels)
    rate, samples = float(found.sampling_rate_hz), int(found.samples)
    return found, Shape(found.answers, rate, samples, labels, name, method, Calibration.of(found))


def least_samples(shape: Shape) -> int:
    """Return the least length, in samples at the model's rate, of a segment that is annotated."""
    return min(-(-shape.samples // 2), round(_LEAST_S * shape.sampling_rate_hz))


@dataclass(eq=False)
class Answer:
    """What a model says about one segment."""

    segment: Segment
    shape: Shape
    starts: np.ndarray
    """(windows,) first sample of each, at the model's rate."""
    on_grid: np.ndarray
    """(windows,) whether a window is one of those that begin every `hop`, not one more at an end of the segment."""
    hop: int
    """Samples from one window to the next."""
    values: np.ndarray | None
    """(windows, labels) probabilities (`CLASS`), or (windows, 1) samples of P in the segment (`ARRIVAL`)."""
    probabilities: np.ndarray | None
    """(samples, labels) in time (`PICKS`); for `ARRIVAL`, the share of windows that agree on an arrival there."""


def window_starts(
    length: int, samples: int, overlap: float, least: int, number: int = 0, goes_on: bool = False
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return where windows begin in a segment.

    >>> starts, on_grid, hop = window_starts(length=30, samples=10, overlap=0.5, least=5, number=1003)
    >>> starts.tolist(), on_grid.tolist(), hop
    ([0, 2, 7, 12, 17, 20], [False, True, True, True, True, False], 5)

    Args:
        length: samples of the segment.
        samples: of a window.
        overlap: share of a window that overlaps with the next one.
        least: a shorter segment has no window.
        number: of the segment's first sample, counted from 1970.
        goes_on: whether more of the segment is to come, so that no window ends with it yet.

    Returns:
        The first samples (windows,), which of them are multiples of the hop since 1970, and the hop.
    """
    hop = max(1, round(samples * (1 - overlap)))
    last = length - samples
    if last < 0:
        starts = np.zeros(int(length >= least and not goes_on), np.int64)
    else:
        ends = [0] if goes_on else [0, last]
        starts = np.union1d(ends, np.arange(-number % hop, last + 1, hop))
    return starts, (starts + number) % hop == 0, hop


def taper(samples: int) -> np.ndarray:
    """Return the weights (samples,) of the probabilities in a window, float32."""
    return (np.sin(np.pi * (np.arange(samples) + 0.5) / samples) ** 2 + _LEAST_WEIGHT).astype(np.float32)


def answers(
    segments: Iterable[Segment],
    model: Any,
    shape: Shape,
    *,
    overlap: float | None = None,
    advance: Callable[[float], Any] = lambda seconds: None,
    failed: Callable[[Segment, Exception], Any] | None = None,
) -> Iterator[Answer]:
    """Yield the model's answer for each segment that has a window, in order.

    Args:
        segments: from any stations.
        model: called with (n, samples, 3) float32, ZNE, in the unit of the records, without the segment's offset.
        shape: what the model takes and gives.
        overlap: share of a window that overlaps with the next one, default `OVERLAP`.
        advance: called with the seconds of record that are done.
        failed: called with a segment that cannot be read, and why; it has no answer. Default: that is raised.

    Raises:
        ZooError: if the overlap is not between 0 and 1.
    """
    overlap = OVERLAP[shape.answers] if overlap is None else overlap
    if not 0 <= overlap < 1:
        raise ZooError(f"The overlap is {overlap:g}; expected a share of a window, from 0 to less than 1.")
    collecting: list[_Collector] = []
    batch: list[tuple[_Collector, int, np.ndarray]] = []

    def through() -> Iterator[Answer]:
        """Send the batch through the model; yield the answers that are complete."""
        size = next(size for size in _BATCHES if size >= len(batch))
        windows = np.zeros((size, shape.samples, len(COMPONENTS)), np.float32)
        for row, (_, _, window) in enumerate(batch):
            windows[row] = window
        predicted = np.asarray(model.predict_on_batch(windows), np.float32)
        for (collector, number, _), value in zip(batch, predicted, strict=False):
            collector.add(number, value)
            advance(collector.seconds_a_window)
        batch.clear()
        while collecting and collecting[0].complete:
            yield collecting.pop(0).answer()

    for segment in segments:
        rate_hz = shape.sampling_rate_hz
        starts, on_grid, hop = window_starts(
            segment.length(rate_hz),
            shape.samples,
            overlap,
            least_samples(shape),
            segment.first(rate_hz),
            segment.goes_on,
        )
        if not len(starts):
            advance(segment.samples / segment.rate_hz)
            continue
        collector = _Collector(segment, shape, starts, on_grid, hop)
        collecting.append(collector)
        windows = _windows(segment, shape, starts)
        while True:
            try:
                number, window = next(windows, (None, None))
            except Exception as error:  # one odd station never ends a run
                if failed is None:
                    raise
                collecting.remove(collector)
                batch[:] = [row for row in batch if row[0] is not collector]
                failed(segment, error)
                break
            if number is None:
                break
            batch.append((collector, number, window))
            if len(batch) == _BATCHES[-1]:
                yield from through()
    if batch:
        yield from through()
    while collecting and collecting[0].complete:  # behind one that failed
        yield collecting.pop(0).answer()


def _windows(segment: Segment, shape: Shape, starts: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number and the samples (samples, 3) of each window, reading about ten minutes at a time."""
    rate, samples = shape.sampling_rate_hz, shape.samples
    length = segment.length(rate)
    if length < samples:
        whole = segment.resampled(0, length, rate)
        yield 0, np.pad(whole, ((0, samples - length), (0, 0)), mode="symmetric")
        return
    first = 0
    while first < len(starts):
        behind = max(first + 1, int(np.searchsorted(starts, starts[first] + PIECE_S * rate)))
        begin = int(starts[first])
        piece = segment.resampled(begin, int(starts[behind - 1]) + samples - begin, rate)
        for number in range(first, behind):
            yield number, piece[starts[number] - begin :][:samples]
        first = behind


class _Collector:
    """Gathers what a model says about the windows of one segment."""

    def __init__(self, segment: Segment, shape: Shape, starts: np.ndarray, on_grid: np.ndarray, hop: int):
        self.segment, self.shape, self.starts, self.on_grid, self.hop = segment, shape, starts, on_grid, hop
        self.length, self.left = segment.length(shape.sampling_rate_hz), len(starts)
        self.seconds_a_window = segment.samples / segment.rate_hz / len(starts)
        if shape.answers == PICKS:
            self.sums = np.zeros((len(shape.labels), self.length), np.float32)  # labels first: contiguous traces
            self.weights, self.taper = np.zeros(self.length, np.float32), taper(shape.samples)
        else:
            self.values = np.zeros((len(starts), len(shape.labels)), np.float64)

    @property
    def complete(self) -> bool:
        return self.left == 0

    def add(self, number: int, value: np.ndarray) -> None:
        self.left -= 1
        if self.shape.answers != PICKS:
            self.values[number] = value
            return
        start = self.starts[number]
        count = min(self.shape.samples, self.length - start)
        weights = self.taper[:count]
        self.sums[:, start : start + count] += weights * value[:count].T
        self.weights[start : start + count] += weights

    def answer(self) -> Answer:
        values = probabilities = None
        if self.shape.answers == PICKS:
            self.sums /= np.maximum(self.weights, _LEAST_WEIGHT)  # the end of a live record is in no window yet
            probabilities = self.sums.T
        else:
            values = self.values
            if self.shape.answers == ARRIVAL:
                inside = (values >= _UNTRUSTED * self.shape.samples) & (values <= (1 - _UNTRUSTED) * self.shape.samples)
                values = np.where(inside, values + self.starts[:, np.newaxis], np.nan)
                probabilities = agreement(values[:, 0], self.starts, self.shape, self.length)[:, np.newaxis]
        return Answer(self.segment, self.shape, self.starts, self.on_grid, self.hop, values, probabilities)


def agreement(arrivals: np.ndarray, starts: np.ndarray, shape: Shape, length: int) -> np.ndarray:
    """Return, for every sample of a segment, the share of windows containing it that put the arrival near it.

    A model that gives one arrival gives one for noise too; but only a real arrival stays where it is while the window
    moves on. A window counts where the sample is not in its outer 5 %; near means within 0.5 s; a sample that fewer
    than three windows contain gets 0.

    Args:
        arrivals: (windows,) samples in the segment; NaN if in the outer 5 % of the window.
        starts: (windows,) first sample of each window.
        shape: what the model takes and gives.
        length: samples of the segment.

    Returns:
        (length,) float32.
    """
    near, margin = round(_AGREE_S * shape.sampling_rate_hz), round(_UNTRUSTED * shape.samples)
    steps = np.zeros((2, length + 1), np.int32)
    centre = np.round(arrivals[np.isfinite(arrivals)]).astype(np.int64)
    for row, begins, ends in (
        (0, centre - near, centre + near + 1),
        (1, starts + margin, starts + shape.samples - margin + 1),
    ):
        np.add.at(steps[row], np.clip(begins, 0, length), 1)
        np.add.at(steps[row], np.clip(ends, 0, length), -1)
    votes, windows = np.cumsum(steps, axis=1)[:, :length]
    return np.where(windows >= _FEWEST_WINDOWS, np.minimum(1, votes / np.maximum(windows, 1)), 0).astype(np.float32)


def consensus(answer: Answer, threshold: float) -> list[tuple[float, float]]:
    """Return the median sample, and the agreement, of each arrival that at least this share of the windows agree on."""
    rate = answer.shape.sampling_rate_hz
    share, arrivals = answer.probabilities[:, 0], answer.values[:, 0]
    near = _AGREE_S * rate
    over = np.flatnonzero(np.diff(np.concatenate([[0], (share >= max(threshold, 1e-6)).astype(np.int8), [0]])))
    found = []
    for low, high in zip(over[::2], over[1::2], strict=True):
        top = low + np.flatnonzero(share[low:high] == share[low:high].max()).mean()
        agreed = arrivals[np.abs(arrivals - top) <= near]
        found.append((float(np.median(agreed)) if len(agreed) else float(top), float(share[low:high].max())))
    return found
