"""Every sampler behind one function, by name, on the same likelihood and with results of one form.

smc          screened, tempered ensemble (`zoo.sampling.smc`): the default
tfp-smc      TensorFlow Probability's sequential Monte Carlo from the same screen: a cross-check
ultranest    UltraNest (optional, GPL): nested sampling, which makes no use of the screen
pymultinest  MultiNest (optional, academic use): nested sampling, one point at a time

Whatever the sampler, two runs with different seeds are compared, and the box is searched for a better point
elsewhere (`zoo.sampling.convergence`). `benchmarks/samplers.py` compares them. There is no Hamiltonian sampler:
it would have to start from the particles of `smc`, which by then are samples of the posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.progress import bar
from zoo.sampling.convergence import Convergence, compare, sample_checked, two_seeds
from zoo.sampling.smc import Sampler, Samples

SAMPLERS = ("smc", "tfp-smc", "ultranest", "pymultinest")


def check_name(name: str) -> None:
    """Raise UsageError if there is no sampler of that name."""
    if name not in SAMPLERS:
        raise UsageError(f"There is no sampler {name!r}.{did_you_mean(name, SAMPLERS)}")


def check_seed(seed: int) -> None:
    """Raise ZooError if the seed is negative."""
    if seed < 0:
        raise ZooError(f"The seed is {seed}; expected a whole number from 0 on.")


def engine(name: str) -> Callable[[Sampler, Sequence[Any], int], Samples]:
    """Return the function `run(sampler, data, seed)` that makes one run of the sampler of that name."""
    check_name(name)
    # Imported late: each needs a library of its own.
    if name == "smc":
        return Sampler.run
    if name == "tfp-smc":
        from zoo.sampling.tfp_smc import run_tfp

        return run_tfp
    from zoo.sampling import nested as nested_sampling

    return {"ultranest": nested_sampling.run_ultranest, "pymultinest": nested_sampling.run_multinest}[name]


def sample(sampler: Sampler, data: Sequence[Any] = (), name: str = "smc", seed: int = 0) -> tuple[Samples, Convergence]:
    """Sample a posterior twice, with two seeds, by the sampler of that name, and compare the two runs.

    Args:
        sampler: log-likelihood, box of the prior, and settings; compiled once for many data sets.
        data: arguments of the log-likelihood after the points, arrays.
        name: one of `SAMPLERS`.
        seed: the same seed gives the same samples.

    Returns:
        The samples of both runs together (or, where they disagree, of the one with the larger evidence),
        and the verdict.

    Raises:
        UsageError: there is no sampler of that name.
        ZooError: the sampler is not installed.
    """
    run = engine(name)
    if name == "smc":
        # Our own tries a larger screen before it gives up.
        return sample_checked(sampler, data, seed)
    runs = []
    with bar(f"Sampling twice by {name}", 2) as advance:
        for child in two_seeds(seed):
            runs.append(run(sampler, data, child))
            advance()
    return compare(sampler, data, *runs, seed=seed)
