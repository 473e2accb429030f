"""What a picker's numbers mean on continuous data: probability of a pick, thresholds, uncertainty in seconds.

The network's probability is right for windows like those it was trained on, most of which hold an event. On continuous
data nearly all windows hold none. What counts there is measured on held-out real records: how often a peak of size x
stands at an arrival, and how often in an hour it stands in noise. With r events an hour at the station,

    odds(x) = r * (share of arrivals with such a peak) / (such peaks in an hour of noise)

whose logarithm is fitted by log r + a + b logit(x), with the logit kept between -2.5 and 2.5: beyond, hours of noise
and hundreds of events say nothing finer, so no pick is surer than the largest peaks together were. Thresholds are those
that gave so many false picks in an hour of the held-out noise. The uncertainty of a pick grows with the width of its
peak and falls with its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError

EVENTS_PER_HOUR = 6.0
"""Rate of events for which probabilities are stated: one in ten minutes."""
FALSE_PER_HOUR = 1.0
"""False picks of each phase in an hour of noise that the default threshold gives."""
RATES_PER_HOUR = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""False picks in an hour for which a picker knows its thresholds."""
PHASES = ("P", "S")
LEAST = 0.02
"""Peaks below this are no picks, whatever the threshold."""
COVERED = 0.683
"""Share of picks that lie within their stated uncertainty."""
_STEPS, _RIDGE = 50, 1e-3
_LARGEST_SIZE = 0.9999
_LARGEST_LOGIT = 2.5


@dataclass(frozen=True)
class Calibration:
    """Of P and S, in this order.

    Attributes:
        odds: (2, 2) a and b of the log odds, for one event in an hour.
        thresholds: (2, rates) least peaks that give `RATES_PER_HOUR` false picks.
        timing: (2, 3) log uncertainty in s = t0 + t1 logit(x) + t2 log(width of the peak in s).
    """

    odds: np.ndarray
    thresholds: np.ndarray
    timing: np.ndarray

    @classmethod
    def of(cls, model: Any) -> Calibration | None:
        """Return that of a model; None if it has none."""
        weights = getattr(model, "calibration", None)
        if weights is None:
            return None
        values = np.asarray(weights, np.float64)
        return cls.unpack(values) if values.any() else None

    @classmethod
    def unpack(cls, values: np.ndarray) -> Calibration:
        """Return it from an array (2, `SIZE`): what `pack` gives."""
        return cls(values[:, :2], values[:, 5:], values[:, 2:5])

    def pack(self) -> np.ndarray:
        """Return all numbers as one array (2, `SIZE`) float32."""
        return np.concatenate([self.odds, self.timing, self.thresholds], axis=1).astype(np.float32)

    def probability(self, phase: str, size: Any, events_per_hour: float = EVENTS_PER_HOUR) -> np.ndarray:
        """Return the probability that a peak of this size is an arrival, at so many events an hour at the station."""
        a, b = self.odds[PHASES.index(phase)]
        return 1 / (1 + np.exp(-(np.log(events_per_hour) + a + b * _kept(size))))

    def size(self, phase: str, probability: float, events_per_hour: float = EVENTS_PER_HOUR) -> float:
        """Return the least peak that is an arrival with this probability: the inverse of `probability`.

        Raises:
            ZooError: if no peak has it.
        """
        a, b = self.odds[PHASES.index(phase)]
        largest = float(self.probability(phase, 1.0, events_per_hour))
        if probability > largest:
            raise ZooError(
                f"No {phase} has a probability of {probability:g}: at {events_per_hour:g} events an hour the largest "
                f"peaks are right in {largest:.2f} of all cases. Ask for less, or for false picks an hour."
            )
        logit = (_logit(probability) - np.log(events_per_hour) - a) / b
        return float(max(LEAST, 1 / (1 + np.exp(-logit))))

    def threshold(self, phase: str, false_per_hour: float = FALSE_PER_HOUR) -> float:
        """Return the least peak that gives at most so many false picks in an hour.

        It is interpolated in the logarithms; beyond the ends of `RATES_PER_HOUR` it is that of the end.
        """
        logits = _logit(self.thresholds[PHASES.index(phase)])
        logit = np.interp(np.log(false_per_hour), np.log(RATES_PER_HOUR), logits)
        return float(max(LEAST, 1 / (1 + np.exp(-logit))))

    def uncertainty_s(self, phase: str, size: Any, width_s: Any) -> np.ndarray:
        """Return the half width of the interval that holds the arrival in 68.3 % of cases, s."""
        t = self.timing[PHASES.index(phase)]
        return np.exp(t[0] + t[1] * _logit(size) + t[2] * np.log(np.maximum(width_s, 0.01)))

    def about(self) -> dict[str, Any]:
        """Return what a card says of it."""
        return {
            "events_per_hour": EVENTS_PER_HOUR,
            "probability": "log odds = log(events per hour) + a + b logit(peak), the logit between -2.5 and 2.5",
            **{
                phase: {
                    "a": round(float(self.odds[row, 0]), 4),
                    "b": round(float(self.odds[row, 1]), 4),
                    "peak_for_false_per_hour": {
                        f"{rate:g}": round(float(peak), 4)
                        for rate, peak in zip(RATES_PER_HOUR, self.thresholds[row], strict=True)
                    },
                    "probability_for_false_per_hour": {
                        f"{rate:g}": round(float(self.probability(phase, peak)), 4)
                        for rate, peak in zip(RATES_PER_HOUR, self.thresholds[row], strict=True)
                    },
                }
                for row, phase in enumerate(PHASES)
            },
        }


SIZE = 5 + len(RATES_PER_HOUR)
"""Numbers of a phase."""


def fit(
    arrivals: Mapping[str, tuple[np.ndarray, int]],
    false: Mapping[str, np.ndarray],
    noise_hours: float,
    residuals: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Calibration:
    """Return the calibration of a picker from held-out records.

    Args:
        arrivals: by phase, the sizes of the peaks at arrivals, and how many arrivals were looked at.
        false: by phase, the sizes of all peaks in noise.
        noise_hours: length of that noise.
        residuals: by phase, residuals (s) of picks beside an analyst's, sizes and widths (s) of their peaks.
    """
    odds, thresholds, timing = [], [], []
    for phase in PHASES:
        sizes, count = arrivals[phase]
        odds.append(_fit_odds(np.maximum(sizes, LEAST), count, np.maximum(false[phase], LEAST), noise_hours))
        thresholds.append(_thresholds(false[phase], noise_hours))
        timing.append(_fit_timing(*residuals[phase]))
    return Calibration(np.array(odds), np.array(thresholds), np.array(timing))


def _fit_odds(true: np.ndarray, count: int, false: np.ndarray, hours: float) -> np.ndarray:
    """Return a and b by weighted logistic regression (Newton): an hour with one event, an hour of noise."""
    x = _kept(np.concatenate([true, false]))
    design = np.stack([np.ones_like(x), x], axis=1)
    label = np.concatenate([np.ones(len(true)), np.zeros(len(false))])
    # EVENTS_PER_HOUR of them, so that the fit is best where probabilities are stated.
    weight = np.concatenate([np.full(len(true), EVENTS_PER_HOUR / count), np.full(len(false), 1 / hours)])
    beta = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (weight * (label - p)) - _RIDGE * (beta - [0, 1])
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step * min(1, 2 / np.abs(step).max())
    beta[1] = max(beta[1], 0.1)  # a larger peak is never less likely to be an arrival
    return beta - [np.log(EVENTS_PER_HOUR), 0]


def _thresholds(false: np.ndarray, hours: float) -> np.ndarray:
    """Return the least peaks (rates,) with at most so many false picks in an hour."""
    falling = np.sort(false)[::-1]
    allowed = np.floor(np.array(RATES_PER_HOUR) * hours).astype(int)
    inside = np.minimum(allowed, max(len(falling) - 1, 0))
    return np.where(allowed < len(falling), np.nextafter(falling[inside] if len(falling) else LEAST, 2.0), LEAST)


def _fit_timing(residual_s: np.ndarray, size: np.ndarray, width_s: np.ndarray) -> np.ndarray:
    """Return t of the uncertainty: the most likely one for Laplace's distribution, scaled so that 68.3 % lie within."""
    from scipy.optimize import minimize

    features = np.stack([np.ones(len(size)), _logit(size), np.log(np.maximum(width_s, 0.01))], axis=1)
    absolute = np.abs(residual_s) + 1e-3

    def cost(t: np.ndarray) -> float:
        log_scale = features @ t
        return float(np.mean(log_scale + absolute * np.exp(-log_scale)) + 1e-3 * np.sum(t[1:] ** 2))

    t = minimize(cost, [np.log(absolute.mean()), 0.0, 0.0], method="Nelder-Mead", options={"maxiter": 2000}).x
    t[0] += np.log(np.quantile(absolute * np.exp(-features @ t), COVERED))
    return t


def _kept(size: Any) -> np.ndarray:
    return np.clip(_logit(size), -_LARGEST_LOGIT, _LARGEST_LOGIT)


def _logit(probability: Any) -> np.ndarray:
    clipped = np.clip(np.asarray(probability, np.float64), 1e-4, _LARGEST_SIZE)
    return np.log(clipped / (1 - clipped))
