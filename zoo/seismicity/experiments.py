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
            "networks": Setting([18, 34, 101], "depths of the networks", "tables S1 to S6", unit="layers", low=18),
            "width": Setting(
                16,
                "channels of the first stage",
                "ours: 64, the reference's, costs 16 times as much",
                unit="channels",
                low=1,
            ),
            "maps": Setting(64_000, "maps that a training sees", "ours", unit="maps", low=32),
        },
        quick={"networks": [18], "width": 4, "maps": 128},
        trains=True,
    ),
    "seismicity-calibration": Experiment(
        "False alarms a year and bursts found, networks beside scan, boosting, largest pixel and event count",
        "ours: simulated regions of 50 to 400 events a day",
        "CPU-minutes for each network and for the baselines together; fewer by --set regions=2 bursts=50",
        "zoo.seismicity.reproduce_calibration:calibration",
        {
            "models": Setting(
                ["seismicity_resnet18.single", "seismicity_resnet18.history"],
                "names of networks to measure beside the baselines; may be empty",
                "ours: the cheapest network of each kind",
            ),
            "regions": Setting(
                5, "simulated regions, of rates from 50 to 400 events a day", "ours", unit="regions", low=1
            ),
            "years": Setting(
                10.0,
                "simulated years to set a threshold on, and as many others to count false alarms in",
                "ours",
                unit="years",
                low=1,
            ),
            "bursts": Setting(200, "bursts planted of each size and width", "ours", unit="bursts", low=1),
            "past_windows": Setting(
                100, "windows of the past from which the background is estimated", "ours", unit="windows", low=1
            ),
            "seed": Setting(0, "seed of the simulation, and of gradient boosting", "ours", low=0),
        },
        quick={"regions": 2, "years": 1.0, "bursts": 20},
    ),
}
