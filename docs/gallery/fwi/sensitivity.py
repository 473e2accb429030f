"""
Where does a trace look?
========================

The gradient of a misfit by the velocities says which places a change of the trace is blamed on. **Synthetic**: one
source, one receiver, in a model whose velocity grows with depth.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.fwi import Propagator, ricker

shape, spacing_m, time_step_s = (60, 160), 15.0, 0.002
velocity_m_s = np.repeat(np.linspace(1800, 3600, shape[0])[:, None], shape[1], axis=1).astype(np.float32)
source, receiver = np.array([[2, 20]]), np.array([[2, 140]])
waves = Propagator(shape, spacing_m, time_step_s, receiver, reference_m_s=3600.0)

panels_of = {}
for hertz in (4.0, 10.0):
    wavelet = ricker(hertz, time_step_s, 800)[None]
    trace = waves.traces(velocity_m_s, wavelet, source)
    # A misfit whose residual is the trace's own derivative: a small shift of it in time.
    shift = np.gradient(trace, axis=1)
    panels_of[f"{hertz:g} Hz"], _ = waves.gradient(velocity_m_s, wavelet, source, shift)

# %%
# The kernels at two frequencies:

figure, panels = plt.subplots(2, 1, sharex=True, figsize=(7, 5.4), layout="constrained")
for panel, (title, kernel) in zip(panels, panels_of.items(), strict=True):
    limit = np.percentile(np.abs(kernel), 98)
    panel.imshow(kernel, extent=(0, 2.4, 0.9, 0), cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    panel.plot([0.3], [0.03], "k*", ms=12)
    panel.plot([2.1], [0.03], "kv", ms=9)
    panel.set(title=title, ylabel="depth (km)")
panels[-1].set_xlabel("distance (km)")
plt.show()

# %%
# The trace looks along the diving ray, in a band that narrows with frequency, and not at the ray itself alone: the
# "banana". Low frequencies tell smooth structure first, so an inversion begins with them.
