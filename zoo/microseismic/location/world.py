"""How far the world may differ from the one that an emulator was trained in: what is unknown, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from zoo.errors import ZooError

# The origin time of a detector or a catalogue is accurate to a few tenths of a second. A wider range moves more of the
# pulses out of the window: the emulated traces end 2 s after the origin.
UNKNOWN_ORIGIN_TIME_S = (-0.5, 0.5)


@dataclass(frozen=True)
class World:
    """Errors of the world, each a standard deviation, and what else is not known of an event.

    Attributes:
        velocity_error: of the travel time to each receiver, as a share of it; and, once more, of all travel times
            together. 0.02 is what a well log and a layered model are good for.
        clock_error_s: of each receiver's clock, s.
        gain_error: of each receiver's gain and of the amplitude that the earth gives it, as a share of it.
        strength_known: True: the event is as strong as those that the emulator was trained on (1 m3 of injected volume
            for `marine`). False: any strength is possible.
        pulse_known: True: the source's pulse is the emulator's. False: it may be shorter or longer.
        origin_time_s: earliest and latest origin time after the first sample; None: it is the first sample.

    Raises:
        ZooError: a value is impossible.

    >>> World().velocity_error, World.as_simulated().velocity_error
    (0.02, 0.0)
    """

    velocity_error: float = 0.02
    clock_error_s: float = 0.001
    gain_error: float = 0.1
    strength_known: bool = False
    pulse_known: bool = False
    origin_time_s: tuple[float, float] | None = UNKNOWN_ORIGIN_TIME_S

    def __post_init__(self) -> None:
        for name, highest in (("velocity_error", 0.2), ("clock_error_s", 0.1), ("gain_error", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
                raise ZooError(f"{name} is {value!r}; expected a number from 0 to {highest:g}.")

    @classmethod
    def as_simulated(cls, origin_time_s: tuple[float, float] | None = None) -> World:
        """Return the emulator's own world, in which nothing but the noise and the emulator's error is unknown."""
        return cls(0.0, 0.0, 0.0, True, True, origin_time_s)

    @property
    def is_as_simulated(self) -> bool:
        """True if only the origin time may be unknown."""
        return self == World.as_simulated(self.origin_time_s)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of what is sampled, coordinates first."""
        unknown = {
            "origin_time_s": self.origin_time_s is not None,
            "log_strength": not self.strength_known,
            "slowness_change": self.velocity_error > 0,
        }
        return ("x_km", "y_km", "z_km", *(name for name, sampled in unknown.items() if sampled))

    def described(self, of_source: bool = True) -> str:
        """Return the errors in words; `of_source`: strength and pulse, too.

        >>> World.as_simulated().described(of_source=False)
        'The earth, the clocks and the gains are taken as simulated.'
        """
        errors = self.velocity_error or self.clock_error_s or self.gain_error
        if self.is_as_simulated if of_source else not errors:
            every = "the clocks, the gains, the pulse and the strength" if of_source else "the clocks and the gains"
            return f"The earth, {every} are taken as simulated."
        words = [
            f"travel times {100 * self.velocity_error:g} %",
            f"clocks {1000 * self.clock_error_s:g} ms",
            f"gains {100 * self.gain_error:g} %",
        ]
        if of_source:
            words.append(f"strength {'as simulated' if self.strength_known else 'unknown'}")
            words.append(f"pulse {'as simulated' if self.pulse_known else 'unknown'}")
        return f"Errors of the world (standard deviations): {', '.join(words)}."


def within_record(world: World, model: Any) -> World:
    """Return the world with its range of origin times as two numbers.

    Args:
        world: errors of the world.
        model: emulator, whose traces last `samples` times `time_step_s`.

    Raises:
        ZooError: the range is not one, or does not fit the traces.
    """
    if world.origin_time_s is None:
        return world
    duration_s = (model.samples - 1) * model.time_step_s
    try:
        earliest, latest = (float(time) for time in world.origin_time_s)
    except (TypeError, ValueError) as error:
        raise ZooError(
            f"origin_time_s is {world.origin_time_s!r}; expected two numbers, earliest and latest in s."
        ) from error
    if not -duration_s < earliest < latest < duration_s:
        raise ZooError(
            f"The origin time is between {earliest:g} and {latest:g} s; expected earliest < latest, both less "
            f"than the {duration_s:g} s of the emulated traces away from the first sample."
        )
    return replace(world, origin_time_s=(earliest, latest))
