"""Keras layers that recipes share. They use `keras.ops` only, so they run on any Keras backend."""

from __future__ import annotations

from zoo.layers.emulation import Emulator, ReceiverPerceptrons, ShiftAndScale
from zoo.layers.gaussian_process import GaussianProcess
from zoo.layers.source_features import SourceFeatures

__all__ = ["Emulator", "GaussianProcess", "ReceiverPerceptrons", "ShiftAndScale", "SourceFeatures"]
