"""What every model of crustal thickness has in common: units, checks, and how familiar a curve is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.crust.models.dispersion import CurvePerceptron, MixtureNetwork
from zoo.crust.posterior import QUADRATURE_POINTS
from zoo.errors import ZooError
from zoo.serving import ServedModel

# Velocities outside this range cannot be those of a Rayleigh wave in km/s.
_SLOWEST_KM_S, _FASTEST_KM_S = 0.2, 10.0
# If half of the errors are larger than this part of the velocity, their unit is wrong.
_LARGEST_RELATIVE_SD = 0.5
_CHUNK = 8192  # curves that a network is given at once
_ROUNDING = 1e-4  # of a relative sd: one that equals the largest but for rounding is not above it
_EDGE = 1e-4  # distance from the ends of the prior's range, as a part of it, at which logits are cut off
_FAMILIAR_PART = 0.999  # part of the training curves whose distance is at most 1
# A model that gives one number has its errors measured in this many bins of the answer.
_ERROR_BINS = 20
# Normal distributions that make up the heavy tails of those errors, where their fit begins, and how long it goes on.
_TAILS = 3
_FIRST_TAIL_SDS = (0.4, 2.0)
_TAIL_ITERATIONS = 200
_TINY = 1e-6  # least weight and variance in that fit


class CrustModel(ServedModel):
    """Phase velocities (n, F) in km/s at `frequency_hz` to crustal thickness (n, 1) in km; NaN is missing.

    A subclass says which network reads the curve: `make_network` builds `self.network`, which `fit` trains and which
    has a `CurveFeatures` called `features`.

    A model without frequencies is not yet made for a dataset: `configure` does that, once.

    Args:
        noise_relative: relative sd (white) of velocities whose error is not stated.
        frequency_hz: (F,), ascending.
        moho_range_km: (2,), lowest and highest thickness of the prior.
        depth_km: (D,), depths of the shear velocities, for a model that gives them.
    """

    answers = "crust.thickness"
    layout = "phase velocities in km/s, (n, frequencies), at the frequencies of the model"

    uses_error_bars = True
    """Whether stated errors of the velocities change the answer."""

    def __init__(
        self,
        noise_relative: float = 0.005,
        frequency_hz: Sequence[float] = (),
        moho_range_km: Sequence[float] = (),
        depth_km: Sequence[float] = (),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.noise_relative = noise_relative
        self.frequency_hz = self.moho_range_km = self.depth_km = np.zeros(0)
        if len(frequency_hz):
            self.configure(frequency_hz, moho_range_km, depth_km)

    def configure(
        self, frequency_hz: Sequence[float], moho_range_km: Sequence[float], depth_km: Sequence[float] = ()
    ) -> None:
        """Give the model frequencies and the prior's range, and create every weight.

        Args:
            frequency_hz: (F,), ascending.
            moho_range_km: (2,), lowest and highest thickness of the prior.
            depth_km: (D,), depths of the shear velocities, for a model that gives them.
        """
        self.frequency_hz = np.asarray(frequency_hz, np.float64)
        self.moho_range_km = np.asarray(moho_range_km, np.float64)
        self.depth_km = np.asarray(depth_km, np.float64)
        self.network = self.make_network()
        self.familiar_distance = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="familiar_distance"
        )
        self.add_own_weights()
        self.build(self.input_shape)

    def takes(self):
        return keras.InputSpec(shape=(None, len(self.frequency_hz)), dtype="float32")

    def make_network(self) -> keras.Model:
        """Return the built network of this method."""
        raise NotImplementedError

    def add_own_weights(self) -> None:
        """Create what else a subclass stores; frequencies and depths are known by then."""

    def posterior(self, phase_velocity_km_s, sd_km_s=None):
        """Return the distribution of the thickness.

        Args:
            phase_velocity_km_s: (n, F) at `frequency_hz`; NaN is missing. The answer for a curve without any velocity
                is NaN.
            sd_km_s: standard deviations, (n, F), (F,) or a number; None: `noise_relative`.

        Returns:
            A `zoo.crust.posterior.MohoPosterior`.

        Raises:
            ZooError: if there are not F velocities, or if what is given cannot be in km/s.
        """
        raise NotImplementedError

    def outputs(self, observed: np.ndarray) -> np.ndarray:
        """Return the network's outputs for any number of `observed` curves."""
        parts = [observed[i : i + _CHUNK] for i in range(0, len(observed), _CHUNK)]
        return np.concatenate([ops.convert_to_numpy(self.network(part)) for part in parts])

    def logit(self, moho_km):
        """Return ln((moho - low) / (high - moho)), a coordinate in which the prior's range has no ends."""
        low, high = (float(end) for end in self.moho_range_km)
        part = ops.clip((moho_km - low) / (high - low), _EDGE, 1 - _EDGE)
        return ops.log(part) - ops.log(1.0 - part)

    def observed(self, phase_velocity_km_s, sd_km_s=None, correlation: float = 0.0) -> np.ndarray:
        """Check a user's curves and return them as networks take them, (n, 2F + 1) float32.

        Args:
            phase_velocity_km_s, sd_km_s: as for `posterior`.
            correlation: correlation of the noise, see `MeasurementNoise`.
        """
        curves, relative_sd = self.check(phase_velocity_km_s, sd_km_s)
        column = np.full((len(curves), 1), correlation)
        return np.concatenate([curves, relative_sd, column], axis=1).astype(np.float32)

    def check(self, phase_velocity_km_s, sd_km_s=None) -> tuple[np.ndarray, np.ndarray]:
        """Return velocities in km/s and their relative sd, both (n, F) float64; see `posterior` for what is refused."""
        count = len(self.frequency_hz)
        if not count:
            raise ZooError("This model has no frequencies yet: train it, or load a checkpoint.")
        curves = np.asarray(phase_velocity_km_s, np.float64)
        if curves.ndim != 2 or curves.shape[1] != count:
            band = f"{1 / self.frequency_hz[-1]:.4g} to {1 / self.frequency_hz[0]:.4g} s"
            raise ZooError(
                f"Phase velocities have shape {curves.shape}; this model takes (n, {count}): one column for each "
                f"of its periods, {band} (model.frequency_hz, ascending). Interpolate to them; NaN is missing."
            )
        present = np.isfinite(curves)
        if (curves[present] < _SLOWEST_KM_S).any() or (curves[present] > _FASTEST_KM_S).any():
            low, high = curves[present].min(), curves[present].max()
            unit = " They look like m/s: divide by 1000." if high > 1000 else " Mark missing values with NaN."
            raise ZooError(f"Phase velocities run from {low:.4g} to {high:.4g}; expected km/s.{unit}")
        if sd_km_s is None:
            return curves, np.full(curves.shape, self.noise_relative)
        sd = np.asarray(sd_km_s, np.float64)
        if sd.shape not in (curves.shape, (count,), ()):
            raise ZooError(
                f"Standard deviations have shape {sd.shape}; expected {curves.shape}, ({count},) or a number."
            )
        relative_sd = np.broadcast_to(sd, curves.shape) / np.where(present, curves, 1.0)
        stated = relative_sd[present]
        if not (np.isfinite(stated) & (stated >= 0)).all():
            raise ZooError("Some velocities have no standard deviation, or a negative one; give each one in km/s.")
        if len(stated) and np.median(stated) > _LARGEST_RELATIVE_SD:
            raise ZooError(
                f"Half of the standard deviations exceed {_LARGEST_RELATIVE_SD:.0%} of the velocity; expected km/s."
            )
        return curves, np.where(present, relative_sd, self.noise_relative)

    def unfamiliarity(self, phase_velocity_km_s, sd_km_s=None) -> np.ndarray:
        """Return how far curves lie from the training curves, (n,): more than 1 is out of distribution.

        That is the Mahalanobis distance of what is measured, over the distance that 0.1 % of the training curves exceed
        with noise of `noise_relative` (smaller errors count as that). It is NaN for a curve without any velocity.
        Arguments and errors are those of `posterior`.
        """
        distance = self.distance(*self.check(phase_velocity_km_s, sd_km_s))
        return distance / float(self.familiar_distance)

    def distance(self, curves: np.ndarray, relative_sd: np.ndarray) -> np.ndarray:
        """Return the Mahalanobis distance (n,) of curves, as if all periods had been measured.

        Args:
            curves: (n, F), km/s, NaN where missing.
            relative_sd: (n, F).
        """
        from scipy.stats import chi2

        features = self.network.features
        mean = ops.convert_to_numpy(features.mean).astype(np.float64)
        covariance = ops.convert_to_numpy(features.covariance).astype(np.float64)
        distance = np.empty(len(curves))
        for start in range(0, len(curves), _CHUNK):
            rows = slice(start, start + _CHUNK)
            present = np.isfinite(curves[rows])
            residual = np.where(present, curves[rows] - mean, 0.0)
            noise = np.maximum(relative_sd[rows], self.noise_relative) * mean
            # A missing period gets a row and a column of the identity and no residual: it drops out.
            both = present[:, :, None] & present[:, None, :]
            matrix = np.where(both, covariance, 0.0)
            diagonal = np.arange(len(mean))
            matrix[:, diagonal, diagonal] += np.where(present, noise**2, 1.0)
            squared = (residual * np.linalg.solve(matrix, residual[..., None])[..., 0]).sum(axis=-1)
            # With fewer periods distances are shorter: scale to the same tail probability with all periods.
            periods = present.sum(axis=1)
            scale = chi2.ppf(_FAMILIAR_PART, len(mean)) / chi2.ppf(_FAMILIAR_PART, np.maximum(periods, 1))
            distance[rows] = np.sqrt(np.where(periods > 0, squared * scale, np.nan))
        return distance

    def get_config(self):
        config = {"name": self.name, "noise_relative": self.noise_relative}
        for key in ("frequency_hz", "moho_range_km", "depth_km"):
            config[key] = getattr(self, key).tolist()
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class MixtureCrustModel(CrustModel):
    """A crust model whose network gives a mixture of normal distributions of the logit of the thickness.

    Args:
        width, blocks, components: arguments of its `MixtureNetwork`.
        noise: arguments of `MeasurementNoise`, from which training draws.
        **crust: arguments of `CrustModel`.
    """

    def __init__(self, width: int = 160, blocks: int = 3, components: int = 8, noise: dict | None = None, **crust):
        self.width, self.blocks, self.components = width, blocks, components
        self.noise = dict(noise or {})
        super().__init__(**crust)

    @property
    def dimensions(self) -> int:
        """How many numbers the mixture is a distribution of; the first is the logit of the thickness."""
        return 1

    def make_network(self) -> MixtureNetwork:
        noise = {**self.noise, "default": self.noise_relative, "frequency_hz": self.frequency_hz.tolist()}
        network = MixtureNetwork(noise, self.width, self.blocks, self.components, self.dimensions, name="network")
        network.build((None, len(self.frequency_hz)))
        return network

    def mixture(self, phase_velocity_km_s, sd_km_s, noise_correlation: float) -> list[np.ndarray]:
        """Return log weights (n, K), locations (n, K, d) and precision factors (n, K, d, d) of curves.

        An error below the smallest that training drew counts as that; a velocity whose error is above the largest is
        left out.

        Args:
            phase_velocity_km_s, sd_km_s: as for `posterior`.
            noise_correlation: correlation of the noise, see `MeasurementNoise`.
        """
        if not 0 <= noise_correlation < 1:
            raise ZooError(f"The correlation of the noise is {noise_correlation}; expected at least 0 and below 1.")
        observed = self.observed(phase_velocity_km_s, sd_km_s, noise_correlation)
        curves, relative_sd = np.split(observed[:, :-1], 2, axis=1)
        noise = self.network.noise
        curves[relative_sd > noise.highest * (1 + _ROUNDING)] = np.nan
        np.clip(relative_sd, noise.lowest, noise.highest, out=relative_sd)
        outputs = self.outputs(np.concatenate([curves, relative_sd, observed[:, -1:]], axis=1))
        return [ops.convert_to_numpy(part) for part in self.network.parameters(outputs)]

    def expected_km(self, log_weight, location, sd):
        """Return the mean (n, 1) in km of a mixture (n, K) of normal distributions of the logit."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_POINTS)
        low, high = (float(end) for end in self.moho_range_km)
        part = ops.sigmoid(location[..., None] + sd[..., None] * nodes.astype(np.float32))
        mean = ops.matmul(part, (weights / weights.sum()).astype(np.float32))
        return low + (high - low) * ops.sum(ops.exp(log_weight) * mean, axis=-1, keepdims=True)

    def get_config(self):
        own = {"width": self.width, "blocks": self.blocks, "components": self.components, "noise": self.noise}
        return {**super().get_config(), **own}


class PointCrustModel(CrustModel):
    """A crust model whose network gives one number, the thickness as a part of the prior's range.

    Its errors are measured on held-out curves with noise of `noise_relative`, as a function of its answer; error bars
    that a user states do not change them. Its answer for a curve with a missing period is NaN.

    Args:
        units: units of each hidden layer.
        **crust: arguments of `CrustModel`.
    """

    uses_error_bars = False

    def __init__(self, units: Sequence[int] = (200,), **crust):
        self.units = tuple(int(unit) for unit in units)
        super().__init__(**crust)

    def make_network(self) -> CurvePerceptron:
        network = CurvePerceptron(self.units, self.frequency_hz.tolist(), self.noise_relative, name="network")
        network.build((None, len(self.frequency_hz)))
        return network

    def add_own_weights(self) -> None:
        # Logit of the answer, and mean and sd of the logit of the truth there.
        self.errors = self.add_weight(shape=(3, _ERROR_BINS), initializer="zeros", trainable=False, name="errors")
        # Errors over their sd are a mixture of normal distributions: its log weights and sds.
        self.tails = self.add_weight(shape=(2, _TAILS), initializer="zeros", trainable=False, name="tails")

    def call(self, phase_velocity_km_s):
        low, high = (float(end) for end in self.moho_range_km)
        return low + (high - low) * self.network(phase_velocity_km_s)

    def codes(self, phase_velocity_km_s: np.ndarray, layers: int) -> np.ndarray:
        """Return what the first `layers` hidden layers make of any number of curves, (n, units)."""
        parts = [phase_velocity_km_s[i : i + _CHUNK] for i in range(0, len(phase_velocity_km_s), _CHUNK)]
        return np.concatenate([ops.convert_to_numpy(self.network.code(part, layers)) for part in parts])

    def measure_errors(self, phase_velocity_km_s: np.ndarray, moho_km: np.ndarray) -> None:
        """Learn the errors from noisy held-out curves (n, F) of known thickness (n,)."""
        answer = ops.convert_to_numpy(self.logit(self.answers_km(phase_velocity_km_s)))
        truth = ops.convert_to_numpy(self.logit(moho_km))
        order = np.array_split(np.argsort(answer), _ERROR_BINS)
        means = [[part[rows].mean() for rows in order] for part in (answer, truth)]
        self.errors.assign([*means, [truth[rows].std() for rows in order]])
        location, scale = self.error_of(answer)
        self.tails.assign(_fit_tails((truth - location) / scale))

    def error_of(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd, (n,) each, of the logit of the truth, given that of the answer (n,)."""
        nodes, mean, sd = ops.convert_to_numpy(self.errors)
        # Beyond the outermost bins the offset stays as it is in them.
        beyond = answer - np.clip(answer, nodes[0], nodes[-1])
        return np.interp(answer, nodes, mean) + beyond, np.interp(answer, nodes, sd)

    def answers_km(self, phase_velocity_km_s: np.ndarray) -> np.ndarray:
        """Return the network's thickness (n,) in km for any number of curves (n, F)."""
        low, high = self.moho_range_km
        return low + (high - low) * self.outputs(np.asarray(phase_velocity_km_s, np.float32))[:, 0]

    def posterior(self, phase_velocity_km_s, sd_km_s=None):
        from zoo.crust.posterior import MohoPosterior

        if sd_km_s is not None:
            warnings.warn(
                f"{self.name} takes no error bars: its answer is for {self.noise_relative:.2%} of white noise. "
                "Use mdn_crust, which takes them.",
                stacklevel=2,
            )
        curves, _ = self.check(phase_velocity_km_s, sd_km_s)
        answer = ops.convert_to_numpy(self.logit(self.answers_km(curves)))
        location, scale = self.error_of(answer)
        log_weight, factor = ops.convert_to_numpy(self.tails)
        location = np.tile(location[:, None], _TAILS)
        return MohoPosterior(
            np.tile(log_weight, (len(answer), 1)), location, scale[:, None] * factor, self.moho_range_km
        )

    def get_config(self):
        return {**super().get_config(), "units": list(self.units)}


def _fit_tails(errors: np.ndarray) -> np.ndarray:
    """Fit a mixture of normal distributions about zero to errors (n,); return ln weights and sds (2, K)."""
    weight, sd = np.full(_TAILS, 1 / _TAILS), np.geomspace(*_FIRST_TAIL_SDS, _TAILS)
    for _ in range(_TAIL_ITERATIONS):  # expectation and maximisation
        share = weight / sd * np.exp(-0.5 * (errors[:, None] / sd) ** 2)
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-30)  # an error far outside all has no share
        weight = np.maximum(share.mean(axis=0), _TINY)
        sd = np.sqrt(np.maximum((share * errors[:, None] ** 2).mean(axis=0) / weight, _TINY))
    return np.stack([np.log(weight / weight.sum()), sd])
