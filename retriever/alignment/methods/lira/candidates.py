"""Translations to train and to measure on, without a translator: noised human ones, and a word-by-word gloss."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retriever.languages.words import tokenize

NOISE = (0.1, 0.3, 0.5)
"""Shares of words that are spoilt."""


def add_noise(text: str, share: float, vocabulary: Sequence[str], rng: random.Random) -> str:
    """A text in which each word is, with this probability, left out, swapped with the next, or replaced.

    These are the paper's noise-amplified queries; a word that replaces another is drawn from the vocabulary. A text
    never becomes empty.
    """
    words = text.split()
    spoilt: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if rng.random() >= share:
            spoilt.append(word)
            continue
        match rng.choice(("drop", "swap", "replace")):
            case "swap" if position < len(words):
                spoilt += [words[position], word]
                position += 1
            case "replace":
                spoilt.append(rng.choice(vocabulary))
            case "swap":
                spoilt.append(word)
    return " ".join(spoilt) or text


@dataclass(frozen=True, slots=True)
class Gloss:
    """A dictionary of words, learnt from parallel texts; a word it does not know stays as it is."""

    words: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """The text word by word."""
        return " ".join(self.words.get(word, word) for word in tokenize(text))


def learn_gloss(pairs: Sequence[tuple[str, str]]) -> Gloss:
    """From (text, English) pairs: the English word that goes best with each word, by Dice's coefficient."""
    counts: Counter[str] = Counter()
    english_counts: Counter[str] = Counter()
    together: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, english in pairs:
        words, english_words = set(tokenize(text)), set(tokenize(english))
        counts.update(words)
        english_counts.update(english_words)
        for word in words:
            together[word].update(english_words)
    return Gloss(
        {
            word: max(found, key=lambda other: (2 * found[other] / (counts[word] + english_counts[other]), other))
            for word, found in together.items()
            if found
        }
    )
