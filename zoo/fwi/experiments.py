"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

# Steps of GD and momentum are proportional to the gradient, which grows with the square of the data's amplitude; the
# paper gives no amplitude. With data of this rms its rates of GD lie around the limit of stability: 0.4 below it, 0.6
# above it.
_AMPLITUDE = 75.0
_ONE_DIMENSION = {
    "iterations": Setting(1000, "gradients of the shot in each inversion", "figures 6 to 15", unit="gradients", low=1),
    "amplitude": Setting(
        _AMPLITUDE,
        "rms of the observed trace; the steps of gd and momentum are proportional to its square",
        "ours: the paper does not state it; this one puts the limit of stability between its rates 0.4 and 0.6",
        low=0.0,
    ),
    "smooth_m": Setting(
        0.0,
        "standard deviation of the Gaussian that makes the start out of the truth; 0: the dataset's linear start",
        "ours: the paper does not say how its start was made",
        unit="m",
        low=0.0,
    ),
}

_SECTION = Setting(
    "", "the prepared velocity model; empty: Marmousi-II where it is prepared, else a synthetic one", "ours"
)

EXPERIMENTS = {
    "fwi-learning-rates": Experiment(
        "Five optimizers of full-waveform inversion with four or five learning rates each, on four layers",
        "Sun et al., figures 6 to 11",
        "21 inversions of 1000 iterations, about 10 CPU-seconds each",
        "zoo.fwi.reproduce.fwi:learning_rates",
        _ONE_DIMENSION,
        quick={"iterations": 3},
        cpu_s=500.0,
        data="synthetic: velocity_models/layered_1d, no noise",
        claims="zoo.fwi.claims:LEARNING_RATES",
        figures=("comparison.png",),
    ),
    "fwi-1d": Experiment(
        "CG, L-BFGS-B and TNC beside gradient descent and Adam on four layers, with equal gradients",
        "Sun et al., figures 12 to 15",
        "five inversions of up to 1000 gradients, about 10 CPU-seconds each",
        "zoo.fwi.reproduce.fwi:one_dimension",
        _ONE_DIMENSION,
        quick={"iterations": 3},
        cpu_s=130.0,
        data="synthetic: velocity_models/layered_1d, no noise",
        claims="zoo.fwi.claims:ONE_DIMENSION",
        figures=("comparison.png",),
    ),
    "fwi-marmousi-counts": Experiment(
        "Adam at 100 gradients against L-BFGS-B at 200, 600, 1000 and CG at 400, 800, 1420, on the same section",
        "Sun et al., figures 19, 20 and 22",
        "three inversions of 2520 gradients in all, about a CPU-second each",
        "zoo.fwi.reproduce.fwi:marmousi_counts",
        {"dataset": _SECTION},
        quick={"dataset": "velocity_models/synthetic_folded"},
        cpu_s=2600.0,
        claims="zoo.fwi.claims:COUNTS",
        figures=("loss-counts.png",),
    ),
    "fwi-marmousi": Experiment(
        "Adam, CG and L-BFGS-B with 100 gradients of 12 shots on Marmousi-II, or on a synthetic section without it",
        "Sun et al., figures 16 to 22",
        "four inversions, about 100 CPU-seconds each; Marmousi-II where velocity_models/marmousi2_fwi is prepared",
        "zoo.fwi.reproduce.fwi:marmousi",
        {
            "dataset": _SECTION,
            "iterations": Setting(
                100, "gradients of all shots in each inversion", "figures 16 to 21", unit="gradients", low=1
            ),
            "tnc": Setting(False, "also invert by TNC", "ours"),
        },
        quick={"iterations": 4, "dataset": "velocity_models/synthetic_folded"},
        cpu_s=420.0,
        claims="zoo.fwi.claims:MARMOUSI",
        figures=("comparison.png", "loss.png"),
    ),
}
