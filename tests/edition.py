"""The chapters of the first edition, which are not yet written anew.

What the second edition demands of a chapter, of its shape and that no cell depends on hidden
state, these are expected to miss. One that is written anew is taken off the list: until then the
tests that it passes fail.
"""

import book
import pytest

FIRST_EDITION = {
    "09_mnist",
}


def chapters(good_already=()):
    """All chapters, for a test that those of the first edition fail, but for some."""
    failing = FIRST_EDITION - set(good_already)
    expected = pytest.mark.xfail(raises=AssertionError, strict=True, reason="of the first edition")
    return [
        pytest.param(path, id=path.stem, marks=[expected] if path.stem in failing else [])
        for path in book.CHAPTERS
    ]
