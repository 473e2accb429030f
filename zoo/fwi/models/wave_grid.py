"""What the wave layers have in common: a velocity grid as weight, receivers, an absorber; checked."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.acoustic import check_stability
from zoo.fwi.physics.acoustic_density import checked_density
from zoo.fwi.physics.acoustic_positions import check_below_surface, check_positions


@keras.saving.register_keras_serializable(package="zoo")
class VelocityBounds(keras.constraints.Constraint):
    """Keeps velocities between a lowest and a highest value in m/s."""

    def __init__(self, lowest_m_s: float, highest_m_s: float):
        self.lowest_m_s, self.highest_m_s = float(lowest_m_s), float(highest_m_s)

    def __call__(self, velocity_m_s):
        return ops.clip(velocity_m_s, self.lowest_m_s, self.highest_m_s)

    def get_config(self):
        return {"lowest_m_s": self.lowest_m_s, "highest_m_s": self.highest_m_s}


class WaveGrid(keras.layers.Layer):
    """The base of `WaveRNN` and `FDRNNCell`, which explain its arguments. `velocity` (Z, X) is its only weight."""

    def __init__(
        self,
        velocity_m_s: np.ndarray,
        spacing_m: float,
        time_step_s: float,
        receivers: Sequence[Sequence[float]],
        order: int = 4,
        absorber: str = "cpml",
        width: int = 14,
        free_surface: bool = False,
        bounds: tuple[float, float] | None = None,
        reference_m_s: float | None = None,
        density: np.ndarray | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice("absorber", absorber, ("cpml", "sponge"))
        start = np.asarray(velocity_m_s, "float32")
        if start.ndim != 2 or not np.isfinite(start).all() or start.min() <= 0:
            raise ZooError(f"Velocities are a grid (Z, X) of positive numbers in m/s; received {_about(start)}.")
        self.bounds = None if bounds is None else (float(bounds[0]), float(bounds[1]))
        if self.bounds and not (0 < self.bounds[0] <= start.min() and start.max() <= self.bounds[1]):
            raise ZooError(
                f"Velocities of {start.min():.0f} to {start.max():.0f} m/s are not within the bounds of "
                f"{self.bounds[0]:.0f} to {self.bounds[1]:.0f} m/s. Widen the bounds or clip the model."
            )
        fastest_m_s = self.bounds[1] if self.bounds else float(start.max())
        check_stability(fastest_m_s, spacing_m, time_step_s, order, dimensions=1 if start.shape[1] == 1 else 2)
        self.spacing_m, self.time_step_s = float(spacing_m), float(time_step_s)
        self.receivers = check_positions(receivers, start.shape, "receiver")
        if free_surface:
            check_below_surface(self.receivers, "receiver")
        self.order, self.absorber, self.width, self.free_surface = order, absorber, width, free_surface
        self.reference_m_s = float(reference_m_s or fastest_m_s)
        self.slowest_m_s = float(start.min())
        self.density = None if density is None else checked_density(density, start.shape)
        self.velocity = self.add_weight(
            shape=start.shape,
            initializer=keras.initializers.Constant(start),
            constraint=VelocityBounds(*self.bounds) if self.bounds else None,
            name="velocity_m_s",
        )

    def get_config(self):
        """Return the arguments; in place of the velocities, which are a weight, their shape."""
        return {
            **super().get_config(),
            "velocity_m_s": tuple(self.velocity.shape),
            "spacing_m": self.spacing_m,
            "time_step_s": self.time_step_s,
            "receivers": self.receivers.tolist(),
            "order": self.order,
            "absorber": self.absorber,
            "width": self.width,
            "free_surface": self.free_surface,
            "bounds": self.bounds,
            "reference_m_s": self.reference_m_s,
            "density": None if self.density is None else self.density.tolist(),
        }

    @classmethod
    def from_config(cls, config):
        """Return a layer of constant velocity: the true velocities are a weight, which is loaded later."""
        config = dict(config)
        constant_m_s = min(config["reference_m_s"], (config.get("bounds") or [np.inf])[-1])
        return cls(np.full(config.pop("velocity_m_s"), constant_m_s, "float32"), **config)


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a value that is not a known one (UsageError)."""
    if value not in known:
        raise UsageError(f"{name} is one of {', '.join(known)}; received {value!r}.")


def _about(values: np.ndarray) -> str:
    if not values.size or not np.isfinite(values).all():
        return f"shape {values.shape} with {int((~np.isfinite(values)).sum())} values that are not finite"
    return f"shape {values.shape} with values of {values.min():g} to {values.max():g}"
