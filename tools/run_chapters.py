"""Run chapters again and store their outputs in place.

    python tools/run_chapters.py                  all chapters
    python tools/run_chapters.py 01_likelihood    one, or several

A chapter is written only when every cell ran and none wrote to stderr (a warning, say);
otherwise the file stays as it was. Twice in a row changes nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The kernels inherit these: sums in one order, and nothing of the user's that could change
# an output or switch off a warning.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
for variable in ("PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP"):
    os.environ.pop(variable, None)

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
KEPT = ("mystnb", "tags")


class Refused(Exception):
    """Why a chapter was not stored."""


def run(path):
    """Run the notebook at `path` and return it with fresh outputs and nothing else new."""
    nb = nbformat.read(path, as_version=4)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for cell in code:
        cell.update(outputs=[], execution_count=None)
    client = NotebookClient(
        nb,
        kernel_name="python3",
        timeout=300,
        record_timing=False,
        coalesce_streams=True,  # in one piece, however it arrived
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        # The kernel's own log is thrown away; what a cell writes to stderr is an output.
        client.execute(stderr=subprocess.DEVNULL)
    except (DeadKernelError, AssertionError):  # what nbclient makes of Ctrl-C
        sys.exit(f"{path.stem}: its kernel died or was interrupted. NOT STORED.")
    except (CellExecutionError, CellTimeoutError) as error:
        number = max((cell.execution_count or 0 for cell in code), default=0)
        raise Refused(f"cell [{number}] failed:\n{error}") from None
    nb.metadata = nbformat.from_dict(METADATA)
    for cell in nb.cells:  # an editor's marks (collapsed, ...) are not the book's
        cell.metadata = {k: cell.metadata[k] for k in KEPT if k in cell.metadata}
    for cell in code:
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise Refused(
                    f"cell [{cell.execution_count}] wrote to stderr:\n{output.text}"
                )
    return nb


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


def main(names):
    known = {path.stem: path for path in sorted(CHAPTERS.glob("*.ipynb"))}
    names = [Path(name).stem for name in names] or list(known)
    if unknown := [name for name in names if name not in known]:
        return f"no chapter {', '.join(unknown)}; there are: {', '.join(known)}"
    failed = []
    for name in names:
        start = time.perf_counter()
        try:
            changed = store(run(known[name]), known[name])
        except (Refused, OSError) as problem:
            failed.append(name)
            print(f"{name}: NOT STORED, {problem}", file=sys.stderr)
            continue
        verdict = "changed" if changed else "unchanged"
        print(f"{name}: {verdict} ({time.perf_counter() - start:.0f} s)", flush=True)
    return f"not stored: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as os.environ["IPYTHONDIR"]:
        try:
            sys.exit(main(sys.argv[1:]))
        except KeyboardInterrupt:
            sys.exit("Interrupted. The chapter that was running is as it was.")
