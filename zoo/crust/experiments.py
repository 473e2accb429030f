"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.training.experiment import Experiment

EXPERIMENTS = {
    "crust-table-1": Experiment(
        "Test error of the twelve structures of stacked sparse autoencoders, in km",
        "Cheng et al. 2019, table 1",
        "twelve trainings by the paper's schedule (or --set schedule=stable), about an hour for each deep one",
        "zoo.crust.reproduce:table_1",
        trains=True,
        cpu_s=40_000.0,
        data="synthetic: prem_dispersion/cheng2019, our Earths",
        claims="zoo.crust.claims:TABLE_1",
    ),
    "crust-noise": Experiment(
        "Error of the networks against the noise of the phase velocities, 0 to 2 %",
        "Cheng et al. 2019, section 3.2 (trained with noise)",
        "a minute with the shipped checkpoints, and the dataset cheng2019",
        "zoo.crust.reproduce:noise",
        trains=True,
        cpu_s=60.0,
        data="synthetic: prem_dispersion/cheng2019, our Earths",
        claims="zoo.crust.claims:NOISE",
        figures=("noise.png",),
    ),
    "crust-split": Experiment(
        "Test error against the proportion of training to test data",
        "Cheng et al. 2019, figure 5",
        "six trainings of the starred structure, a few CPU-minutes each",
        "zoo.crust.reproduce:split",
        trains=True,
        cpu_s=1_500.0,
        data="synthetic: prem_dispersion/cheng2019, our Earths",
        claims="zoo.crust.claims:SPLIT",
        figures=("split.png",),
    ),
    "crust-depth": Experiment(
        "Deep against shallow network at equal epochs, three seeds",
        "Cheng et al. 2019, figure 10 and section 4",
        "six trainings, a few CPU-minutes each",
        "zoo.crust.reproduce:depth",
        trains=True,
        cpu_s=1_800.0,
        data="synthetic: prem_dispersion/cheng2019, our Earths",
        claims="zoo.crust.claims:DEPTH",
        figures=("depth.png",),
    ),
    "crust-monte-carlo": Experiment(
        "One curve inverted by Monte Carlo with the same solver and prior, beside the network",
        "Cheng et al. 2019, section 3.3 (three weeks against seconds)",
        "about seven CPU-minutes of chains, and the dataset cheng2019",
        "zoo.crust.reproduce:monte_carlo",
        trains=True,
        cpu_s=450.0,
        data="synthetic: prem_dispersion/cheng2019, our Earths",
        claims="zoo.crust.claims:MONTE_CARLO",
        figures=("posterior.png",),
    ),
}
