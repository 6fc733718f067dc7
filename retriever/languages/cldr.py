"""Keeps the locales of Babel apart.

Babel writes what it looks up in one locale into data that others share, so that Basque months are Chinese once Chinese
ones have been read (python-babel/babel#1234, in 2.18).
"""

import copy
from typing import Any

from babel import localedata


class _OwnData(dict[str, Any]):
    """A locale's data, of which a locale that inherits from it takes a deep copy, not a shallow one."""

    def copy(self) -> "_OwnData":
        return _OwnData(copy.deepcopy(dict(self)))


def separate_locales() -> None:
    """Give each locale that Babel loads from now on its own data."""
    localedata._cache.clear()
    localedata._cache["root"] = _OwnData(localedata.load("root"))
