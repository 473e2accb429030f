"""What people have: layers, stations by degrees, a three-component event; and emulators of what geophones record."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo import registry
from zoo.errors import ZooError
from zoo.microseismic.location.trace_files import read_traces
from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.ray_coordinates import RayCoordinates
from zoo.microseismic.physics.closed_forms import explosion_velocity

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RECEIVERS_KM = np.array([[0.3, 0.3, 1.0], [0.7, 0.6, 1.0]])
LOWER_KM, UPPER_KM = np.array([0.1, 0.1, 0.1]), np.array([0.9, 0.9, 0.7])
SAMPLES = 120


def records_of(events: int, seed: int) -> dict[str, np.ndarray]:
    """Return what geophones record of explosions in a homogeneous full space; the first lies below a receiver."""
    places = np.random.default_rng(seed).uniform(LOWER_KM, UPPER_KM, (events, 3)).astype(np.float32)
    places[0] = RECEIVERS_KM[0] - [0, 0, 0.6]
    time_s = np.arange(SAMPLES) * 0.004
    traces = [
        [explosion_velocity(1000 * (receiver - place), time_s, 2500, 1300)[::-1] for receiver in RECEIVERS_KM]
        for place in places
    ]
    traces = np.array(traces, np.float32).reshape(events, -1, SAMPLES)
    return {"coordinates_km": places, "traces": traces, "on_boundary_face": np.zeros(events, bool)}


ABOUT = {"sampling_rate_hz": 250.0, "receivers_km": RECEIVERS_KM.tolist(), "unit": "m/s", "recorded": "ZNE"}


def learnt(name: str, events: int = 80, **changes):
    """Return an emulator with all that is learnt outside of `fit`, and its settings."""
    keras.utils.set_random_seed(0)
    recipe = registry.recipe_module(name).RECIPE
    small = {"inducing_points": 40, "code_points": 40, "components": 3, "depth_nodes": 4, "features": "paper"}
    settings = {**recipe.choose(), **{key: value for key, value in small.items() if key in recipe.settings}, "seed": 0}
    settings |= changes
    model, records = recipe.create(settings), records_of(events, 0)
    recipe.before_fit(model, records, settings, ABOUT)
    if recipe.after_fit:
        recipe.after_fit(model, records, settings)
    return model, settings


def test_ray_coordinates_give_back_the_components():
    records, rays = records_of(6, 1), RayCoordinates(2, "ZNE")
    offset = records["coordinates_km"][:, np.newaxis] - RECEIVERS_KM
    distance = np.linalg.norm(offset, axis=-1)
    made, along, heard = rays.rays_of(records["traces"], offset, distance)
    assert made.shape == (6, 4, SAMPLES) and along.shape == (6, 2, SAMPLES) and heard[0, 1] < 1e-6
    factors = keras.ops.convert_to_numpy(rays.factors(offset, distance))
    again = made[:, rays.ray_of_channel] * factors[..., np.newaxis]
    np.testing.assert_allclose(again, records["traces"], atol=1e-6 * np.abs(records["traces"]).max())
    # Along the ray of a full space, the whole motion, upwards and outwards first.
    np.testing.assert_allclose(
        np.abs(along), np.linalg.norm(records["traces"].reshape(6, 2, 3, SAMPLES), axis=2), atol=1e-9
    )
    assert np.isfinite(made).all()
    with pytest.raises(ZooError, match="'ZZ'; expected one of P, ZNE"):
        RayCoordinates(1, "ZZ")


@pytest.fixture(scope="module")
def geophones():
    return learnt("pca_gp_emulator")


def test_emulator_of_three_components_is_right_at_every_azimuth_and_straight_below(geophones):
    model, settings = geophones
    assert model.component_of_channel == tuple("ZNEZNE") and model.station_of_channel.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(model.receivers_km, np.repeat(RECEIVERS_KM, 3, axis=0))
    held_out = records_of(60, 1)
    inside = np.all((held_out["coordinates_km"] > 0.15) & (held_out["coordinates_km"] < UPPER_KM - 0.05), axis=1)
    assert inside[0]  # straight below the first receiver
    held_out = {key: values[inside] for key, values in held_out.items()}
    assert emulator_training.score(model, held_out)["r2d"] > 0.99
    below, true = emulator_training.predict(model, held_out["coordinates_km"][:1])[0], held_out["traces"][0]
    np.testing.assert_allclose(below[:3], true[:3], atol=0.03 * np.abs(true[0]).max())
    emulator_training.measure_errors(model, held_out, settings)
    assert all(np.isfinite(values).all() and (values < 0.1).all() for values in model.emulator_error.values())


def test_aligned_frames_make_up_the_traces_and_the_config_keeps_the_components(geophones):
    model, _ = geophones
    places = records_of(5, 2)["coordinates_km"]
    frames, time_s, amplitude = model.aligned(places)
    assert np.all(np.asarray(amplitude) > 0)
    made = model.shift_and_scale(frames, time_s / model.time_step_s - model.reference_sample, amplitude)
    np.testing.assert_allclose(np.asarray(made), np.asarray(model(places)), atol=1e-9)
    config = model.get_config()
    assert config["recorded"] == "ZNE" and np.shape(config["receivers_km"]) == (2, 3)
    again = type(model).from_config(config)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(np.asarray(again(places)), np.asarray(model(places)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in registry.list_recipes() if name.endswith("_emulator") and name != "greens_emulator"]
)
def test_every_emulator_learns_three_components(name, tmp_path):
    model, settings = learnt(name)
    recipe = registry.recipe_module(name).RECIPE
    traces = np.asarray(model(records_of(4, 1)["coordinates_km"]))
    assert traces.shape == (4, 6, SAMPLES) and np.isfinite(traces).all()
    again = type(model).from_config(recipe.served(model).get_config() if recipe.served else model.get_config())
    assert again.component_of_channel == model.component_of_channel


def write_event(path: Path, channels: str) -> Path:
    import obspy

    stream = obspy.Stream()
    for number, letter in enumerate(channels):
        header = {"station": f"S{number // 3}", "channel": f"HH{letter}", "sampling_rate": 250.0}
        stream += obspy.Trace(np.full(600, number + 1.0, np.float32), header)
    stream.write(str(path), format="MSEED")
    return path


def test_a_file_of_three_components_says_which_is_which(tmp_path):
    table = tmp_path / "stations.csv"
    table.write_text("station,x_km,y_km,z_km\nS0,0.3,0.3,1\nS1,0.7,0.6,1\n")
    read = read_traces(write_event(tmp_path / "event.mseed", "ENZZEN"), table)
    # MiniSEED comes back in the order of its codes.
    found = {(component, tuple(place)): trace[0] for component, place, trace in zip(
        read.components, read.receivers_km.tolist(), read.traces, strict=True)}  # fmt: skip
    assert found[("Z", (0.3, 0.3, 1.0))] == 3 and found[("E", (0.7, 0.6, 1.0))] == 5 and len(found) == 6
    assert read_traces(write_event(tmp_path / "hydrophone.mseed", "H"), table).components is None
    with pytest.raises(ZooError, match=r"several traces \(channels HH1, HH2, HHZ\).*rotate"):
        read_traces(write_event(tmp_path / "unknown.mseed", "12Z"), table)


@pytest.mark.slow
def test_three_commands_answer_on_a_tiny_field(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    field = importlib.import_module("own_field")
    stations = field.STATIONS_KM[1:3] + field.STATIONS_KM[4:6]
    coarse = {"spacing_m": "50,50,50", "pulse_sigma_s": 0.045, "duration_s": 1.2, "steps_per_sample": 1, "sources": 300}
    settings = [f"{key}={value}" for key, value in field.write_field(tmp_path, stations, **coarse).items()]
    field.cpu_s("prepare", "microseismic/myfield", "--set", *settings, folder=tmp_path)
    training = ["dataset=microseismic/myfield", "epochs=60", "inducing_points=100"]
    field.cpu_s("train", "nn_direct_emulator", "--set", *training, "--out", "myfield", folder=tmp_path)
    asked = ["event.mseed", "--model", "myfield", "--receivers", "stations.csv", "--out", "event"]
    field.cpu_s("locate", *asked, folder=tmp_path)
    answer = json.loads((tmp_path / "event" / "summary.json").read_text())
    for name, true in zip(("x_km", "y_km", "z_km"), field.EVENT_KM, strict=True):
        assert abs(answer[name]["mean"] - true) < 3 * answer[name]["sd"] + 0.02, name
        assert answer[name]["sd"] < 0.2
    assert any("latitude" in note for note in answer["notes"])


def test_a_dataset_of_geophones_simulates_each_component_under_a_free_surface_of_rock(tmp_path, monkeypatch):
    from zoo.data.builders import builder_class
    from zoo.microseismic.physics import elastic

    asked = []

    def receiver_gathers(model, receiver, sources, component, free_surface, **options):
        asked.append((receiver.tolist(), component, free_surface, sources[:, 2].max() * 0.05))
        return np.zeros((len(sources), 3), np.float32)

    monkeypatch.setattr(elastic, "receiver_gathers", receiver_gathers)
    (tmp_path / "stations.csv").write_text("x_km,y_km,z_km\n0.3,0.3,0.8\n0.5,0.4,0.8\n")
    for name, top in (("land", "0,2000,1000,2100"), ("sea", "0,1480,0,1020")):
        rows = ["depth_m,vp_m_s,vs_m_s,density_kg_m3", top, "400,2500,1300,2200"]
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    builder, found = builder_class("microseismic"), {}
    for earth, settings in {"land": {}, "sea": {}, "land without": {"free_surface": "no"}}.items():
        given = {"velocity_model": tmp_path / f"{earth.split()[0]}.csv", "receivers": tmp_path / "stations.csv"}
        given = {key: str(path) for key, path in given.items()} | settings
        config = builder.custom_config(
            "own", {**given, "components": "ZNE", "spacing_m": "50,50,50", "sources": 60, "pulse_sigma_s": 0.05}
        )
        asked.clear()
        for shard in range(builder.shard_count(config)):
            builder.make_shard(config, shard)
        assert [(place[0], component) for place, component, _, _ in asked] == [
            (x, component) for x in (6.0, 10.0) for component in "ZNE"
        ]
        found[earth] = asked[0][2:]
    assert found["land"][0] and found["land"][1] <= 0.651  # 150 m below the top, at 800 m
    assert not found["sea"][0] and not found["land without"][0] and found["land without"][1] > 0.651
