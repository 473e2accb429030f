"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

# GD and momentum step in proportion to the gradient, which grows with the square of the data's amplitude, and the paper
# gives none. With data of this rms its rates of GD lie about the limit of stability, 0.4 below it and 0.6 beyond.
_AMPLITUDE = 75.0
_ONE_DIMENSION = {
    "iterations": Setting(1000, "gradients of the shot", "figures 6 to 15", unit="gradients", low=1),
    "amplitude": Setting(
        _AMPLITUDE,
        "rms of the observed trace, to whose square the steps of gd and momentum are proportional",
        "ours: the paper does not state it",
        low=0.0,
    ),
    "smooth_m": Setting(0.0, "width of the smoothing of the start; 0 takes the linear one", "ours", unit="m", low=0.0),
}

EXPERIMENTS = {
    "fwi-learning-rates": Experiment(
        "Five optimizers of full-waveform inversion with four or five learning rates each, on four layers",
        "Sun et al., figures 6 to 11",
        "21 inversions of 1000 iterations, about 10 CPU-seconds each",
        "zoo.fwi.reproduce.fwi:learning_rates",
        _ONE_DIMENSION,
        quick={"iterations": 3},
    ),
    "fwi-1d": Experiment(
        "CG, L-BFGS-B and TNC beside gradient descent and Adam on four layers, with equal gradients",
        "Sun et al., figures 12 to 15",
        "five inversions of up to 1000 gradients, about 10 CPU-seconds each",
        "zoo.fwi.reproduce.fwi:one_dimension",
        _ONE_DIMENSION,
        quick={"iterations": 3},
    ),
    "fwi-marmousi": Experiment(
        "Adam, CG and L-BFGS-B with 100 gradients of 12 shots on Marmousi-II, or on a synthetic section without it",
        "Sun et al., figures 16 to 22",
        "four inversions, about 100 CPU-seconds each; Marmousi-II where velocity_models/marmousi2_fwi is prepared",
        "zoo.fwi.reproduce.fwi:marmousi",
        {
            "dataset": Setting("", "the earth; empty: Marmousi-II where it is prepared, else a synthetic one", "ours"),
            "iterations": Setting(100, "gradients of all shots", "figures 16 to 21", unit="gradients", low=1),
            "tnc": Setting(False, "invert by TNC, too", "ours"),
        },
        quick={"iterations": 4, "dataset": "velocity_models/synthetic_folded"},
    ),
}
