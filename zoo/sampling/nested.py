"""Nested samplers of other projects on our likelihoods: UltraNest and MultiNest.

They work their way from the whole prior to ever higher likelihoods with a few hundred live points. A posterior
that fills 1e-7 of the prior beside a broad false mode is a hard case: unless a live point falls into its basin,
which is some 1e-4 of the prior, they end in the false mode and look healthy. So two runs are always compared
(`zoo.sampling.samplers`), and MultiNest needs thousands of live points.
Both are optional: UltraNest is licensed under the GPL, MultiNest for academic use.

Sources: Skilling (2006); UltraNest: Buchner (2021); MultiNest: Feroz et al. (2009), Buchner et al. (2014).
"""

from __future__ import annotations

import ctypes
import logging
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from zoo.errors import ZooError
from zoo.sampling.smc import Sampler, Samples

ULTRANEST_LIVE_POINTS = 400  # its own default
# Fewer may end in false modes of location posteriors.
MULTINEST_LIVE_POINTS = 4_000


def run_ultranest(sampler: Sampler, data: Sequence[Any] = (), seed: int = 0) -> Samples:
    """Sample a posterior by UltraNest, vectorised; arguments and result as in `Sampler.run`.

    Raises:
        ZooError: UltraNest is not installed.
    """
    try:
        import ultranest
    except ImportError as error:
        raise ZooError(
            "The sampler 'ultranest' needs the package ultranest (GPL), which is not installed. "
            'Install it with `pip install "seismic-zoo[gpl]"`, or take another sampler (smc).'
        ) from error
    # Without a handler, UltraNest makes one of its own, which reports to stdout.
    logger = logging.getLogger("ultranest")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    # UltraNest draws from NumPy's global generator: seed it, and restore the caller's state afterwards.
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        engine = ultranest.ReactiveNestedSampler(
            [f"parameter_{number}" for number in range(len(sampler.lower))],
            lambda points: sampler.evaluate(points, data),
            lambda unit: sampler.lower + unit * (sampler.upper - sampler.lower),
            vectorized=True,
        )
        result = engine.run(
            min_num_live_points=sampler.settings.live_points or ULTRANEST_LIVE_POINTS,
            show_status=False,
            viz_callback=False,
        )
    finally:
        np.random.set_state(state)
    weighted = result["weighted_samples"]
    return _equally_weighted(
        sampler,
        data,
        seed,
        points=weighted["points"],
        log_likelihood=weighted["logl"],
        log_weight=np.log(np.maximum(weighted["weights"], 1e-300)),
        evidence=(result["logz"], result["logzerr"]),
        iterations=result["niter"],
        calls=result["ncall"],
    )


def run_multinest(sampler: Sampler, data: Sequence[Any] = (), seed: int = 0) -> Samples:
    """Sample a posterior by MultiNest, one point at a time; arguments and result as in `Sampler.run`.

    Raises:
        ZooError: PyMultiNest or the MultiNest library is not installed.
    """
    pymultinest = _import_multinest()
    live_points = sampler.settings.live_points or MULTINEST_LIVE_POINTS
    if live_points < MULTINEST_LIVE_POINTS:
        warnings.warn(
            f"MultiNest with {live_points} live points may end in false modes of location posteriors; "
            f"take {MULTINEST_LIVE_POINTS} or more.",
            stacklevel=2,
        )
    dimensions = len(sampler.lower)
    calls = 0

    def prior(cube: Any, dimensions: int, parameters: int) -> None:
        for index in range(dimensions):
            cube[index] = sampler.lower[index] + cube[index] * (sampler.upper[index] - sampler.lower[index])

    def log_likelihood(cube: Any, dimensions: int, parameters: int) -> float:
        nonlocal calls
        calls += 1
        return float(sampler.evaluate(np.array([[cube[index] for index in range(dimensions)]]), data)[0])

    # MultiNest writes text files whose paths may have no more than 100 characters.
    with tempfile.TemporaryDirectory(prefix="zoo") as folder:
        prefix = str(Path(folder) / "r")
        pymultinest.run(
            log_likelihood,
            prior,
            dimensions,
            n_live_points=live_points,
            outputfiles_basename=prefix,
            seed=1 + seed % 30_000,  # within the range of MultiNest's own generator
            resume=False,
            verbose=False,
        )
        analyzer = pymultinest.Analyzer(dimensions, outputfiles_basename=prefix, verbose=False)
        stats = analyzer.get_stats()
        weight, deviance, points = np.split(analyzer.get_data(), [1, 2], axis=1)
    return _equally_weighted(
        sampler,
        data,
        seed,
        points=points,
        log_likelihood=-0.5 * deviance[:, 0],
        log_weight=np.log(np.maximum(weight[:, 0], 1e-300)),
        evidence=(
            stats["nested sampling global log-evidence"],
            stats["nested sampling global log-evidence error"],
        ),
        iterations=len(points),
        calls=calls,
    )


def _import_multinest() -> Any:
    """Return PyMultiNest, if its library is there: without it, PyMultiNest's import would end the whole process."""
    library = {"darwin": "libmultinest.dylib", "win32": "libmultinest.dll"}.get(sys.platform, "libmultinest.so")
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise ZooError(
            f"The sampler 'pymultinest' needs MultiNest's library {library}, which the loader cannot find "
            f"({error}). Build it (https://github.com/JohannesBuchner/MultiNest; academic use) and name its folder "
            "in LD_LIBRARY_PATH, or take another sampler (smc)."
        ) from error
    try:
        import pymultinest
    except ImportError as error:
        raise ZooError(
            "The sampler 'pymultinest' needs the package pymultinest, which is not installed. "
            'Install it with `pip install "seismic-zoo[multinest]"`, or take another sampler (smc).'
        ) from error
    return pymultinest


def _equally_weighted(
    sampler: Sampler,
    data: Sequence[Any],
    seed: int,
    points: np.ndarray,
    log_likelihood: np.ndarray,
    log_weight: np.ndarray,
    evidence: tuple[float, float],
    iterations: int,
    calls: int,
) -> Samples:
    """Resample dead points by their weights: as many equally weighted samples as their effective number."""
    weight = np.exp(log_weight - logsumexp(log_weight))
    ess = 1.0 / np.sum(weight**2)
    count = max(int(ess), 2)
    offset = np.random.default_rng([seed, 2]).uniform()
    chosen = np.searchsorted(np.cumsum(weight), (np.arange(count) + offset) / count * weight.sum(), side="right")
    chosen = np.minimum(chosen, len(points) - 1)
    screen_points, screen_log_likelihood = sampler.screen(data, seed)
    return Samples(
        samples=np.asarray(points, np.float64)[chosen],
        log_likelihood=np.asarray(log_likelihood, np.float64)[chosen],
        log_evidence=float(evidence[0]),
        log_evidence_sd=float(evidence[1]),
        efficiency=ess / len(points),
        ess=float(ess),
        acceptance=iterations / calls,
        stages=int(iterations),
        calls=int(calls) + len(screen_points),
        problems=(),
        screen_points=screen_points,
        screen_log_likelihood=screen_log_likelihood,
    )
