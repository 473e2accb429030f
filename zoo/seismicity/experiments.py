"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

EXPERIMENTS = {
    "seismicity-grid": Experiment(
        "Validation loss over weight decay and learning rate, ResNet-18, -34 and -101 on seismicity maps",
        "Zhang & Yang, tables S1 to S6",
        "37 trainings of width 16 on 64,000 maps, minutes each; fewer by --set networks=18 maps=32000",
        "zoo.seismicity.reproduce:grid",
        {
            "networks": Setting([18, 34, 101], "depths of the networks", "tables S1 to S6", unit="layers"),
            "width": Setting(16, "channels of the first stage; 64 in the paper", "ours", unit="channels", low=1),
            "maps": Setting(64_000, "maps that a training sees", "ours", unit="maps", low=32),
        },
        trains=True,
    ),
    "seismicity-calibration": Experiment(
        "False alarms a year and bursts found, networks beside scan, boosting, largest pixel and event count",
        "ours: simulated regions of 50 to 400 events a day",
        "CPU-minutes for each network and for the baselines together; fewer by --set regions=2 bursts=50",
        "zoo.seismicity.reproduce_calibration:calibration",
        {
            "models": Setting(
                ["seismicity_resnet18.single", "seismicity_resnet18.history"], "models to measure", "ours"
            ),
            "regions": Setting(5, "simulated regions", "ours", unit="regions", low=1),
            "years": Setting(10.0, "simulated years in which false alarms are counted", "ours", unit="years", low=1),
            "bursts": Setting(200, "bursts planted of each size", "ours", unit="bursts", low=1),
            "past_windows": Setting(100, "windows that the past rate is counted in", "ours", unit="windows", low=1),
            "seed": Setting(0, "seed of the simulation", "ours", low=0),
        },
    ),
}
