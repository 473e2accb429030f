"""What kind of synthetic seismograms are wanted: sizes, categories, ranges, shares."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ZooError

CATEGORIES = ("earthquake", "explosion", "noise")
_SHORTEST_S = 5.0
WINDOWS = {
    "p": "P anywhere from 3 s (or an eighth of the window) on, with S inside where it fits",
    "early": "P in the first third, as in LEN-DB's windows when they are shifted",
    "anywhere": "P anywhere",
    "origin": "begins 1 s after to 22.5 s before the origin time, as Kong et al. (2021) cut explosions; P inside",
}
"""How windows are cut. P lies at least 1.3 s inside, so that a second may be cut off at either end."""


@dataclass(frozen=True)
class SeismogramModel:
    """What kind of records to make; every range is (low, high)."""

    samples: int = 6000
    sampling_rate_hz: float = 100.0
    kinds: tuple[str, ...] = ("earthquake",)
    """Categories that take turns: example i is of kind i modulo their number."""
    s_minus_p_s: tuple[float, float] = (0.25, 25.0)
    """Log-uniform: dense at the short end. Sources deeper than the distance this implies are moved up."""
    depth_km: tuple[float, float] = (0.3, 35.0)
    """Depths of earthquakes; explosions lie above 0.25 km."""
    snr_floor: float = 3.0
    """Amplitude of the first second of P over noise, in the best of three bands."""
    snr_excess: float = 0.65
    """Mean magnitude above the smallest that reaches the floor (exponential)."""
    window: str = "p"
    """How windows are cut: a key of `WINDOWS`."""
    second_event_share: float = 0.05
    """Share of events with another one in the window."""
    vertical_only_share: float = 0.10
    """Share of records whose horizontals are both zero; a third as many again have one dead component."""
    disturbed_share: float = 0.4
    """Share of records with traffic, footsteps or machines in the noise."""
    faulty_share: float = 0.03
    """Share of records with a fault of the recorder."""

    def __post_init__(self):
        if not 20 <= self.sampling_rate_hz <= 500 or self.samples < _SHORTEST_S * self.sampling_rate_hz:
            raise ZooError(
                f"A seismogram has {_SHORTEST_S:g} s or more at 20 to 500 Hz; received {self.samples} samples at "
                f"{self.sampling_rate_hz:g} Hz. For a lower rate, make a higher one and use zoo.seismograms.resample."
            )
        if not self.kinds or not set(self.kinds) <= set(CATEGORIES):
            raise ZooError(f"Kinds are {', '.join(CATEGORIES)}; received {', '.join(self.kinds) or 'none'}.")
        if self.window not in WINDOWS:
            raise ZooError(f"Windows are {', '.join(WINDOWS)}; received {self.window!r}.")
        for name in ("s_minus_p_s", "depth_km"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ZooError(f"{name} takes two positive numbers, low and high; received {low:g} and {high:g}.")
