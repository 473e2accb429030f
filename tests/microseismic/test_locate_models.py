"""`zoo locate` from end to end, with a shipped emulator and an event that its training has not seen."""

from __future__ import annotations

import csv
import json

import numpy as np
import obspy
import pytest

from zoo import cli, registry

MODEL = "cvae_emulator"
EVENT = 3
AS_SIMULATED = (
    "--velocity-error 0 --clock-error-ms 0 --gain-error 0 --strength known --pulse known --origin-time known"
).split()


@pytest.fixture(scope="module")
def event(tmp_path_factory):
    """The held-out event with noise at four receivers: as npz, and, once more twice as strong, as miniSEED."""
    folder = tmp_path_factory.mktemp("event")
    model = registry.load(MODEL)
    with np.load(registry.find(MODEL) / "golden.npz", allow_pickle=False) as sample:
        source, noise_sd = sample["coordinates_km"][EVENT], float(sample["noise_sd"])
        clean = sample["traces"][EVENT, 1:]
    traces = clean + np.random.default_rng(0).normal(scale=noise_sd, size=clean.shape)
    receivers = model.receivers_km[1:]
    np.savez(
        folder / "event.npz",
        traces=traces,
        sampling_rate_hz=250.0,
        receivers_km=receivers,
        noise_sd=noise_sd,
        source_km=source,
    )
    order = (2, 0, 3, 1)  # another than the model's
    rows = ["station,x_km,y_km,z_km"]
    rows += [f"R{number}," + ",".join(f"{v:.4f}" for v in receivers[number]) for number in order]
    for name, recorded in (("event", traces), ("twice", traces + clean)):
        stream = obspy.Stream()
        for number in order:
            header = {"station": f"R{number}", "sampling_rate": 250.0}
            stream.append(obspy.Trace(recorded[number].astype(np.float32), header))
        stream.write(str(folder / f"{name}.mseed"), format="MSEED")
    (folder / "receivers.csv").write_text("\n".join(rows) + "\n")
    return folder, source, noise_sd


@pytest.mark.long
def test_an_event_is_located(event, capsys):
    folder, source, _ = event
    out = folder / "out"
    command = ["locate", str(folder / "event.npz"), "--model", MODEL, "--out", str(out), "--json"]
    assert cli.main([*command, *AS_SIMULATED]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((out / "summary.json").read_text())
    assert summary["converged"] is True
    assert any("4 of the emulator's 5 receivers" in note for note in summary["notes"])
    for axis, truth in zip(("x_km", "y_km", "z_km"), source, strict=True):
        assert abs(summary[axis]["mean"] - truth) < 4 * summary[axis]["sd"]
        assert summary[axis]["sd"] < 0.02
    for name in ("corner.png", "traces.png", "samples.npz"):
        assert (out / name).stat().st_size > 5000


@pytest.mark.slow
def test_files_of_several_events_make_a_table(event, tmp_path, capsys):
    """By the defaults, so the strength is inferred: the second event is twice as strong as the first."""
    folder, source, noise_sd = event
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    events = [str(folder / "event.mseed"), str(tmp_path / "broken.npz"), str(folder / "twice.mseed")]
    options = ["--receivers", str(folder / "receivers.csv"), "--noise-sd", str(noise_sd), "--model", MODEL]
    assert cli.main(["locate", *events, *options, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "2 events are in" in said.out and "1 of 3 files were passed over" in said.out and "broken.npz" in said.err
    with open(tmp_path / "out" / "locations.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["event"] for row in rows] == ["event", "twice"]
    for row in rows:
        for axis, truth in zip(("x_km", "y_km", "z_km"), source, strict=True):
            assert abs(float(row[axis]) - truth) < 3.5 * float(row[f"{axis}_sd"])
        assert (tmp_path / "out" / row["event"] / "summary.json").exists()
    one, two = (float(row["strength_times"]) for row in rows)
    assert 1.5 < two / one < 2.6
    # Two of one name would overwrite each other.
    assert cli.main(["locate", events[0], events[0], *options, "--out", str(tmp_path / "again")]) == 2


def test_of_files_none_of_which_can_be_located_each_is_named(tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("one.npz", "two.npz")]
    assert cli.main(["locate", *files, "--by", "arrivals", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "one.npz" in said and "two.npz" in said and "None of 2 files" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["traces"].__setitem__((1, 40), np.nan), "NaN|finite"),
        (lambda d: d.__setitem__("traces", d["traces"][:, :400]), "501"),
        (lambda d: d.__setitem__("sampling_rate_hz", 200.0), "250"),
        (lambda d: d["receivers_km"].__setitem__((0, 0), 7.0), "receiver"),
    ],
)
def test_bad_traces_are_refused_in_one_line(event, tmp_path, capsys, change, message):
    import re

    with np.load(event[0] / "event.npz") as stored:
        data = {key: stored[key].copy() for key in stored.files}
    change(data)
    np.savez(tmp_path / "bad.npz", **data)
    assert cli.main(["locate", str(tmp_path / "bad.npz"), "--model", MODEL, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("zoo: ") and re.search(message, error)
    assert not (tmp_path / "out").exists()


def test_a_truncated_file_is_refused(event, tmp_path, capsys):
    content = (event[0] / "event.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    assert cli.main(["locate", str(tmp_path / "cut.npz"), "--model", MODEL, "--out", str(tmp_path / "out")]) == 1
    assert "cut.npz" in capsys.readouterr().err
