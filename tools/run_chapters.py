"""Run chapters again and store their outputs in place.

    python tools/run_chapters.py                  all chapters
    python tools/run_chapters.py 01_likelihood    one, or several

A chapter is written only when every cell ran and none wrote to stderr (a warning, say);
otherwise the file stays as it was. Twice in a row changes nothing.

appendix/status.json records the versions of the packages that the chapters import, when all
chapters were run with them, and about how much processor time each takes. A time is written
when its chapter or the versions have changed, and kept otherwise: no two runs take equally long.
"""

import asyncio
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import packages_distributions, version

import book
import nbformat
import surroundings
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    # Its name alone would make a script of the chapter a .txt.
    "language_info": {"file_extension": ".py", "name": "python"},
}
KEPT = ("checks", "live", "mystnb", "tags")
FOLDED = {"hide-cell", "hide-input"}
RECORD = book.ROOT / "appendix" / "status.json"
ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500]


class Refused(Exception):
    """Why a chapter was not stored."""


class Kernel(AsyncKernelManager):
    """Of the Python that runs this, and no other that the user has installed as python3."""

    def _kernel_spec_manager_default(self):
        return KernelSpecManager(kernel_dirs=[])


class Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to Python; nbclient would end the kernel and then stumble over that."""

    def add_signal_handler(self, *_):
        raise RuntimeError  # nbclient takes this for a loop that cannot have one


def run(path):
    """Run the notebook at `path` and return it with fresh outputs and nothing else new."""
    nb = repaired(nbformat.read(path, as_version=4))
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for cell in code:
        cell.update(outputs=[], execution_count=None)
    try:
        execute(nb, path.parent)
    except DeadKernelError:
        sys.exit(f"{path.stem}: its kernel died or was interrupted. NOT STORED.")
    except (CellExecutionError, CellTimeoutError) as error:
        number = max((cell.execution_count or 0 for cell in code), default=0)
        raise Refused(f"cell [{number}] failed:\n{error}") from None
    nb.metadata = nbformat.from_dict(METADATA)
    for cell in nb.cells:
        cell.metadata = kept(cell.metadata)
    for cell in code:
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise Refused(f"cell [{cell.execution_count}] wrote to stderr:\n{output.text}")
    return nb


def kept(metadata):
    """What is the book's, and not an editor's mark (collapsed, ...). What the website folds,
    JupyterLab folds.
    """
    metadata = {k: metadata[k] for k in KEPT if k in metadata}
    if FOLDED & set(metadata.get("tags", [])):
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def repaired(nb):
    """In the format of the book, an id for each cell; Colab stores an older one, without."""
    nb.nbformat_minor = nbformat.v4.nbformat_minor
    taken = set()
    for number, cell in enumerate(nb.cells, start=1):
        # Colab keeps the id in the metadata; a copied cell has that of its original.
        known = cell.get("id") or cell.metadata.get("id") or f"cell-{number}"
        cell.id = known if known not in taken else f"{known}-{number}"
        taken.add(cell.id)
    return nb


def execute(nb, folder):
    surroundings.settle()
    surroundings.build_font_cache()
    client = NotebookClient(
        nb,
        kernel_name="python3",
        kernel_manager_class=Kernel,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,  # in one piece, however it arrived
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as new, asyncio.Runner(loop_factory=Loop) as runner:
        # No start-up file of the user's, no history, and the small digits of chapter 9.
        env = os.environ | {"IPYTHONDIR": new, "BOOK_MNIST": ""}
        # The kernel's own log is thrown away; what a cell writes to stderr is an output.
        runner.run(client.async_execute(stderr=subprocess.DEVNULL, env=env))


def store(nb, path):
    """Replace the file in one step, so that an interruption leaves the old or the new."""
    text = nbformat.writes(nb) + "\n"
    if text == path.read_text(encoding="utf-8"):
        return False
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    return True


def processor_time():
    """Seconds that finished kernels have used: the same however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def versions():
    """Distribution -> version, of the packages that the chapters import."""
    cells = (cell for path in book.CHAPTERS for _, cell in book.code_cells(book.read(path)))
    imported = {name for cell in cells for name in book.imports(cell)}
    installed = packages_distributions()  # and not the standard library
    names = {name for package in imported for name in installed.get(package, [])}
    return {name: version(name).partition("+")[0] for name in sorted(names)}


def recorded(record, ran, used, known):
    """The new record, after chapters ran with the versions `used`: name -> (changed, seconds)."""
    versions = used if ran.keys() == set(known) else record["versions"]
    seconds = {name: took for name, took in record["seconds"].items() if name in known}
    for name, (changed, took) in ran.items():
        if changed or versions != record["versions"] or name not in seconds:
            seconds[name] = min(ROUND, key=lambda s: abs(math.log(took / s)))
    return {"versions": versions, "seconds": seconds}


def run_and_store(chapters):
    """Name -> (changed, seconds), of the chapters that could be stored."""
    ran = {}
    for path in chapters:
        start, before = time.perf_counter(), processor_time()
        try:
            changed = store(run(path), path)
        except (Refused, OSError) as problem:
            print(f"{path.stem}: NOT STORED, {problem}", file=sys.stderr)
            continue
        ran[path.stem] = changed, processor_time() - before
        verdict = "changed" if changed else "unchanged"
        print(f"{path.stem}: {verdict} ({time.perf_counter() - start:.0f} s)", flush=True)
    return ran


def update_the_record(ran):
    old, used = json.loads(RECORD.read_text(encoding="utf-8")), versions()
    new = recorded(old, ran, used, [path.stem for path in book.CHAPTERS])
    if new["versions"] != used:
        print("Other versions than those on record: run all chapters.", file=sys.stderr)
    if new != old:
        text = json.dumps(new, indent=1, sort_keys=True) + "\n"
        RECORD.write_text(text, encoding="utf-8", newline="\n")


def main(names):
    try:
        chapters = book.pick(names, book.CHAPTERS)
        ran = run_and_store(chapters)
    except book.NoPage as problem:
        return str(problem)
    except KeyboardInterrupt:
        return "Interrupted. The chapter that was running is as it was."
    update_the_record(ran)
    failed = [path.stem for path in chapters if path.stem not in ran]
    return f"not stored: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
