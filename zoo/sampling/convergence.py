"""Two independent runs of the sampler, what they say of each other, and whether a better mode was missed.

A run that fell into a false mode looks perfectly healthy from inside. What gives it away is another
run that did not, or a place elsewhere in the box that explains the data better. Both are looked for
here: two halves of the effort with independent screens and seeds are compared, and the best screened
places far from the found mode are refined by a hill climb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from zoo.sampling.smc import Sampler, Samples

MAX_MEAN_DIFFERENCE_SD = 0.3
MAX_SD_RATIO = 1.15
MAX_LOG_EVIDENCE_DIFFERENCE = 0.5
# Places elsewhere may hold this share of the posterior before they are reported as rivals.
MAX_SHARE_ELSEWHERE = 0.01

# "Elsewhere" is beyond this many posterior standard deviations (Mahalanobis).
_ELSEWHERE_SD = 10.0
# A log-likelihood above the best sample's by this much is another mode, wherever it is.
_STANDS_OUT = 5.0
# The hill climb, in units of the box: starts at least so far apart, first and later step lengths.
_STARTS, _PROPOSALS, _CLIMBS = 32, 64, 10
_START_SEPARATION, _FIRST_STEP, _STEP_RATIO = 0.05, 0.03, 0.6


@dataclass(frozen=True)
class Convergence:
    """What two runs and a search elsewhere say about a posterior.

    Attributes:
        mean_difference_sd: (d,) difference of the two means over the posterior sd.
        sd_ratio: (d,) larger over smaller of the two half-widths of the 68 % interval (which one
            particle in a far, improbable mode does not change, as it does the standard deviation).
        log_evidence_difference: between the two runs.
        rival: (d,) the best place found elsewhere.
        rival_deficit: by how much its log-likelihood is below the best of the found mode; infinite
            where there is no such place.
        log_share_elsewhere: log posterior probability of all places elsewhere, by the screen.
        problems: sentences; empty when converged.
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
        """True when nothing speaks against the posterior."""
        return not self.problems

    def report(self) -> str:
        """Say it in a few lines."""
        place = ", ".join(f"{value:.3f}" for value in self.rival)
        rival = (
            f"best place elsewhere: ({place}), log-likelihood lower by {self.rival_deficit:.1f}"
            if np.isfinite(self.rival_deficit)
            else "no other place stands out"
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
    """Sample a posterior by two independent runs; with a four times larger screen until they agree.

    Args:
        sampler: compiled sampler; each run takes its settings.
        data: arrays of one data set.
        seed: of everything.
        attempts: number of screens tried before the result is returned as not converged.

    Returns:
        The samples of both runs together (of the one with the larger evidence where they disagree),
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
    """Return the samples of both runs together (of the better one where they disagree), and the verdict."""
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
    # Not "> limit": the difference of two failed evidences is NaN.
    if not evidence_difference <= _evidence_limit(first, second):
        problems.append(
            f"The log evidences of the two runs differ by {evidence_difference:.2f} "
            f"(at most {_evidence_limit(first, second):.2f}): they may have found different modes."
        )
    for run in (first, second):
        problems += run.problems
    # A narrow rival has about the volume of the found mode; a broad one the screen has weighed.
    if max(-deficit, log_share) > np.log(MAX_SHARE_ELSEWHERE):
        place = ", ".join(f"{value:.3f}" for value in rival)
        problems.append(
            f"A place elsewhere, ({place}), explains the data about as well: its log-likelihood is "
            f"lower by {deficit:.1f}, and all places elsewhere have log probability {log_share:.1f}."
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
    """Find the best place far from the sampled mode.

    A narrow rival is found by its height: the best separate screened points climb for some steps.
    A broad one (silence) by its mass: the screen's own average of the likelihood.

    Returns:
        the place (d,), its log-likelihood (-inf if there is only the mode), and the log of the
        likelihood averaged over the prior, elsewhere.
    """
    box = sampler.upper - sampler.lower
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(samples.samples, rowvar=False)))

    def elsewhere(points: np.ndarray) -> np.ndarray:
        offset = points - samples.mean
        return np.einsum("ni,ij,nj->n", offset, inverse, offset) > _ELSEWHERE_SD**2

    points, values = samples.screen_points, samples.screen_log_likelihood
    away = elsewhere(points)
    log_mean = float(logsumexp(values[away]) - np.log(len(points))) if away.any() else -np.inf

    places = _separate_best(points / box, values)
    best, best_values = points[places], values[places]
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
    # A start near the found mode has climbed into it and is no rival, unless it stands out of a
    # broad one.
    stands_out = best_values > samples.log_likelihood.max() + _STANDS_OUT
    best_values = np.where(elsewhere(best) | stands_out, best_values, -np.inf)
    top = int(np.argmax(best_values))
    return best[top], float(best_values[top]), log_mean


def _separate_best(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return indices of the highest points, none within the start separation of a higher one."""
    candidates = np.argsort(values)[::-1][: 64 * _STARTS]
    chosen: list[int] = []
    for index in candidates:
        distance = np.linalg.norm(points[chosen] - points[index], axis=1)
        if not np.any(distance < _START_SEPARATION):
            chosen.append(int(index))
        if len(chosen) == _STARTS:
            break
    return np.array(chosen)


def _evidence_limit(first: Samples, second: Samples) -> float:
    """Return the largest difference of log evidences that is no disagreement: some samplers are less exact."""
    stated = 3.0 * np.hypot(first.log_evidence_sd, second.log_evidence_sd)
    return float(np.clip(stated, MAX_LOG_EVIDENCE_DIFFERENCE, 2.0 * MAX_LOG_EVIDENCE_DIFFERENCE))


def _combined(first: Samples, second: Samples) -> Samples:
    """Join two runs; where their evidences disagree, keep the samples of the larger one."""
    screens = {
        "screen_points": np.concatenate([first.screen_points, second.screen_points]),
        "screen_log_likelihood": np.concatenate([first.screen_log_likelihood, second.screen_log_likelihood]),
        "calls": first.calls + second.calls,
    }
    better, other = (first, second) if first.log_evidence >= second.log_evidence else (second, first)
    if not better.log_evidence - other.log_evidence <= _evidence_limit(first, second):
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
