"""Artificial distribution maps of seismicity: events of one time window on a grid, with and without a burst.

The method is Zhang & Yang's (text S1, figure S1). What they call a concentrated map, "pixels having more than five
earthquakes", is the task `figure_s1`, which a threshold solves. The other tasks are the honest ones: a burst has to be
told from what an uneven background does by itself, and the number of events says nothing.

A map has `MAP_PIXELS` x `MAP_PIXELS` pixels, row 0 in the south and column 0 in the west. A position in pixels is 0 at
the centre of the first pixel, so that pixel i reaches from i - 0.5 to i + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from zoo.compiled import njit
from zoo.errors import UsageError

MAP_PIXELS = 64
PAST_SMOOTHING_PX = 2.0
"""Standard deviation of the Gaussian that smooths the events of the past (ours)."""
CENTRES = ("rate", "uniform")
"""Where bursts may lie: where the background is, or anywhere."""

_OPTIONS = {"cache": True, "nogil": True, "fastmath": True}
_CHUNK = 256  # maps that are made at a time: their arrays stay in the cache
# A Gaussian field is a sum of Gaussians on nodes one standard deviation apart, which is stationary to 1e-4 and far
# faster than a convolution. The nodes reach this many standard deviations beyond the map.
_MARGIN_SD = 3


@dataclass(frozen=True)
class MapTask:
    """A kind of map, and what makes it anomalous. Ranges are (lowest, highest); they are our own choice."""

    name: str
    """name of the task"""
    summary: str
    """what its maps are, in a sentence"""
    events: tuple[float, float] = (50.0, 400.0)
    """Expected events of a window, log-uniform; the events themselves are Poisson, with a burst or without."""
    burst_events: tuple[int, int] = (10, 25)
    """How many of the events of an anomalous map form its burst, uniform."""
    burst_sd_px: tuple[float, float] = (0.7, 2.0)
    """Standard deviation of the burst's Gaussian, uniform."""
    centre: str = "rate"
    """Where bursts lie: "rate", where the background is (drawn from it), or "uniform", anywhere."""
    smoothing_px: tuple[float, float] = (5.0, 20.0)
    """Standard deviation, uniform, of the Gaussian that smooths white noise; the background is exp of what results."""
    log_sd: tuple[float, float] = (0.5, 1.5)
    """Standard deviation of the smooth field, uniform."""
    past_windows: tuple[float, float] = (20.0, 400.0)
    """How many windows the known past has, log-uniform."""
    above: int = 0
    """0: a map with a burst is anomalous. Otherwise a map in which some pixel holds more than this many events is."""

    def __post_init__(self):
        if self.centre not in CENTRES:
            raise UsageError(f"centre is one of {', '.join(CENTRES)}; received {self.centre!r}.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, tuple) and (len(value) != 2 or not 0 <= value[0] <= value[1] < np.inf):
                raise UsageError(
                    f"{field.name} is a range, lowest and highest, not below 0 and finite; received {value}."
                )
        for name in ("events", "smoothing_px", "past_windows"):
            if getattr(self, name)[0] <= 0:
                raise UsageError(f"{name} begins above 0; received {getattr(self, name)}.")


TASKS = {
    task.name: task
    for task in (
        MapTask("medium", "bursts of 10 to 25 events, sd 0.7 to 2 pixels, where the background is"),
        MapTask(
            "medium_uniform",
            "bursts of 15 to 25 events, sd 0.7 to 2 pixels, anywhere",
            burst_events=(15, 25),
            centre="uniform",
        ),
        MapTask("hard", "bursts of 10 to 25 events, sd 1 to 4 pixels, where the background is", burst_sd_px=(1.0, 4.0)),
        MapTask(
            "figure_s1",
            "figure S1 as it stands: scattered maps, and concentrated ones with more than five events in a pixel",
            burst_events=(12, 25),
            burst_sd_px=(0.2, 0.45),
            centre="uniform",
            log_sd=(0.0, 0.5),
            above=5,
        ),
    )
}


def draw_maps(task: MapTask, count: int, rng: np.random.Generator, with_past: bool = True) -> dict[str, np.ndarray]:
    """Draw maps of a task, one in two with a burst.

    Args:
        task: the kind of map; the zoo's are in `TASKS`.
        count: how many maps.
        rng: random generator; one in the same state draws the same maps.
        with_past: False leaves out `past`, which costs as much as everything else together.

    Returns:
        counts: (n, 64, 64) float32, events of the window.
        past: (n, 64, 64) float32, events that the past leads one to expect in a window (`smooth_past`).
        expected: (n, 64, 64) float32, true expected events of the background.
        label: (n,) int64, 1 where the map is anomalous.
        burst_events: (n,) int64, events of the burst, 0 where there is none.
        burst_row_px, burst_column_px, burst_sd_px: (n,) float32, centre and standard deviation of the burst, NaN where
            there is none.

    Raises:
        UsageError: if `count` is below 1.

    >>> maps = draw_maps(TASKS["medium"], 4, np.random.default_rng(0))
    >>> maps["counts"].shape
    (4, 64, 64)
    >>> bool(((maps["burst_events"] > 0) == maps["label"]).all())
    True
    """
    if count < 1:
        raise UsageError(f"The number of maps to draw must be 1 or more; received {count}.")
    sizes = [min(_CHUNK, count - first) for first in range(0, count, _CHUNK)]
    parts = [_draw(task, size, rng, with_past) for size in sizes]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def smooth_past(past_counts: np.ndarray, windows: float | np.ndarray) -> np.ndarray:
    """Return the expected events of one window from those of the past: smoothed, and divided by the windows.

    What the Gaussian (`PAST_SMOOTHING_PX`) carries beyond the edge is reflected, so that no event is lost.

    Args:
        past_counts: (..., rows, columns), events of the past.
        windows: how many windows that past has; a number, or an array that broadcasts against (...).

    Returns:
        (..., rows, columns) float32.

    >>> past = np.zeros((64, 64))
    >>> past[0, 0] = 40
    >>> round(float(smooth_past(past, windows=20).sum()), 3)
    2.0
    """
    counts = np.asarray(past_counts, np.float32)
    per_window = 1 / np.asarray(windows, np.float32)[..., None, None]
    down, across = (_smoothing(size) for size in counts.shape[-2:])
    return (down @ counts @ across.T) * per_window


def rate_fields(
    count: int, smoothing_px: tuple[float, float], log_sd: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Draw backgrounds, exp of Gaussian fields: (n, 64, 64) float32, the sum of each 1.

    Args:
        count: how many.
        smoothing_px, log_sd: ranges as in `MapTask`.
        rng: random generator.
    """
    smoothing = rng.uniform(*smoothing_px, count).astype(np.float32)
    deviation = rng.uniform(*log_sd, count).astype(np.float32)
    nodes = int(np.ceil(MAP_PIXELS / smoothing_px[0])) + 2 * _MARGIN_SD + 1
    noise = rng.standard_normal((count, nodes, nodes), np.float32)
    rate = np.exp(_log_rates(noise, smoothing, deviation))
    return rate / rate.sum(axis=(1, 2), keepdims=True)


def _draw(task: MapTask, count: int, rng: np.random.Generator, with_past: bool) -> dict[str, np.ndarray]:
    """Draw maps as `draw_maps` does, all at once."""
    rate = rate_fields(count, task.smoothing_px, task.log_sd, rng)
    expected = rate * _log_uniform(rng, task.events, count)[:, None, None]
    burst = rng.integers(0, 2, count)
    size = burst * rng.integers(task.burst_events[0], task.burst_events[1] + 1, count)
    sd = rng.uniform(*task.burst_sd_px, count)
    # A burst takes its events from those of the background, so that their number says nothing.
    events = np.maximum(rng.poisson(expected.sum(axis=(1, 2), dtype=np.float64)), size)
    background = events - size

    cumulative = np.cumsum(rate.reshape(count, -1), axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    counts = np.zeros((count, MAP_PIXELS, MAP_PIXELS), np.float32)
    _scatter(counts, cumulative, background, rng.random(background.sum()))
    if task.centre == "rate":
        row, column = np.divmod(_pixels(cumulative, rng.random(count)), MAP_PIXELS)
        centre = np.stack([row, column], axis=1) + rng.uniform(-0.5, 0.5, (count, 2))
    else:
        centre = rng.uniform(-0.5, MAP_PIXELS - 0.5, (count, 2))
    _gather(counts, centre, sd, size, rng.standard_normal((size.sum(), 2)))

    inside = np.where(burst[:, None] == 1, np.column_stack([centre, sd]), np.nan).astype(np.float32)
    maps = {"counts": counts, "expected": expected}
    if with_past:
        windows = _log_uniform(rng, task.past_windows, count)
        maps["past"] = smooth_past(rng.poisson(expected * windows[:, None, None]), windows)
    return {
        **maps,
        "label": (counts.max(axis=(1, 2)) > task.above).astype(np.int64) if task.above else burst,
        "burst_events": size,
        "burst_row_px": inside[:, 0],
        "burst_column_px": inside[:, 1],
        "burst_sd_px": inside[:, 2],
    }


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float], count: int) -> np.ndarray:
    """Return numbers (count,) float32 whose logarithm is uniform between two bounds."""
    return np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]), count)).astype(np.float32)


def _smoothing(size: int) -> np.ndarray:
    """Return the matrix (size, size) float32 that smooths by a Gaussian, reflected at the edges; columns sum to 1."""
    pixel = np.arange(size, dtype=np.float64)
    images = [pixel, -1 - pixel, 2 * size - 1 - pixel]  # a source, and its mirror images at either edge
    matrix = sum(np.exp(-0.5 * ((pixel[:, None] - image) / PAST_SMOOTHING_PX) ** 2) for image in images)
    return (matrix / matrix.sum(axis=0)).astype(np.float32)


@njit(**_OPTIONS)
def _log_rates(noise, smoothing, deviation):
    """Return Gaussian fields (n, 64, 64) of mean 0 and the given standard deviations."""
    count, pixels = len(noise), MAP_PIXELS
    fields_ = np.empty((count, pixels, pixels), np.float32)
    for number in range(count):
        sd = smoothing[number]
        nodes = min(int(np.ceil(pixels / sd)) + 2 * _MARGIN_SD + 1, noise.shape[1])
        kernel = np.empty((nodes, pixels), np.float32)
        for node in range(nodes):
            for pixel in range(pixels):
                kernel[node, pixel] = np.exp(np.float32(-0.5) * (pixel / sd - (node - _MARGIN_SD)) ** 2)
        across = noise[number, :nodes, :nodes].copy() @ kernel
        # The squares of a Gaussian at nodes one standard deviation apart sum to sqrt(pi), in each of two dimensions.
        fields_[number] = np.float32(deviation[number] / np.sqrt(np.pi)) * (kernel.T.copy() @ across)
    return fields_


@njit(**_OPTIONS)
def _pixel(cumulative, part):
    """Return the first pixel at which a cumulative sum exceeds a number, by bisection."""
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > part:
            high = middle
        else:
            low = middle + 1
    return low


@njit(**_OPTIONS)
def _pixels(cumulative, parts):
    """Return one pixel (n,) of each map, that which its number in 0 to 1 chooses by the background."""
    found = np.empty(len(parts), np.int64)
    for number in range(len(parts)):
        found[number] = _pixel(cumulative[number], parts[number])
    return found


@njit(**_OPTIONS)
def _scatter(counts, cumulative, events, parts):
    """Add events (n,) to maps, each in the pixel that its number in 0 to 1 chooses by the background."""
    first = 0
    for number in range(len(counts)):
        flat = counts[number].reshape(-1)
        for event in range(first, first + events[number]):
            flat[_pixel(cumulative[number], parts[event])] += 1
        first += events[number]


@njit(**_OPTIONS)
def _gather(counts, centre, sd, events, normal):
    """Add bursts of so many events (n,) to maps; an event that falls beyond the edge is reflected."""
    pixels, first = MAP_PIXELS, 0
    for number in range(len(counts)):
        for event in range(first, first + events[number]):
            row = int(np.floor(centre[number, 0] + sd[number] * normal[event, 0] + 0.5))
            column = int(np.floor(centre[number, 1] + sd[number] * normal[event, 1] + 0.5))
            counts[number, _inside(row, pixels), _inside(column, pixels)] += 1
        first += events[number]


@njit(**_OPTIONS)
def _inside(pixel, pixels):
    """Return a pixel's number, or that of its mirror image where it lies beyond the edge."""
    if pixel < 0:
        pixel = -1 - pixel
    if pixel >= pixels:
        pixel = 2 * pixels - 1 - pixel
    return min(max(pixel, 0), pixels - 1)
