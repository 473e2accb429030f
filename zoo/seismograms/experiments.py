"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

_TASKS = ["noise_earthquake", "explosion_earthquake", "p_picker"]
_SIZES = {
    "sizes": Setting(
        [100, 500, 2_000],
        "numbers of labels to train with, one after the other",
        "ours: the few labels of figures 5 to 7, which go on to 100,000",
        unit="labels",
        low=1,
    )
}
_STUDY = {
    **_SIZES,
    "repeats": Setting(
        5,
        "trainings for each number of labels and schema, with seeds 0, 1 ...",
        "figures 8 and 10: five runs",
        unit="trainings",
        low=1,
    ),
    "tasks": Setting(_TASKS, "recipes to train", "sections 3.2 to 3.4", choices=_TASKS),
}
_WINDOWS = {
    "windows": Setting(
        8000, "windows to train on", "ours: minutes on a CPU; 576,434 in section 3.1", unit="windows", low=1
    )
}

EXPERIMENTS = {
    "kong-figure-3": Experiment(
        "Reconstruction error of autoencoders over bottleneck and feature maps",
        "Kong et al. 2021, figure 3",
        "nine trainings on 8,000 windows (--set windows=N), half a CPU-minute to a minute each",
        "zoo.seismograms.reproduce:figure_3",
        _WINDOWS,
        quick={"windows": 200},
        trains=True,
    ),
    "kong-figures-5-6-7": Experiment(
        "Noise or earthquake, explosion or earthquake, P arrival: scores over the number of labels, three schemas",
        "Kong et al. 2021, figures 5 to 7",
        "135 trainings of 10 to 20 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=noise_earthquake",
        "zoo.seismograms.reproduce:figures_5_6_7",
        _STUDY,
        quick={"sizes": [100], "repeats": 1},
        trains=True,
    ),
    "kong-figure-9": Experiment(
        "Errors of P arrivals over the number of labels, three schemas",
        "Kong et al. 2021, figure 9",
        "nine trainings of 10 to 20 CPU-seconds (none in the folder of kong-figures-5-6-7)",
        "zoo.seismograms.reproduce:figure_9",
        _SIZES,
        quick={"sizes": [100]},
        trains=True,
    ),
    "kong-figure-10": Experiment(
        "CPU time to convergence over the number of labels, three schemas",
        "Kong et al. 2021, figure 10",
        "135 trainings of 5 to 60 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=p_picker",
        "zoo.seismograms.reproduce:figure_10",
        _STUDY,
        quick={"sizes": [100], "repeats": 1},
        trains=True,
    ),
}
