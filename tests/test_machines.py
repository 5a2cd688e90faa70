"""Chapters where PyTorch sees an accelerator, a download breaks off, or git has a filter."""

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import book
import nbformat
import pytest
import run_chapters
from notebooks import aside

(MNIST,) = (path for path in book.CHAPTERS if "mnist" in path.stem)


def first_cells(until, which=0):
    """Chapter 9, as far as the first code cell in which `until` stands; the last one with -1."""
    nb = nbformat.read(MNIST, as_version=4)
    ends = [n for n, c in enumerate(nb.cells) if c.cell_type == "code" and until in c.source]
    del nb.cells[ends[which] + 1 :]
    return nb


def run(nb, folder):
    path = folder / MNIST.name
    nbformat.write(nb, path)
    return aside(run_chapters.run, path).cells


@pytest.mark.parametrize("accelerator, which", [("torch.cuda", -1), ("torch.backends.mps", 0)])
def test_an_accelerator_changes_no_output(tmp_path, accelerator, which):
    nb = first_cells("fit(", which)
    stored = [cell.get("outputs") for cell in nb.cells]
    imports = next(cell for cell in nb.cells if cell.cell_type == "code")
    imports.source += (
        f"\nimport functools\n{accelerator}.is_available = functools.lru_cache(lambda: True)"
    )
    assert [cell.get("outputs") for cell in run(nb, tmp_path)] == stored


class Half(BaseHTTPRequestHandler):
    """Promises more than it sends."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")

    def log_message(self, *_):
        pass


BROKEN_OFF = """
def fetch(_):
    return fv.untar_data("http://127.0.0.1:{}/mnist_png.tgz", base=place)

with tempfile.TemporaryDirectory() as place:
    try:
        get_folder("full", None, fetch)
    except RuntimeError as error:
        print(error)"""


def test_a_download_that_breaks_off_says_what_to_do(tmp_path):
    nb = first_cells("def get_folder")
    with HTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = BROKEN_OFF.format(server.server_port)
        nb.cells.append(nbformat.v4.new_code_cell(source))
        try:
            *_, output = run(nb, tmp_path)[-1].outputs
        finally:
            server.shutdown()
    assert "cannot be fetched: connect to a network" in output.text


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git")
def test_a_filter_of_the_user_leaves_the_outputs(tmp_path):
    def git(*words):
        command = ["git", "-c", "core.attributesFile=of-the-user", *words]
        subprocess.run(command, cwd=tmp_path, check=True)

    (tmp_path / "of-the-user").write_text("*.ipynb filter=strip\n")
    shutil.copy(book.ROOT / ".gitattributes", tmp_path)
    (tmp_path / "chapter.ipynb").write_text("{}\n")
    git("init", "-q")
    git("-c", "filter.strip.clean=false", "-c", "filter.strip.required", "add", "chapter.ipynb")
