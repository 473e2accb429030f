"""What a recipe is: a value that names the dataset, every hyperparameter, and a handful of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import keras
    import numpy as np

Records = Mapping[str, "np.ndarray"]


@dataclass(frozen=True)
class Stage:
    """One call of `fit`: which part of the model it trains, on what. Fields as of `Recipe`."""

    name: str
    trained_part: Callable[[keras.Model], keras.Model]
    examples: Callable[[keras.Model, Records, Mapping[str, Any]], tuple]
    compile: Callable[[keras.Model, Mapping[str, Any], int], None]
    validation_examples: Callable[[keras.Model, Records, Mapping[str, Any]], tuple] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Where this stage's settings differ from the recipe's (epochs, batch_size, patience ...)."""
    draws: Callable[[keras.Model, Records, Mapping[str, Any]], Callable] | None = None


@dataclass(frozen=True)
class Recipe:
    """A model, its data, its training and its score.

    The functions receive `settings`, the hyperparameters with the user's changes, and `records`, a
    split of the dataset as a dict of arrays.
    """

    name: str
    summary: str
    settings: Mapping[str, Any]
    """Every hyperparameter. Always there: dataset, train_split, validation_split, batch_size, epochs,
    patience (epochs without a better validation loss before training stops; 0 never stops). May be there: scored_on,
    what the card's scores are of, by default validation and test: these splits, and other datasets where they are
    prepared, as a whole (NAME/CONFIG) or a split of them (NAME/CONFIG:test)."""
    build: Callable[..., keras.Model]
    """build(**hyperparameters) -> the model; takes those settings that it names."""
    examples: Callable[[keras.Model, Records, Mapping[str, Any]], tuple] | None
    """examples(model, records, settings) -> (x, y) or (x, y, weight): what `fit` sees."""
    compile: Callable[[keras.Model, Mapping[str, Any], int], None] | None
    """compile(part, settings, steps): optimizer and loss of the part that `fit` trains; `steps` is
    how many updates the whole training has. None, like `examples`: nothing is left for `fit` after `pretraining`."""
    score: Callable[[keras.Model, Records], dict[str, float]]
    """score(model, records) -> metric name -> value."""
    card: Mapping[str, Any]
    """inputs, outputs, licence, citation: fields of `zoo.checkpoint.CARD_FIELDS`."""
    adapt: Callable[[keras.Model, Records, Mapping[str, Any], Mapping[str, Any]], None] | None = None
    """adapt(model, records, settings, dataset metadata): what is learnt outside `fit` (scaling, GPs)."""
    trained_part: Callable[[keras.Model], keras.Model] = lambda model: model
    """The model inside `model` that `fit` trains."""
    validation_examples: Callable[[keras.Model, Records, Mapping[str, Any]], tuple] | None = None
    """Like `examples`, of held-out records, where those must differ (fixed noise); default: `examples`."""
    draws: Callable[[keras.Model, Records, Mapping[str, Any]], Callable] | None = None
    """draws(model, records, settings) -> a function of a numpy Generator that gives one batch (x, y) or (x, y,
    weight), for examples that are made anew in every step. `fit` then sees these instead of `examples`, which are
    only the validation's, and an epoch has `steps_per_epoch` (a setting) of them."""
    features: Sequence[str] = ()
    """Names of the features of a record that are read, where the dataset has them; default all."""
    pretraining: Callable[[Mapping[str, Any]], Sequence[Stage]] | None = None
    """pretraining(settings) -> the stages before the training that the fields above describe. A stage's
    examples are made when it begins, so they may come out of what the stages before it trained."""
    conclude: Callable[[keras.Model, Records, Mapping[str, Any]], None] | None = None
    """conclude(model, records, settings): what is learnt after and outside `fit` (processes of what a stage made)."""
    finish: Callable[[keras.Model, Records, Mapping[str, Any]], None] | None = None
    """finish(model, validation records, settings): what is measured after `fit`."""
    sample: Callable[[keras.Model, Records, Mapping[str, Any]], dict[str, np.ndarray]] | None = None
    """sample(model, held-out records, settings) -> arrays of sample.npz (examples, golden outputs)."""
    tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Tag -> the settings that it changes. The first is the default."""
    smoke: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a run of seconds that only shows that everything works."""

    def choose(self, tag: str = "", changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of a tag with a user's changes; unknown names are refused."""
        if tag and tag not in self.tags:
            raise UsageError(f"{self.name} has no tag {tag!r}.{did_you_mean(tag, self.tags)}")
        tag = tag or next(iter(self.tags), "")
        chosen = {**self.settings, **self.tags.get(tag, {})}
        for key, value in (changes or {}).items():
            if key not in chosen:
                raise UsageError(f"{self.name} has no setting {key!r}.{did_you_mean(key, chosen)}")
            chosen[key] = as_type_of(chosen[key], value, key)
        return chosen

    def create(self, settings: Mapping[str, Any]) -> keras.Model:
        """Build the model from those settings that `build` names."""
        import inspect

        names = inspect.signature(self.build).parameters
        return self.build(**{key: value for key, value in settings.items() if key in names})

    def stages(self, settings: Mapping[str, Any]) -> list[Stage]:
        """Return every call of `fit`, in order; the last one is the recipe's own, if it has one."""
        before = self.pretraining(settings) if self.pretraining else []
        if self.compile is None:
            return list(before)
        own = Stage("", self.trained_part, self.examples, self.compile, self.validation_examples, draws=self.draws)
        return [*before, own]


def as_type_of(default: Any, value: Any, key: str) -> Any:
    """Convert a value from the command line to the type of the default."""
    if not isinstance(value, str) or isinstance(default, str):
        return value
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        if isinstance(default, (list, tuple)):
            kind = type(default[0]) if default else float
            return [kind(item) for item in value.split(",")]
        return type(default)(value)
    except (ValueError, KeyError) as error:
        expected = f"{type(default).__name__} like {default}"
        raise UsageError(f"The setting {key} takes a {expected}; received {value!r}.") from error
