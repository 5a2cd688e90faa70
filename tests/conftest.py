"""Fixtures of more than one file."""

from website import address, browser, site

__all__ = ["address", "browser", "site"]
