"""The address of a server, for messages."""

from urllib.parse import urlsplit


def shown_address(url: str) -> str:
    """The URL without user and password.

    >>> shown_address("https://me:secret@example.org:6333")
    'https://example.org:6333'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
