"""What a recipe is: a value that names its dataset, its settings, its stages of training and its score.

A recipe reads like its paper's method section. What runs it is `zoo.training.trainer`. In order of time:

    build(**settings)                    the untrained model
    before_fit(model, records, ...)      what is computed from the training records: scaling, Gaussian processes
    stages                               calls of Keras `fit`, one after the other
    after_fit(model, records, ...)       what is computed from what `fit` has trained
    measure(model, held_out, ...)        what is measured on held-out records: errors, temperatures
    score(model, records)                the figures of the card
    golden(model, held_out, ...)         examples with the model's answers, which every later version must repeat

Settings reach every hook as a dict of values, together with "seed", the seed of the training, and "data_dir", where
prepared datasets lie, and "memory_bytes", the budget of memory.

The records of a split that exceeds that budget stay on disk (`zoo.data.columns`): `fit` reads its batches from there
where a stage says that its examples come record by record. What asks for a whole column gets it if it fits in the
budget.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo import settings as setting_forms
from zoo.errors import UsageError, did_you_mean
from zoo.settings import Setting

if TYPE_CHECKING:
    import keras
    import numpy as np

Records = Mapping[str, "np.ndarray"]
"""A split of a dataset, or a part of it: feature -> array, the examples along the first axis."""

Values = Mapping[str, Any]
"""Setting -> value."""

ALWAYS = ("dataset", "train_split", "validation_split")
"""Settings of every recipe."""
POSITION = "position"
"""Beside the features of records that `examples` is given by a stage that works record by record: the place of each
among those that are learnt from, 0 first. What is drawn for a record is drawn by it."""
OF_STAGES = ("batch_size", "epochs", "patience")
"""Settings of every stage, in the recipe's settings or in the stage's own."""


def data_settings(dataset: str, train_split: str = "train", validation_split: str = "validation") -> dict[str, Setting]:
    """Return the settings that every recipe has: where its records come from."""
    return {
        "dataset": Setting(dataset, "the prepared dataset, NAME/CONFIG", "see its README: zoo info NAME"),
        "train_split": Setting(train_split, "the part of the dataset to learn from, as TFDS writes it", "ours"),
        "validation_split": Setting(validation_split, "the held-out part that is watched while training", "ours"),
    }


def fit_settings(batch_size: int, epochs: int, patience: int = 0, source: str = "ours") -> dict[str, Setting]:
    """Return the settings that every call of `fit` needs.

    Args:
        batch_size: examples to an update.
        epochs: at most so many.
        patience: epochs without a better validation loss before training stops; 0 never stops.
        source: where these numbers come from.
    """
    return {
        "batch_size": Setting(batch_size, "examples to an update", source, unit="examples", low=1),
        "epochs": Setting(epochs, "passes over the training records, at most", source, unit="epochs", low=0),
        "patience": Setting(
            patience,
            "epochs without a lower validation loss before training stops; 0 never stops",
            source if patience else "ours: the learning rate ends at zero",
            unit="epochs",
            low=0,
        ),
    }


def learning_rate(rate: float, source: str = "ours", unit: str = "") -> dict[str, Setting]:
    """Return the setting `learning_rate`, the largest one where there is a schedule."""
    return {"learning_rate": Setting(rate, "learning rate, at its largest", source, unit=unit, low=0.0)}


@dataclass(frozen=True)
class Stage:
    """One call of `fit`: which part of the model it trains, on what."""

    name: str
    """A word for progress, such as "network"."""
    examples: Callable[[keras.Model, Records, Values], tuple]
    """examples(model, records, settings) -> (x, y) or (x, y, weight): what `fit` sees. Made when the stage begins, so
    they may come out of what the stages before it have trained."""
    compile: Callable[[keras.Model, Values, int], None]
    """compile(part, settings, steps): sets optimizer and loss of the part; `steps` is the number of updates of the
    whole stage."""
    trained_part: Callable[[keras.Model], keras.Model] = lambda model: model
    """The model inside `model` that `fit` trains."""
    validation_examples: Callable[[keras.Model, Records, Values], tuple] | None = None
    """Like `examples`, for held-out records, where those must differ (fixed noise); default: `examples`."""
    draws: Callable[[keras.Model, Records, Values], Callable] | None = None
    """draws(model, records, settings) -> a function that takes a numpy Generator and returns one batch, for examples
    that are made anew in every step. `fit` then sees these instead of `examples`, which are the validation's alone,
    and an epoch has `steps_per_epoch` (a setting) of them."""
    settings: Values = field(default_factory=dict)
    """Values that differ from the recipe's in this stage, such as epochs."""
    by_record: bool = False
    """Whether the examples of a record depend on that record (and its `POSITION`) alone: `examples` is then called for
    any part of the records, and a split need not fit in memory."""
    rows: Callable[[keras.Model, Records, Values], np.ndarray | None] | None = None
    """rows(model, records, settings) -> numbers of the records that `examples` is given, by record; default, and where
    it returns None: all."""
    beside: Callable[[keras.Model, Values], tuple | None] | None = None
    """beside(model, settings) -> examples from elsewhere that stand behind those of the records, in memory."""


@dataclass(frozen=True)
class Recipe:
    """A model, its data, its training and its score.

    Raises:
        ValueError: if a setting is missing that training will need, or a tag has a setting that the recipe has not.
    """

    name: str
    summary: str
    settings: Mapping[str, Setting]
    """Everything that can be set. Always there: `ALWAYS`, and `OF_STAGES` where there are stages. May be there:
    scored_on, what the card's scores are measured on, by default validation and test: these splits, and other datasets
    where they are prepared, as a whole (NAME/CONFIG) or one split (NAME/CONFIG:test)."""
    build: Callable[..., keras.Model]
    """build(**settings) -> the model; takes the settings that it names."""
    score: Callable[[keras.Model, Records], dict[str, float]]
    """score(model, records) -> metric name -> value."""
    card: Mapping[str, Any]
    """inputs, outputs, licence, citation: fields of `zoo.checkpoint.CARD_FIELDS`."""
    stages: Sequence[Stage] | Callable[[Values], Sequence[Stage]] = ()
    """The calls of `fit`, in order; or a function of the settings that returns them."""
    before_fit: Callable[[keras.Model, Records, Values, Mapping[str, Any]], None] | None = None
    """before_fit(model, records, settings, metadata of the dataset)."""
    after_fit: Callable[[keras.Model, Records, Values], None] | None = None
    """after_fit(model, records, settings)."""
    measure: Callable[[keras.Model, Records, Values], None] | None = None
    """measure(model, validation records, settings)."""
    served: Callable[[keras.Model], keras.Model] | None = None
    """served(model) -> the model that is kept, with the same answers, where only training needs a part of it."""
    golden: Callable[[keras.Model, Records, Values], dict[str, np.ndarray]] | None = None
    """golden(model, held-out records, settings) -> arrays of golden.npz: inputs, `predicted`, perhaps the truth."""
    begins_from: Callable[[keras.Model, keras.Model], None] | None = None
    """begins_from(model, other): takes over from a checkpoint (`--from`) what is not in the parts that `fit` trains."""
    fine_tunes: bool = True
    """Whether training may begin with the weights of a checkpoint; not where they are the answer for one survey."""
    features: Sequence[str] = ()
    """Names of the features of a record that are read, where the dataset has them; default all."""
    tags: Mapping[str, Values] = field(default_factory=dict)
    """Tag -> the settings that it changes. The first is the default."""
    smoke: Values = field(default_factory=dict)
    """Settings of a run of seconds that only shows that everything works."""

    def __post_init__(self):
        needed = [*ALWAYS, *(OF_STAGES if self.stages else ())]
        missing = [key for key in needed if key not in self.settings]
        if missing:
            raise ValueError(
                f"The recipe {self.name} lacks the setting{'s' if len(missing) > 1 else ''} {', '.join(missing)}. "
                "zoo.training.recipe.data_settings and fit_settings give them."
            )
        for key, setting in self.settings.items():
            if not isinstance(setting, Setting):
                raise ValueError(f"The recipe {self.name}: {key} is a Setting, not a {type(setting).__name__}.")
        for what, values in (*self.tags.items(), ("smoke", self.smoke)):
            try:
                setting_forms.read(self.name, self.settings, values)
            except UsageError as error:
                raise ValueError(f"The recipe {self.name}, {what}: {error}") from error

    def choose(self, tag: str = "", changes: Values | None = None) -> dict[str, Any]:
        """Return the values of a tag with a user's changes; unknown names and wrong values are refused."""
        if tag and tag not in self.tags:
            raise UsageError(f"{self.name} has no tag {tag!r}.{did_you_mean(tag, self.tags)}")
        tag = tag or next(iter(self.tags), "")
        return {
            **setting_forms.defaults(self.settings),
            **self.tags.get(tag, {}),
            **setting_forms.read(self.name, self.settings, changes or {}),
        }

    def create(self, values: Values) -> keras.Model:
        """Build the model from those settings that `build` names, in float32."""
        from zoo.serving import full_precision

        names = inspect.signature(self.build).parameters
        with full_precision():
            return self.build(**{key: value for key, value in values.items() if key in names})

    def stages_of(self, values: Values) -> list[Stage]:
        """Return every call of `fit`, in order."""
        return list(self.stages(values) if callable(self.stages) else self.stages)


def seeds(values: Values) -> np.random.RandomState:
    """Return where a hook draws the seeds of its own generators from; the same in every run with one seed.

    NumPy's old generator, because the shipped checkpoints were trained with its numbers.
    """
    import numpy as np

    return np.random.RandomState(values["seed"])


def draw_seed(state: np.random.RandomState) -> int:
    """Return the next seed of `seeds`."""
    return int(state.randint(2**31))
