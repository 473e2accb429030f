"""Keras layers that recipes share. They use `keras.ops` only, so they run on any Keras backend.

`WaveRNN` alone hands its loop over time to compiled kernels (TensorFlow and JAX on a CPU) unless told otherwise.
"""

from __future__ import annotations

from zoo.layers.compression import FrameAutoencoder, PrincipalComponents
from zoo.layers.crust import CrustModel, MixtureCrustModel, PointCrustModel
from zoo.layers.dispersion import CurveFeatures, CurvePerceptron, MeasurementNoise, MixtureNetwork
from zoo.layers.emulation import Emulator, ReceiverPerceptrons, ShiftAndScale
from zoo.layers.gaussian_process import GaussianProcess
from zoo.layers.picking import CausalHighPass, ChannelScaling, PickingNetwork
from zoo.layers.source_features import SourceFeatures
from zoo.layers.wave import WaveRNN
from zoo.layers.wave_cell import FDRNNCell

__all__ = [
    "CausalHighPass",
    "ChannelScaling",
    "CrustModel",
    "CurveFeatures",
    "CurvePerceptron",
    "Emulator",
    "FDRNNCell",
    "FrameAutoencoder",
    "GaussianProcess",
    "MeasurementNoise",
    "MixtureCrustModel",
    "MixtureNetwork",
    "PickingNetwork",
    "PointCrustModel",
    "PrincipalComponents",
    "ReceiverPerceptrons",
    "ShiftAndScale",
    "SourceFeatures",
    "WaveRNN",
]
