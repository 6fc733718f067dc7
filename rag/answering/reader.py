"""Reading: the words of a passage that answer a question, for models too small to answer in one go.

Such a model reads well in the passage's language and badly across languages, so the question stays in the user's
language, the answer is words of the passage, and only `rendering` puts it into the user's language.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from prompts import load_prompt
from rag.answering.evidence import passage_z_score
from rag.answering.locate import EDGES, locate
from rag.errors import NoProbabilitiesError
from rag.generation.engine import Engine, Message, yes_odds
from retriever.languages.locales import english_name
from retriever.languages.sentences import Span, split_sentences
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

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
class Judgement:
    """Whether a hit's passage answers a question.

    `answers` is the model's log-odds of "yes" to that. `z_score` is how far the passage stands above ordinary ones in
    search, None in a library too small to tell. `pmi` is how much the passage tells of the question (`question_pmi`),
    None for all but the best passage, or if the engine tells no probabilities of a text.
    """

    hit: Hit
    answers: float
    z_score: float | None
    pmi: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Words of a judged passage that answer a question: [start, end) of its text, and how sure the model is.

    `logprobs` are those of the words' tokens.
    """

    judgement: Judgement
    start: int
    end: int
    logprobs: tuple[float, ...]

    @property
    def hit(self) -> Hit:
        """The hit that was read."""
        return self.judgement.hit

    @property
    def words(self) -> str:
        """The words of the passage."""
        return " ".join(self.hit.passage.text[self.start : self.end].split())


def judge(engine: Engine, query: Query, question: str, hits: Sequence[Hit], baseline: ScoreBaseline) -> list[Judgement]:
    """The first hits with what the model and search say of them, best first.

    `question` is the query's text with what else the model has to know. Raises GeneratorError.
    """
    judgements: list[Judgement] = []
    for hit in hits[:PASSAGES]:
        answers = _yes_odds(engine, "judge", hit.passage, question=question)
        judgements.append(Judgement(hit, answers, passage_z_score(query, hit, baseline)))
        if answers >= SURE:
            break
    judgements.sort(key=lambda j: j.answers + Z_SCORE_WEIGHT * (j.z_score or 0.0), reverse=True)
    if judgements:
        with contextlib.suppress(NoProbabilitiesError):
            judgements[0] = replace(judgements[0], pmi=question_pmi(engine, query, judgements[0].hit.passage))
    return judgements


def read(engine: Engine, question: str, judgements: Sequence[Judgement]) -> Reading | None:
    """The words that answer the question, out of the first passage in which the model finds any; None if in none.

    `question` as in `judge`. Raises GeneratorError.
    """
    for judgement in judgements:
        passage = judgement.hit.passage
        completion = engine.answer(_prompt("extract", passage, question=question), max_tokens=MAX_TOKENS)
        answer = " ".join(completion.text.split()).strip(EDGES)
        if span := locate(answer, passage.text, passage.language, question):
            return Reading(judgement, *span, completion.logprobs)
    return None


def confirm_odds(engine: Engine, reading: Reading, question: str, answer: str) -> float:
    """The log-odds of "yes" to whether an answer, in any language, is right according to the reading's passage.

    Raises GeneratorError.
    """
    return _yes_odds(engine, "confirm", reading.hit.passage, question=question, answer=answer)


def question_pmi(engine: Engine, query: Query, passage: Passage) -> float:
    """How much a passage tells of a question, in nats: their pointwise mutual information under the model.

    The log-probability of the question given the passage (by which arXiv 2204.07496 ranks passages), less that of the
    question alone. Raises GeneratorError, or NoProbabilitiesError if the engine tells none of a text.
    """
    asked_in = english_name(query.language)
    prompts = (
        _prompt("ask", passage, asked_in=asked_in),
        _messages(passage.language, "ask_anything", asked_in=asked_in),
    )
    given, alone = (engine.text_logprob(prompt, query.text) for prompt in prompts)
    return given - alone


def sentence_around(reading: Reading) -> Span:
    """From the beginning of the sentence with the first of the words to the end of that with the last."""
    passage = reading.hit.passage
    spans = split_sentences(passage.text, passage.language)
    touched = [(start, end) for start, end in spans if start < reading.end and reading.start < end]
    return (touched[0][0], touched[-1][1]) if touched else (reading.start, reading.end)


def _yes_odds(engine: Engine, task: str, passage: Passage, **values: str) -> float:
    """The log-odds of Yes against No."""
    return yes_odds(engine, _prompt(task, passage, **values))


def _prompt(task: str, passage: Passage, **values: str) -> list[Message]:
    return _messages(passage.language, task, passage=" ".join(passage.text.split()), **values)


def _messages(language: str, task: str, **values: str) -> list[Message]:
    prompt = load_prompt("read", language)
    return [
        {"role": "system", "content": prompt.render("system")},
        {"role": "user", "content": prompt.render(task, **values)},
    ]
