"""Ctrl-C in every long command: exit status 130, one line, nothing listed that is not whole.

"The same command goes on from here" is said where it does, and then it does.
"""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from interrupting import AT_STEP, Command
from killing import leftovers

from zoo import interrupts, registry
from zoo.data import datasets, download

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs groups of processes")
GOES_ON, ANEW = "goes on from here", "begins anew"
SAMPLES = Path(interrupts.__file__).with_name("seismograms") / "samples"


@pytest.fixture(autouse=True)
def hears():
    """This process hears Ctrl-C, also where a shell started the tests in the background and ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_of_a_server_it_is_the_end():
    pytest.importorskip("waitress")
    command = Command(["serve", "--port", "28757"])
    command.wait_for("http://localhost:28757")
    command.interrupt()
    command.check_interrupted(ANEW)


@pytest.mark.slow
def test_a_preparation_goes_on_from_any_step(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATASETS", str(Path(__file__).with_name("datasets")))
    home = tmp_path / "home"
    arguments = ["prepare", "tiny/small", "--workers", "1", "--data-dir", home]
    for number in range(1, 200, 7):
        shutil.rmtree(home, ignore_errors=True)
        command = Command(arguments, f"FOLDER, NUMBER = {str(home)!r}, {number}\n{AT_STEP}")
        if command.wait() == 0:
            break
        command.check_interrupted(GOES_ON)
        assert set(datasets.describe("tiny", home)["prepared"]) <= {"tiny/small"}
        folder = datasets.prepare("tiny/small", home, workers=1)
        assert datasets.verify("tiny/small", home) == (folder, {})
        assert not [name for name in leftovers(home) if not name.startswith("tiny/.config")]
    assert 20 < number < 190


def test_a_download_goes_on_from_what_has_arrived(tmp_path):
    """The server presses Ctrl-C itself when half is sent, and again with the rest before the last byte."""
    content, asked = np.random.default_rng(0).bytes(3_000_000), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Range"))
            begin = int(asked[-1][6:-1]) if asked[-1] else 0
            self.send_response(206 if begin else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(content) - begin))
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            stop = {1: 2_000_000, 2: len(content) - 1}.get(len(asked), len(content))
            self.wfile.write(content[begin:stop])
            self.wfile.flush()
            if stop < len(content):
                while not path.exists() or path.stat().st_size < min(stop, begin + (1 << 20)):
                    time.sleep(0.001)  # until some of it lies on the disk
                os.kill(os.getpid(), signal.SIGINT)
                ended.wait(60)

        def log_message(self, *arguments):
            pass

    path, ended = tmp_path / "a.bin.part", threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_address[1]}/a.bin"
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                download.fetch(url, tmp_path / "a.bin")
            assert not (tmp_path / "a.bin").exists() and path.stat().st_size > 0
        assert download.fetch(url, tmp_path / "a.bin").read_bytes() == content
        ended.set()
        running.shutdown()
    assert asked[0] is None and all(range_.startswith("bytes=") for range_ in asked[1:]) and len(asked) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.bin", "pins.json"]


def test_a_library_that_must_not_be_interrupted_is_not():
    """And the interruption comes afterwards, once."""
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts.uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(sum(range(1000)))
        done.append("after")
    assert len(done) == 1 and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_that_a_library_makes_an_error_of_is_one(capsys, monkeypatch):
    from zoo import cli

    def function(args):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(10**6))
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(cli, "_where", function)
    assert cli.main(["where"]) == 130
    assert capsys.readouterr().err == "zoo: interrupted; the same command begins anew.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_processes_that_are_started_do_not_hear_it():
    with interrupts.unheard():
        code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('on')"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (child.returncode, child.stdout) == (0, "on\n")
    with pytest.raises(KeyboardInterrupt):
        with interrupts.unheard():
            os.kill(os.getpid(), signal.SIGINT)


# What follows is of commands that take longer. Case -> arguments and event, by a function that makes what they need.


def _line(pattern: str) -> Callable[[Path], str]:
    return lambda out: pattern


def _library(name: str) -> Callable[[Path], Callable[[Command], bool]]:
    """It has loaded a library; of commands that say nothing before they are done."""
    return lambda out: lambda command: name in Path(f"/proc/{command.process.pid}/maps").read_text()


def _file(pattern: str) -> Callable[[Path], Callable[[Command], bool]]:
    return lambda out: lambda command: any(out.parent.rglob(pattern))


def _sds(folder: Path) -> Path:
    from obspy import UTCDateTime

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from toy_picker import record, write_sds

    write_sds(record(UTCDateTime("2020-02-28T18:00:00"), 6 * 3600, (30.0, 1789.95, 5400.2)), folder / "sds")
    return folder / "sds"


def _events(folder: Path, model: str) -> list[Path]:
    loaded = registry.load(model)
    with np.load(registry.find(model) / "golden.npz", allow_pickle=False) as sample:
        traces, noise_sd = sample["traces"][:2], float(sample["noise_sd"])
    told = {"sampling_rate_hz": 250.0, "receivers_km": loaded.receivers_km, "noise_sd": noise_sd}
    for number, one in enumerate(traces):
        np.savez(folder / f"event{number}.npz", traces=one, **told)
    return [folder / "event0.npz", folder / "event1.npz"]


def _annotate_archive(folder):
    return ["annotate", _sds(folder), "--piece-hours", "0.25"], _file("units/**/*.json"), GOES_ON


def _annotate_by_workers(folder):
    return ["annotate", _sds(folder), "--piece-hours", "0.25", "--workers", "2"], _file("units/**/*.json"), GOES_ON


def _annotate(folder):
    from obspy import read

    stream = read(str(_sds(folder) / "*" / "*" / "*" / "*" / "*"))
    stream.write(str(folder / "day.mseed"), format="MSEED")
    return ["annotate", folder / "day.mseed"], _line(r"day|\.\.\."), ANEW


def _catalogue(folder):
    italy = SAMPLES / "central_italy"
    given = ["--stations", italy / "stations.csv", "--velocity-model", italy / "layers.csv"]
    return ["catalogue", italy / "picks.csv", *given], _line("Associating"), ANEW


def _locate(folder):
    return ["locate", *_events(folder, "cvae_emulator"), "--model", "cvae_emulator"], _file("out/event0"), ANEW


def _fwi(folder):
    from zoo.fwi import demo

    made = demo.example(folder)
    options = ["--start", made["start"], "--wavelet", "ricker:6", "--set", "iterations=12"]
    return ["fwi", made["shots"], *options], _file("*state*"), GOES_ON


def _crust(folder):
    from zoo.crust.demo import SAMPLE

    return ["crust", SAMPLE / "velocities.csv"], _library("libtensorflow_cc"), ANEW


def _seismicity(folder):
    from zoo.seismicity.demo import example

    return ["seismicity", example(folder)[0]], _line("events"), ANEW


def _train(folder):
    datasets.prepare("prem_dispersion/mini", folder / "data", workers=1)
    options = ["--smoke", "--set", "epochs=60", "--data-dir", folder / "data"]
    return ["train", "shallow_crust", *options], _file("state*"), GOES_ON


def _train_by_processes(folder):
    arguments, event, says = _train(folder)
    return [*arguments, "--devices", "2"], event, says


def _mechanism(folder):
    return ["mechanism", _events(folder, "cvae_emulator")[0]], _library("libtensorflow_cc"), ANEW


def _evaluate(folder):
    datasets.prepare("prem_dispersion/mini", folder / "data", workers=1)
    return ["evaluate", "shallow_crust", "--data-dir", folder / "data"], _library("libtensorflow_cc"), ANEW


def _reproduce(folder):
    return ["reproduce", "fwi-learning-rates", "--quick"], _file("out/*"), GOES_ON


def _demo(folder):
    return ["demo"], _line("1. Microseismic"), ANEW


def _prepare_by_workers(folder):
    settings = ["--set", "models=40000", "models_per_shard=1000", "test_models=1000", "depths_km=10"]
    home = ["--data-dir", folder / "out", "--workers", "2"]
    return ["prepare", "prem_dispersion/own", *home, *settings], _file("shards/*"), GOES_ON


MANY = {
    function.__name__.strip("_").replace("_", " "): function
    for function in (
        _annotate_archive, _annotate_by_workers, _annotate, _catalogue, _locate, _fwi, _crust, _seismicity, _train,
        _train_by_processes, _mechanism, _evaluate, _reproduce, _demo, _prepare_by_workers,
    )
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", MANY)
def test_a_command_ends_at_once_and_says_what_is_true(case, tmp_path):
    arguments, event, says = MANY[case](tmp_path)
    out = tmp_path / "out"
    if arguments[0] not in ("prepare", "evaluate"):
        arguments = [*arguments, "--out", out]
    command = Command(arguments)
    command.wait_for(event(out))
    command.interrupt()
    command.check_interrupted(says)
    left = [name for name in leftovers(tmp_path) if "/.config" not in f"/{name}"]
    assert says == GOES_ON or not left
    if says == GOES_ON:
        again = Command(arguments)
        assert again.wait() == 0, again.said
        assert not [name for name in leftovers(tmp_path) if "/.config" not in f"/{name}"]
