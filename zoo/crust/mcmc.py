"""Monte Carlo inversion of one dispersion curve, with the solver and the prior that made the networks' datasets.

The long way to what a network answers at once (Cheng et al. 2019, section 3.3): elliptical slice sampling (Murray,
Adams & MacKay 2010) in the normal scores of the prior's uniform draws, with mass and inertia of the Earth as a
condition. Three kinds of update take turns: of what the waves see, of what only mass and inertia see, of everything.
The first is guided: for some thicknesses, the best model of that thickness and the directions that the data leave free
about it are found beforehand, so that the thickness can move and the rest follow. The guide changes how fast the
chains mix, not what they sample.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from zoo.crust import mcmc_kernels as sampling
from zoo.crust.mcmc_kernels import MOHO
from zoo.crust.physics import prior_kernels as kernels
from zoo.crust.physics.earth import COLUMNS
from zoo.crust.physics.prior import EarthPrior
from zoo.crust.physics.rayleigh import check_frequencies, work_arrays
from zoo.errors import ZooError
from zoo.files import cores
from zoo.progress import bar

# Chains that agree (Vehtari et al. 2021 ask for 1.01; 1.05 leaves an error of a fifth of the sd at worst).
MAX_R_HAT = 1.05
_STARTS = 50  # prior draws of which a chain takes the best to begin with
_BURN_IN = 0.25
_NODES, _NEWTON_STEPS = 17, 2  # of the guide
_DIFFERENCE = 0.5  # of a normal score: slopes over the width of the posterior, for the draws are bounded
_FARTHEST = 1.5  # normal score of the guide's centre: at the ends of a draw's range slopes vanish
_WIDER = 0.7  # a guide that is narrower than the curved posterior would hold the chains up
_PARTS = 20  # of a run, between which progress is shown
_FLAT_DRAWS, _FLAT_MOHOS = 40_000, 9


@dataclass(frozen=True)
class Chains:
    """Samples of the crustal thickness.

    Attributes:
        moho_km: (chains, samples) after burn-in.
        log_likelihood: the same shape.
        r_hat: split R-hat of the thickness; 1 when the chains agree.
        ess: effective sample size of the thickness, all chains together.
        models: how many Earth models were solved for.
        seconds: of wall time.
    """

    moho_km: np.ndarray
    log_likelihood: np.ndarray
    r_hat: float
    ess: float
    models: int
    seconds: float

    def statistics(self) -> tuple[float, float, float, float]:
        """Return mean, sd and both ends of the central 68 % interval, km."""
        low, high = np.quantile(self.moho_km, [0.16, 0.84])
        return float(self.moho_km.mean()), float(self.moho_km.std()), float(low), float(high)


@dataclass(frozen=True)
class Weighted:
    """Prior draws weighted by their likelihood: thickness (n,) in km and weights (n,), which sum to 1."""

    moho_km: np.ndarray
    weights: np.ndarray

    @property
    def ess(self) -> float:
        """Effective sample size."""
        return float(1 / np.sum(self.weights**2))

    def statistics(self) -> tuple[float, float, float, float]:
        """Return mean, sd and both ends of the central 68 % interval, km."""
        mean = float(np.sum(self.weights * self.moho_km))
        sd = float(np.sqrt(np.sum(self.weights * (self.moho_km - mean) ** 2)))
        order = np.argsort(self.moho_km)
        low, high = np.interp([0.16, 0.84], np.cumsum(self.weights[order]), self.moho_km[order])
        return mean, sd, float(low), float(high)


def sample(
    prior: EarthPrior,
    frequency_hz: np.ndarray,
    phase_velocity_km_s: np.ndarray,
    sd_km_s: np.ndarray,
    *,
    chains: int = 4,
    updates: int = 8000,
    seed: int = 0,
) -> Chains:
    """Sample the posterior of the crustal thickness of one curve; about 1.2 ms an update.

    Args:
        prior: of the Earth models.
        frequency_hz: (F,), ascending.
        phase_velocity_km_s: (F,), NaN where missing.
        sd_km_s: (F,) of independent normal errors.
        chains: independent ones, from different prior draws.
        updates: of each, burn-in included.
        seed: of everything.

    Raises:
        ZooError: if the curve cannot be used, or no model of the prior has these modes.
    """
    frequency_hz = check_frequencies(frequency_hz)
    observed, sd = np.asarray(phase_velocity_km_s, np.float64), np.asarray(sd_km_s, np.float64)
    known = np.isfinite(observed)
    if observed.shape != frequency_hz.shape or sd.shape != observed.shape or known.sum() == 0:
        raise ZooError(
            f"Velocities have shape {observed.shape}, errors {sd.shape}; expected one of each for the "
            f"{len(frequency_hz)} frequencies, and not all missing."
        )
    if not (sd[known] > 0).all():
        raise ZooError("Every velocity needs an error bar above zero, in km/s.")
    if chains < 2 or updates < 40:
        raise ZooError(f"{chains} chains of {updates} updates say nothing; take at least 2 of 40.")
    data = observed[known], sd[known], frequency_hz[known]
    correction = _flat_correction(prior) if prior.flat_moho else np.zeros(3)
    start = time.perf_counter()
    guide = _guide(prior, data)
    states = [_Chain(prior, data, correction, guide, seed, number) for number in range(chains)]
    traces = np.empty((2, chains, updates))
    edges = np.linspace(0, updates, _PARTS + 1).astype(int)
    with (
        bar(f"{chains} chains of {updates} updates", chains * _PARTS) as advance,
        ThreadPoolExecutor(min(chains, cores())) as pool,
    ):

        def work(chain: int) -> None:
            states[chain].begin()
            for first, stop in zip(edges[:-1], edges[1:], strict=True):
                states[chain].advance(first, traces[:, chain, first:stop])
                advance(1)

        list(pool.map(work, range(chains)))
    kept = traces[:, :, int(_BURN_IN * updates) :]
    low, high = prior.moho_km
    moho_km = low + (high - low) * kept[0]
    return Chains(
        moho_km=moho_km,
        log_likelihood=kept[1],
        r_hat=r_hat(moho_km),
        ess=effective_sample_size(moho_km),
        models=sum(int(state.models[0]) for state in states) + int(guide[-1]),
        seconds=time.perf_counter() - start,
    )


def weigh(
    curves_km_s: np.ndarray, moho_km: np.ndarray, phase_velocity_km_s: np.ndarray, sd_km_s: np.ndarray
) -> Weighted:
    """Weight prior draws, such as a dataset, by how likely they make a curve: an independent check of the chains.

    Args:
        curves_km_s, moho_km: (n, F) and (n,) of the draws.
        phase_velocity_km_s, sd_km_s: (F,) of the curve, NaN where missing.
    """
    known = np.isfinite(phase_velocity_km_s)
    residual = (np.asarray(curves_km_s, np.float64)[:, known] - phase_velocity_km_s[known]) / sd_km_s[known]
    log_likelihood = -0.5 * np.sum(residual**2, axis=1)
    weights = np.exp(log_likelihood - log_likelihood.max())
    return Weighted(np.asarray(moho_km, np.float64), weights / weights.sum())


def r_hat(samples: np.ndarray) -> float:
    """Return the split R-hat of (chains, samples), by TensorFlow Probability."""
    import tensorflow_probability as tfp

    return float(tfp.mcmc.potential_scale_reduction(samples.T, independent_chain_ndims=1, split_chains=True))


def effective_sample_size(samples: np.ndarray) -> float:
    """Return the effective sample size of all of (chains, samples), by TensorFlow Probability."""
    import tensorflow_probability as tfp

    return float(tfp.mcmc.effective_sample_size(samples.T, cross_chain_dims=1, filter_beyond_positive_pairs=True))


class _Chain:
    """State of one chain between two parts of its run, and its own work arrays."""

    def __init__(self, prior: EarthPrior, data: tuple, correction: np.ndarray, guide: tuple, seed: int, number: int):
        self.target = prior.table(), data, correction
        self.blocks, self.guide = _blocks(prior), guide[:-1]
        self.normal, self.uniform = np.empty(prior.size), np.empty(prior.size)
        self.log_likelihood = np.full(1, -np.inf)
        self.models = np.zeros(1, np.int64)
        self.work = _work_arrays(prior, data, self.models)
        self.random = np.random.default_rng([seed, number])

    def begin(self) -> None:
        """Take the best of some prior draws."""
        for _ in range(_STARTS):
            state = np.array([self.random.integers(2**63)], np.uint64)
            kernels.draw_model(state, self.target[0], self.uniform, self.work[0])
            normal = ndtri(np.clip(self.uniform, 1e-12, 1 - 1e-12))
            value = sampling.log_posterior(normal, self.uniform, *self.target, *self.work, False)
            if value > self.log_likelihood[0]:
                self.normal[:], self.log_likelihood[0] = normal, value
        if not np.isfinite(self.log_likelihood[0]):
            raise ZooError(f"None of {_STARTS} models of this prior has the fundamental mode at all frequencies.")

    def advance(self, first: int, trace: np.ndarray) -> None:
        """Do as many updates as the trace (2, updates) has room for."""
        sampling.run(
            *(self.random, self.normal, self.uniform, self.log_likelihood, *self.blocks, first, trace),
            *(*self.guide, *self.target, *self.work),
        )


def _guide(prior: EarthPrior, data: tuple) -> tuple:
    """Return places (K,) of the Moho's draw; for each the best other draws (K, n) of the first block, in axes (K, k, n)
    and strengths (K, k) their precision I + axes' strengths^2 axes; and how many models were solved for.
    """
    observed, sd, _ = data
    models = np.zeros(1, np.int64)
    work, uniform, table = _work_arrays(prior, data, models), np.empty(prior.size), prior.table()
    blocks, ends = _blocks(prior)
    block = blocks[1 : ends[0]]

    def residuals(normal: np.ndarray) -> np.ndarray:
        sampling.log_posterior(normal, uniform, table, data, np.zeros(3), *work, True)
        return (work[1][0] - observed) / sd

    places = np.linspace(0.5, _NODES - 0.5, _NODES) / _NODES
    centres, axes, strengths = np.zeros((_NODES, len(block))), [], []
    for node, place in enumerate(places):
        centre = centres[max(0, node - 1)].copy()
        for _ in range(_NEWTON_STEPS):
            at = np.zeros(prior.size)
            at[MOHO], at[block] = ndtri(place), centre
            base = residuals(at)
            slopes = np.zeros((len(base), len(block)))
            for column, draw in enumerate(block):
                beside = at.copy()
                beside[draw] += _DIFFERENCE
                slopes[:, column] = (residuals(beside) - base) / _DIFFERENCE
            left, strength, axis = np.linalg.svd(np.nan_to_num(slopes), full_matrices=False)
            target = left.T @ (np.nan_to_num(slopes) @ centre - np.nan_to_num(base))
            centre = np.clip(axis.T @ (strength / (1 + strength**2) * target), -_FARTHEST, _FARTHEST)
        centres[node] = centre
        axes.append(axis)
        strengths.append(_WIDER * strength)
    return places, centres, np.array(axes), np.array(strengths), models[0]


def _work_arrays(prior: EarthPrior, data: tuple, models: np.ndarray) -> tuple:
    return np.empty((len(COLUMNS), prior.knots)), np.empty((2, len(data[2]))), work_arrays(), models


def _blocks(prior: EarthPrior) -> tuple[np.ndarray, np.ndarray]:
    """Return the draws of each kind of update, one after the other, and where each ends. The first is the Moho's.

    What the waves see (above 660 km, crust included), what only mass and inertia see (density below), everything.
    """
    layers = prior.table().shape[0] - 1
    shares, density, crust_density, vp, vs, crust, q, size = kernels.layout(layers)
    m = kernels.MANTLE_KNOTS
    upper = np.arange(m - 27, m)  # transition zone, 410 to 220 km, 220 km to Moho
    lid = upper[-9:]
    shallow = [[MOHO], [3, 4, 5, 7], np.arange(shares, density), density + upper, np.arange(crust_density, vp)]
    shallow += [vp + upper, vp + m + lid, vs + upper, vs + m + lid, vs + 2 * m + lid, np.arange(crust, size)]
    deep = [np.arange(3), np.arange(density, density + m - 27)]
    blocks = [np.concatenate(shallow), np.concatenate(deep), np.arange(size)]
    return np.concatenate(blocks).astype(np.int64), np.cumsum([len(block) for block in blocks])


def _flat_correction(prior: EarthPrior) -> np.ndarray:
    """Return the coefficients of ln P(mass and inertia fit | Moho), quadratic in its draw.

    A prior with a flat Moho draws it once and the rest until it fits: a density that this divides out.
    """
    places = (np.arange(_FLAT_MOHOS) + 0.5) / _FLAT_MOHOS
    knots = np.empty((len(COLUMNS), prior.knots))
    model = prior.table(), prior.size, knots
    accepted = [sampling.accepted(place, _FLAT_DRAWS, number, *model) for number, place in enumerate(places)]
    return np.polyfit(places, np.log(np.maximum(accepted, 1) / _FLAT_DRAWS), 2)
