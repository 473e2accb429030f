"""The server: who may ask, which address shows what, and what every answer forbids the browser.

It answers a host name that it knows alone (a page of the network that points its own name to this machine is refused),
takes forms of its own pages alone (a token that no other page can read), and lets the browser load nothing from
anywhere else. An address names a tab, a model, a dataset, a job by its secret name, or a file by its number: none holds
a path.
"""

from __future__ import annotations

import secrets
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, ZooError
from zoo.progress import say
from zoo.serve import pages
from zoo.serve.jobs import Job, Jobs, Limits
from zoo.serve.tabs import TABS, Tab

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SHOWN = {".png": "image/png", ".gif": "image/gif"}
_ANY = "", "0.0.0.0", "::", "[::]"
_ROOM_BYTES = 1_000_000  # of a form beside its files
_NEEDS = "zoo serve needs Werkzeug and waitress: pip install 'seismic-zoo[serve]'"


class App:
    """The page as a WSGI application.

    Args:
        hosts: names under which it may be asked, each with or without a port.
        limits: what it takes.
        jobs: those it runs; default: new ones.
    """

    def __init__(self, hosts: Iterable[str] = LOOPBACK, limits: Limits | None = None, jobs: Jobs | None = None):
        self.hosts = frozenset(hosts)
        self.jobs = jobs or Jobs(limits)
        self.token = secrets.token_urlsafe(24)
        """What a form must hold."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        from werkzeug.exceptions import HTTPException
        from werkzeug.wrappers import Request

        request = Request(environ)
        request.max_content_length = self.jobs.limits.upload_bytes + _ROOM_BYTES
        request.max_form_memory_size = _ROOM_BYTES
        request.max_form_parts = 1000
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = self._refusal(error.code or 500, self._words(error))
        except UsageError as error:
            response = self._refusal(400, str(error))
        except ZooError as error:
            response = self._refusal(503, str(error))
        finally:
            request.close()  # temporary files of what was sent
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _words(self, error: Any) -> str:
        if error.code == 413:
            return f"The files are larger than {self.jobs.limits.upload_bytes / 1e6:.0f} MB (zoo serve --megabytes)."
        return {404: "There is no such page.", 405: "This page takes no such request."}.get(
            error.code, f"{error.name}. {error.description}"
        )

    def _refusal(self, code: int, why: str, here: str = "") -> Any:
        from markupsafe import Markup

        body = Markup('<section><p class="error" role="alert">{}</p></section>').format(why)
        return self._html("Not done", body, here, code)

    def _html(self, title: str, body: Any, here: str = "", code: int = 200, refresh: bool = False) -> Any:
        from werkzeug.wrappers import Response

        return Response(pages.page(title, body, here, refresh), status=code, mimetype="text/html")

    def _answer(self, request: Any) -> Any:
        from werkzeug.exceptions import Forbidden, MethodNotAllowed, NotFound
        from werkzeug.wrappers import Response

        host = request.headers.get("Host", "")
        if host not in self.hosts and host.rpartition(":")[0] not in self.hosts:
            raise Forbidden("This server answers this machine alone (zoo serve --host).")
        parts = [part for part in request.path.split("/") if part]
        if request.method == "POST":
            self._check_sender(request)
            return self._post(request, parts)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed()
        match parts:
            case []:
                return self._html("Questions", pages.home(self.jobs.limits))
            case ["style.css"]:
                style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
                return Response(style, mimetype="text/css")
            case ["tab", name] if name in TABS:
                return self._html(TABS[name].title, pages.form(TABS[name], self.token), name)
            case ["models" | "datasets" as what]:
                return self._html(what.capitalize(), pages.listing(what), what)
            case ["models" | "datasets" as what, name]:
                return self._card(what, name)
            case ["job", identity]:
                job = self._job(identity)
                shown = pages.job(job, self.jobs.ahead_of(job), self.token)
                return self._html(job.tab.title, shown, job.tab.name, refresh=not job.is_over)
            case ["job", identity, "file", number] if number.isdecimal() and number.isascii():
                return self._file(request, self._job(identity), int(number))
            case ["job", identity, "all.zip"]:
                return self._zip(request, self._job(identity))
        raise NotFound()

    def _check_sender(self, request: Any) -> None:
        """Refuse a form that another page sent: by what the browser says of it, and by the token."""
        from werkzeug.exceptions import Forbidden

        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
        if site not in ("same-origin", "none") or (origin and origin.partition("://")[2] != request.headers["Host"]):
            raise Forbidden("This form was sent by another page.")
        if not secrets.compare_digest(request.form.get("token", ""), self.token):
            raise Forbidden("This form is not of this server; load the page again.")

    def _post(self, request: Any, parts: list[str]) -> Any:
        from werkzeug.exceptions import NotFound
        from werkzeug.utils import redirect

        match parts:
            case ["tab", name] if name in TABS:
                return self._submit(TABS[name], request, example=False)
            case ["tab", name, "example"] if name in TABS:
                return self._submit(TABS[name], request, example=True)
            case ["job", identity, "remove"]:
                job = self._job(identity)
                self.jobs.remove(job)
                return redirect(f"/tab/{job.tab.name}", 303)
        raise NotFound()

    def _submit(self, tab: Tab, request: Any, example: bool) -> Any:
        from werkzeug.utils import redirect

        form = {key: text for key, text in request.form.items() if key != "token"}
        files = {
            name: sent
            for name in request.files
            if (sent := [(file.filename, file.stream) for file in request.files.getlist(name) if file.filename])
        }
        try:
            job = self.jobs.submit(tab, files, tab.set_on_example if example else form, example)
        except UsageError as error:
            shown = pages.form(tab, self.token, str(error), form)
            return self._html(tab.title, shown, tab.name, 400)
        return redirect(f"/job/{job.identity}", 303)

    def _card(self, what: str, name: str) -> Any:
        from werkzeug.exceptions import NotFound

        from zoo import registry
        from zoo.data.builders import list_datasets

        if name not in (registry.folders() if what == "models" else list_datasets()):  # a name, never a folder
            raise NotFound()
        return self._html(name, pages.card(name, registry.info(name)), what)

    def _job(self, identity: str) -> Job:
        from werkzeug.exceptions import NotFound

        if (job := self.jobs.get(identity)) is None:
            raise NotFound()
        return job

    def _file(self, request: Any, job: Job, number: int) -> Any:
        from werkzeug.exceptions import NotFound
        from werkzeug.wrappers import Response
        from werkzeug.wsgi import wrap_file

        files = job.files() if job.is_over else []
        if number >= len(files):
            raise NotFound()
        path = files[number]
        kind = _SHOWN.get(path.suffix)
        content = wrap_file(request.environ, path.open("rb"))
        response = Response(content, mimetype=kind or "application/octet-stream", direct_passthrough=True)
        response.content_length = path.stat().st_size
        response.headers.set("Content-Disposition", "inline" if kind else "attachment", filename=path.name)
        return response

    def _zip(self, request: Any, job: Job) -> Any:
        from werkzeug.exceptions import NotFound
        from werkzeug.wrappers import Response
        from werkzeug.wsgi import wrap_file

        if not job.is_over:
            raise NotFound()
        held = tempfile.TemporaryFile(dir=self.jobs.root)
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in job.files():
                archive.write(path, path.relative_to(job.folder / "out"))
        held.seek(0)
        response = Response(wrap_file(request.environ, held), mimetype="application/zip", direct_passthrough=True)
        response.headers.set("Content-Disposition", "attachment", filename=f"zoo-{job.tab.name}.zip")
        return response


def serve(host: str = "127.0.0.1", port: int = 8750, limits: Limits | None = None) -> None:
    """Serve the page until it is interrupted; all temporary files are removed then.

    Args:
        host: name or address that browsers ask; 127.0.0.1 is this machine alone.
        port: to listen at.
        limits: what it takes.

    Raises:
        UsageError: if the host is none that a browser can ask.
        ZooError: if the extra `serve` is not installed, or the port is taken.
    """
    if host in _ANY:
        raise UsageError(
            f"--host takes the name or address that browsers ask, such as that of this machine, not {host}."
        )
    try:
        import waitress
        import werkzeug  # noqa: F401
    except ImportError:
        raise ZooError(_NEEDS) from None
    app = App({*LOOPBACK, host}, limits)
    try:
        server = waitress.create_server(
            app, host=host, port=port, threads=4, ident="zoo",
            max_request_body_size=app.jobs.limits.upload_bytes + _ROOM_BYTES,
        )  # fmt: skip
    except OSError as error:
        app.jobs.close()
        raise ZooError(f"zoo cannot listen at {host}:{port} ({error.strerror}). Choose another --port.") from error
    say(f"zoo: http://{'localhost' if host in LOOPBACK else host}:{port}   (Ctrl-C ends it)")
    if host not in LOOPBACK:
        say("zoo: whoever reaches this machine by that name can run commands on it, without a password")
    try:
        server.run()
        raise KeyboardInterrupt  # waitress keeps that to itself; nothing else ends it
    finally:
        server.close()
        app.jobs.close()
