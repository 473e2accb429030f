"""Whether two independent runs of a sampler agree, and whether both missed a better mode.

A run that fell into a false mode looks perfectly healthy from inside. Only another run that did not fall
into it, or a point elsewhere in the box that explains the data better, gives it away. Both are looked for
here: the effort is split between two runs with independent screens and seeds, which are compared, and the
best screened points far from the mode that was found are refined by a hill climb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from zoo.sampling.smc import Sampler, Samples

# By how much two runs may differ that agree. Means of a thousand independent samples differ by some 0.05 sd; those of
# an ensemble are correlated, so more is allowed.
MAX_MEAN_DIFFERENCE_SD = 0.3
MAX_SD_RATIO = 1.15
MAX_LOG_EVIDENCE_DIFFERENCE = 0.5
# Points elsewhere may hold this share of the posterior before they are reported as rivals.
MAX_SHARE_ELSEWHERE = 0.01

# "Elsewhere" begins at this many posterior standard deviations (Mahalanobis distance).
_ELSEWHERE_SD = 10.0
# A log-likelihood that exceeds the best sample's by this much belongs to another mode, wherever it is.
_STANDS_OUT = 5.0
# The hill climb: starting points, proposals at each step, steps. Then, in units of the box: the least distance between
# starting points and the length of the first step; and the ratio of each step's length to the one before.
_STARTS, _PROPOSALS, _CLIMBS = 32, 64, 10
_START_SEPARATION, _FIRST_STEP, _STEP_RATIO = 0.05, 0.03, 0.6
# Screened points, for each start, among which it is looked for: the highest ones lie close together.
_CANDIDATES = 64


@dataclass(frozen=True)
class Convergence:
    """What two runs and a search elsewhere tell about a posterior.

    Attributes:
        mean_difference_sd: (d,) difference of the two means divided by the posterior sd.
        sd_ratio: (d,) the larger half-width of the 68 % interval divided by the smaller. (Unlike the standard
            deviation, it does not change with a single particle in a distant, improbable mode.)
        log_evidence_difference: between the two runs.
        rival: (d,) the best point found elsewhere.
        rival_deficit: how far its log-likelihood lies below the best one of the mode that was found; infinite
            if there is no such point.
        log_share_elsewhere: log posterior probability of everything elsewhere, estimated from the screen.
        problems: sentences; empty if the runs converged.
    """

    mean_difference_sd: np.ndarray
    sd_ratio: np.ndarray
    log_evidence_difference: float
    rival: np.ndarray
    rival_deficit: float
    log_share_elsewhere: float
    problems: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """True if nothing speaks against the posterior."""
        return not self.problems

    def report(self) -> str:
        """Return the verdict in a few lines."""
        rival = (
            f"best point elsewhere: ({_listed(self.rival)}), log-likelihood lower by {self.rival_deficit:.1f}"
            if np.isfinite(self.rival_deficit)
            else "no other point stands out"
        )
        lines = [
            f"converged: {'yes' if self.converged else 'NO'}",
            f"two runs: means within {self.mean_difference_sd.max():.2f} sd, sds within "
            f"{100 * (self.sd_ratio.max() - 1):.0f} %, log evidence within {self.log_evidence_difference:.2f}",
            f"{rival}; log posterior probability elsewhere {self.log_share_elsewhere:.1f}",
        ]
        return "\n".join([*lines, *self.problems])


def sample_checked(
    sampler: Sampler, data: Sequence[Any] = (), seed: int = 0, attempts: int = 2
) -> tuple[Samples, Convergence]:
    """Sample a posterior by two independent runs; if they disagree, again with a screen four times as large.

    Args:
        sampler: compiled sampler; each run takes its settings.
        data: arguments of the log-likelihood after the points, arrays.
        seed: of everything.
        attempts: number of screens tried before the result is returned as not converged.

    Returns:
        The samples of both runs together (or, where they disagree, of the one with the larger evidence),
        and the convergence.
    """
    calls = 0
    for attempt in range(attempts):
        size = sampler.settings.screen * 4**attempt
        runs = [
            sampler.run(data, child, screened=sampler.screen(data, child, size)) for child in two_seeds(seed, attempt)
        ]
        samples, convergence = compare(sampler, data, *runs, seed=seed)
        calls += samples.calls
        if convergence.converged:
            break
    return replace(samples, calls=calls), convergence


def two_seeds(seed: int, attempt: int = 0) -> tuple[int, int]:
    """Return the seeds of the two runs."""
    first, second = np.random.SeedSequence([seed, attempt]).generate_state(2) % 2**31
    return int(first), int(second)


def compare(
    sampler: Sampler, data: Sequence[Any], first: Samples, second: Samples, seed: int = 0
) -> tuple[Samples, Convergence]:
    """Return the samples of both runs together (or of the better one, where they disagree) and the verdict."""
    samples, convergence = _combined(first, second), check(sampler, data, first, second, seed)
    calls = samples.calls + _CLIMBS * _STARTS * _PROPOSALS
    return replace(samples, calls=calls, problems=convergence.problems), convergence


def check(sampler: Sampler, data: Sequence[Any], first: Samples, second: Samples, seed: int = 0) -> Convergence:
    """Compare two runs on the same data, and look for a better mode elsewhere."""
    sd = np.sqrt(0.5 * (first.sd**2 + second.sd**2))
    mean_difference = np.abs(first.mean - second.mean) / sd
    widths = [0.5 * np.ptp(np.percentile(run.samples, [16, 84], axis=0), axis=0) for run in (first, second)]
    sd_ratio = np.maximum(*widths) / np.minimum(*widths)
    evidence_difference = abs(first.log_evidence - second.log_evidence)
    samples = _combined(first, second)
    rival, rival_log_likelihood, log_mean_elsewhere = search_elsewhere(
        sampler, data, samples, np.random.default_rng([seed, 7])
    )
    deficit = float(samples.log_likelihood.max() - rival_log_likelihood)
    log_share = float(log_mean_elsewhere - samples.log_evidence)

    problems = []
    if mean_difference.max() > MAX_MEAN_DIFFERENCE_SD or sd_ratio.max() > MAX_SD_RATIO:
        problems.append(
            f"The two runs differ: means by {mean_difference.max():.1f} sd (at most "
            f"{MAX_MEAN_DIFFERENCE_SD}), sds by {100 * (sd_ratio.max() - 1):.0f} % (at most 15 %)."
        )
    # Not "> limit": the difference of two evidences that failed is NaN.
    if not evidence_difference <= _evidence_limit(first, second):
        problems.append(
            f"The log evidences of the two runs differ by {evidence_difference:.2f} "
            f"(at most {_evidence_limit(first, second):.2f}): they may have found different modes."
        )
    for run in (first, second):
        problems += run.problems
    # A narrow rival has about the volume of the mode that was found, so its height tells its share of the posterior;
    # that of a broad one was estimated by the screen.
    if max(-deficit, log_share) > np.log(MAX_SHARE_ELSEWHERE):
        problems.append(
            f"A point elsewhere, ({_listed(rival)}), explains the data about as well: its log-likelihood is "
            f"lower by {deficit:.1f}, and everything elsewhere has log probability {log_share:.1f}."
        )
    return Convergence(
        mean_difference_sd=mean_difference,
        sd_ratio=sd_ratio,
        log_evidence_difference=float(evidence_difference),
        rival=rival,
        rival_deficit=deficit,
        log_share_elsewhere=log_share,
        problems=tuple(problems),
    )


def search_elsewhere(
    sampler: Sampler, data: Sequence[Any], samples: Samples, rng: np.random.Generator
) -> tuple[np.ndarray, float, float]:
    """Find the best point far from the sampled mode.

    A narrow rival is found by its height: the best of the screened points that lie apart climb for some steps.
    A broad one (silence) is found by its mass: the average of the likelihood over the screen.

    Returns:
        The point (d,); its log-likelihood (-inf if there is nothing but the mode); and the logarithm of the
        likelihood elsewhere, averaged over the prior.
    """
    box = sampler.upper - sampler.lower
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(samples.samples, rowvar=False)))

    def elsewhere(points: np.ndarray) -> np.ndarray:
        offset = points - samples.mean
        return np.einsum("ni,ij,nj->n", offset, inverse, offset) > _ELSEWHERE_SD**2

    points, values = samples.screen_points, samples.screen_log_likelihood
    away = elsewhere(points)
    log_mean = float(logsumexp(values[away]) - np.log(len(points))) if away.any() else -np.inf

    starts = _separate_best(points / box, values)
    best, best_values = points[starts], values[starts]
    for climb in range(_CLIMBS):
        step = _FIRST_STEP * _STEP_RATIO**climb * box
        proposals = best[:, np.newaxis] + step * rng.normal(size=(len(best), _PROPOSALS, len(box)))
        proposals = np.clip(proposals, sampler.lower, sampler.upper)
        flat = sampler.evaluate(proposals.reshape(-1, len(box)), data).reshape(len(best), _PROPOSALS)
        winner = np.argmax(flat, axis=1)
        rows = np.arange(len(best))
        better = flat[rows, winner] > best_values
        best = np.where(better[:, np.newaxis], proposals[rows, winner], best)
        best_values = np.where(better, flat[rows, winner], best_values)
    # A start near the mode that was found has climbed into it and is no rival, unless it stands out from it:
    # then the mode is a broad one, and the peak another.
    stands_out = best_values > samples.log_likelihood.max() + _STANDS_OUT
    best_values = np.where(elsewhere(best) | stands_out, best_values, -np.inf)
    top = int(np.argmax(best_values))
    return best[top], float(best_values[top]), log_mean


def _separate_best(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return indices of the highest points, none within `_START_SEPARATION` of a higher one."""
    candidates = np.argsort(values)[::-1][: _CANDIDATES * _STARTS]
    chosen: list[int] = []
    for index in candidates:
        distance = np.linalg.norm(points[chosen] - points[index], axis=1)
        if not np.any(distance < _START_SEPARATION):
            chosen.append(int(index))
        if len(chosen) == _STARTS:
            break
    return np.array(chosen)


def _listed(point: np.ndarray) -> str:
    return ", ".join(f"{value:.3f}" for value in point)


def _evidence_limit(first: Samples, second: Samples) -> float:
    """Return the largest difference of log evidences that is no disagreement: some samplers are less accurate."""
    stated = 3.0 * np.hypot(first.log_evidence_sd, second.log_evidence_sd)
    return float(np.clip(stated, MAX_LOG_EVIDENCE_DIFFERENCE, 2.0 * MAX_LOG_EVIDENCE_DIFFERENCE))


def _combined(first: Samples, second: Samples) -> Samples:
    """Join two runs; where their evidences disagree, keep the run with the larger one."""
    screens = {
        "screen_points": np.concatenate([first.screen_points, second.screen_points]),
        "screen_log_likelihood": np.concatenate([first.screen_log_likelihood, second.screen_log_likelihood]),
        "calls": first.calls + second.calls,
    }
    better, other = (first, second) if first.log_evidence >= second.log_evidence else (second, first)
    if not better.log_evidence - other.log_evidence <= _evidence_limit(first, second):  # NaN, too
        return replace(better, **screens)
    return replace(
        better,
        samples=np.concatenate([first.samples, second.samples]),
        log_likelihood=np.concatenate([first.log_likelihood, second.log_likelihood]),
        log_evidence=float(np.logaddexp(first.log_evidence, second.log_evidence) - np.log(2.0)),
        log_evidence_sd=0.5 * float(np.hypot(first.log_evidence_sd, second.log_evidence_sd)),
        efficiency=min(first.efficiency, second.efficiency),
        ess=first.ess + second.ess,
        acceptance=min(first.acceptance, second.acceptance),
        stages=max(first.stages, second.stages),
        **screens,
    )
