"""Errors that a user can act on."""


class IsthmusError(Exception):
    """One clear sentence that says what is wrong and what to do about it.

    The command line prints it and exits with `exit_code`; the page shows it as it is.
    """

    exit_code = 2


class DataError(IsthmusError):
    """A data file has a fault; the message names the file, the line and the fault."""


class NotFoundError(IsthmusError):
    """Nothing has the name that was given, or several have it."""


class LibraryBusyError(IsthmusError):
    """Another process has the library open; the message says which."""


class ChromaServerError(IsthmusError):
    """The Chroma server at `place` does not answer any more; `fault` says so without the cause and the remedy."""

    def __init__(self, place: str, cause: Exception) -> None:
        self.fault = f"The Chroma server at {place} does not answer any more"
        super().__init__(f"{self.fault} ({cause}). Start it again.")
