"""Months that a text names, in words or in dates."""

import regex

from retriever.languages.months import month_names
from retriever.languages.scripts import CASED

MONTH_SIGNS = ("月", "월")
"""Chinese, Japanese and Korean number their months and put a sign after the number."""
_SIGNED_MONTH = regex.compile(rf"(\d{{1,2}})\s?[{''.join(MONTH_SIGNS)}]")


def find_months(text: str, language: str) -> list[tuple[str, int]]:
    """Month names of the language in a text with ASCII digits, each with its number.

    "may" and "mars" are words too, so a month stands beside a number, at most a short word between. In scripts without
    spaces a name may stand anywhere.

    >>> find_months("It may open on 14 March 1879.", "en")
    [('march', 3)]
    """
    names = month_names(language.split("-")[0], ("wide",))
    months = [(match.group(), int(match[1])) for match in _SIGNED_MONTH.finditer(text) if 1 <= int(match[1]) <= 12]
    for name, number in names.items():
        if any(character.isdigit() for character in name):
            continue  # "tháng 3": a number, and checked as one
        edge = r"\b" if CASED.match(name) else ""
        word = f"{edge}{regex.escape(name)}"
        after, before = rf"\d[\w.]*\s+(?:\p{{L}}{{1,3}}\s+)?{word}", rf"{word}{edge}(?:\s+\p{{L}}{{1,3}})?,?\s*\d"
        if regex.search(f"{after}|{before}", text, flags=regex.IGNORECASE):
            months.append((name, number))
    return months


def find_numeric_months(text: str) -> set[int]:
    """What may be the month in dates written in digits.

    >>> sorted(find_numeric_months("1879-03-14, 05/04/1998"))
    [3, 4, 5]
    """
    months = {int(month) for month in regex.findall(r"\b\d{4}[-/.](\d{1,2})[-/.]\d{1,2}\b", text)}
    for first, second in regex.findall(r"\b(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}\b", text):
        months |= {int(first), int(second)}
    return {month for month in months if 1 <= month <= 12}
