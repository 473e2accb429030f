"""
Do events gather on this map?
=============================

Maps of a day's epicentres, half of them with a burst: a residual network beside a scan with circles, which knows what
it looks for. **Synthetic**, of the network's own kind.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.seismicity import TASKS, draw_maps, poisson_scan

model = zoo.load("seismicity_resnet18")
maps = draw_maps(TASKS["medium"], 100, np.random.default_rng(2), with_past=False)
network = model.probabilities(maps["counts"][..., None])[:, 1]
scan = poisson_scan(maps["counts"])[0]
truth = maps["label"] == 1

# %%
# Two maps, and both scores of all maps:

figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for panel, wanted, title in ((panels[0], False, "background"), (panels[1], True, "with a burst")):
    one = int(np.flatnonzero(truth == wanted)[3])
    panel.imshow(maps["counts"][one], cmap="Greys", vmax=3, origin="lower")
    panel.set(title=f"{title}: probability {network[one]:.2f}", xlabel="x (pixels)", ylabel="y (pixels)")
    if wanted:
        panel.plot(maps["burst_column_px"][one], maps["burst_row_px"][one], "o", ms=22, mfc="none", mec="C3")
logit = np.log(network / (1 - network))
for wanted, label in ((False, "background"), (True, "burst")):
    panels[2].plot(scan[truth == wanted], logit[truth == wanted], "o", ms=4, label=label)
panels[2].set(xlabel="scan: log likelihood ratio", ylabel="network: log odds")
panels[2].legend(title="truth")
plt.show()

# %%
# Both scores rise together and tell most maps apart; a few bursts look like background to both. What the network adds
# shows on many more maps than these, in the table of the page on seismicity.
