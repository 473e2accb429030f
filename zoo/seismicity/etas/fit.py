"""The fit of a space-time ETAS model to a catalogue.

    fit = fit_etas(events)                  # what `zoo.seismicity.simulate` returns, or a catalogue's own events
    print(fit.report())

The parameters are those of the highest likelihood (Ogata 1998), by L-BFGS with an exact gradient; the background comes
from stochastic declustering (Zhuang et al. 2002), by turns. The branching ratio is a parameter itself, bounded below 1.
Weak priors keep what a small catalogue does not tell near values common in the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.field.magnitudes import FEWEST_MAGNITUDES, b_value
from zoo.seismicity.etas.background import pixels, smooth
from zoo.seismicity.etas.changes import Change, lasting_changes, ratio_fields
from zoo.seismicity.etas.completeness import NONE, Gaps, gaps_of
from zoo.seismicity.etas.kernels import SLOPES, count_pairs, expected_aftershocks, list_pairs, triggered, triggered_at
from zoo.seismicity.etas.sources import Sources, rupture_px, sources_of
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.physics.sequences import B_VALUE, Etas, Events

NAMES = ("branching_ratio", "alpha", "c_days", "p", "d_px2", "gamma", "q")
"""What is fitted besides the background; the productivity follows from the branching ratio and alpha."""
FEWEST_EVENTS = 20
NO_AFTERSHOCKS = 1e-4
"""The branching ratio of a background alone."""
# Bounds: a source that is wide and slow would be another background.
# Transformed: logarithms of the branching ratio, c, p - 1, d, q - 1 and the background's factor; alpha and gamma as is.
_LOWEST = np.array([np.log(NO_AFTERSHOCKS), 0.0, np.log(1e-5), np.log(0.04), np.log(1e-4), 0.0, np.log(0.15), -3.0])
_HIGHEST = np.array([np.log(0.95), 1.5, np.log(0.2), np.log(1.0), np.log(2.0), 1.2, np.log(3.0), 2.0])
_USUAL = np.array([np.log(0.4), 0.8, np.log(0.01), np.log(0.15), np.log(0.1), 0.45, np.log(0.8), 0.0])
_SPREAD = np.array([2.0, 0.4, 1.5, 0.7, 1.5, 0.35, 0.7, 3.0])
_PER_RATIO = 6.0
"""By so much the log-likelihood must rise for a branching ratio of 1 instead of 0."""
_HISTORY_SHARE, _HISTORY_DAYS = 0.12, 200.0
_MOST_PAIRS, _FIRST_PAIRS = 1_500_000, 400_000  # at the end and on the way there
_ROUNDS = 6
_CLOSE = 0.02
_LEAST = 1e-12


@dataclass(frozen=True)
class EtasFit:
    """A fitted ETAS model of a region.

    Attributes:
        law: the aftershocks; `smallest_magnitude` is the completeness.
        rates: (stretches, rows, columns) background events a day in each pixel.
        edges_days: (stretches + 1,) days between which these are the background.
        sd: standard deviation of each of `NAMES` and of `productivity`: of the likelihood's curvature and, in
            quadrature, of what another smoothness of the background changes; NaN where it is not computed.
        gaps: times in which small events are lacking.
        changes: changes of the background for good.
        background_probability: (events,) probability that each event is no aftershock.
        begin_days, end_days: from when to when events are explained; earlier ones only have aftershocks.
        pixel_km: side of a pixel, where it is known.
        neighbours: to how many neighbours an event of the background is smoothed.
        log_likelihood: of the events that are explained.
        notes: sentences on what was assumed.
    """

    law: Etas
    rates: np.ndarray
    edges_days: np.ndarray
    sd: dict[str, float]
    gaps: Gaps
    changes: tuple[Change, ...]
    background_probability: np.ndarray = field(repr=False)
    begin_days: float
    end_days: float
    pixel_km: float | None
    neighbours: int
    log_likelihood: float
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the region."""
        return self.rates.shape[1:]

    @property
    def background_per_day(self) -> float:
        """Background events a day in the whole region, mean over time."""
        return float((self.rates.sum((1, 2)) * np.diff(self.edges_days)).sum() / np.ptp(self.edges_days))

    def values(self) -> dict[str, float]:
        """Return the parameters by name: `NAMES` and `productivity`."""
        made = {name: float(getattr(self.law, name)) for name in NAMES}
        return made | {"productivity": self.law.productivity}

    def stretch(self, days: np.ndarray | float) -> np.ndarray:
        """Return in which stretch of the background times are, of the shape of `days`."""
        return (np.searchsorted(self.edges_days, days, side="right") - 1).clip(0, len(self.rates) - 1)

    def background_at(self, days: np.ndarray, x_px: np.ndarray, y_px: np.ndarray) -> np.ndarray:
        """Return the background a day and square pixel at times and places (n,)."""
        return self.rates[(self.stretch(days), *pixels(x_px, y_px, self.shape))]

    def sources(self, events: Events) -> tuple[Sources, int]:
        """Return the sources of some events, sorted by time, and how many are lines."""
        return sources_of(*_columns(events, self.law.smallest_magnitude, self.pixel_km))

    def report(self) -> str:
        """Return the parameters and their standard deviations as text."""
        own = self.values()
        lines = [f"background {self.background_per_day:.4g} events a day, smoothed over {self.neighbours} neighbours"]
        lines += [f"{name} {own[name]:.4g} +- {self.sd[name]:.2g}" for name in own]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def fit_etas(
    events: Events,
    end_days: float | None = None,
    *,
    shape: tuple[int, int] = (MAP_PIXELS, MAP_PIXELS),
    smallest_magnitude: float | None = None,
    pixel_km: float | None = None,
    lasting: bool = True,
    errors: bool = True,
    start: Etas | None = None,
    seed: int = 0,
) -> EtasFit:
    """Fit ETAS to a catalogue.

    Args:
        events: `time_days`, `x_px`, `y_px`, `magnitude`, each (n,), sorted by time, from day 0 on; magnitudes are NaN
            where unknown.
        end_days: end of what is fitted; later events are left out. Default: the last event.
        shape: rows and columns of the region.
        smallest_magnitude: completeness; default: the smallest magnitude.
        pixel_km: side of a pixel, by which ruptures longer than four pixels become lines. None: all are points.
        lasting: whether changes of the background for good are looked for.
        errors: whether standard deviations are computed, at as much again.
        start: a law to begin with, close to the one that is sought, or without aftershocks: then none are looked for;
            None: values common in the field.
        seed: seed of the random choice of events that stands for all where pairs are too many.

    Returns:
        The fit.

    Raises:
        ZooError: if there are fewer than 20 events.

    >>> from zoo.seismicity import simulate
    >>> events = simulate(np.full((64, 64), 0.002), 200.0, np.random.default_rng(0), etas=Etas())
    >>> fit = fit_etas(events)
    >>> 0.3 < fit.law.branching_ratio < 0.7, 5 < fit.background_per_day < 12
    (True, True)
    """
    end = float(events["time_days"][-1]) + 1e-6 if end_days is None else float(end_days)
    kept = events["time_days"] < end
    if kept.sum() < FEWEST_EVENTS:
        raise ZooError(f"ETAS is fitted to {FEWEST_EVENTS} events or more; received {int(kept.sum())}.")
    return _Fitting({k: v[kept] for k, v in events.items()}, end, shape, smallest_magnitude, pixel_km, seed).run(
        lasting, errors, start
    )


def _columns(events: Events, smallest: float, pixel_km: float | None) -> tuple[np.ndarray, ...]:
    """Return time, x, y, magnitude above the smallest, and length of rupture in pixels of events (n,)."""
    magnitude = np.asarray(events["magnitude"], float)
    above = np.where(np.isfinite(magnitude), np.maximum(magnitude - smallest, 0), 0.0)
    t, x, y = (np.asarray(events[key], float) for key in ("time_days", "x_px", "y_px"))
    return t, x, y, above, rupture_px(magnitude, pixel_km)


def _theta(law: Etas) -> np.ndarray:
    """Return the transformed parameters of a law."""
    logs = np.log([law.branching_ratio, law.c_days, law.p - 1, law.d_px2, law.q - 1])
    return np.array([logs[0], law.alpha, logs[1], logs[2], logs[3], law.gamma, logs[4], 0.0])


def b_value_of(above: np.ndarray) -> float:
    """Return b of Gutenberg and Richter of magnitudes above the completeness (n,); 1 where too few tell it.

    >>> round(b_value_of(np.random.default_rng(0).exponential(1 / np.log(10), 20_000)), 1)
    1.0
    """
    if len(above) < FEWEST_MAGNITUDES or above.max() <= 0:
        return B_VALUE
    step = next((s for s in (0.1, 0.01) if np.allclose(above / s, np.rint(above / s), atol=1e-3)), 0.0)
    return float(np.clip(b_value(above, 0.0, step).b, 0.5, 2.0))


class _Fitting:
    """What a fit works on."""

    def __init__(self, events: Events, end: float, shape, smallest, pixel_km, seed: int) -> None:
        magnitude = np.asarray(events["magnitude"], float)
        known = np.isfinite(magnitude)
        self.notes: list[str] = []
        if smallest is None:
            smallest = float(magnitude[known].min()) if known.any() else 0.0
        self.t, self.x, self.y, self.above, length = _columns(events, smallest, pixel_km)
        self.end, self.shape, self.pixel_km = end, shape, pixel_km
        self.begin = min(_HISTORY_SHARE * end, _HISTORY_DAYS)
        self.told = bool(self.above.max() > 0.3)  # whether magnitudes tell how many aftershocks there are
        self.sources, lines = sources_of(self.t, self.x, self.y, self.above, length)
        if lines:
            self.notes.append(f"{lines} large ruptures are lines along their aftershocks, not points")
        if not known.all():
            self.notes.append(f"{int((~known).sum())} events without a magnitude count as the smallest")
        slope = b_value_of(self.above[known][magnitude[known] >= smallest - 1e-6])
        self.gaps, said = gaps_of(self.t, self.above, slope, end) if self.told else (NONE, [])
        self.notes += said
        self.law = Etas(
            smallest_magnitude=smallest,
            largest_magnitude=smallest + max(float(self.above.max()) + 0.3, 1.0),
            b_value=slope,
        )
        self.own = (self.t >= self.begin) & ~self.gaps.below(self.t, self.above)
        self.row, self.column = pixels(self.x, self.y, shape)
        self.edges = np.array([0.0, end])
        self.rng = np.random.default_rng(seed)
        self.neighbours: int | None = None

    def run(self, lasting: bool, errors: bool, start: Etas | None) -> EtasFit:
        theta = _USUAL.copy() if start is None else _theta(start).clip(_LOWEST, _HIGHEST)
        self._make_background(np.full(len(self.t), 0.5))
        changes: list[Change] = []
        # Where a like catalogue told no aftershocks, there are none to be looked for.
        settled = start is not None and start.branching_ratio <= 1.01 * NO_AFTERSHOCKS
        probability = np.ones(len(self.t))
        if settled and lasting:
            changes = self._lasting(probability)
        for number in range(0 if settled else _ROUNDS):
            if number in (0, 1, 2, 4):
                self._pair(theta, _FIRST_PAIRS if number < 2 else _MOST_PAIRS)
            before = theta
            theta = self._maximise(theta, 12 if number < 2 else 20)
            probability = self._probabilities(theta)
            if number == 1 and lasting:
                changes = self._lasting(probability)
            factor, theta = theta[-1], np.append(theta[:-1], 0.0)
            self.neighbours = None if number in (0, 1, 3) else self.neighbours
            self._make_background(probability)
            if number > 3 and np.abs(theta - before)[:-1].max() < _CLOSE and abs(factor) < _CLOSE:
                break
        theta = theta if settled else self._maximise(theta, 40)
        likelihood = -np.inf if settled else self._likelihood(theta)
        if alone := self._without_aftershocks(likelihood):
            theta, likelihood, probability = alone
            errors = False
        law = self._law(theta)
        sd = self._errors(theta, probability) if errors else {}
        rates = self.rates * np.exp(theta[-1])
        return EtasFit(
            law=law,
            rates=rates,
            edges_days=self.edges,
            sd={name: sd.get(name, float("nan")) for name in (*NAMES, "productivity")},
            gaps=self.gaps,
            changes=tuple(changes),
            background_probability=probability,
            begin_days=self.begin,
            end_days=self.end,
            pixel_km=self.pixel_km,
            neighbours=int(self.neighbours),
            log_likelihood=float(likelihood),
            notes=tuple(self.notes),
        )

    def _lasting(self, probability: np.ndarray) -> list[Change]:
        """Return the changes of the background for good, and part the time by them."""
        own = self.own
        columns = (self.t[own], self.x[own], self.y[own], probability[own], self.above[own])
        changes = lasting_changes(*columns, self.shape, self.begin, self.end)
        self.edges = np.array([0.0, *(change.day for change in changes), self.end])
        return changes

    def _law(self, theta: np.ndarray) -> Etas:
        ratio, c, p1, d, q1 = np.exp(theta[[0, 2, 3, 4, 6]])
        law = replace(
            self.law, alpha=float(theta[1]), c_days=float(c), p=float(1 + p1), d_px2=float(d), gamma=float(theta[5]),
            q=float(1 + q1),
        )  # fmt: skip
        growth = law.mean_growth if self.told else 1.0
        return replace(law, productivity=float(ratio / growth))

    def _pair(self, theta: np.ndarray, most: int) -> None:
        """Find the pairs; where they are too many, a random choice of the events to explain stands for all."""
        law, s = self._law(theta), self.sources
        self.reach2 = s.reach2(law)
        self.edge2 = s.edge2(law, self.shape)
        chosen = np.flatnonzero(self.own)
        self.part = 1.0
        if len(chosen) > 3000:  # what a thousandth of the work tells of the whole
            some = np.sort(self.rng.choice(chosen, 1000, replace=False))
            pairs = count_pairs(s.days, s.x, s.y, self.reach2, self.t[some], self.x[some], self.y[some]).mean()
            self.part = min(1.0, most / (pairs * len(chosen) + 1))
            if self.part < 1:
                chosen = np.sort(self.rng.choice(chosen, int(self.part * len(chosen)), replace=False))
        self.chosen = chosen
        where = self.t[chosen], self.x[chosen], self.y[chosen]
        counts = count_pairs(s.days, s.x, s.y, self.reach2, *where)
        first = np.concatenate([[0], np.cumsum(counts)])
        self.pairs = first, *list_pairs(s.days, s.x, s.y, self.reach2, *where, first)

    def _make_background(self, probability: np.ndarray) -> None:
        """Make the background from the probability of each event to be no aftershock."""
        own = self.own
        where = self.x[own], self.y[own]
        found = smooth(*where, probability[own], self.shape, self.neighbours)
        seen = self.end - self.begin - self.gaps.unseen_days(self.law.b_value, self.begin, self.end)
        self.rates = found.field[None] / seen
        at = np.zeros(len(self.t))
        at[own] = found.left_out / seen
        if len(self.edges) > 2:
            edges = np.array([self.begin, *self.edges[1:]])
            ratios = ratio_fields(self.t[own], *where, probability[own], found.field, edges)
            self.rates = self.rates * ratios
            stretch = (np.searchsorted(self.edges, self.t[own], side="right") - 1).clip(0, len(ratios) - 1)
            at[own] *= ratios[stretch, self.row[own], self.column[own]]
        self.at = np.maximum(at, _LEAST)
        self.neighbours = found.neighbours
        lengths = np.diff(np.maximum(self.edges, self.begin))
        for k, (low, high) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            lengths[k] -= self.gaps.unseen_days(self.law.b_value, max(low, self.begin), high)
        self.whole = float((self.rates.sum((1, 2)) * lengths).sum())

    def _objective(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the negative logarithm of the posterior, per event, and its gradient."""
        law, s = self._law(theta), self.sources
        log_a, width = s.log_a(law), s.width(law)
        factor = np.exp(theta[-1])
        slopes = np.zeros(SLOPES + 2)
        background = factor * self.at[self.chosen]
        weight = np.full(len(self.chosen), 1 / self.part)
        lawful = law.c_days, law.p, law.q
        after = triggered(*self.pairs, log_a, width, *lawful, weight, background, s.above, s.width_above, slopes)
        likelihood = float((weight * np.log(background + after)).sum())
        whole = self._expected(theta, slopes)
        slopes[7] -= factor * self.whole
        likelihood -= whole + factor * self.whole
        ln10 = np.log(10)
        step = 1e-5
        growth = np.log(
            replace(law, alpha=law.alpha + step).mean_growth / replace(law, alpha=law.alpha - step).mean_growth
        )
        gradient = np.array(
            [slopes[0], ln10 * slopes[1] - growth / (2 * step) * slopes[0], *slopes[2:5], ln10 * slopes[6], slopes[5],
             slopes[7]]
        )  # fmt: skip
        away = (theta - _USUAL) / _SPREAD
        if not self.told:
            gradient[[1, 5]] = 0.0
        # What wide, slow aftershocks explain no better than a background is background.
        ratio = np.exp(theta[0])
        likelihood -= _PER_RATIO * ratio
        gradient[0] -= _PER_RATIO * ratio
        scale = self.own.sum()
        return -(likelihood - 0.5 * (away**2).sum()) / scale, -(gradient - away / _SPREAD) / scale

    def _expected(self, theta: np.ndarray, slopes: np.ndarray) -> float:
        """Return how many aftershocks are expected in all; subtract from the gradient (8,)."""
        law, s = self._law(theta), self.sources
        return expected_aftershocks(
            s.days, s.log_a(law), s.width(law), s.above, s.width_above, self.edge2, self.begin, self.end,
            self.gaps.start_days, self.gaps.end_days, self.gaps.lost(law.b_value), law.c_days, law.p, law.q, slopes,
        )  # fmt: skip

    def _maximise(self, theta: np.ndarray, steps: int) -> np.ndarray:
        from scipy.optimize import minimize

        lowest, highest = _LOWEST.copy(), _HIGHEST.copy()
        highest[1] = 1.3 * self.law.b_value
        if not self.told:
            lowest[[1, 5]] = highest[[1, 5]] = 0.0
        start = theta.clip(lowest, highest)
        bounds = list(zip(lowest, highest, strict=True))
        made = minimize(
            self._objective, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": steps, "ftol": 1e-8, "gtol": 1e-7},
        )  # fmt: skip
        return made.x

    def _likelihood(self, theta: np.ndarray) -> float:
        """Return the logarithm of the likelihood, of all events."""
        law, s, own = self._law(theta), self.sources, self.own
        log_a, width, lawful = s.log_a(law), s.width(law), (law.c_days, law.p, law.q)
        where = self.t[own], self.x[own], self.y[own]
        intensity = np.exp(theta[-1]) * self.at[own]
        intensity += triggered_at(s.days, s.x, s.y, self.reach2, log_a, width, *where, *lawful)
        whole = np.exp(theta[-1]) * self.whole + self._expected(theta, np.zeros(SLOPES + 2))
        return float(np.log(intensity).sum() - whole)

    def _without_aftershocks(self, likelihood: float) -> tuple[np.ndarray, float, np.ndarray] | None:
        """Return parameters, likelihood and probabilities of a background alone; None if aftershocks are told.

        They are if they raise the logarithm of the likelihood by more than their parameters cost (Schwarz 1978). Wide,
        slow aftershocks may explain a background a little better than its smoothed events do, and would then explain
        any burst.
        """
        kept = self.rates, self.at, self.whole, self.neighbours
        self.neighbours = None
        self._make_background(np.ones(len(self.t)))
        alone = float(np.log(self.at[self.own]).sum() - self.whole)
        if likelihood - alone > len(NAMES) / 2 * np.log(self.own.sum()):
            self.rates, self.at, self.whole, self.neighbours = kept
            return None
        self.notes.append("the events are as likely without aftershocks: a background alone is fitted")
        return np.array([_LOWEST[0], *_USUAL[1:]]), alone, np.ones(len(self.t))

    def _probabilities(self, theta: np.ndarray) -> np.ndarray:
        """Return the probability of each event (n,) to be no aftershock."""
        law, s = self._law(theta), self.sources
        background = np.exp(theta[-1]) * self.at
        after = triggered_at(
            s.days, s.x, s.y, self.reach2, s.log_a(law), s.width(law), self.t, self.x, self.y, law.c_days, law.p, law.q
        )
        probability = background / (background + after)
        # Events before the beginning, and those that should not have been seen, are in no background.
        return np.where(self.own, probability, np.nan_to_num(probability))

    def _errors(self, theta: np.ndarray, probability: np.ndarray) -> dict[str, float]:
        """Return standard deviations: of the curvature, and of what a smoother or rougher background changes."""
        steps, scale = 1e-3, self.own.sum()
        hessian = np.empty((len(theta), len(theta)))
        for k in range(len(theta)):
            at = np.zeros(len(theta))
            at[k] = steps
            hessian[k] = (self._objective(theta + at)[1] - self._objective(theta - at)[1]) / (2 * steps)
        hessian = scale * (hessian + hessian.T) / 2
        if not self.told:
            hessian[[1, 5]] = hessian[:, [1, 5]] = 0
            hessian[[1, 5], [1, 5]] = 1.0
        values, vectors = np.linalg.eigh(hessian)
        covariance = (vectors / np.maximum(values, 1e-3)) @ vectors.T
        if self.part < 1:
            covariance = covariance * (1 + (1 - self.part) / self.part)
        kept = self.rates, self.at, self.whole, self.neighbours
        others = []
        for times in (1 / 3, 3):
            self.neighbours = max(2, round(kept[-1] * times))
            self._make_background(probability)
            others.append(self._maximise(theta, 15))
        self.rates, self.at, self.whole, self.neighbours = kept
        shift = np.abs(np.array(others) - theta).max(0)
        made = np.sqrt(np.diag(covariance) + shift**2)
        law = self._law(theta)
        natural = np.array([law.productivity * law.mean_growth, 1, law.c_days, law.p - 1, law.d_px2, 1, law.q - 1])
        if not self.told:
            natural[[1, 5]] = 0.0
        found = dict(zip(NAMES, (made[:-1] * natural).tolist(), strict=True))
        step = 1e-4
        slope = np.zeros(len(theta))
        for k in (0, 1):
            at = np.zeros(len(theta))
            at[k] = step
            slope[k] = (self._law(theta + at).productivity - self._law(theta - at).productivity) / (2 * step)
        found["productivity"] = float(np.sqrt(slope @ covariance @ slope + (np.abs(slope) @ shift) ** 2))
        return found


def describe(fit: EtasFit) -> dict[str, Any]:
    """Return a fit without its arrays, as JSON."""
    own = {name: [round(value, 6), round(fit.sd[name], 6)] for name, value in fit.values().items()}
    changes = [
        {"day": round(c.day, 2), "place": c.place, "before_per_day": c.before_per_day, "after_per_day": c.after_per_day}
        for c in fit.changes
    ]
    made = {"parameters": own, "background_per_day": fit.background_per_day, "changes": changes}
    return made | {"smallest_magnitude": fit.law.smallest_magnitude, "b_value": fit.law.b_value}
