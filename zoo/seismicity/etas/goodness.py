"""How well a fitted ETAS model explains a catalogue: events over transformed time.

Time is measured by how many events the model expects up to an event (Ogata 1988). If the model is right, the events are
a Poisson process of rate one in it: they lie on the diagonal, and their intervals are exponential.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import kstest

from zoo.compiled import njit
from zoo.seismicity.etas.fit import NO_AFTERSHOCKS, EtasFit
from zoo.seismicity.etas.kernels import OPTIONS
from zoo.seismicity.physics.sequences import Events

_MOST, _WORK = 4000, 1e8  # events at which the expectation is summed, and terms of it; of more, every nth


@dataclass(frozen=True)
class Residuals:
    """Events over transformed time."""

    transformed: np.ndarray
    """(n,) how many events are expected up to each, from the beginning of what was fitted"""
    number: np.ndarray
    """(n,) how many there were"""
    statistic: float
    """Kolmogorov and Smirnov's distance of the transformed times from even ones"""
    p_value: float
    """how probable so large a distance is for the right model; too low where the model was fitted to many events"""


def residuals(fit: EtasFit, events: Events) -> Residuals:
    """Return the events of a catalogue over transformed time.

    Args:
        fit: the model.
        events: the events, sorted by time.
    """
    law, (s, _) = fit.law, fit.sources(events)
    days = np.asarray(events["time_days"], float)
    own = np.flatnonzero((days >= fit.begin_days) & (days < fit.end_days))
    step = max(1, len(own) // _MOST, int(len(own) * len(days) / _WORK))
    at, number = days[own[::step]], np.arange(1, len(own) + 1)[::step].astype(float)
    expected = np.zeros(len(at))
    if law.branching_ratio > 1.01 * NO_AFTERSHOCKS:
        inside = 1 - ((1 + s.edge2(law, fit.shape) / s.width(law)[:, None]) ** (1 - law.q)).mean(1)
        expected = _expected(at, s.days, np.exp(s.log_a(law)) * inside, fit.begin_days, law.c_days, law.p)
    for low, high, rate in zip(fit.edges_days[:-1], fit.edges_days[1:], fit.rates.sum((1, 2)), strict=True):
        expected += rate * np.clip(np.minimum(at, high) - max(low, fit.begin_days), 0, None)
    end = max(float(expected[-1]), 1e-9)
    found = kstest(expected / end, "uniform")
    return Residuals(expected, number, float(found.statistic), float(found.pvalue))


def draw_residuals(found: Residuals, path: Path, title: str = "") -> None:
    """Draw events over transformed time, with the band that chance allows (two standard deviations).

    Args:
        found: from `residuals`.
        path: file of the figure.
        title: what was fitted.
    """
    from matplotlib.figure import Figure

    from zoo.figures import BLUE, GREY, save_figure, style

    with style():
        figure = Figure(figsize=(6.4, 5.4))
        count, away = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        end = max(found.transformed[-1], found.number[-1])
        band = 2 * np.sqrt(np.linspace(0, end, 200) * (1 - np.linspace(0, end, 200) / end))
        axis = np.linspace(0, end, 200)
        count.plot(axis, axis, "--", color=GREY, lw=0.8)
        count.plot(found.transformed, found.number, color=BLUE, lw=1.2)
        count.set_ylabel("events")
        count.set_title(title or "Events over the number that ETAS expects", loc="left")
        away.fill_between(axis, -band, band, color="0.9", lw=0)
        away.axhline(0, color=GREY, lw=0.8, ls="--")
        away.plot(found.transformed, found.number - found.transformed, color=BLUE, lw=1.0)
        away.set(xlabel=f"events expected (transformed time); Kolmogorov-Smirnov p = {found.p_value:.2g}",
                 ylabel="more than\nexpected", xlim=(0, end))  # fmt: skip
    save_figure(figure, path)


@njit(**OPTIONS)
def _expected(at, days, amount, begin, c, p):
    """Return the expected aftershocks from the beginning to each time (n,)."""
    found = np.zeros(len(at))
    for s in range(len(days)):
        before = 1 - (1 + max(begin - days[s], 0.0) / c) ** (1 - p)
        for k in range(len(at) - 1, -1, -1):
            if at[k] <= days[s]:
                break
            found[k] += amount[s] * (1 - (1 + (at[k] - days[s]) / c) ** (1 - p) - before)
    return found
