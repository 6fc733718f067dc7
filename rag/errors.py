"""Errors of answering and of documents that a user can act on."""

from retriever.errors import IsthmusError


class GeneratorError(IsthmusError):
    """The generator could not answer; the message says why and what to do."""


class GeneratorOverloadError(GeneratorError):
    """The generator has too much to do; a little later it may answer the same question."""


class NoProbabilitiesError(GeneratorError):
    """The generator does not tell how probable its tokens are."""


class UnreadableFileError(IsthmusError):
    """A file that cannot be added; the message is one sentence for its owner."""
