"""Open notebooks in JupyterLab: the plain copies of the chapters, or their sources.

    python tools/lab.py copies [arguments of jupyter lab]
    python tools/lab.py sources [arguments of jupyter lab]

The copies lie in lab/, where a reader may change them: a copy that was changed is never written
over. Both are trusted, so that their figures are shown at once.
"""

import json
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "_build" / "html" / "notebooks"
CHAPTERS = ROOT / "chapters"
LAB = ROOT / "lab"


def written(path):
    """What a reader may have changed; what comes out is made by the cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


def fill(built, lab):
    """Put the copies there that are missing or as they were given; return all that are new,
    and those that the reader has changed.
    """
    given = lab / ".given"
    given.mkdir(parents=True, exist_ok=True)
    new, changed = [], []
    for copy in sorted(built.glob("*.ipynb")):
        mine, before = lab / copy.name, given / copy.name
        if mine.exists() and not (before.exists() and is_same(mine, before)):
            changed.append(mine)
            continue
        shutil.copyfile(copy, before)
        shutil.copyfile(copy, mine)
        new.append(mine)
    return new, changed


def is_same(mine, before):
    try:
        return written(mine) == written(before)
    except (ValueError, KeyError, TypeError):
        return False


def trust(paths):
    notary = NotebookNotary()
    with closing(notary.store):  # a database
        for path in paths:
            notary.sign(nbformat.read(path, as_version=4))


def settings(folder, extension):
    """A folder for JUPYTER_CONFIG_PATH, in which an extension is switched off."""
    path = folder / ".jupyter" / "labconfig" / "page_config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"disabledExtensions": {extension: True}}), encoding="utf-8")
    return path.parent.parent


def main(what, arguments):
    if what == "sources":
        folder, trusted = CHAPTERS, sorted(CHAPTERS.glob("*.ipynb"))
    else:
        if not BUILT.is_dir():
            return "There are no copies yet: make book"
        folder = LAB
        trusted, changed = fill(BUILT, LAB)
        for path in changed:
            print(f"lab/{path.name} is as you left it; move it away to get the book's.")
        # It would number the formulas a second time.
        os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
            filter(None, [str(settings(LAB, "jupyterlab-myst")), os.getenv("JUPYTER_CONFIG_PATH")])
        )
    trust(trusted)
    # The style of the book's figures.
    os.environ["MATPLOTLIBRC"] = str(CHAPTERS / "matplotlibrc")
    if os.geteuid() == 0:
        arguments = ["--allow-root", *arguments]
    os.chdir(folder)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
