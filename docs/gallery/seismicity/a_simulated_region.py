"""
What does ordinary seismicity look like?
========================================

Two **synthetic** catalogues with the same background: without aftershocks, and with those of an ETAS model, where every
event has its own.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.seismicity import Etas, simulate
from zoo.seismicity.physics.maps import rate_fields

rng = np.random.default_rng(3)
rate = 5 * rate_fields(1, (6.0, 12.0), (1.0, 1.0), rng)[0]  # five events a day on a map of 64 x 64 pixels
catalogues = {
    "background alone": simulate(rate, 200.0, rng),
    "with aftershocks": simulate(rate, 200.0, rng, etas=Etas()),
}

figure, panels = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
for column, (title, events) in enumerate(catalogues.items()):
    panels[0, column].scatter(events["x_px"], events["y_px"], s=1.5 ** events["magnitude"], alpha=0.5)
    panels[0, column].set(
        title=f"{title}: {len(events['time_days'])} events", xlim=(0, 64), ylim=(0, 64), aspect="equal"
    )
    panels[0, column].set(xlabel="x (pixels)", ylabel="y (pixels)")
    panels[1, column].hist(events["time_days"], np.arange(0, 201, 1))
    panels[1, column].set(xlabel="time (days)", ylabel="events a day")
plt.show()

# %%
# Days with many events are ordinary where events have aftershocks. A method that expects a Poisson process would call
# them anomalous: so windows are held against a fitted ETAS model.
