"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

import dataclasses

from zoo.settings import Setting, changed
from zoo.training.experiment import Experiment

_TASKS = ["noise_earthquake", "explosion_window", "p_picker"]
_PICKING_DATASET = {
    "picking_dataset": Setting(
        "", "dataset for P arrivals; empty: STEAD's where it is prepared, else synthetic", "section 3.4"
    )
}


def _sizes(default: list[int], source: str, length: int = 0) -> dict[str, Setting]:
    meaning = "number of labels to train with" if length else "numbers of labels to train with, one after the other"
    return {"sizes": Setting(default, meaning, source, unit="labels", low=1, length=length)}


_SIZES = _sizes([100, 500, 2_000], "ours: the few labels of figures 5 to 7, which go on to 100,000")
_ENCODERS = {
    "encoders": Setting(
        ["over68"],
        "shipped autoencoders whose encoders are taken: under- or overcomplete, bottleneck of 68 or 34",
        "section 4.2: under68,over68,over34 and an undercomplete one of 34",
        choices=("under68", "over68", "over34"),
    ),
    "heads": Setting(
        ["cnn"],
        "layers on top: cnn, a convolution and a fully connected layer; dense, the latter alone",
        "section 2.3: cnn,dense",
        choices=("cnn", "dense"),
    ),
}
_REPEATS = Setting(
    5,
    "trainings for each number of labels and schema, with seeds 0, 1 ...",
    "figures 8 and 10: five runs",
    unit="trainings",
    low=1,
)
_STUDY = {
    **_SIZES,
    **_ENCODERS,
    "repeats": _REPEATS,
    "tasks": Setting(_TASKS, "recipes to train", "sections 3.2 to 3.4", choices=_TASKS),
    "noise_dataset": Setting(
        "", "dataset for noise or earthquake; empty: LEN-DB's where it is prepared, else synthetic", "section 3.2"
    ),
    "explosion_dataset": Setting(
        "", "dataset for explosion or earthquake, like explosions/pnw_kong2021; empty: synthetic", "section 3.3"
    ),
    **_PICKING_DATASET,
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
        cpu_s=450.0,
        claims="zoo.seismograms.claims:FIGURE_3",
        figures=("figure_3.png",),
    ),
    "kong-figures-5-6-7": Experiment(
        "Noise or earthquake, explosion or earthquake, P arrival: scores over the number of labels, three schemas",
        "Kong et al. 2021, figures 5 to 7",
        "135 trainings of 10 to 20 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=noise_earthquake; the "
        "paper's panels by --set encoders=under68,over68,over34 heads=cnn,dense, six times as many",
        "zoo.seismograms.reproduce:figures_5_6_7",
        _STUDY,
        quick={"sizes": [100], "repeats": 1},
        trains=True,
        cpu_s=2_100.0,
        claims="zoo.seismograms.claims:FIGURES_5_6_7",
        figures=("figures_5_6_7.png",),
    ),
    "kong-figure-8": Experiment(
        "P arrival with many labels, M >= 1.5 within 200 km: scores over the number of labels, three schemas",
        "Kong et al. 2021, figure 8",
        "nine trainings of 20 to 150 CPU-seconds; five runs each by --set repeats=5, and up to 300,000 labels of STEAD",
        "zoo.seismograms.reproduce_picking:figure_8",
        {
            **_sizes([2_000, 8_000, 32_000], "ours: what the synthetic dataset has; figure 8 goes on to 300,000"),
            **_ENCODERS,
            **changed({"repeats": _REPEATS}, repeats=1),
            **_PICKING_DATASET,
        },
        quick={"sizes": [100, 200], "repeats": 1},
        trains=True,
        cpu_s=800.0,
        claims="zoo.seismograms.claims:FIGURE_8",
        figures=("figure_8.png",),
    ),
    "kong-figure-9": Experiment(
        "Errors of P arrivals over the number of labels, three schemas",
        "Kong et al. 2021, figure 9",
        "nine trainings of 10 to 20 CPU-seconds (none in the folder of kong-figures-5-6-7)",
        "zoo.seismograms.reproduce_picking:figure_9",
        {**_SIZES, **{key: dataclasses.replace(one, length=1) for key, one in _ENCODERS.items()}, **_PICKING_DATASET},
        quick={"sizes": [100]},
        trains=True,
        cpu_s=2_200.0,
        claims="zoo.seismograms.claims:FIGURE_9",
        beside="kong-figures-5-6-7",
        figures=("figure_9.png",),
    ),
    "kong-figure-10": Experiment(
        "CPU time to convergence over the number of labels, three schemas",
        "Kong et al. 2021, figure 10",
        "135 trainings of 5 to 60 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=p_picker",
        "zoo.seismograms.reproduce:figure_10",
        _STUDY,
        quick={"sizes": [100], "repeats": 1},
        trains=True,
        cpu_s=4_000.0,
        claims="zoo.seismograms.claims:FIGURE_10",
        figures=("figure_10.png",),
    ),
    "kong-figure-s26": Experiment(
        "Errors of P arrivals against the signal-to-noise ratio, many labels, from scratch and fine-tuned",
        "Kong et al. 2021, figure S26",
        "two trainings of 60 to 150 CPU-seconds; more runs by --set repeats=5",
        "zoo.seismograms.reproduce_picking:figure_s26",
        {
            **_sizes([32_000], "ours: what the synthetic dataset has; figure S26: 300,000", length=1),
            **_ENCODERS,
            **changed({"repeats": _REPEATS}, repeats=1),
            **_PICKING_DATASET,
        },
        quick={"sizes": [100], "repeats": 1},
        trains=True,
        cpu_s=810.0,
        claims="zoo.seismograms.claims:FIGURE_S26",
        beside="kong-figure-8",
        figures=("figure_s26.png",),
    ),
    "kong-figure-s27": Experiment(
        "Errors of P arrivals against the signal-to-noise ratio, few labels, from scratch and fine-tuned",
        "Kong et al. 2021, figure S27",
        "two trainings of 10 to 20 CPU-seconds; more runs by --set repeats=5",
        "zoo.seismograms.reproduce_picking:figure_s27",
        {
            **_sizes([500], "figure S27", length=1),
            **_ENCODERS,
            **changed({"repeats": _REPEATS}, repeats=1),
            **_PICKING_DATASET,
        },
        quick={"sizes": [100], "repeats": 1},
        trains=True,
        cpu_s=50.0,
        claims="zoo.seismograms.claims:FIGURE_S27",
        figures=("figure_s27.png",),
    ),
}
