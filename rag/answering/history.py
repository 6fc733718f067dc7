"""Follow-up questions: in which languages the conversation is, and what a question leaves to it."""

from collections.abc import Sequence

from prompts import load_prompt
from rag.answering.evidence import passage_z_score
from rag.generation.engine import Engine, complete
from rag.generation.language_check import is_in_language
from rag.types import Turn
from retriever.languages.detection import UNKNOWN, detect_language
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Query

HISTORY_TURNS = 4
"""How many turns of the conversation a follow-up question is rewritten with."""
MIN_STANDALONE_Z_SCORE = 2.9
"""Of 33 made-up questions in 10 languages that lean on a conversation ("and how long is it?"), none brought a passage
of the sample library so far above ordinary ones (at most 2.87); of 20 that stand alone and are answered there, 19 did
(from 2.85)."""
TURN_CHARACTERS = 500
REWRITTEN_TOKENS = 100


def spoken_languages(history: Sequence[Turn]) -> list[str]:
    """The languages of the user's turns, the latest first; turns without words have none."""
    languages = (detect_language(turn.text) for turn in reversed(history) if turn.role == "user")
    return [language for language in languages if language != UNKNOWN]


def stands_alone(query: Query, hits: Sequence[Hit], baseline: ScoreBaseline) -> bool:
    """Whether a question needs no conversation to be understood: by itself it finds a passage that stands out.

    In a library too small to tell, none does.
    """
    z_scores = [passage_z_score(query, hit, baseline) for hit in hits]
    return any(z_score is not None and z_score >= MIN_STANDALONE_Z_SCORE for z_score in z_scores)


def rewrite_follow_up(question: str, language: str, history: Sequence[Turn], engine: Engine) -> str:
    """The question with what it leaves to the conversation put in, in its language.

    If the generator writes nothing usable, the question is put after the one before it. Raises GeneratorError.
    """
    lines = [f"{turn.role}: {turn.text}" for turn in history[-HISTORY_TURNS:]]
    messages = load_prompt("rewrite", language).messages(
        history="\n".join(line[:TURN_CHARACTERS] for line in lines), question=question
    )
    rewritten = " ".join(complete(engine, messages, max_tokens=REWRITTEN_TOKENS).split()).strip("\"'«»“”")
    if 3 <= len(rewritten) <= 2 * len(question) + 200 and is_in_language(rewritten, language):
        return rewritten
    previous = next((turn.text for turn in reversed(history) if turn.role == "user"), "")
    return f"{previous} {question}".strip()
