"""The address of a server, for messages."""

from urllib.parse import urlsplit


def shown_url(url: str) -> str:
    """A URL for people to read: without user, password and query, which may be secret.

    >>> shown_url("https://me:secret@example.org:8000/v1?key=secret")
    'https://example.org:8000/v1'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
