"""Reading: the words of a passage that answer a question, for models too small to answer in one go.

Such a model reads well in the passage's language and badly across languages, so the question stays in the user's
language, the answer is words of the passage, and only `rendering` puts it into the user's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prompts import load_prompt
from rag.answering.evidence import passage_z_score
from rag.answering.locate import EDGES, locate
from rag.generation.engine import Engine, Message, yes_odds
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

    The model says of each passage whether it answers the question, and search how far it stands out; if the best has no
    words to take, the next one may. `question` is the query's text with what else the model has to know. Raises
    GeneratorError.
    """
    odds: list[float] = []
    for hit in hits[:PASSAGES]:
        odds.append(_yes_odds(engine, "judge", hit, question=question))
        if odds[-1] >= SURE:
            break

    def preference(judged: tuple[Hit, float]) -> float:
        hit, yes = judged
        return yes + Z_SCORE_WEIGHT * (passage_z_score(query, hit, baseline) or 0.0)

    for hit, yes in sorted(zip(hits, odds, strict=False), key=preference, reverse=True):
        completion = engine.answer(_prompt("extract", hit, question=question), max_tokens=MAX_TOKENS)
        answer = " ".join(completion.text.split()).strip(EDGES)
        if span := locate(answer, hit.passage.text, hit.passage.language, question):
            return Reading(hit, *span, yes, completion.logprobs)
    return None


def confirm_odds(engine: Engine, reading: Reading, question: str, answer: str) -> float:
    """The log-odds of "yes" to whether an answer, in any language, is right according to the reading's passage.

    Raises GeneratorError.
    """
    return _yes_odds(engine, "confirm", reading.hit, question=question, answer=answer)


def sentence_around(reading: Reading) -> Span:
    """From the beginning of the sentence with the first of the words to the end of that with the last."""
    passage = reading.hit.passage
    spans = split_sentences(passage.text, passage.language)
    touched = [(start, end) for start, end in spans if start < reading.end and reading.start < end]
    return (touched[0][0], touched[-1][1]) if touched else (reading.start, reading.end)


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
