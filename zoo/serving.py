"""The base of the models that are kept: a Keras model that states what it takes, and knows its shapes before a call.

Keras learns the shapes of a subclassed model from its first call; until then `summary()` shows no shapes and `export()`
refuses. A `ServedModel` says in `takes` what it takes, is built with that, and serves it: `export(folder)` writes a
SavedModel whose `serve` gives what the model gives.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import keras

from zoo.errors import UsageError, ZooError
from zoo.own import note
from zoo.store import atomic_folder, atomic_path


def need_tensorflow(what: str) -> None:
    """Refuse to go on where Keras has another backend than TensorFlow.

    Args:
        what: needs it, as the begin of a sentence.

    Raises:
        ZooError: then; it says what to do.

    >>> need_tensorflow("Training") if keras.backend.backend() == "tensorflow" else None
    """
    if keras.backend.backend() != "tensorflow":
        raise ZooError(
            f"{what} needs TensorFlow, and Keras runs on {keras.backend.backend()}. Repeat it with "
            "KERAS_BACKEND=tensorflow; a checkpoint loads and answers on every backend."
        )


_PLAIN = ContextVar("plain", default=False)


def plain() -> bool:
    """Return whether a model is being exported to a format without Fourier transforms, so that layers avoid them.

    >>> plain()
    False
    """
    return _PLAIN.get()


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Let `plain` say yes while the block runs.

    >>> with plain_operations():
    ...     plain()
    True
    """
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Make layers that compute in float32 while the block runs, whatever policy Keras has been given.

    A model takes physical units: in 16 bits a phase velocity of 3.5 km/s is known to 0.02 km/s, and sums of Gaussian
    processes, filters and simulations lose all their digits. Where the maths allows it, a setting of the recipe asks
    for less (`precision` of the networks on seismicity maps).

    >>> keras.config.set_dtype_policy("mixed_bfloat16")
    >>> with full_precision():
    ...     keras.layers.Dense(1).compute_dtype
    'float32'
    >>> keras.config.set_dtype_policy("float32")
    """
    policy = keras.config.dtype_policy()
    if policy.compute_dtype == "float32":
        yield
        return
    note(f"Models of the zoo are made in float32, not {policy.name}; a recipe that can do with less has a setting.")
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


class ServedModel(keras.Model):
    """A Keras model that states what it takes.

    A subclass defines `takes`. It makes its weights in its constructor, which then calls
    `self.build(self.input_shape)`, or in `build`.
    """

    layout = ""
    """In words what an example is, for errors: "(n, samples, 3), components Z, N, E"."""

    repeats_to = (0.0, 2e-3)
    """How well other processors and libraries repeat its answers, for `zoo check`: the share of the values that may be
    off by a hundredth of the largest of their row, and how large the difference may be, as a part of the whole."""

    no_litert = ""
    """Why it cannot be a LiteRT file; empty: it can."""

    def takes(self) -> Any:
        """Return what `call` takes: a `keras.InputSpec`, or a tuple of them."""
        raise NotImplementedError

    @property
    def input_shape(self):
        """Shape of what the model takes, None where any number will do; a tuple of shapes where it takes several."""
        return keras.tree.map_structure(lambda spec: tuple(spec.shape), self.takes())

    @property
    def output_shape(self):
        """Shape of what the model gives."""
        symbolic = keras.tree.map_structure(lambda spec: keras.KerasTensor(spec.shape, spec.dtype), self.takes())
        return keras.tree.map_structure(lambda one: tuple(one.shape), self.compute_output_spec(symbolic))

    def __dir__(self):
        # Keras looks at everything that is listed here when it saves and loads; this one would make a symbolic call.
        return [name for name in super().__dir__() if name != "output_shape"]

    def build(self, input_shape=None):
        """Nothing is left to be made; Keras notes the shape."""

    def build_from_config(self, config):
        """Build with the shape that the model's own configuration implies, not with one that a file states."""
        if not self.built:
            self.build(self.input_shape)

    def check_layout(self, inputs: Any) -> None:
        """Refuse inputs of another rank, or with other sizes where the model has fixed ones.

        Raises:
            ZooError: that says what was received and which layout is expected.
        """
        for given, expected in zip(keras.tree.flatten(inputs), keras.tree.flatten(self.takes()), strict=True):
            shape, wanted = tuple(given.shape), tuple(expected.shape)
            fits = len(shape) == len(wanted) and all(
                size in (own, None) or own is None for size, own in zip(shape[1:], wanted[1:], strict=True)
            )
            if not fits:
                raise ZooError(f"{type(self).__name__} takes {self.layout or wanted}; received {shape}.")

    def summary(self, *arguments: Any, **options: Any) -> Any:
        """Print the layers with their shapes, before any call as after one; arguments as in `keras.Model.summary`."""
        _ = self.output_shape  # a symbolic call: what layers build at their first call is built
        return super().summary(*arguments, **options)

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **arguments: Any,
    ) -> None:
        """Write the model for serving, as `keras.Model.export`; it need not have been called.

        Args:
            filepath: folder of the SavedModel, or file of another format.
            format: "tf_saved_model" (TensorFlow, or JAX with TensorFlow installed), "litert" (a .tflite file that needs
                no operations but LiteRT's own), or another that Keras knows.
            verbose: whether Keras prints what it has written.
            input_signature: default `takes`, any number of examples.
            **arguments: of the format.
        """
        if format == "litert" and self.no_litert:
            raise ZooError(f"{type(self).__name__} cannot be a LiteRT file: {self.no_litert}. Write a SavedModel.")
        signature = [self.takes()] if input_signature is None else input_signature
        aside = contextlib.nullcontext()
        if format == "litert":
            aside = plain_operations()
            arguments.setdefault("target_spec", _of_litert())
        with aside:
            super().export(str(filepath), format=format, verbose=verbose, input_signature=signature, **arguments)


def _of_litert() -> dict[str, Any]:
    """Return which operations a LiteRT file may need: none of TensorFlow's, which its runtimes lack."""
    import tensorflow as tf

    return {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}


def export(model: keras.Model, out: str | os.PathLike) -> Path:
    """Write a model for programs without the zoo: a LiteRT file if the name ends in .tflite, else a SavedModel.

    Args:
        model: a ServedModel, or another Keras model that has been called.
        out: the file, or the folder of the SavedModel, which is replaced.

    Returns:
        The file or folder.

    Raises:
        UsageError: if there is something else than a SavedModel in the folder.
        ZooError: if LiteRT has no operation for what the model does.

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> export(model, tempfile.mkdtemp() + "/dense.tflite").name
    'dense.tflite'
    """
    out = Path(out)
    if out.suffix == ".tflite":
        need_tensorflow("A LiteRT file")
        with atomic_path(out) as temporary, contextlib.redirect_stdout(sys.stderr):
            try:
                model.export(str(temporary), format="litert", verbose=False, target_spec=_of_litert())
            except (ZooError, OSError):
                raise
            except Exception as error:  # of the converter: pages of what it was compiling
                lacking = sorted(set(re.findall(r"\btf\.[A-Z]\w+|\bFlex\w+|\bTensorList\w+", str(error))))
                why = f"it has no {', '.join(lacking)}" if lacking else str(error).strip().splitlines()[0][:200]
                raise ZooError(f"{model.name} cannot be a LiteRT file: {why}. Write a SavedModel.") from error
        return out
    if out.exists() and not (out / "saved_model.pb").is_file() and (out.is_file() or any(out.iterdir())):
        raise UsageError(f"{out} holds something else than a SavedModel; choose another name.")
    with atomic_folder(out) as temporary, contextlib.redirect_stdout(sys.stderr):
        model.export(str(temporary), verbose=False)
    return out
