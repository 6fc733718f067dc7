"""Is an answer right? Exact match and token F1, in any language.

Texts are normalised before they are compared: cut where the model goes on to the next question or to its reasons, lower
case, no punctuation, no articles, digits of every script as ASCII, a month as one token whatever its name or number.
Scripts without spaces count as character pairs, as in search.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import regex
from babel.lists import format_list

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
LINKING_WORDS = set("de del do of din lui anul nam năm года году г".split())
"""Words that may stand between a month and its year."""
_NUMERIC = regex.compile(r"(?<!\d)(1[0-2]|0?[1-9])\s*[/.-]\s*(\d{3,4})(?!\d)")
_CJK = regex.compile(r"(\d{1,4})\s*年\s*(\d{1,2})\s*月")


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """Scores of one answer in [0, 1].

    `f1` on sets of tokens, `squad_f1` on bags, and `exact` match are with all gold answers joined, as CLiTSSA's authors
    have it. `best_f1` (on sets) and `best_exact` are ours: with the gold answer that suits best, or with all of them.
    With one gold answer they are the same.
    """

    f1: float
    squad_f1: float
    exact: float
    best_f1: float
    best_exact: float


def score_answer(answer: str, gold_answers: Sequence[str], language: str, *, is_month: bool = False) -> AnswerScore:
    """Compare an answer with the gold answers: joined as the language lists things ("A, B and C"), and each by itself.

    With `is_month` (L1) the order of tokens does not count in exact match.

    >>> score = score_answer("The House of Lords.", ["House of Commons", "House of Lords"], "en")
    >>> score.exact, score.best_exact
    (0.0, 1.0)
    """
    gold_texts = (format_list(gold_answers, locale=language), *gold_answers)
    terms, joined, *candidates = (_answer_terms(text, language, is_month) for text in (answer, *gold_texts))
    candidates.append([term for candidate in candidates for term in candidate])

    def is_exact(gold_terms: Sequence[str]) -> bool:
        return sorted(terms) == sorted(gold_terms) if is_month else terms == gold_terms

    return AnswerScore(
        f1=set_f1(terms, joined),
        squad_f1=bag_f1(terms, joined),
        exact=float(is_exact(joined)),
        best_f1=max(set_f1(terms, candidate) for candidate in candidates),
        best_exact=float(any(map(is_exact, candidates))),
    )


def _answer_terms(text: str, language: str, is_month: bool) -> list[str]:
    terms = normalized_terms(text, language)
    return [term for term in terms if term not in LINKING_WORDS] if is_month else terms


def normalized_terms(text: str, language: str) -> list[str]:
    """The tokens that are compared.

    >>> normalized_terms("The 5th of May, 1747", "en")
    ['5th', 'of', 'month5', '1747']
    """
    plain = ascii_digits(cut_answer(text, language)).casefold()
    plain = _CJK.sub(lambda match: f" month{int(match[2])} {match[1]} ", plain)
    plain = _NUMERIC.sub(lambda match: f" month{int(match[1])} {match[2]} ", plain)
    numbers, pattern = _months(language)
    plain = pattern.sub(lambda match: f" month{numbers[match[0].rstrip('.')]} ", plain)
    articles = set(ARTICLES.get(language, "").split())
    return [term for term in tokenize(plain) if term not in articles]


def cut_answer(text: str, language: str) -> str:
    """The answer itself: its first line, up to the next question or the reasons.

    >>> cut_answer("Leeds United because he moved there", "en")
    'Leeds United '
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    answer = lines[0] if lines else ""
    for prompt in (load_prompt("temporal", language), load_prompt("temporal", "en")):
        for phrase in (prompt.texts["question"].replace("$question", "").strip(), prompt.texts["because"]):
            answer = regex.split(regex.escape(phrase), answer, maxsplit=1, flags=regex.IGNORECASE)[0]
    return answer


def set_f1(terms: Sequence[str], gold_terms: Sequence[str]) -> float:
    """2PR / (P + R) with common = the tokens in both, P = common / len(terms), R = common / len(gold_terms).

    As in CLiTSSA's code: a repeated token counts once in `common`, but each time in the lengths.

    >>> set_f1(["a", "a"], ["a", "a"])
    0.5
    """
    return _f1(len(set(terms) & set(gold_terms)), terms, gold_terms)


def bag_f1(terms: Sequence[str], gold_terms: Sequence[str]) -> float:
    """The same, but a token that both repeat counts each time, as in SQuAD.

    >>> bag_f1(["a", "a"], ["a", "a"])
    1.0
    """
    return _f1(sum((Counter(terms) & Counter(gold_terms)).values()), terms, gold_terms)


def _f1(common: int, terms: Sequence[str], gold_terms: Sequence[str]) -> float:
    if not common:
        return 0.0
    precision, recall = common / len(terms), common / len(gold_terms)
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
