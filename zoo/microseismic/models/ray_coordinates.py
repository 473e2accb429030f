"""Components of velocity in the coordinates of the ray, which do not change with the azimuth of the source.

North and east of a geophone change sign with the azimuth, and vanish for some. Emulated is instead, for each receiver,
the vertical component, and the radial one (horizontally away from the source) divided by the sine of the straight
ray's angle with the vertical: straight above a source the radial component vanishes as that sine does, and the quotient
does not. Time and amplitude of both are those of the motion along the straight ray, whose first pulse is never small
and always points away from the source. Turning back is a product with the horizontal components of the straight ray's
direction, smooth everywhere. What is transverse to both is taken as zero, as it is of explosions in an earth that does
not change horizontally.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.microseismic.physics.components import GEOPHONE, PRESSURE, RECORDED

_OF_CHANNELS = {PRESSURE: (0,), GEOPHONE: (0, 1, 1)}
# Nearer to the vertical, the radial component is too small to have a shape.
_LEAST_SINE = 0.02


class RayCoordinates:
    """Which traces an emulator makes for each receiver, and what they become.

    Args:
        receivers: how many.
        recorded: "P", pressure: one trace for each; or "ZNE", velocity: two traces, three channels for each.

    Raises:
        ZooError: `recorded` is something else.

    >>> RayCoordinates(2, "ZNE").ray_of_channel.tolist()
    [0, 1, 1, 2, 3, 3]
    """

    def __init__(self, receivers: int, recorded: str = PRESSURE) -> None:
        if recorded not in RECORDED:
            raise ZooError(f"recorded is {recorded!r}; expected one of {', '.join(RECORDED)}.")
        self.receivers, self.recorded = receivers, recorded
        of_channels = _OF_CHANNELS[recorded]
        self.rays = max(of_channels) + 1
        """Traces that are emulated for a receiver."""
        self.channels = len(of_channels)
        """Channels of a receiver."""
        station = np.arange(receivers)[:, np.newaxis]
        self.ray_of_channel = (self.rays * station + np.array(of_channels)).ravel()
        self.station_of_ray = np.repeat(station.ravel(), self.rays)
        self.station_of_channel = np.repeat(station.ravel(), self.channels)
        self.component_of_channel = tuple(recorded) * receivers

    @property
    def turns(self) -> bool:
        """Whether channels differ from emulated traces."""
        return self.recorded != PRESSURE

    def factors(self, offset_km, distance_km):
        """Return what each channel's ray trace is multiplied by, (n, channels).

        Args:
            offset_km: (n, receivers, 3) of sources from receivers.
            distance_km: (n, receivers).
        """
        north, east = (-offset_km[..., axis] / distance_km for axis in (1, 0))
        return ops.reshape(ops.stack([ops.ones_like(north), north, east], axis=-1), (-1, 3 * self.receivers))

    def rays_of(
        self, traces: np.ndarray, offset_km: np.ndarray, distance_km: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is emulated of recorded traces.

        Args:
            traces: (n, channels, time).
            offset_km, distance_km: as in `factors`.

        Returns:
            (n, rays, time) traces; (n, receivers, time) motion along the straight ray, whose peak tells time and
            amplitude; (n, rays) how much of each trace is heard: 1, and the sine for the radial one.
        """
        if not self.turns:
            return traces, traces, np.ones(traces.shape[:2])
        direction = -np.asarray(offset_km, np.float64) / np.asarray(distance_km)[..., np.newaxis]
        up, north, east = (traces[:, k :: self.channels] for k in range(3))
        east_part, north_part, up_part = (direction[..., axis, np.newaxis] for axis in range(3))
        horizontal = north * north_part + east * east_part
        sine = np.sqrt(direction[..., 0] ** 2 + direction[..., 1] ** 2)
        radial = horizontal / np.maximum(sine, _LEAST_SINE)[..., np.newaxis] ** 2
        for receiver in range(self.receivers):  # where it has no shape, that of the nearest source that has one
            bad = np.flatnonzero(sine[:, receiver] < _LEAST_SINE)
            good = np.flatnonzero(sine[:, receiver] >= _LEAST_SINE)
            for event in bad if good.size else ():
                away = np.linalg.norm(offset_km[good, receiver] - offset_km[event, receiver], axis=-1)
                radial[event, receiver] = radial[good[away.argmin()], receiver]
        rays = np.stack([up, radial], axis=2).reshape(len(traces), -1, traces.shape[-1])
        heard = np.stack([np.ones_like(sine), sine], axis=2).reshape(len(traces), -1)
        return rays, up * up_part + horizontal, heard
