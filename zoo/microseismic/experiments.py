"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

_METHODS = [
    "nn_direct_emulator",
    "pca_nn_emulator",
    "pca_gp_emulator",
    "ae_nn_emulator",
    "ae_gp_emulator",
    "cvae_emulator",
    "wgan_gp_emulator",
    "d18_emulator",
]

EXPERIMENTS = {
    "microseismic-table-1": Experiment(
        "Accuracy, training, evaluation and size of the eight emulators",
        "Spurio Mancini et al. 2021, table 1 and figure 8",
        "a minute with the shipped checkpoints; with --train, 24 trainings of one to three CPU-minutes",
        "zoo.microseismic.reproduce:table_1",
        {
            "methods": Setting(_METHODS, "recipes to compare, each a method of the paper", "table 1", choices=_METHODS),
            "seeds": Setting(
                3, "trainings of each recipe, with the seeds 0, 1 ... (--train only)", "ours", unit="trainings", low=1
            ),
        },
        trains=True,
        cpu_s=70.0,
        data="simulated by others: the published k-Wave traces (figure: our marine earth if they are not prepared)",
        claims="zoo.microseismic.claims:TABLE_1",
        figures=("microseismic-table-1.png",),
    ),
    "microseismic-table-2": Experiment(
        "Location of 20 held-out events by waveforms (best emulator, D18) and by arrival times (EDT, Gaussian)",
        "Spurio Mancini et al. 2021, table 2 and figures 10 and 11",
        "some CPU-minutes; fewer by --set events=5",
        "zoo.microseismic.reproduce_location:table_2",
        {
            "events": Setting(
                20, "held-out events to locate", "ours; the paper locates one", unit="events", low=1, high=20
            ),
            "d18_events": Setting(
                3, "how many of them D18 locates, too", "ours: a minute each", unit="events", low=1, high=20
            ),
            "pick_sd_s": Setting(0.005, "error of each arrival, as an sd", "section 3.3", unit="s", low=1e-6),
        },
        quick={"events": 2, "d18_events": 1},
        cpu_s=480.0,
        data="synthetic: our marine earth, held-out events",
        claims="zoo.microseismic.claims:TABLE_2",
        figures=("microseismic-table-2-figure-10.png", "microseismic-table-2-figure-11.png"),
    ),
    "microseismic-event": Experiment(
        "The paper's own event: preprocessing, earth, traces, and its place by waveforms and by arrival times",
        "Spurio Mancini et al. 2021, figures 1, 7, 9, 10 and 11",
        "one simulation of a minute, and two CPU-minutes of locating",
        "zoo.microseismic.reproduce_event:paper_event",
        {"pick_sd_s": Setting(0.005, "error of each arrival, as an sd", "section 3.3", unit="s", low=1e-6)},
        cpu_s=200.0,
        data="synthetic: our marine earth, an event at the paper's place",
        claims="zoo.microseismic.claims:EVENT",
        figures=(
            "microseismic-event-figure-9.png",
            "microseismic-event-figure-10.png",
            "microseismic-event-figure-11.png",
        ),
    ),
}
