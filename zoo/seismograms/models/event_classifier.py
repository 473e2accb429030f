"""Explosion or earthquake, from what the stations of an event measured: a small network, and copies without each event.

Labelled events are few. So every copy (member) of the network is trained side by side in one `fit`: member 0 on all
events, each other one without one event or one place. Thus an event that the model was trained on is scored by a member
that has not seen it, and the spread of the members says how much the answer hangs on single events (the jackknife).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.seismograms.events.measures import COUNT, RATE_HZ, columns
from zoo.serving import ServedModel

LABELS = ("explosion", "earthquake")
UNDECIDED = "undecided"
HEADS = ("ratios", "network")
_FARTHEST = 3.0  # standard deviations: one odd station must not decide
_TEMPERATURES = (0.1, 10.0)


@keras.saving.register_keras_serializable(package="zoo")
class StationNetwork(keras.Model):
    """Measures (n, stations, COUNT), NaN where there are none, to log odds (n, stations or 1, members).

    head="network": a linear term and a hidden layer for each station, whose log odds are averaged later; "ratios": the
    P/S ratios are averaged over the stations first, then comes logistic regression.

    Args:
        head: "ratios" or "network".
        groups: groups of measures that are used (`zoo.seismograms.events.measures.GROUPS`).
        members: copies of the network.
        hidden: units of the hidden layer.
        weight_decay: weight of the squared coefficients in the loss.
    """

    def __init__(
        self,
        head: str = "network",
        groups: Sequence[str] = ("ratios",),
        members: int = 1,
        hidden: int = 8,
        weight_decay: float = 0.01,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.head, self.groups, self.members = head, list(groups), members
        self.hidden, self.weight_decay = hidden, weight_decay
        self.used = columns(self.groups)

    def build(self, input_shape=None):
        count, k = len(self.used), self.members
        same = {"shape": (k, count), "trainable": False}
        self.mean = self.add_weight(initializer="zeros", name="mean", **same)
        self.sd = self.add_weight(initializer="ones", name="sd", **same)
        self.linear = self.add_weight(shape=(k, count), initializer="zeros", name="linear")
        self.bias = self.add_weight(shape=(k,), initializer="zeros", name="bias")
        if self.head == "network":
            start = keras.initializers.GlorotUniform()
            first = ops.broadcast_to(start((1, count, self.hidden)), (k, count, self.hidden))  # members begin alike
            self.first = self.add_weight(shape=first.shape, initializer=lambda *_, **__: first, name="first")
            self.first_bias = self.add_weight(shape=(k, self.hidden), initializer="zeros", name="first_bias")
            self.second = self.add_weight(shape=(k, self.hidden), initializer="zeros", name="second")

    def call(self, measures, training=False):
        x = ops.take(ops.cast(measures, "float32"), self.used, axis=-1)
        x = (ops.expand_dims(x, 2) - self.mean) / self.sd  # (n, stations, members, measures)
        known = ops.cast(ops.logical_not(ops.isnan(x)), "float32")
        x = ops.clip(ops.where(ops.isnan(x), 0.0, x), -_FARTHEST, _FARTHEST)
        if self.head == "ratios":
            x = ops.sum(x, axis=1, keepdims=True) / ops.maximum(ops.sum(known, axis=1, keepdims=True), 1.0)
        log_odds = ops.sum(x * self.linear, axis=-1) + self.bias
        decayed = [self.linear]
        if self.head == "network":
            layer = ops.tanh(ops.einsum("nskm,kmh->nskh", x, self.first) + self.first_bias)
            log_odds = log_odds + ops.sum(layer * self.second, axis=-1)
            decayed += [self.first, self.second]
        if training:
            self.add_loss(self.weight_decay * sum(ops.sum(ops.square(w)) for w in decayed) / self.members)
        return log_odds

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1 if self.head == "ratios" else input_shape[1], self.members)

    def get_config(self):
        return {
            **super().get_config(),
            "head": self.head,
            "groups": self.groups,
            "members": self.members,
            "hidden": self.hidden,
            "weight_decay": self.weight_decay,
        }


@keras.saving.register_keras_serializable(package="zoo")
class EventClassifier(ServedModel):
    """Measures (n, stations, COUNT) of n events to probabilities (n, 2): explosion, earthquake, both as likely before.

    Stations that were not there, and bands that they did not record, are NaN. An event without a station gets 0.5.

    Args:
        head, groups, hidden, weight_decay: as in `StationNetwork`.
        folds: parts into which the events of a training are dealt; so many members have not seen one of them.
        fold_of: event that the model was trained on -> the member, from 1, that has not seen it.
        fewest_stations: with fewer, the label is "undecided".
        least_odds: with odds nearer to 1 than these, and their reciprocal, likewise.
    """

    answers = "seismograms.event_class"
    layout = f"measures (n, stations, {COUNT}), NaN where there are none"
    labels = LABELS
    sampling_rate_hz = RATE_HZ
    """Of the records that are measured."""

    def __init__(
        self,
        head: str = "network",
        groups: Sequence[str] = ("ratios",),
        hidden: int = 8,
        weight_decay: float = 0.01,
        folds: int = 0,
        fold_of: Mapping[str, int] | None = None,
        fewest_stations: int = 2,
        least_odds: float = 1.5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.head, self.groups, self.hidden, self.weight_decay = head, list(groups), hidden, weight_decay
        self.fewest_stations, self.least_odds, self.folds = fewest_stations, least_odds, folds
        self.deal(fold_of or {})
        used = ["ratios"] if head == "ratios" else self.groups
        self.network = StationNetwork(head, used, 1 + folds, hidden, weight_decay, name="network")
        self.build(self.input_shape)

    def deal(self, fold_of: Mapping[str, int]) -> None:
        """Say which member (from 1) is trained without which event."""
        self._fold_of = tuple(fold_of.items())  # Keras would track a dict

    def takes(self):
        return keras.InputSpec(shape=(None, None, COUNT), dtype="float32")

    def build(self, input_shape=None):
        self.network.build(self.input_shape)
        one = {"initializer": "ones", "trainable": False}
        self.temperature = self.add_weight(shape=(1 + self.folds,), name="temperature", **one)
        self.station_temperature = self.add_weight(shape=(), name="station_temperature", **one)

    def call(self, measures):
        self.check_layout(measures)
        odds = self.all_log_odds(measures)[:, 0]
        return ops.stack([ops.sigmoid(odds), ops.sigmoid(-odds)], axis=-1)

    def all_log_odds(self, measures):
        """Return the log odds of an explosion (n, members) for measures (n, stations, COUNT)."""
        log_odds = self.network(measures)
        there = ops.any(ops.logical_not(ops.isnan(ops.cast(measures, "float32"))), axis=-1)
        if self.head == "ratios":
            there = ops.any(there, axis=1, keepdims=True)
        there = ops.expand_dims(ops.cast(there, "float32"), -1)
        return ops.sum(there * log_odds, axis=1) / ops.maximum(ops.sum(there, axis=1), 1.0) / self.temperature

    def members_of(self, events: Sequence[str]) -> np.ndarray:
        """Return for each event the member that has not seen it: 0, the one trained on all, for unknown events."""
        fold_of = dict(self._fold_of)
        return np.array([fold_of.get(event, 0) for event in events], int)

    def log_odds(self, measures: np.ndarray, events: Sequence[str] | None = None) -> np.ndarray:
        """Return log odds (n,), of events that were trained on by the member that has not seen them.

        Args:
            measures: (n, stations, COUNT).
            events: identifiers; default: all are new.
        """
        odds = ops.convert_to_numpy(self.all_log_odds(measures))
        return odds[np.arange(len(odds)), self.members_of(events) if events is not None else 0]

    def station_log_odds(self, measures: np.ndarray) -> np.ndarray:
        """Return log odds (stations,) by each station alone, for measures (stations, COUNT)."""
        odds = self.log_odds(np.asarray(measures)[:, None])
        return odds * float(self.temperature[0]) / float(self.station_temperature)

    def error(self, measures: np.ndarray) -> np.ndarray:
        """Return the jackknife's standard error (n,) of the log odds: how much they hang on single events; NaN: none.

        It does not hold the error of what all the events have in common.
        """
        used = sorted({member for _, member in self._fold_of})
        if len(used) < 2:
            return np.full(len(measures), np.nan)
        odds = ops.convert_to_numpy(self.all_log_odds(measures) * self.temperature / self.temperature[0])[:, used]
        return np.sqrt((len(used) - 1) * np.var(odds, axis=1))

    def decide(self, log_odds: np.ndarray, stations: np.ndarray) -> np.ndarray:
        """Return the labels (n,): explosion, earthquake or undecided.

        Args:
            log_odds: (n,).
            stations: (n,) how many count.
        """
        label = np.where(np.asarray(log_odds) > 0, *LABELS)
        unsure = (np.abs(log_odds) < np.log(self.least_odds)) | (np.asarray(stations) < self.fewest_stations)
        return np.where(unsure, UNDECIDED, label)

    def calibrate(self, measures: np.ndarray, explosion: np.ndarray, events: Sequence[str]) -> None:
        """Divide log odds such that those of left-out events have the lowest cross entropy, both classes as heavy.

        The temperature of the member that events were left out of comes from the other events alone.
        """
        self.temperature.assign(np.ones(1 + self.folds, np.float32))
        odds, member = self.log_odds(measures, events), self.members_of(events)
        made = np.ones(1 + self.folds, np.float32)
        for number in range(len(made)):
            others = member != number if number else np.ones(len(odds), bool)
            made[number] = _best_temperature(odds[others], explosion[others])
        # One station alone says less than its log odds: the same for each of the left-out events' stations.
        row, station = np.nonzero(np.isfinite(measures).any(axis=2))
        alone = self.log_odds(measures[row, station][:, None], [events[number] for number in row])
        self.station_temperature.assign(_best_temperature(alone, explosion[row]))
        self.temperature.assign(made)

    def get_config(self):
        return {
            **super().get_config(),
            "head": self.head,
            "groups": self.groups,
            "hidden": self.hidden,
            "weight_decay": self.weight_decay,
            "folds": self.folds,
            "fold_of": dict(self._fold_of),
            "fewest_stations": self.fewest_stations,
            "least_odds": self.least_odds,
        }


def class_weights(explosion: np.ndarray) -> np.ndarray:
    """Return weights (n,) that sum to n, half of it explosions'.

    Raises:
        ZooError: if one class has no event.
    """
    explosion = np.asarray(explosion, bool)
    count, explosions = len(explosion), int(explosion.sum())
    if not 0 < explosions < count:
        raise ZooError(f"{explosions} of {count} events are explosions; expected some of either kind.")
    return np.where(explosion, 0.5 * count / explosions, 0.5 * count / (count - explosions))


def cross_entropy(log_odds: np.ndarray, explosion: np.ndarray) -> float:
    """Return the mean cross entropy, both classes as heavy; 0.693 is that of knowing nothing."""
    explosion = np.asarray(explosion, bool)
    return float(np.mean(class_weights(explosion) * np.logaddexp(0, np.where(explosion, -log_odds, log_odds))))


def _best_temperature(log_odds: np.ndarray, explosion: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log: cross_entropy(log_odds / np.exp(log), explosion), bounds=np.log(_TEMPERATURES), method="bounded"
    )
    return float(np.exp(found.x))


def standardise(network: StationNetwork, measures: np.ndarray, kept: np.ndarray) -> None:
    """Set mean and standard deviation of each member from the stations of the events that it is trained on.

    Args:
        network: its `mean` and `sd` are set.
        measures: (n, stations, COUNT).
        kept: (n, members), whether a member is trained on an event.
    """
    x = measures[..., network.used].astype(np.float64)
    means, sds = [], []
    for member in range(network.members):
        of_member = x[kept[:, member].astype(bool)].reshape(-1, x.shape[-1])
        seen = np.isfinite(of_member).sum(0) > 1
        rows = np.where(seen, of_member, 0.0)
        means.append(np.nanmean(rows, axis=0))
        sds.append(np.where(np.nanstd(rows, axis=0) > 1e-3, np.nanstd(rows, axis=0), 1.0))
    network.mean.assign(np.array(means, np.float32))
    network.sd.assign(np.array(sds, np.float32))
