"""Every shipped model behaves as a Keras model: it knows its shapes, shows them, and is exported with equal answers."""

from __future__ import annotations

import contextlib
import io

import keras
import numpy as np
import pytest
from large_models import large_are_slow

import zoo
from zoo import checkpoint, contracts, registry, serving
from zoo.errors import UsageError, ZooError

NAMES = registry.list_models()
ARCHITECTURES = sorted({name.split(".")[0] for name in NAMES})


def _summary(model):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        model.summary(line_length=120, print_fn=lambda line: text.write(line + "\n"))
    return text.getvalue()


@pytest.mark.long
@pytest.mark.parametrize("name", large_are_slow(ARCHITECTURES))
def test_shapes_are_known_and_shown_before_and_after_a_call(name):
    model = zoo.load(name)
    inputs, predicted, _ = checkpoint.read_golden(registry.find(name))
    before = _summary(model)
    fits = lambda stated, array: (
        len(stated) == array.ndim
        and all(  # noqa: E731
            size in (None, own) for size, own in zip(stated, array.shape, strict=True)
        )
    )
    for stated, array in zip(_shapes(model.input_shape), keras.tree.flatten(inputs), strict=True):
        assert fits(stated, array)
    assert fits(model.output_shape, predicted)
    part = keras.tree.map_structure(lambda array: array[:2], inputs)
    model(part)
    assert "│ ?" not in before and _summary(model) == before and model.count_params() > 0


def _shapes(shape):
    return list(shape) if isinstance(shape[0], tuple) else [shape]


FORMATS = pytest.mark.parametrize("format", ["", ".tflite"], ids=["saved_model", "litert"])


def _allowed(name, format):
    """Return how far an exported model may be from itself, as a part of the largest answer.

    An emulator's arrival times are sums of large numbers of both signs in float32, which LiteRT rounds otherwise: by
    thousandths of a sample, where samples are dominant ones of `d18_emulator` by hundredths.
    """
    if not format or "_emulator" not in name:
        return 1e-5
    return 3e-2 if name.startswith("d18") else 2e-3


@FORMATS
@pytest.mark.parametrize("name", ("noise_earthquake", "explosion_earthquake"))
def test_an_exported_model_gives_the_same(name, format):
    assert not contracts.export_problems(registry.find(name), format)


@pytest.mark.slow  # TensorFlow takes 2 to 17 CPU-seconds to trace and write one
@FORMATS
@pytest.mark.parametrize("name", NAMES)
def test_every_exported_checkpoint_gives_the_same(name, format):
    if format and zoo.load(name).no_litert:
        with pytest.raises(ZooError, match="cannot be a LiteRT file"):
            contracts.export_problems(registry.find(name), format)
        return
    assert not contracts.export_problems(registry.find(name), format, _allowed(name, format))


def test_models_keep_their_digits_under_mixed_precision(tmp_path):
    """Keras's policy would round inputs in physical units to 8 bits; what is the user's own layer keeps the policy."""
    folder = registry.find("shallow_crust")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert not contracts.golden_problems(folder) and not contracts.saving_problems(folder)
        built = zoo.recipe("noise_earthquake").build()
        assert {layer.compute_dtype for layer in built._flatten_layers()} == {"float32"}
        own = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        own = zoo.load(zoo.save(own, tmp_path / "own.half", "Halves."))
        assert own.layers[0].compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_litert_cannot_do_is_said_and_nothing_else_is_replaced(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    spectra = keras.Model(inputs, keras.ops.irfft(keras.ops.rfft(inputs)), name="spectra")
    made = serving.export(spectra, tmp_path / "spectra")
    assert (made / "saved_model.pb").is_file() and serving.export(spectra, made) == made
    with pytest.raises(ZooError, match="spectra cannot be a LiteRT file: .*(IRFFT|Complex).* Write a SavedModel"):
        serving.export(spectra, tmp_path / "spectra.tflite")
    with pytest.raises(ZooError, match="cannot be a LiteRT file: its loop"):
        zoo.load("fdrnn_folded").export(tmp_path / "waves.tflite", format="litert")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="something else than a SavedModel"):
        serving.export(spectra, tmp_path / "thesis")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spectra", "thesis"]


@pytest.mark.parametrize(
    ("name", "shape", "layout"),
    [
        ("phase_picker", (2, 3, 3000), "time before channel, components Z, N, E"),
        ("noise_earthquake", (2, 3, 540), "components ZNE"),
        ("seismicity_resnet18.etas", (2, 64, 64), "maps (n, 64, 64, 2) of event counts"),
        ("explosion_earthquake", (2, 5), "measures (n, stations,"),
        ("cvae_emulator", (3,), "x, y, z in km"),
    ],
)
def test_a_wrong_shape_is_told_the_layout(name, shape, layout):
    with pytest.raises(ZooError) as caught:
        zoo.load(name)(np.zeros(shape, np.float32))
    assert layout in str(caught.value) and str(shape) in str(caught.value)


def test_a_reshaped_configuration_cannot_reshape_a_model():
    """What a file states as the shape it was built with does not matter: the model's configuration does."""
    model = zoo.load("noise_earthquake.synthetic")
    again = keras.saving.deserialize_keras_object(
        {**keras.saving.serialize_keras_object(model), "build_config": {"input_shape": [None, 7, 9]}}
    )
    assert again.input_shape == model.input_shape and len(again.weights) == len(model.weights)
