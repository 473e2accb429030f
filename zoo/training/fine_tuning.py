"""Training that begins with the weights of a checkpoint: what is taken over, and what stays as it is.

A recipe's training goes through `before_fit` as ever, so that whatever is computed from the records (scaling, Gaussian
processes) is that of the new ones; then the parts that `fit` trains get the checkpoint's weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, ZooError, did_you_mean

if TYPE_CHECKING:
    import keras


def take_over(
    model: keras.Model, other: keras.Model, parts: Sequence[Callable], name: str, kept: Sequence[str] = ()
) -> None:
    """Give each part of a model the weights of the same part of another.

    Args:
        model: the one that is trained.
        other: the one whose weights it begins with.
        parts: functions from a model to a part of it.
        name: of the other, for the error.
        kept: names of what is to stay as it is.

    Raises:
        ZooError: if a part has other weights.
        UsageError: if what is to stay was not kept in the checkpoint, because only training needs it (encoders).
    """
    for part in parts:
        mine, its = part(model), part(other)
        lacks = (
            sorted(set(freezable(mine)) - set(freezable(its) if its is not None else ())) if mine is not None else []
        )
        if lost := [one for one in kept if one in lacks]:
            raise UsageError(f"{name} has no {', '.join(lost)} that could stay as it was: only training needed it.")
        if mine is None or its is None:  # a part that only training makes, such as a critic
            continue
        if lacks and hasattr(mine, "served"):
            mine, its = mine.served, its.served
        shapes = [[(weight.name, tuple(weight.shape)) for weight in one.weights] for one in (mine, its)]
        if shapes[0] != shapes[1]:
            odd = next(
                (pair for pair in zip(*shapes, strict=False) if pair[0] != pair[1]),
                (f"{len(shapes[0])} weights", f"{len(shapes[1])} weights"),
            )
            raise ZooError(
                f"{name} does not fit: the model that would be trained has {odd[0]} where it has {odd[1]}. Give --set "
                "the settings that it was trained with (zoo info says them), or data of the same shape."
            )
        mine.set_weights(its.get_weights())


def freezable(part: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Return the names of what can be frozen of a part: its layers, and what it calls its parts (`encoder`)."""
    import keras

    found: dict[str, list[keras.layers.Layer]] = {
        layer.name: [layer] for layer in part._flatten_layers(recursive=False)
    }
    found.pop(part.name, None)
    for name in dir(type(part)) + list(vars(part)):
        if name.startswith("_") or name == "layers" or hasattr(keras.Model, name):
            continue
        value = getattr(part, name, None)
        items = list(value) if isinstance(value, (list, tuple)) else [value]
        if items and all(isinstance(item, keras.layers.Layer) for item in items):
            found[name] = items
    for name, attributes in getattr(part, "parts", {}).items():
        held = (getattr(part, attribute) for attribute in attributes)
        found[name] = [layer for one in held for layer in (one if isinstance(one, (list, tuple)) else [one])]
    return {name: layers for name, layers in found.items() if any(layer.weights for layer in layers)}


@contextmanager
def frozen(part: keras.Model, names: Sequence[str]) -> Iterator[None]:
    """Keep what has these names from training while the block runs.

    Raises:
        UsageError: if the part has nothing of that name.
    """
    layers = [layer for layer in part._flatten_layers() if layer is not part]
    before = [(layer, layer.trainable) for layer in layers]
    try:
        freeze(part, names)
        yield
    finally:
        for layer, was in before if names else ():  # from the outside in: a layer's word is the last for itself
            layer.trainable = was


def freeze(part: keras.Model, names: Sequence[str]) -> None:
    """Set what has these names to be left as it is; again after a recipe's `compile`, which may free an encoder."""
    known = freezable(part) if names else {}
    for name in names:
        if name not in known:
            raise UsageError(f"frozen knows no {name!r}.{did_you_mean(name, known)} There are {', '.join(known)}.")
        for layer in known[name]:
            layer.trainable = False


def read_frozen(text: Any) -> list[str]:
    """Return the names of `--set frozen=encoder,stem`.

    >>> read_frozen("encoder, stem"), read_frozen(["encoder"])
    (['encoder', 'stem'], ['encoder'])
    """
    items = text.split(",") if isinstance(text, str) else list(text)
    return [item.strip() for item in items if item.strip()]
