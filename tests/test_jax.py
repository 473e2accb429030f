"""JAX as the backend of Keras (`make jax`): each checkpoint gives what it gives under TensorFlow; what cannot, says so.

Without JAX, or under another backend, these tests start a process of their own if JAX is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import contracts, registry
from zoo.errors import ZooError

NAMES = registry.list_models()
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the backend of Keras is not JAX (make jax)")


@on_jax
@pytest.mark.parametrize("name", NAMES)
def test_golden_output_on_jax(name):
    assert not contracts.golden_problems(registry.find(name))


@on_jax
def test_predict_and_evaluate_run_on_jax():
    model = zoo.load("noise_earthquake.synthetic")
    windows = np.random.default_rng(0).normal(size=(5, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(model.predict(windows, verbose=0).sum(-1), 1, rtol=1e-5)


@on_jax
def test_what_needs_tensorflow_says_so():
    """Data is read by tf.data and training repeats itself by TensorFlow's rules."""
    with pytest.raises(ZooError, match="KERAS_BACKEND=tensorflow"):
        zoo.recipe("nn_direct_emulator").train(smoke=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this process runs them itself")
def test_every_model_runs_on_jax():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", str(Path(__file__))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and f"{len(NAMES) + 2} passed" in done.stdout, done.stdout
