"""Text in one form: composed characters (NFC), in time that grows with the text alone, and no lone surrogates."""

import unicodedata

import regex

MAX_MARKS = 30
"""Combining marks that stay on a letter, as in the Stream-Safe Text Format (Unicode UAX #15, section 13)."""
_LONG_RUN = regex.compile(rf"(\p{{M}}{{{MAX_MARKS}}})\p{{M}}+")


def nfc(text: str) -> str:
    r"""The text in NFC. Of a run of combining marks the first MAX_MARKS stay: NFC sorts them in quadratic time.

    >>> nfc("e\u0301"), len(nfc("x" + "\u0301" * 80_000))
    ('é', 31)
    """
    return text if text.isascii() else unicodedata.normalize("NFC", _LONG_RUN.sub(r"\1", text))


def replace_surrogates(text: str) -> str:
    r"""The text with U+FFFD for every half of a surrogate pair, which no encoding of text can hold.

    >>> replace_surrogates("a\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
