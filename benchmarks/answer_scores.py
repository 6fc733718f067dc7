"""How good an answer is: character-3-gram recall (BERGEN, arXiv 2407.01463) and SQuAD's F1."""

import unicodedata
from collections import Counter

import regex

NO_SPACES = regex.compile(r"[\p{Thai}\p{Han}\p{Hiragana}\p{Katakana}\p{Lao}\p{Khmer}\p{Myanmar}]")


def normalize(text: str) -> str:
    """Lower case, ASCII digits, letters and digits only.

    >>> normalize("Die «Olympischen» Spiele, १९३६")
    'die olympischen spiele 1936'
    """
    digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in digits).split())


def recall3(answer: str, gold: str) -> float:
    """Share of the gold answer's character 3-grams that the answer holds; words of one or two letters count whole.

    >>> recall3("It was in 1936.", "1936"), recall3("It was in 1938.", "1936")
    (1.0, 0.5)
    >>> recall3("It has 39 rooms.", "39"), recall3("It has 390 rooms.", "39")
    (1.0, 0.0)
    """
    gold_grams = _trigrams(gold)
    return sum((gold_grams & _trigrams(answer)).values()) / max(1, sum(gold_grams.values()))


def _trigrams(text: str) -> Counter[str]:
    grams: Counter[str] = Counter()
    for word in normalize(text).split():
        grams.update([word] if len(word) < 3 else [word[i : i + 3] for i in range(len(word) - 2)])
    return grams


def token_f1(answer: str, gold: str) -> float:
    """SQuAD's F1 over words; over characters in scripts that write no spaces.

    >>> token_f1("in 1936", "1936")
    0.6666666666666666
    """
    by_character = bool(NO_SPACES.search(gold))
    answer_tokens, gold_tokens = (
        Counter(normalize(text).replace(" ", "") if by_character else normalize(text).split())
        for text in (answer, gold)
    )
    common = sum((answer_tokens & gold_tokens).values())
    return 2 * common / max(1, sum(answer_tokens.values()) + sum(gold_tokens.values()))
