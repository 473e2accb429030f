"""
How many earthquakes does a picker miss?
========================================

Twenty minutes of a **synthetic** station with known earthquakes, from weak to strong: what is found at which threshold.
"""

import matplotlib.pyplot as plt
import numpy as np
from obspy import Stream, Trace, UTCDateTime

from zoo.seismograms import classify
from zoo.seismograms.physics.days import continuous

record, planted = continuous(20, 30, seed=2, snr=(1.5, 40.0))
start = UTCDateTime(2021, 1, 1)
header = {"network": "XX", "station": "SYN", "starttime": start, "sampling_rate": 100.0}
stream = Stream([Trace(part, {**header, "channel": f"HH{name}"}) for name, part in zip("ZNE", record, strict=True)])
picks = classify(stream, "phase_picker", false_per_hour=10)

# %%
# Each true P by its signal-to-noise ratio, found (within 0.5 s) or not:

found_s = np.array([pick.time - start for pick in picks.select(phase="P")])
true_s = np.array([event.p_sample / 100 for event in planted])
snr = np.array([event.snr for event in planted])
missed_s = np.abs(found_s[None] - true_s[:, None]).min(axis=1)
figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5), layout="constrained")
above.plot(np.arange(record.shape[1]) / 100, record[0], "k", lw=0.3)
above.plot(found_s, np.full(len(found_s), record[0].min()), "C0^", label="P picks")
above.set(xlabel="time (s)", ylabel="vertical (counts)")
above.legend(loc="upper right")
right = missed_s <= 0.5
below.semilogx(snr[right], missed_s[right], "C0o", label="found")
below.semilogx(snr[~right], np.full((~right).sum(), 0.55), "C3x", label="not found")
below.set(xlabel="signal-to-noise ratio", ylabel="error of P (s)", ylim=(-0.02, 0.6))
below.legend()
plt.show()

print(f"{right.sum()} of {len(planted)} found; {len(found_s) - right.sum()} other P picks")

# %%
# Most arrivals are picked to a few hundredths of a second, weak ones too. All that are missed begin in the waves of
# another event some seconds before, whatever their strength.
