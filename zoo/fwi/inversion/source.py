"""The wavelet, or its amplitude, solved for while the model is inverted: it is linear, so each model has a best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.fwi.inversion.streaming import spread_shots, stretches
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.inversion.wavelet import best_wavelet, fading, levelled
from zoo.fwi.physics import acoustic

if TYPE_CHECKING:
    from zoo.fwi.models.inversion import WaveInversion

# With less correlation than this between prediction and data their scale is that of their energies: the best one of
# least squares would be next to nothing.
_LEAST_CORRELATION = 0.1


@dataclass(frozen=True)
class SourceSolver:
    """Solves for the wavelet of a survey in the model as it is.

    Attributes:
        peak_hz: peak of the Ricker wavelet that the wavelet is sought around; None: its shape is known and its
            amplitude sought.
        per_shot: one for each shot, or one for all.
        per_trace: amplitudes of traces are not trusted: where the amplitude is sought they count alike, where the
            wavelet is, each as large as the model predicts it.
        counts: (S, R) what traces count where the wavelet is sought (`zoo.fwi.inversion.wavelet.nearness`).
    """

    peak_hz: float | None
    per_shot: bool = False
    per_trace: bool = False
    counts: np.ndarray | None = None

    def solved(self, model: WaveInversion, survey: Survey) -> np.ndarray:
        """Return the wavelet (S, T) float32 that explains a survey's weighted data best in the model.

        Where traces are read when they are needed, one for all shots is that of as many as are held together.
        """
        given = np.asarray(model.wavelet, np.float32)
        if self.peak_hz is not None:
            given = np.tile(acoustic.ricker(self.peak_hz, survey.time_step_s, given.shape[1]), (len(given), 1))
        found = np.empty_like(given)
        for shots in stretches(survey) if self.per_shot else [spread_shots(survey)]:
            mask = survey.mask(shots)
            if self.counts is not None:
                mask = mask * self.counts[shots][:, None].astype(np.float32)
            predicted, observed = model.traces(wavelet=given, shots=shots) * mask, survey.observed[shots] * mask
            if self.per_trace and self.peak_hz is not None:
                observed = levelled(observed, predicted)
            elif self.per_trace:
                size = np.sqrt(np.sum(np.square(observed, dtype=np.float64), axis=1, keepdims=True))
                scale = (1 / np.where(size > 0, size, np.inf)).astype(np.float32)
                predicted, observed = predicted * scale, observed * scale
            if not self.per_shot:
                found[:] = self._best(given, predicted, observed, survey.time_step_s)
                continue
            for i, shot in enumerate(range(len(given))[shots]):
                one = slice(i, i + 1)
                found[shot] = self._best(given[shot], predicted[one], observed[one], survey.time_step_s)
        return found

    def _best(self, given: np.ndarray, predicted: np.ndarray, observed: np.ndarray, step_s: float) -> np.ndarray:
        """Return given wavelets (..., T) as they explain traces (s, T, R) best, or one for them all (T,)."""
        if self.peak_hz is None or not (observed.any() and predicted.any()):  # without data the scale is 1
            return given * np.float32(best_scale(predicted, observed))
        fade = fading(given.shape[-1])[:, None]
        return best_wavelet(predicted * fade, observed * fade, self.peak_hz, step_s)[0]


def best_scale(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return the factor that brings predicted traces nearest to the observed ones; negative where polarity is wrong.

    >>> best_scale(np.array([1.0, -2.0]), np.array([2.0, -4.0]))
    2.0
    """
    cross = float(np.sum(predicted * observed, dtype=np.float64))
    power, data = (float(np.sum(np.square(part, dtype=np.float64))) for part in (predicted, observed))
    if not power or not data:
        return 1.0
    if abs(cross) < _LEAST_CORRELATION * np.sqrt(power * data):
        return float(np.sqrt(data / power))
    return cross / power
