"""Reading: the words of a passage that answer a question, for models too small to answer in one go.

Such a model reads well in the passage's language and badly across languages, so the question stays in the user's
language, the answer is words of the passage, and only `rendering` puts it into the user's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import regex
from rapidfuzz import fuzz

from prompts import load_prompt
from rag.answering.evidence import passage_z_score
from rag.answering.number_values import find_numbers
from rag.generation.engine import Engine, Message, yes_odds
from retriever.languages.digits import ascii_digits
from retriever.languages.sentences import Span, split_sentences
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Query

PASSAGES = 3
"""How many passages are judged. The right one is among the first three for 99 % of XQuAD's questions."""
SURE = 2.0
"""Log-odds from which a passage is taken without a look at the next ones: a third less to read, and on 96 questions of
XQuAD's training articles as many right answers (recall .674, .671 with all three judged)."""
Z_SCORE_WEIGHT = 0.7
"""Weight of search's z-score beside the model's log-odds, as in support: on the same questions the right passage is
taken in 95 % of the cases, without it in 89 %; the words are as often right."""
MAX_TOKENS = 48
"""Longest answer out of a passage."""
MIN_ALIGNMENT = 80
"""Least similarity (rapidfuzz, 0-100) of an answer and the words of the passage that it is taken for."""
SAME_WORD = 75
"""Least similarity of two words that count as one."""
MIN_RUN = 0.3
"""Least share of an answer's letters in a row of the passage's words: the model wraps sentences around what it read."""
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:[.,'’-][\p{L}\p{M}\p{N}]+)*")
_EDGES = "\"'“”„«»‘’.,;:!?() \n"


@dataclass(frozen=True, slots=True)
class Reading:
    """Words of a hit's passage that answer a question: [start, end) of its text, and how sure the model is.

    `answers` is the log-odds of "yes" to whether the passage answers the question. `logprobs` are those of the words'
    tokens.
    """

    hit: Hit
    start: int
    end: int
    answers: float
    logprobs: tuple[float, ...]

    @property
    def words(self) -> str:
        """The words of the passage."""
        return " ".join(self.hit.passage.text[self.start : self.end].split())


def read(engine: Engine, query: Query, question: str, hits: Sequence[Hit], baseline: ScoreBaseline) -> Reading | None:
    """The words that answer the question, out of the passage that does so best; None if there are none.

    The model says of each passage whether it answers the question, and search how far it stands out. `question` is the
    query's text with what else the model has to know. Raises GeneratorError.
    """
    odds: list[float] = []
    for hit in hits[:PASSAGES]:
        odds.append(_yes_odds(engine, "judge", hit, question=question))
        if odds[-1] >= SURE:
            break
    if not odds:
        return None
    z_scores = [passage_z_score(query, hit, baseline) or 0.0 for hit in hits[: len(odds)]]
    best = max(range(len(odds)), key=lambda place: odds[place] + Z_SCORE_WEIGHT * z_scores[place])
    hit = hits[best]
    completion = engine.answer(_prompt("extract", hit, question=question), max_tokens=MAX_TOKENS)
    answer = " ".join(completion.text.split()).strip(_EDGES)
    span = locate(answer, hit.passage.text, hit.passage.language)
    if span is None:
        return None
    return Reading(hit, *span, odds[best], completion.logprobs)


def confirm_odds(engine: Engine, reading: Reading, question: str, answer: str) -> float:
    """The log-odds of "yes" to whether an answer, in any language, is right according to the reading's passage.

    Raises GeneratorError.
    """
    return _yes_odds(engine, "confirm", reading.hit, question=question, answer=answer)


def locate(answer: str, text: str, language: str) -> Span | None:
    """Where a text has the words of an answer, or words like them, or most of them in a row, or its number.

    >>> text = "It was opened on 15 August 1914 by a ship."
    >>> text[slice(*locate("15 august 1914", text, "en"))]
    '15 August 1914'
    >>> text[slice(*locate("On 15 August 1914 by a Schiff", text, "en"))]
    'on 15 August 1914 by a'
    >>> locate("in the year of the plague", text, "en") is None
    True
    >>> locate("5", "It has five rooms.", "en")
    (7, 11)
    """
    folded, words = _fold(text), _fold(answer)
    if not words.strip():
        return None
    if exact := regex.search(rf"(?<![\p{{L}}\p{{N}}]){regex.escape(answer)}(?![\p{{L}}\p{{N}}])", text):
        return exact.span()
    aligned = fuzz.partial_ratio_alignment(words, folded, score_cutoff=MIN_ALIGNMENT)
    if aligned is not None and len(words) <= len(folded):
        return _trim(text, _whole_words(text, aligned.dest_start, aligned.dest_end), words)
    return _locate_number(answer, text, language) or _longest_run(words, folded)


def _trim(text: str, span: Span, words: str) -> Span:
    """The span without first and last words that do not begin or end the answer: an alignment may be a little off."""
    tokens = [match.span() for match in _TOKEN.finditer(text, *span)]
    answer_tokens = _TOKEN.findall(words)
    first = next((n for n, token in enumerate(tokens) if _is_one_of(text, token, answer_tokens[:2])), None)
    last = next((n for n, token in enumerate(reversed(tokens)) if _is_one_of(text, token, answer_tokens[-2:])), None)
    if first is None or last is None or first > len(tokens) - 1 - last:
        return span
    return (tokens[first][0] if first else span[0]), (tokens[-1 - last][1] if last else span[1])


def _is_one_of(text: str, token: Span, words: Sequence[str]) -> bool:
    """Whether a word of the text is like one of these."""
    word = _fold(text[slice(*token)])
    return any(fuzz.ratio(word, other) >= SAME_WORD for other in words)


def _longest_run(words: str, text: str) -> Span | None:
    """The most words of an answer that stand in a row in the text, if they are MIN_RUN of its letters."""
    answer_tokens = _TOKEN.findall(words)
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    blocks = SequenceMatcher(None, answer_tokens, [text[slice(*token)] for token in tokens], autojunk=False)
    block = blocks.find_longest_match()
    run = answer_tokens[block.a : block.a + block.size]
    if not run or len("".join(run)) < MIN_RUN * len("".join(answer_tokens)):
        return None
    return tokens[block.b][0], tokens[block.b + block.size - 1][1]


def _locate_number(answer: str, text: str, language: str) -> Span | None:
    """Where a text has the number that is the whole answer, written otherwise."""
    plain_answer, plain_text = ascii_digits(answer), ascii_digits(text)
    for surface, values in find_numbers(plain_answer, language, claims_only=False):
        if surface == plain_answer:
            for other, other_values in find_numbers(plain_text, language, claims_only=False):
                if values & other_values and (match := regex.search(rf"\b{regex.escape(other)}\b", plain_text)):
                    return match.span()
    return None


def sentence_around(reading: Reading) -> Span:
    """From the beginning of the sentence with the first of the words to the end of that with the last."""
    passage = reading.hit.passage
    spans = split_sentences(passage.text, passage.language)
    touched = [(start, end) for start, end in spans if start < reading.end and reading.start < end]
    return (touched[0][0], touched[-1][1]) if touched else (reading.start, reading.end)


def _fold(text: str) -> str:
    """Lower case, without changing the length of the text."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _whole_words(text: str, start: int, end: int) -> Span:
    """The span with its first and last word whole, in scripts that write spaces."""
    while start > 0 and _joins(text[start - 1 : start + 1]):
        start -= 1
    while end < len(text) and _joins(text[end - 1 : end + 1]):
        end += 1
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return start, end


def _joins(pair: str) -> bool:
    """Whether two neighbouring characters are inside one word."""
    return regex.fullmatch(r"[\p{L}\p{M}\p{N}]{2}", pair) is not None and not regex.search(
        r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Han}\p{Hiragana}\p{Katakana}]", pair
    )


def _yes_odds(engine: Engine, task: str, hit: Hit, **values: str) -> float:
    """The log-odds of Yes against No."""
    return yes_odds(engine, _prompt(task, hit, **values))


def _prompt(task: str, hit: Hit, **values: str) -> list[Message]:
    prompt = load_prompt("read", hit.passage.language)
    passage = " ".join(hit.passage.text.split())
    return [
        {"role": "system", "content": prompt.render("system")},
        {"role": "user", "content": prompt.render(task, passage=passage, **values)},
    ]
