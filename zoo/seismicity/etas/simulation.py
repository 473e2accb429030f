"""Catalogues simulated from a fitted ETAS model: what its region looks like when nothing unusual happens."""

from __future__ import annotations

import numpy as np

from zoo.seismicity.etas.fit import EtasFit
from zoo.seismicity.etas.sources import squared_reach
from zoo.seismicity.physics.sequences import Events, aftershocks, join, magnitudes

_MOST_BEFORE_DAYS = 400.0


def simulate_fit(
    fit: EtasFit,
    days: float,
    rng: np.random.Generator,
    *,
    rate: np.ndarray | None = None,
    before_days: float | None = None,
) -> Events:
    """Simulate a catalogue from a fit, sorted by time.

    Args:
        fit: the model.
        days: length of the catalogue.
        rng: random generator.
        rate: (rows, columns) background events a day in each pixel; default: the fit's last.
        before_days: how long the simulation runs before day 0, so that there are aftershocks from the first day on;
            those events have times below 0. Default: half of what was fitted, at most 400 days.

    Returns:
        `time_days`, `x_px`, `y_px`, `magnitude` and `source`, each (events,).

    >>> from zoo.seismicity import Etas, fit_etas, simulate
    >>> fit = fit_etas(simulate(np.full((64, 64), 0.002), 200.0, np.random.default_rng(0), etas=Etas()))
    >>> events = simulate_fit(fit, 50.0, np.random.default_rng(1))
    >>> -100 <= events["time_days"][0] < 0 and events["time_days"][-1] < 50
    True
    """
    law = fit.law
    rate = fit.rates[-1] if rate is None else np.asarray(rate, float)
    before = min(0.5 * (fit.end_days - fit.begin_days), _MOST_BEFORE_DAYS) if before_days is None else before_days
    whole = before + days
    count = int(rng.poisson(rate.sum() * whole))
    total = np.cumsum(rate.ravel())
    pixel = np.searchsorted(total, rng.random(count) * total[-1], side="right").clip(0, rate.size - 1)
    row, column = np.divmod(pixel, rate.shape[1])
    own = {
        "time_days": np.sort(rng.random(count)) * whole,
        "x_px": column + rng.random(count) - 0.5,
        "y_px": row + rng.random(count) - 0.5,
        "magnitude": magnitudes(count, rng, law.smallest_magnitude, law.largest_magnitude, law.b_value),
        "source": np.zeros(count, int),
    }
    events = join(own, aftershocks(own, whole, rng, law, reach_px(fit))) if law.branching_ratio > 1e-3 else own
    rows, columns = rate.shape
    inside = (events["x_px"] >= -0.5) & (events["x_px"] < columns - 0.5)
    inside &= (events["y_px"] >= -0.5) & (events["y_px"] < rows - 0.5)
    events = {key: values[inside] for key, values in events.items()}
    events["time_days"] = events["time_days"] - before
    return events


def reach_px(fit: EtasFit):
    """Return a function from magnitudes (n,) to the distance beyond which the fit expects no aftershocks."""
    law = fit.law
    return lambda magnitude: np.sqrt(squared_reach(law, np.maximum(magnitude - law.smallest_magnitude, 0)))
