"""Which changes of one operation in a chapter would the comparison NOT notice?

    python tools/attack.py [--most 200] [--seed 1] [CHAPTER ...]     without names: all chapters

Every code cell but the first, of imports, is changed in one place at a time, in the ways of
mutants.py. The changed cell and all cells after it are run, and what they print and draw is
compared with what is stored, as nbval does. A change that alters nothing survives: it is
equivalent, or the chapter checks too little there. Each is called by its kind: a cell that is
shown; a check, which its page folds; or a number in a check, such as how many rows it tries: its
claim should hold for other numbers, too.

One process runs the chapter (shell.py). Before each cell it is forked, once for each change,
so that nothing is computed twice.
"""

import argparse
import importlib
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from contextlib import suppress

import book
from mutants import Mutant, mutants
from shell import Shell, differing, in_a_new_process, stored

JOBS = min(os.cpu_count() or 2, 8)
SURVIVED, CAUGHT, BROKEN = 0, 1, 2


class Chapter(Shell):
    """A chapter, and what of it differs from the stored."""

    def differs(self, number, tree=None):
        """Run a cell, or a tree in its place; name what differs."""
        return differing(stored(self.cells[number - 1]), self.run(number, tree))

    def fork(self, tree, first, last, seconds):
        """Run cells in a child, the first one changed; its exit code is the answer."""
        if child := os.fork():
            return child
        code = BROKEN
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            # Of processor time, for the machine may be busy; at last of real time.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(int(20 * seconds))
            differs = self.differs(first, tree) or any(
                map(self.differs, range(first + 1, last + 1))
            )
            code = CAUGHT if differs else SURVIVED
        finally:
            os._exit(code)

    def rehearse(self):
        """Run all cells, unchanged, in a child. Return the processor time they take
        without the imports of the first. All that the child imported on the way is
        then imported here, once for all later children.
        """
        read, write = os.pipe()
        if not os.fork():
            wrong, ends = {}, []
            for number in range(1, len(self.cells) + 1):
                if kinds := self.differs(number):
                    wrong[f"[{number}]"] = kinds
                ends.append(time.process_time())
            with open(write, "w", encoding="utf-8") as pipe:
                json.dump([wrong, ends[-1] - ends[0], list(sys.modules)], pipe)
            os._exit(0)
        os.close(write)
        with open(read, encoding="utf-8") as pipe:
            wrong, seconds, modules = json.load(pipe)
        os.wait()
        if wrong:
            raise SystemExit(f"{self.path}: unchanged cells differ, {wrong}")
        for module in modules:
            with suppress(Exception):
                importlib.import_module(module)
        return seconds


class Forks:
    """The children that try a change, at most JOBS at once, and how each of them ended."""

    def __init__(self, chapter, seconds):
        self.chapter, self.seconds = chapter, seconds
        self.running, self.codes = {}, {}

    def start(self, mutant, last):
        self.wait_until(JOBS - 1)
        child = self.chapter.fork(mutant.tree, mutant.cell, last, self.seconds)
        self.running[child] = mutant

    def wait_until(self, running_at_most):
        name = self.chapter.path.stem
        while len(self.running) > running_at_most:
            child, status = os.wait()
            if (mutant := self.running.pop(child, None)) is None:
                continue  # a process that the chapter itself had started
            code = self.codes[mutant] = os.waitstatus_to_exitcode(status)
            if code == BROKEN or (code != SURVIVED and not mutant.tree):
                raise SystemExit(f"{name}: the fork for {mutant} went wrong ({code})")
            if code == SURVIVED and mutant.tree:
                kind = kind_of(self.chapter.cells[mutant.cell - 1], mutant)
                print(f"{name} {mutant} ({kind})", flush=True)


def kind_of(cell, mutant):
    if not book.is_check(cell):
        return "shown"
    return "number in a check" if is_number(mutant.before) else "check"


def is_number(source):
    return re.fullmatch(r"-?[\d.]+(e-?\d+)?", source) is not None


def counted(path, alive, made):
    """How many of each kind were caught: shown 7/8, check 5/5, number in a check 2/6."""
    cells = dict(book.code_cells(book.read(path)))
    totals, missed = (Counter(kind_of(cells[m.cell], m) for m in ms) for ms in (made, alive))
    return ", ".join(f"{kind} {n - missed[kind]}/{n}" for kind, n in totals.items())


def attack(path, only=None, seed=0, most=None):
    """Attack a chapter in a new process: `only` one cell, or `most` so many changes.

    Returns three lists of mutants: alive; all that were made; stopped, which are those that ran
    out of time or crashed: caught, but by no comparison.
    """
    return in_a_new_process(attack_here, path, only, seed, most)


def attack_here(path, only, seed, most):
    chapter = Chapter(path.resolve())
    last = len(chapter.cells)
    made = []
    for number, cell in enumerate(chapter.cells, start=1):
        if number > 1 and only in (None, number):  # the first cell imports
            made += mutants(chapter.shell.transform_cell(cell.source), number)
    if most is not None and most < len(made):
        chosen = random.Random(seed).sample(range(len(made)), most)
        made = [made[i] for i in sorted(chosen)]
    forks = Forks(chapter, seconds=3 * chapter.rehearse() + 5)
    for number in range(1, max((m.cell for m in made), default=0) + 1):
        group = [mutant for mutant in made if mutant.cell == number]
        if group:
            # The fork alone must make no difference.
            forks.start(Mutant(number, 1, 1, "no change", "no change"), last=number)
        for mutant in group:
            forks.start(mutant, last)
        if kinds := chapter.differs(number):
            raise SystemExit(f"{path}: unchanged cell [{number}] differs: {kinds}")
    forks.wait_until(0)
    alive = [m for m in made if forks.codes[m] == SURVIVED]
    stopped = [m for m in made if forks.codes[m] < 0]
    # A tree would have to be sent to the process that asked.
    return tuple([m._replace(tree=None) for m in ms] for ms in (alive, made, stopped))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="its name or its path")
    parser.add_argument("--cell", type=int, help="change only the cell with this number")
    parser.add_argument("--seed", type=int, default=0, help="of the choice for --most")
    parser.add_argument("--most", type=int, help="try at most so many changes of a chapter")
    args = parser.parse_args(arguments)
    try:
        chapters = book.pick(args.chapters, book.CHAPTERS)
    except book.NoPage as problem:
        return str(problem)
    survivors = 0
    for path in chapters:
        start = time.perf_counter()
        alive, made, stopped = attack(path, args.cell, args.seed, args.most)
        took = time.perf_counter() - start
        print(
            f"{path.stem}: {len(made) - len(alive)}/{len(made)} caught in {took:.0f} s"
            f" ({counted(path, alive, made)}), {len(stopped)} by a crash or the time limit"
        )
        survivors += len(alive)
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
