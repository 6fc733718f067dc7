"""What the tests of ui share."""

from collections.abc import Callable

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], scope="module")
def new_state(request) -> Callable[[], str | None]:
    """Gives values of the setting `state_url`: None, and then, in a second turn, new databases of PostgreSQL."""
    if request.param == "sqlite":
        return lambda: None
    new_database: Callable[[], str] = request.getfixturevalue("postgresql").new_database
    return new_database
