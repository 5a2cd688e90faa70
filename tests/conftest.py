"""Fixtures of more than one file, and the order of the tests."""

from website import address, browser, site

__all__ = ["address", "browser", "site"]


def pytest_collection_modifyitems(items):
    """The first test that needs the website builds it for all. It goes first, and after it
    what needs no website, so that nobody waits for it."""
    first, *others = [i for i in items if "site" in getattr(i, "fixturenames", ())] or [0]
    later = set(map(id, others))
    items.sort(key=lambda item: (id(item) in later) - (item is first))
