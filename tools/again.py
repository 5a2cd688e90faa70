"""No hidden state: after a whole run each cell can be run again alone, and shows what is stored.

A reader does so: changes a cell, runs it, and runs one above it. The process that has run the
chapter is forked once for each cell, so that none sees what another one has left. conftest.py
asks for it in the kernel of each chapter, when nbval has run all cells.
"""

import json
import os
import signal

from shell import differing, stored

SECONDS = 300  # for a cell


def changes(shell):
    """Number of a cell -> how it differs when it is run again."""
    found = {n: how(stored(cell), again(shell, n)) for n, cell in enumerate(shell.cells, start=1)}
    return {number: said for number, said in found.items() if said}


def how(first, second):
    """How the second run differs from the first; None if it does not."""
    kinds = [kind for kind in differing(first, second) if kind != "stderr"]
    if "error" in kinds:
        return f"ends with {second['error'][0]}" if "error" in second else "ends without an error"
    return f"has another {' and '.join(kinds)}" if kinds else None


def again(shell, number):
    """What a cell shows when a child runs it again."""
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            signal.alarm(SECONDS)
            with open(write, "w", encoding="utf-8") as pipe:
                json.dump(shell.run(number), pipe)
        finally:
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        shown = pipe.read()
    os.waitpid(child, 0)
    return json.loads(shown) if shown else {"error": ["its process"]}
