"""Small notebooks, and a thread in which a test may run one."""

from concurrent.futures import ThreadPoolExecutor

import nbformat


def notebook(folder, *cells):
    """The path of a new notebook with these code cells."""
    path = folder / "small.ipynb"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(nb, path)
    return path


def aside(function, *arguments):
    """Its result, from another thread: in this one the tests of the website keep a loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()
