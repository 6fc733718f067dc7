"""Is an answer right? Exact match and token F1, in any language.

Before they are compared texts are put in one form: cut where a model goes on to the next question or to its reasons,
lower case, no punctuation or articles, digits of every script as ASCII ones, months by whatever name or number as one
word. Scripts without spaces count as character pairs, as in search.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from prompts import load_prompt
from retriever.languages.digits import ascii_digits
from retriever.languages.months import month_names
from retriever.languages.scripts import UNSPACED
from retriever.languages.words import tokenize

ARTICLES = {
    "en": "a an the",
    "de": "der die das den dem des ein eine einen einem einer eines",
    "fr": "le la les l un une des du",
    "es": "el la los las un una unos unas",
    "it": "il lo la i gli le l un uno una",
    "pt": "o a os as um uma uns umas",
    "ro": "un o al a ai ale",
}
JOINTS = set("de del do of din lui anul nam năm года году г".split())
"""Words that may stand between a month and its year."""
_NUMERIC = regex.compile(r"(?<!\d)(1[0-2]|0?[1-9])\s*[/.-]\s*(\d{3,4})(?!\d)")
_CJK = regex.compile(r"(\d{1,4})\s*年\s*(\d{1,2})\s*月")


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """Of one answer: F1 on sets of tokens (CLiTSSA's), on bags (SQuAD's), and exact match, each in [0, 1]."""

    f1: float
    squad_f1: float
    exact: float


def score_answer(answer: str, right: Sequence[str], language: str, *, month: bool = False) -> AnswerScore:
    """The best of the right answers, and of all of them together. With `month` (L1) their order does not count."""
    given, *candidates = (_without_joints(normalized_terms(text, language), month) for text in (answer, *right))
    if len(right) > 1:
        candidates.append([term for own in candidates for term in own])
    return AnswerScore(
        max(set_f1(given, own) for own in candidates),
        max(bag_f1(given, own) for own in candidates),
        float(any(sorted(given) == sorted(own) if month else given == own for own in candidates)),
    )


def _without_joints(found: list[str], month: bool) -> list[str]:
    return [term for term in found if not (month and term in JOINTS)]


def normalized_terms(text: str, language: str) -> list[str]:
    """The tokens that are compared."""
    plain = ascii_digits(cut_answer(text, language)).casefold()
    plain = _CJK.sub(lambda found: f" month{int(found[2])} {found[1]} ", plain)
    plain = _NUMERIC.sub(lambda found: f" month{int(found[1])} {found[2]} ", plain)
    names, pattern = _months(language)
    plain = pattern.sub(lambda found: f" month{names[found[0].rstrip('.')]} ", plain)
    left_out = set(ARTICLES.get(language, "").split())
    return [term for term in tokenize(plain) if term not in left_out]


def cut_answer(text: str, language: str) -> str:
    """The answer itself: its first line, up to the next question or the reasons."""
    prompt = load_prompt("temporal", language)
    english = load_prompt("temporal", "en")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    answer = lines[0] if lines else ""
    for own in (prompt, english):
        for word in (own.texts["question"].replace("$question", "").strip(), own.texts["because"]):
            answer = regex.split(regex.escape(word), answer, maxsplit=1, flags=regex.IGNORECASE)[0]
    return answer


def set_f1(given: Sequence[str], right: Sequence[str]) -> float:
    """2PR / (P + R) with common = the tokens in both, P = common / len(given), R = common / len(right).

    As CLiTSSA has it: a token that occurs twice is in `common` once and in the lengths twice.
    """
    return _f1(len(set(given) & set(right)), given, right)


def bag_f1(given: Sequence[str], right: Sequence[str]) -> float:
    """The same with a token that occurs twice in both counted twice."""
    return _f1(sum((Counter(given) & Counter(right)).values()), given, right)


def _f1(common: int, given: Sequence[str], right: Sequence[str]) -> float:
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(right)
    return 2 * precision * recall / (precision + recall)


@functools.cache
def _months(language: str) -> tuple[dict[str, int], "regex.Pattern[str]"]:
    """Numbers of the months by name in the language and in English, and a pattern of the names."""
    names = {**month_names("en"), **month_names(language)}
    longest_first = sorted(names, key=len, reverse=True)
    before, after = r"(?<![\p{L}\p{M}])", r"(?![\p{L}\p{M}])"
    parts = [
        regex.escape(name) if UNSPACED.search(name) else f"{before}{regex.escape(name)}{after}"
        for name in longest_first
        if not name.isdigit()
    ]
    return names, regex.compile(rf"(?:{'|'.join(parts)})\.?")
