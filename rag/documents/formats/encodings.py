"""From bytes to text, in any encoding."""

from charset_normalizer import from_bytes

from rag.errors import UnreadableFileError

RARE_ENCODINGS = "mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman mac_turkish hp_roman8 cp037 cp500".split()
"""Hardly ever met, and taken for Windows' code pages."""


def decode(name: str, data: bytes) -> str:
    """Text of any encoding. Raises UnreadableFileError for binary data."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableFileError(f"{name}: it claims to be {encoding} text and is not ({error}).") from error
    if b"\x00" in data[:4096]:
        raise UnreadableFileError(f"{name}: this is binary data, not text.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(data[:200_000], cp_exclusion=RARE_ENCODINGS).best()
    if guess is None or not guess.could_be_from_charset:
        raise UnreadableFileError(f"{name}: its text encoding was not recognised; save it as UTF-8.")
    try:
        return data.decode(guess.encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{name}: its text encoding was not recognised; save it as UTF-8.") from error
