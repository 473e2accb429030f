"""The experiments of the papers that `zoo reproduce` repeats, as a table: what each is, its cost, its settings."""

from __future__ import annotations

from zoo.settings import Setting
from zoo.training.experiment import Experiment

EXPERIMENTS = {
    "seismicity-grid": Experiment(
        "Validation loss over weight decay and learning rate, ResNet-18, -34 and -101 on seismicity maps",
        "Zhang & Yang, tables S1 to S6",
        "34 trainings for 37 cells, of width 16, on at most 32,000 maps: CPU-hours, most for ResNet-101; goes on "
        "after an interruption; fewer by --set networks=18",
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
            "maps": Setting(32_000, "maps that a training sees, unless it stops early", "ours", unit="maps", low=32),
        },
        quick={"networks": [18], "width": 4, "maps": 128},
        trains=True,
        cpu_s=30_000.0,
        data="synthetic: seismicity_maps/figure_s1",
        claims="zoo.seismicity.claims:GRID",
        figures=("seismicity-grid.png",),
    ),
    "seismicity-figures": Experiment(
        "Scattered and concentrated maps, and a movie of a region's maps over time",
        "Zhang & Yang, figure S1 and movie S1 (ours of a simulated catalogue)",
        "a CPU-minute or two",
        "zoo.seismicity.reproduce:figures",
        {
            "maps": Setting(4, "maps of each kind that are drawn", "ours", unit="maps", low=1),
            "seed": Setting(0, "seed of maps and catalogue", "ours", low=0),
        },
        quick={"maps": 2},
        cpu_s=90.0,
        data="synthetic: maps of the task figure_s1, the demo's catalogue",
        claims="zoo.seismicity.claims:FIGURES",
        figures=("figure-S1.png",),
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
        cpu_s=1_500.0,
        data="synthetic: simulated regions",
        no_claims="ours: the paper counts no false alarms",
        figures=("calibration.png",),
    ),
}
