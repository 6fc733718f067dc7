"""Text as it comes from a browser."""


def replace_surrogates(text: str) -> str:
    r"""The text with U+FFFD for every half of a surrogate pair, which no encoding of text can hold.

    >>> replace_surrogates("a\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
