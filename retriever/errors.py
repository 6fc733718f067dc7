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


class StoreServerError(IsthmusError):
    """A server of vectors or documents has gone or failed; `fault` and `remedy` are the sentence without the cause."""

    def __init__(self, fault: str, cause: object, remedy: str = "start it again") -> None:
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{fault} ({cause}); {remedy}.")
