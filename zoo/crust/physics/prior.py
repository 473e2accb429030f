"""Random Earths around PREM: the prior of the datasets of dispersion curves.

Source: de Wit, Kaeufl, Valentine & Trampert 2014, Phys. Earth Planet. Inter. 237, tables A.1 to A.4, with the Moho
between 20 and 100 km as in Cheng et al. (2019). The topmost knot of a region departs from PREM by a uniform draw; each
knot below has the value above it plus PREM's increment, times one plus a small departure. Mass and moment of inertia
must be the Earth's: 3 % of the draws fit.

An example depends on its seed and number alone, whatever else is drawn. Under a sea, depths and the thickness of the
crust count from its floor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.crust.physics import prior_kernels as kernels
from zoo.crust.physics import prior_tables as tables
from zoo.crust.physics.earth import COLUMNS, EarthModel
from zoo.crust.physics.rayleigh import check_frequencies
from zoo.crust.physics.rayleigh_kernels import work_arrays
from zoo.errors import UsageError, ZooError, did_you_mean

Range = tuple[float, float]
# Limits of a prior: depths go down to the first, the Moho is no shallower than the second, and sediment takes at most
# the third part of the thinnest crust, so that every layer has a thickness.
_DEEPEST_KM, _SHALLOWEST_MOHO_KM, _MOST_SEDIMENT = 150.0, 5.0, 0.6
_DEEPEST_SEA_KM = 11.0
_PARTS_SEED = 1_000_003  # added to a seed: the numbers that choose the part of a mixture are no part's own


@dataclass(frozen=True)
class CrustLayer:
    """A uniform layer of the crust, its properties drawn from ranges (low, high)."""

    vs_km_s: Range
    vp_km_s: Range | None
    """None: vp is vs times a draw from `vp_over_vs`."""
    density_g_cm3: Range
    share: Range = (1.0, 1.0)
    """Thickness as a part of the crust below the sediment; the lowest layer takes what is left."""
    vp_over_vs: Range = (1.65, 1.90)
    knots: int = 5


_UPPER_SHARE = 15.0 / 24.4  # as in PREM: neither paper says where the boundary goes when the Moho moves
_CHENG_LAYERS = (
    CrustLayer((3.1, 3.6), (5.6, 6.3), (2.6, 2.8), (_UPPER_SHARE, _UPPER_SHARE), knots=17),
    CrustLayer((3.6, 4.1), (6.4, 7.4), (2.8, 3.0), knots=11),
)
_CONTINENTAL_LAYERS = (
    CrustLayer((2.9, 3.7), None, (2.5, 2.8), (0.2, 0.45)),
    CrustLayer((3.1, 3.9), None, (2.65, 2.95), (0.2, 0.45)),
    CrustLayer((3.3, 4.2), None, (2.8, 3.1)),
)
_OCEANIC_LAYERS = (
    CrustLayer((2.2, 3.4), None, (2.4, 2.8), (0.2, 0.4), vp_over_vs=(1.75, 2.1)),
    CrustLayer((3.4, 4.1), None, (2.8, 3.05), vp_over_vs=(1.70, 1.90)),
)


@dataclass(frozen=True)
class EarthPrior:
    """A distribution of Earth models: ranges (low, high) of independent uniform draws.

    `EarthPrior.named("cheng2019")` is the paper's; `"continental"` has sediment and three crustal layers with wider,
    overlapping velocities (low-velocity zones occur), for periods below 20 s; `"basin"` thick sediment on the same;
    `"oceanic"` a sea on thin crust. `"global"` is a `MixedPrior` of the last three.

    >>> model, _ = EarthPrior.named("cheng2019").draw(seed=0, example=7)
    >>> bool(20 < model.moho_depth_km < 100)
    True
    """

    moho_km: Range = (20.0, 100.0)
    """Depth of the Moho below the top of the solid."""
    sediment_km: Range = (0.0, 0.0)
    """Thickness of the sediment; thin ones are likelier (the square of a uniform draw)."""
    flat_moho: bool = False
    """Draw each example's Moho once and the rest until mass and inertia fit, which otherwise favours thick crusts."""
    layers: tuple[CrustLayer, ...] = _CHENG_LAYERS
    """Layers of the crust below the sediment, from above."""
    sediment: CrustLayer = CrustLayer((1.0, 3.0), None, (1.9, 2.6), vp_over_vs=(1.7, 2.5), knots=2)
    sea_km: Range = (0.0, 0.0)
    """Depth of the sea; it needs a least one above 0."""
    sea: CrustLayer = CrustLayer((0.0, 0.0), (1.46, 1.54), (1.02, 1.05), knots=2)

    def __post_init__(self):
        for name, (low, high) in {"moho_km": self.moho_km, "sediment_km": self.sediment_km}.items():
            if not 0.0 <= low <= high <= _DEEPEST_KM:
                raise UsageError(f"{name} takes low:high in km, 0 to {_DEEPEST_KM:g}; received {low:g}:{high:g}.")
        if self.moho_km[0] < _SHALLOWEST_MOHO_KM or self.sediment_km[1] > _MOST_SEDIMENT * self.moho_km[0]:
            raise UsageError(
                f"The shallowest Moho must be at {_SHALLOWEST_MOHO_KM:g} km or deeper, and sediment at most "
                f"{_MOST_SEDIMENT:g} of that; received moho_km from {self.moho_km[0]:g} and sediment_km to "
                f"{self.sediment_km[1]:g}."
            )
        low, high = self.sea_km
        if not (0.0 < low <= high <= _DEEPEST_SEA_KM or low == high == 0.0):
            raise UsageError(f"sea_km takes low:high in km, above 0 to {_DEEPEST_SEA_KM:g}; received {low:g}:{high:g}.")

    @staticmethod
    def named(name: str) -> EarthPrior | MixedPrior:
        """Return a prior by name.

        Raises:
            UsageError: if there is none of that name.
        """
        if name not in PRIORS:
            raise UsageError(f"There is no prior {name!r}.{did_you_mean(name, PRIORS)}")
        return PRIORS[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values (JSON)."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> EarthPrior | MixedPrior:
        """Return the prior that `to_dict` described."""
        if "parts" in stored:
            return MixedPrior(tuple((name, float(share)) for name, share in stored["parts"]))

        def layer(values):
            return CrustLayer(**{k: tuple(v) if isinstance(v, list | tuple) else v for k, v in values.items()})

        values = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in stored.items()}
        values["layers"] = tuple(layer(v) for v in values["layers"])
        values |= {name: layer(values[name]) for name in ("sediment", "sea") if name in values}
        return cls(**values)

    @property
    def size(self) -> int:
        """Number of uniform draws that make a model."""
        return kernels.layout(len(self._layers)).size

    @property
    def knots(self) -> int:
        """Number of knots of a model."""
        return tables.MANTLE_KNOTS + sum(layer.knots for layer in self._layers)

    @property
    def _layers(self) -> tuple[CrustLayer, ...]:
        layers = (self.sediment, *self.layers) if self.sediment_km[1] > 0 else self.layers
        return (self.sea, *layers) if self.sea_km[1] > 0 else layers

    def table(self) -> np.ndarray:
        """Return the ranges as the kernels take them: a row of Moho, sediment and sea, then a row per layer.

        `prior_kernels` names the columns.
        """
        first = [*self.moho_km, *self.sediment_km, self.flat_moho, self.sediment_km[1] > 0]
        rows = [[*first, *self.sea_km, self.sea_km[1] > 0, 0.0]]
        for layer in self._layers:
            vp = layer.vp_over_vs if layer.vp_km_s is None else layer.vp_km_s
            rows.append(
                [*layer.vs_km_s, *vp, layer.vp_km_s is None, *layer.density_g_cm3, *layer.share, float(layer.knots)]
            )
        return np.array(rows, np.float64)

    def model(self, uniforms: np.ndarray) -> EarthModel | None:
        """Return the model that `size` uniform draws in [0, 1] make, None if its mass or inertia is not the Earth's.

        Raises:
            ZooError: if there are not `size` draws.
        """
        knots = np.empty((len(COLUMNS), self.knots))
        uniforms = np.ascontiguousarray(uniforms, np.float64)
        if uniforms.shape != (self.size,):
            raise ZooError(f"This prior takes {self.size} uniform draws; received shape {uniforms.shape}.")
        if not kernels.fill_density(uniforms, self.table(), knots):
            return None
        kernels.fill_rest(uniforms, self.table(), knots)
        return EarthModel(*knots, title="Earth drawn around PREM")

    def draw(self, seed: int, example: int) -> tuple[EarthModel, np.ndarray]:
        """Return example number `example` of a seed, and the uniform draws (size,) that made it."""
        uniforms = np.empty(self.size)
        knots = np.empty((len(COLUMNS), self.knots))
        kernels.draw_model(kernels.start(seed, example), self.table(), uniforms, knots)
        return EarthModel(*knots, title=f"Earth {example} of seed {seed}"), uniforms


@dataclass(frozen=True)
class MixedPrior:
    """A mixture of priors: each example is of one of them.

    >>> EarthPrior.named("global").moho_km
    (5.0, 80.0)
    """

    parts: tuple[tuple[str, float], ...]
    """Names of `EarthPrior`s, and their shares, which sum to one."""

    @property
    def moho_km(self) -> Range:
        """Least and largest depth of the Moho of all parts."""
        ranges = [PRIORS[name].moho_km for name, _ in self.parts]
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def part_of(self, seed: int, example: int) -> str:
        """Return the name of the part that an example is of."""
        u = kernels.next_uniform(kernels.start(seed + _PARTS_SEED, example))
        ends = np.cumsum([share for _, share in self.parts])
        return self.parts[min(int(np.searchsorted(ends, u, side="right")), len(self.parts) - 1)][0]

    def draw(self, seed: int, example: int) -> tuple[EarthModel, np.ndarray]:
        """Return what the part's `EarthPrior.draw` does."""
        return PRIORS[self.part_of(seed, example)].draw(seed, example)

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values (JSON), for `EarthPrior.from_dict`."""
        return {"moho_km": list(self.moho_km), "parts": [list(part) for part in self.parts]}


_CONTINENTAL = EarthPrior(moho_km=(15.0, 80.0), sediment_km=(0.0, 8.0), flat_moho=True, layers=_CONTINENTAL_LAYERS)
PRIORS: dict[str, Any] = {
    "cheng2019": EarthPrior(),
    "continental": _CONTINENTAL,
    "basin": dataclasses.replace(_CONTINENTAL, moho_km=(27.0, 55.0), sediment_km=(6.0, 16.0)),
    "oceanic": EarthPrior(
        moho_km=(5.0, 20.0),
        sediment_km=(0.0, 2.5),
        flat_moho=True,
        layers=_OCEANIC_LAYERS,
        sediment=CrustLayer((0.3, 1.2), (1.55, 2.3), (1.5, 2.1), knots=2),
        sea_km=(0.5, 6.5),
    ),
    "global": MixedPrior((("continental", 0.55), ("oceanic", 0.35), ("basin", 0.10))),
}


OTHER_WAVES = ("group_velocity_km_s", "love_phase_velocity_km_s", "love_group_velocity_km_s")
"""What `draw_dispersion` gives of all waves beside phase_velocity_km_s, in the order of the kernel."""


def draw_dispersion(
    prior: EarthPrior | MixedPrior,
    frequency_hz: np.ndarray,
    depth_km: np.ndarray,
    seed: int,
    first: int,
    count: int,
    all_waves: bool = False,
) -> dict[str, np.ndarray]:
    """Draw models and solve for their fundamental modes, without holding the interpreter's lock.

    Args:
        prior: what to draw from.
        frequency_hz: (F,), ascending.
        depth_km: (D,), where velocities are noted.
        seed: seed of the dataset.
        first, count: examples first to first + count - 1 are drawn.
        all_waves: Rayleigh group velocities, and phase and group velocities of Love waves as well.

    Returns:
        phase_velocity_km_s (count, F) of Rayleigh waves (with all_waves also group_velocity_km_s,
        love_phase_velocity_km_s and love_group_velocity_km_s), moho_depth_km (count,), vp_km_s and vs_km_s (count, D)
        (isotropic averages), all float32; failed (count,) int32: how many models without a root were drawn before.

    Raises:
        ZooError: if a frequency is out of range or they do not ascend, or no model has a root.
    """
    frequencies = check_frequencies(frequency_hz)
    if (np.diff(frequencies) <= 0).any():
        raise ZooError("Frequencies must ascend; sort them, and leave out those that occur twice.")
    depths = np.asarray(depth_km, np.float64)
    numbers = np.arange(first, first + count)
    curves = np.empty((count, len(frequencies)))
    moho = np.empty(count)
    vp, vs = np.empty((2, count, len(depths)))
    failed = np.empty(count, np.int32)
    others = np.empty((len(OTHER_WAVES), *(curves.shape if all_waves else (0, 0))))
    if isinstance(prior, MixedPrior):
        chosen = np.array([prior.part_of(seed, number) for number in numbers])
        groups = [(PRIORS[name], np.flatnonzero(chosen == name)) for name, _ in prior.parts]
    else:
        groups = [(prior, np.arange(count))]
    for part, rows in groups:
        scratch = kernels.Scratch(np.empty(part.size), np.empty((len(COLUMNS), part.knots)), work_arrays())
        n = len(rows)
        block = kernels.Block(
            np.empty((n, len(frequencies))),
            np.empty(n),
            *np.empty((2, n, len(depths))),
            np.empty(n, np.int32),
            np.empty((len(OTHER_WAVES), *((n, len(frequencies)) if all_waves else (0, 0)))),
        )
        kernels.draw_many(part.table(), frequencies, depths, seed, numbers[rows], scratch, block)
        for whole, drawn in zip((curves, moho, vp, vs, failed), block, strict=False):
            whole[rows] = drawn
        if all_waves:
            others[:, rows] = block.others
    if np.isnan(curves).any():
        raise ZooError(
            f"For example {first + int(np.argmax(np.isnan(curves).any(1)))} of this prior, none of "
            f"{kernels.MOST_DRAWS} draws has a fundamental mode at every frequency: narrow the prior or the band."
        )
    out = dict(zip(OTHER_WAVES, others, strict=True)) if all_waves else {}
    out |= {"phase_velocity_km_s": curves, "moho_depth_km": moho, "vp_km_s": vp, "vs_km_s": vs}
    return {**{key: value.astype(np.float32) for key, value in out.items()}, "failed": failed}
