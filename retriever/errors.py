"""Errors that a user can act on."""


class IsthmusError(Exception):
    """One clear sentence that says what is wrong and what to do about it.

    The command line prints it and exits with `exit_code`; the page shows it as it is.
    """

    exit_code = 2


class DataError(IsthmusError):
    """A data file has a fault; the message names the file, the line and the fault."""


class LibraryBusyError(IsthmusError):
    """Another process has the library open; the message says which."""


class ChromaServerError(IsthmusError, OSError):
    """The Chroma server that the settings name does not answer any more."""
