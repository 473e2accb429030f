"""Monte Carlo inversion of one dispersion curve, with the solver and the prior that made the networks' datasets.

This is the slow way to what a network answers at once (Cheng et al. 2019, section 3.3): elliptical slice
sampling (Murray, Adams & MacKay 2010) in the normal scores of the prior's uniform draws, on condition that mass and
inertia are the Earth's. Three kinds of update take turns: those of what the waves see, of what only mass and inertia
see, and of everything. The first is guided: for some thicknesses, the best model of that thickness and the directions
about it that the data leave free are found beforehand, so that the thickness can move and the rest follow. The guide
changes how fast the chains mix, not what they sample.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from zoo.crust import mcmc_kernels as sampling
from zoo.crust.mcmc_kernels import Blocks, Curve, Guide, Scratch, State, Target
from zoo.crust.physics import prior_kernels as kernels
from zoo.crust.physics import prior_tables as tables
from zoo.crust.physics.earth import COLUMNS
from zoo.crust.physics.prior import EarthPrior
from zoo.crust.physics.prior_kernels import MOHO_DRAW, SEDIMENT_DRAW
from zoo.crust.physics.rayleigh import check_frequencies
from zoo.crust.physics.rayleigh_kernels import work_arrays
from zoo.errors import ZooError
from zoo.files import cores
from zoo.progress import bar

# Chains agree below this R-hat. Vehtari et al. (2021) ask for 1.01; 1.05 leaves an error of a fifth of the sd at worst.
MAX_R_HAT = 1.05
_STARTS = 50  # a chain begins at the best of so many prior draws
_BURN_IN = 0.25  # part of a run that is left out
_FEWEST_CHAINS, _FEWEST_UPDATES = 2, 40  # R-hat compares chains, and 40 updates leave 30
_CLOSEST = 1e-12  # distance of a uniform draw from 0 and 1, where its normal score is infinite
_NODES, _NEWTON_STEPS = 17, 2  # the guide knows so many thicknesses, found in so many steps each
_DIFFERENCE = 0.5  # step in normal score for the guide's slopes: as wide as the posterior, because draws are bounded
_FARTHEST = 1.5  # largest normal score of the guide's centre: at the ends of a draw's range slopes vanish
_WIDER = 0.7  # factor of the guide's strengths: a guide narrower than the curved posterior would hold the chains up
_PARTS = 20  # parts of a run, after each of which progress is shown
_FLAT_DRAWS, _FLAT_MOHOS = 40_000, 9  # models at each of so many thicknesses, for the correction of a flat Moho
# Draws of the prior's boundaries (table A.2): those above the lower mantle, which the waves see, and the deeper ones.
_SHALLOW_BOUNDARIES, _DEEP_BOUNDARIES = [3, 4, 5], [0, 1, 2]
_LOW, _HIGH = 0.16, 0.84  # ends of the central 68 %


@dataclass(frozen=True)
class Chains:
    """Samples of the crustal thickness.

    Attributes:
        moho_km: (chains, samples) after burn-in.
        log_likelihood: the same shape.
        r_hat: split R-hat of the thickness; 1 when the chains agree.
        ess: effective sample size of the thickness, all chains together.
        models: how many Earth models were solved for.
        seconds: wall time.
    """

    moho_km: np.ndarray
    log_likelihood: np.ndarray
    r_hat: float
    ess: float
    models: int
    seconds: float

    def statistics(self) -> tuple[float, float, float, float]:
        """Return mean, sd and both ends of the central 68 % interval, km."""
        low, high = np.quantile(self.moho_km, [_LOW, _HIGH])
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
        low, high = np.interp([_LOW, _HIGH], np.cumsum(self.weights[order]), self.moho_km[order])
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
        prior: the prior of the Earth models.
        frequency_hz: (F,), ascending.
        phase_velocity_km_s: (F,), NaN where missing.
        sd_km_s: (F,), standard deviations of independent normal errors.
        chains: how many independent chains, which begin at different prior draws.
        updates: how many of each chain, burn-in included.
        seed: seed of all random numbers.

    Returns:
        Samples of the thickness with their diagnostics.

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
    if chains < _FEWEST_CHAINS or updates < _FEWEST_UPDATES:
        raise ZooError(
            f"{chains} chains of {updates} updates say nothing; take at least {_FEWEST_CHAINS} of {_FEWEST_UPDATES}."
        )
    data = Curve(observed[known], sd[known], frequency_hz[known])
    target = Target(prior.table(), data, _flat_correction(prior) if prior.flat_moho else np.zeros(3))
    start = time.perf_counter()
    guide, solved = _guide(prior, data)
    states = [_Chain(prior, target, guide, seed, number) for number in range(chains)]
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
        models=sum(int(state.scratch.solved[0]) for state in states) + solved,
        seconds=time.perf_counter() - start,
    )


def weigh(
    curves_km_s: np.ndarray, moho_km: np.ndarray, phase_velocity_km_s: np.ndarray, sd_km_s: np.ndarray
) -> Weighted:
    """Weight prior draws, such as a dataset, by how likely they make a curve: an independent check of the chains.

    Args:
        curves_km_s: (n, F), phase velocities of the draws.
        moho_km: (n,), their thickness.
        phase_velocity_km_s: (F,), the curve, NaN where missing.
        sd_km_s: (F,), its standard deviations.
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

    def __init__(self, prior: EarthPrior, target: Target, guide: Guide, seed: int, number: int):
        self.target, self.blocks, self.guide = target, _blocks(prior), guide
        self.state = State(np.empty(prior.size), np.full(1, -np.inf))
        self.scratch = _scratch(prior, target.data)
        self.random = np.random.default_rng([seed, number])

    def begin(self) -> None:
        """Take the best of some prior draws."""
        normal, log_likelihood = self.state
        for _ in range(_STARTS):
            random = np.array([self.random.integers(2**63)], np.uint64)
            kernels.draw_model(random, self.target.prior, self.scratch.uniform, self.scratch.knots)
            drawn = ndtri(np.clip(self.scratch.uniform, _CLOSEST, 1 - _CLOSEST))
            value = sampling.log_posterior(drawn, self.target, self.scratch, False)
            if value > log_likelihood[0]:
                normal[:], log_likelihood[0] = drawn, value
        if not np.isfinite(log_likelihood[0]):
            raise ZooError(f"None of {_STARTS} models of this prior has the fundamental mode at all frequencies.")

    def advance(self, first: int, trace: np.ndarray) -> None:
        """Do as many updates as the trace (2, updates) has room for."""
        sampling.run(self.random, self.state, self.blocks, self.guide, self.target, self.scratch, first, trace)


def _guide(prior: EarthPrior, data: Curve) -> tuple[Guide, int]:
    """Return the guide of a curve, and how many models were solved for."""
    scratch, blocks = _scratch(prior, data), _blocks(prior)
    target = Target(prior.table(), data, np.zeros(3))
    block = blocks.draws[1 : blocks.ends[0]]

    def residuals(normal: np.ndarray) -> np.ndarray:
        sampling.log_posterior(normal, target, scratch, True)
        return (scratch.curve[0] - data.observed) / data.sd

    places = np.linspace(0.5, _NODES - 0.5, _NODES) / _NODES
    centres, axes, strengths = np.zeros((_NODES, len(block))), [], []
    for node, place in enumerate(places):
        # The best model of a thickness is near that of the thickness before: Gauss-Newton steps from there, with the
        # prior as regularisation, by the singular vectors of the slopes.
        centre = centres[max(0, node - 1)].copy()
        for _ in range(_NEWTON_STEPS):
            at = np.zeros(prior.size)
            at[MOHO_DRAW], at[block] = ndtri(place), centre
            base = residuals(at)
            slopes = np.zeros((len(base), len(block)))
            for column, draw in enumerate(block):
                beside = at.copy()
                beside[draw] += _DIFFERENCE
                slopes[:, column] = (residuals(beside) - base) / _DIFFERENCE
            left, strength, axis = np.linalg.svd(np.nan_to_num(slopes), full_matrices=False)
            wanted = left.T @ (np.nan_to_num(slopes) @ centre - np.nan_to_num(base))
            centre = np.clip(axis.T @ (strength / (1 + strength**2) * wanted), -_FARTHEST, _FARTHEST)
        centres[node] = centre
        axes.append(axis)
        strengths.append(_WIDER * strength)
    return Guide(places, centres, np.array(axes), np.array(strengths)), int(scratch.solved[0])


def _scratch(prior: EarthPrior, data: Curve) -> Scratch:
    uniform, knots = np.empty(prior.size), np.empty((len(COLUMNS), prior.knots))
    return Scratch(uniform, knots, np.empty((2, len(data.observed))), work_arrays(), np.zeros(1, np.int64))


def _blocks(prior: EarthPrior) -> Blocks:
    """Return the draws of each kind of update.

    What the waves see (above 660 km, crust included), what only mass and inertia see (density below), everything.
    """
    draws = kernels.layout(prior.table().shape[0] - 1)
    m = tables.MANTLE_KNOTS
    upper, lid = np.arange(tables.UPPER_MANTLE_KNOT, m), np.arange(tables.LID_KNOT, m)
    shallow = [[MOHO_DRAW], _SHALLOW_BOUNDARIES, [SEDIMENT_DRAW], np.arange(draws.shares, draws.density)]
    shallow += [draws.density + upper, np.arange(draws.crust_density, draws.vp)]
    shallow += [draws.vp + upper, draws.vp + m + lid]
    shallow += [draws.vs + upper, draws.vs + m + lid, draws.vs + 2 * m + lid, np.arange(draws.crust, draws.size)]
    deep = [_DEEP_BOUNDARIES, np.arange(draws.density, draws.density + tables.UPPER_MANTLE_KNOT)]
    blocks = [np.concatenate(shallow), np.concatenate(deep), np.arange(draws.size)]
    return Blocks(np.concatenate(blocks).astype(np.int64), np.cumsum([len(block) for block in blocks]))


def _flat_correction(prior: EarthPrior) -> np.ndarray:
    """Return the coefficients (3,) of ln P(mass and inertia fit | Moho), quadratic in its draw.

    A prior with a flat Moho draws it once and the rest until it fits: a density that this divides out.
    """
    places = (np.arange(_FLAT_MOHOS) + 0.5) / _FLAT_MOHOS
    none = np.zeros(0)
    scratch = _scratch(prior, Curve(none, none, none))
    accepted = [
        sampling.count_accepted(place, _FLAT_DRAWS, number, prior.table(), scratch)
        for number, place in enumerate(places)
    ]
    return np.polyfit(places, np.log(np.maximum(accepted, 1) / _FLAT_DRAWS), 2)
