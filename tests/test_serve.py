"""The page of `zoo serve` by HTTP: what it refuses, whose answers are whose, what is removed."""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("werkzeug")
pytest.importorskip("markupsafe")
from werkzeug.test import Client  # noqa: E402

from zoo.errors import UsageError, ZooError  # noqa: E402
from zoo.serve import TABS, App, Jobs, Limits  # noqa: E402
from zoo.serve.tabs import SET, actions, arguments, models, settings  # noqa: E402

# In place of a command: what was sent comes back as a table and a picture.
ECHO = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1]); out = folder / "out"; (out / "deep").mkdir(parents=True)
asked = json.loads((folder / "request.json").read_text())
sent = [folder / path for paths in asked["files"].values() for path in paths]
print("report of", [path.name for path in sent])
print("zoo: half of it", file=sys.stderr)
(out / "table.csv").write_text("what,<b>\\n" + "".join(path.read_text() for path in sent))
(out / "deep" / "overview.png").write_bytes(b"\\x89PNG")
(out / "leak").symlink_to("/etc/hostname")
"""
WAIT = "import time; print('begun', flush=True); time.sleep(60)"


def worker(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def site():
    made = []

    def start(code: str = ECHO, **limits: float) -> tuple[App, Client]:
        app = App(jobs=Jobs(Limits(**limits), worker(code)))
        made.append(app)
        return app, Client(app)

    yield start
    for app in made:
        app.jobs.close()
        assert not app.jobs.root.exists()


def send(client: Client, app: App, tab: str, files: dict[str, list[tuple[str, bytes]]], how: str = "", **form: str):
    data = {"token": app.token, **form}
    data |= {name: [(io.BytesIO(content), called) for called, content in those] for name, those in files.items()}
    headers = {"Sec-Fetch-Site": "same-origin"}
    return client.post(f"/tab/{tab}{how}", data=data, content_type="multipart/form-data", headers=headers)


def wait(app: App, answer) -> str:
    """The address of a job that was taken, when it is over."""
    assert answer.status_code == 303, answer.get_data(as_text=True)
    address = answer.headers["Location"]
    job = app.jobs.get(address.split("/")[-1])
    for _ in range(1200):
        if job.is_over:
            return address
        time.sleep(0.05)
    raise AssertionError(job.state)


def test_every_page_is_there_and_lets_nothing_in_from_elsewhere(site):
    app, client = site()
    for address in ("/", "/models", "/datasets", "/models/phase_picker.local", "/datasets/stead", "/style.css") + tuple(
        f"/tab/{name}" for name in TABS
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy
        text = answer.get_data(as_text=True)
        loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', text)
        assert all(to.startswith("/") and not to.startswith("//") for to in loaded) and "<script" not in text


@pytest.mark.parametrize("name", TABS)
def test_a_form_has_a_field_for_every_option_and_setting(site, name):
    app, client = site()
    tab = TABS[name]
    text = client.get(f"/tab/{name}").get_data(as_text=True)
    for field in (*tab.files, *tab.options, *(f"{SET}{key}" for key in settings(tab))):
        assert f'name="{field}"' in text
    assert {*tab.files, *tab.options} <= {action.dest for action in actions(tab.command)}
    assert {*tab.set_on_example} <= {*tab.options, *(f"{SET}{key}" for key in settings(tab))}
    assert not tab.answering or models(tab)
    assert arguments(tab, {need: [Path(f"in/{need}-1")] for need in tab.needed}, tab.set_on_example, Path("out"))


def test_another_host_another_page_and_a_stale_form_are_refused(site):
    app, client = site()
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"Host": "localhost:8750"}).status_code == 200
    assert client.get("/", headers={"Host": "localhost.evil.example:8750"}).status_code == 403
    data = {"token": app.token}
    evil = {"Origin": "http://evil.example"}
    assert client.post("/tab/crust/example", data=data, headers=evil).status_code == 403
    assert client.post("/tab/crust/example", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/tab/crust/example", data={"token": "guessed"}).status_code == 403
    assert client.put("/tab/crust").status_code == 405
    assert not list(app.jobs.root.iterdir())


def test_no_address_reads_a_file_of_the_machine(site):
    app, client = site()
    address = wait(app, send(client, app, "crust", {"map": [("m.csv", b"1\n")]}))
    names = app.jobs.get(address.split("/")[-1]).files()
    assert [path.name for path in names] == ["overview.png", "table.csv"]  # no link
    for inside in ("/file/../../../etc/passwd", "/file/%2e%2e", "/file/-1", "/file/99", "/file/said.txt", "/file/²"):
        assert client.get(address + inside).status_code == 404
    for other in (
        "/job/x",
        "/models/..",
        "/models/%2e%2e%2fcheckpoints",
        "/datasets/../etc",
        "/tab/../etc",
        "/models//tmp",
    ):
        assert client.get(other).status_code == 404, other


def test_names_from_the_browser_stay_out_of_paths(site):
    app, client = site()
    files = {
        "files": [("../../../../tmp/x.mseed", b"1"), ("a/b\\c.HDR", b"2"), ("a/b\\c.buf", b"3"), (".bashrc", b"4")]
    }
    address = wait(app, send(client, app, "picks", files))
    text = client.get(address).get_data(as_text=True)
    assert "files-1.mseed" in text and "files-2.hdr" in text and "files-2.buf" in text and "files-3.bashrc" in text
    assert {path.parent for path in app.jobs.root.rglob("*") if path.is_file()} <= {
        folder for folder in app.jobs.root.rglob("*") if folder.is_dir()
    }


@pytest.mark.parametrize(
    ("tab", "form", "said"),
    [
        ("crust", {"model": "/etc"}, "takes one of the models"),
        ("crust", {"model": "../x"}, "takes one of the models"),
        ("crust", {"smoothness": "wide"}, "invalid float value"),
        ("crust", {"out": "/tmp/x"}, "has no field"),
        ("crust", {"debug": "on"}, "has no field"),
        ("crust", {"compare": "/etc/passwd"}, "has no field"),
        ("crust", {"kind": "--out=/tmp/x"}, "not an option or a path"),
        ("fwi", {"wavelet": "/etc/passwd"}, "takes a text like"),
        ("fwi", {"set.iterations": "many"}, "iterations takes"),
        ("fwi", {"set.network": "x", "set.nothing": "1"}, "has no field"),
        ("seismicity", {"columns": "time=a --out=/tmp/x"}, "not an option or a path"),
        ("seismicity", {"manual": "x"}, "has no field"),
        ("seismicity", {"region": "1 2 3"}, "expected 4"),
        ("picks", {"components": "../../x"}, "not an option or a path"),
    ],
)
def test_a_bad_form_is_refused_with_what_was_wrong(site, tab, form, said):
    app, client = site()
    needed = {name: [("a.csv", b"1")] for name in TABS[tab].needed or ["files"]}
    answer = send(client, app, tab, needed, **form)
    assert answer.status_code == 400 and said in answer.get_data(as_text=True)
    assert not list(app.jobs.root.iterdir())


def test_a_missing_a_second_and_a_large_file_are_refused(site):
    app, client = site(upload_bytes=1000, files=3)
    assert "needs" in send(client, app, "crust", {}).get_data(as_text=True)
    two = send(client, app, "crust", {"map": [("a.csv", b"1"), ("b.csv", b"2")]})
    assert two.status_code == 400 and "takes one file" in two.get_data(as_text=True)
    large = send(client, app, "crust", {"map": [("a.csv", b"x" * 1001)]})
    assert large.status_code == 400 and "larger than" in large.get_data(as_text=True)
    larger = send(client, app, "crust", {"map": [("a.csv", b"x" * 3_000_000)]})
    assert larger.status_code == 413 and "larger than" in larger.get_data(as_text=True)
    many = send(client, app, "picks", {"files": [(f"{n}.mseed", b"1") for n in range(4)]})
    assert many.status_code == 400 and "at most 3 files" in many.get_data(as_text=True)
    assert not list(app.jobs.root.iterdir())


def test_two_users_get_their_own_answers_and_what_they_sent_is_removed(site):
    app, first = site()
    second = Client(app)
    mine = send(first, app, "crust", {"map": [("m.csv", b"mine\n")]})
    yours = send(second, app, "crust", {"map": [("m.csv", b"yours<script>\n")]})
    pages = [
        client.get(wait(app, answer)).get_data(as_text=True) for client, answer in ((first, mine), (second, yours))
    ]
    assert "mine" in pages[0] and "yours" not in pages[0]
    assert (
        "yours&lt;script&gt;" in pages[1]
        and "mine" not in pages[1]
        and "<script" not in pages[1]
        and "<b>" not in pages[1]
    )
    assert mine.headers["Location"] != yours.headers["Location"]
    assert not list(app.jobs.root.glob("*/in"))
    table = first.get(mine.headers["Location"] + "/file/1")
    assert table.get_data() == b"what,<b>\nmine\n" and table.headers["Content-Disposition"].startswith("attachment")
    assert first.get(mine.headers["Location"] + "/all.zip").get_data()[:2] == b"PK"
    gone = first.post(mine.headers["Location"] + "/remove", data={"token": app.token})
    assert gone.status_code == 303 and first.get(mine.headers["Location"]).status_code == 404
    assert second.get(yours.headers["Location"]).status_code == 200
    assert len(list(app.jobs.root.iterdir())) == 1


def test_one_job_runs_at_a_time_others_wait_and_too_many_are_refused(site):
    app, client = site(WAIT, waiting=1)
    taken = [send(client, app, "crust", {"map": [("m.csv", b"1")]}) for _ in range(2)]
    jobs = [app.jobs.get(answer.headers["Location"].split("/")[-1]) for answer in taken]
    for _ in range(400):
        if jobs[0].said():
            break
        time.sleep(0.05)
    assert [job.state for job in jobs] == ["running", "waiting"]
    assert "waiting, 1 before it" in client.get(taken[1].headers["Location"]).get_data(as_text=True)
    refused = send(client, app, "crust", {"map": [("m.csv", b"1")]})
    assert refused.status_code == 503 and "jobs wait already" in refused.get_data(as_text=True)
    for answer in taken:
        client.post(answer.headers["Location"] + "/remove", data={"token": app.token})
    assert not list(app.jobs.root.iterdir())


def test_a_job_that_takes_too_long_is_ended_with_all_that_it_started(site, tmp_path):
    child = tmp_path / "alive"
    later = f"import time; time.sleep(4); open({str(child)!r}, 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {later!r}]); time.sleep(60)"
    app, client = site(code, run_s=1.0)
    page = client.get(wait(app, send(client, app, "crust", {"map": [("m.csv", b"1")]}))).get_data(as_text=True)
    assert "stopped after" in page and "--minutes" in page
    time.sleep(4.5)
    assert not child.exists()


def test_a_command_that_cannot_start_ends_its_job_and_not_the_server(site):
    app, client = site()
    app.jobs._command = ["/no/such/program"]
    text = client.get(wait(app, send(client, app, "crust", {"map": [("m.csv", b"1")]}))).get_data(as_text=True)
    assert "No such file" in text and 'role="alert"' in text
    app.jobs._command = list(worker(ECHO))
    assert "done" in client.get(wait(app, send(client, app, "crust", {"map": [("m.csv", b"1\n")]}))).get_data(
        as_text=True
    )


def test_old_answers_are_removed(site):
    app, client = site(kept=2)
    addresses = [wait(app, send(client, app, "crust", {"map": [("m.csv", b"1\n")]})) for _ in range(3)]
    assert [client.get(address).status_code for address in addresses] == [404, 200, 200]
    assert len(list(app.jobs.root.iterdir())) == 2
    app.jobs.limits = Limits(keep_s=0.0)
    app.jobs.sweep()
    assert not list(app.jobs.root.iterdir())


def test_a_bad_file_gives_the_commands_own_error():
    """By the command itself, in its own process."""
    app = App(jobs=Jobs(Limits()))
    client = Client(app)
    try:
        address = wait(app, send(client, app, "crust", {"map": [("m.csv", b"\x00\x01 this is no map")]}))
        text = client.get(address).get_data(as_text=True)
        assert 'role="alert"' in text and "zoo: " in text and "map-1.csv" in text
        assert "Traceback" not in text and str(app.jobs.root) not in text
    finally:
        app.jobs.close()


def test_a_form_for_the_api_is_checked_too():
    with pytest.raises(UsageError, match="needs"):
        arguments(TABS["crust"], {}, {}, Path("out"))
    jobs = Jobs(Limits(waiting=-1), worker(ECHO))
    with pytest.raises(ZooError, match="wait already"):
        jobs.submit(TABS["crust"], {"map": [("m", io.BytesIO(b"1"))]}, {})
    jobs.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", TABS)
def test_every_example_gives_an_answer_with_pictures(name):
    app = App(jobs=Jobs(Limits()))
    client = Client(app)
    try:
        answer = send(client, app, name, {}, how="/example")
        job = app.jobs.get(answer.headers["Location"].split("/")[-1])
        while not job.is_over:
            time.sleep(0.5)
        assert job.state == "done", job.progress()
        text = client.get(answer.headers["Location"]).get_data(as_text=True)
        assert text.count("<img") > 0 and str(app.jobs.root) not in text
    finally:
        app.jobs.close()
