"""Fixtures of more than one file, and the order of the tests."""

from website import address, browser, computed, forks, site

__all__ = ["address", "browser", "computed", "forks", "site"]


def pytest_collection_modifyitems(items):
    """The first test that needs the website builds it for all. It goes first, and after it
    what needs no website, so that nobody waits for it."""
    waiting = [item for item in items if "site" in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in set(waiting)]
    items[:] = waiting[:1] + others + waiting[1:]
