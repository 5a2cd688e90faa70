"""Show the book at localhost while it is written: what is saved is built, and the page reloads.

python tools/serve.py PORT AROUND...     as `make serve` does

AROUND are the files and folders that are no pages and may change each: when one of them is saved,
the book is built anew. A page that is saved is built alone, at once, by a process that has made
all ready for it; then the whole is built as `jupyter-book build` does, for what is made from all
pages: lists, copies, the index of the search.
"""

import multiprocessing
import os
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import book
import jupyter_book.sphinx as jupyter_book
from site_server import Handler
from sphinx.application import Sphinx
from sphinx.util.build_phase import BuildPhase
from sphinx.util.logging import pending_warnings
from sphinx.util.parallel import SerialTasks

HTML = book.ROOT / "_build" / "html"
SECONDS = 0.2  # between two looks at the files
SCRIPT = b"""
const changed = new URL(`/.changed${location.pathname}`, location)
let seen
async function look() {
  try {
    const now = await (await fetch(`${changed}?${seen ?? ""}`)).text()
    if (seen !== undefined && now !== seen) return location.reload()
    seen = now
  } catch {
    await new Promise((done) => setTimeout(done, 500)) // the book is built anew
  }
  look()
}
look()
"""
TAG = b'<script defer src="/.reload.js"></script></head>'


class Versions:
    """When each page was written; a browser waits here for the next time."""

    def __init__(self):
        self.start, self.of, self.news = time.time_ns(), {}, threading.Condition()

    def tell(self, addresses):
        with self.news:
            self.of |= dict.fromkeys(addresses, time.time_ns())
            self.news.notify_all()

    def after(self, address, seen, seconds=20):
        with self.news:
            self.news.wait_for(lambda: self.now(address) != seen, seconds)
            return self.now(address)

    def now(self, address):
        return str(self.of.get(address, self.start))


class Reloading(Handler):
    """The website, with a script in its pages that this server alone has."""

    def __init__(self, *args, versions, **kwargs):
        self.versions = versions
        super().__init__(*args, **kwargs)

    def do_GET(self):
        address, _, seen = self.path.partition("?")
        page = address.removeprefix("/.changed")
        page += "index.html" * page.endswith("/")
        if address.startswith("/.changed/"):
            return self.answer(self.versions.after(page, seen).encode(), "text/plain")
        if address == "/.reload.js":
            return self.answer(SCRIPT, "text/javascript")
        path = Path(self.translate_path(page))
        if path.suffix == ".html" and path.is_file():
            return self.answer(path.read_bytes().replace(b"</head>", TAG, 1), "text/html")
        return super().do_GET()

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        with suppress(ConnectionError):  # who waited has left the page
            self.end_headers()
            self.wfile.write(body)


class Watched:
    """Files, and all files in folders."""

    def __init__(self, paths):
        self.paths = paths
        self.last = self.saved()

    def saved(self):
        """Path -> when it was saved."""
        files = (
            file
            for path in self.paths
            for file in [path, *path.rglob("*.*")]
            if file.is_file() and file.suffix != ".pyc"
        )
        return {file: file.stat().st_mtime_ns for file in files}

    def changed(self):
        """What was saved, made or dropped since it was asked for."""
        before, self.last = self.last, self.saved()
        return set(dict(before.items() ^ self.last.items()))


class Prepared(Sphinx):
    """Waits until it is told which pages to build, and builds them alone."""

    def build(self, *_):
        names = self.pipe.recv()
        # Not what is made from all pages.
        self.env.reread_always = set()
        with pending_warnings():
            read = self.builder.read()
        list(self.env.check_dependents(self, read))  # which numbers what was read
        self.phase = BuildPhase.RESOLVING
        self.builder.finish_tasks = SerialTasks()
        self.builder.write(names, [], "specific")
        self.builder.copy_image_files()
        self.extensions["pages"].module.write_policies(self, None)
        self.pipe.send(names)


def build(pipe=None):
    """As the command line of Jupyter Book does, warnings and all; with a pipe by Prepared."""
    if pipe:
        Prepared.pipe, jupyter_book.Sphinx = pipe, Prepared
    end = jupyter_book.build_sphinx(
        book.ROOT,
        HTML,
        path_config=book.ROOT / "_config.yml",
        noconfig=True,
        confoverrides={"latex_individualpages": False, "nitpicky": True},
        quiet=True,
    )
    sys.exit(end if isinstance(end, int) else 1)


class Builder:
    """Its processes are forked from one that has loaded what they need."""

    def __init__(self):
        self.new = multiprocessing.get_context("forkserver")
        self.new.set_forkserver_preload(
            ["__main__", "jupyter_book", "myst_nb", "sphinx_book_theme"]
        )
        self.whole = self.one = None

    def start_whole(self):
        self.whole = self.new.Process(target=build, daemon=True)
        self.whole.start()

    def is_done(self):
        return not self.whole.is_alive()

    def prepare(self):
        if self.one is None:
            self.pipe, other = self.new.Pipe()
            self.one = self.new.Process(target=build, args=[other], daemon=True)
            self.one.start()
            other.close()

    def build_pages(self, names):
        """These alone; False if that went wrong."""
        # Both would write.
        self.whole.terminate()
        self.whole.join()
        self.prepare()
        self.one = None
        try:
            self.pipe.send(names)
            return self.pipe.recv() == names
        except (EOFError, ConnectionError):
            return False


def keep_building(around, versions):
    """Until something is saved that is no page."""
    address = {name: f"/{name}.html" for name in book.PAGES}
    pages = {book.ROOT / f"{n}{kind}": n for n in book.PAGES for kind in (".ipynb", ".md")}
    watched = Watched([*pages, *map(book.ROOT.joinpath, around)])
    builder, fresh = Builder(), []
    builder.start_whole()
    while True:
        time.sleep(SECONDS)
        if builder.is_done() and builder.one is None:
            failed = builder.whole.exitcode
            print("Not all could be built: see above." if failed else "All is built.", flush=True)
            versions.tell(address[name] for name in address.keys() - set(fresh))
            builder.prepare()
        changed = watched.changed()
        if not changed <= pages.keys():
            return
        if changed:
            start, fresh = time.perf_counter(), sorted(pages[path] for path in changed)
            if builder.build_pages(fresh):
                versions.tell(address[name] for name in fresh)
                print(f"{', '.join(fresh)}: {time.perf_counter() - start:.1f} s", flush=True)
            builder.start_whole()


def main(port, around):
    versions = Versions()
    try:
        server = ThreadingHTTPServer(
            ("localhost", int(port)), partial(Reloading, directory=HTML, versions=versions)
        )
    except OSError:
        return f"Port {port} cannot be had: name another, for example make serve PORT=8001"
    server.daemon_threads = True
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(
            f"The book, as soon as it is built: http://localhost:{port}/ (Ctrl-C ends it)",
            flush=True,
        )
        try:
            keep_building(around, versions)
        except KeyboardInterrupt:
            return None
        finally:
            server.shutdown()
    print("More than pages has changed: the book is built anew.", flush=True)
    os.execvp("make", ["make", "--no-print-directory", "serve", f"PORT={port}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
