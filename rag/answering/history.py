"""Follow-up questions: in which language the conversation is, and what a question leaves to it."""

from collections.abc import Sequence

from prompts import load_prompt
from rag.generation.engine import Engine, complete
from rag.generation.language_check import is_in_language
from rag.types import Turn
from retriever.languages.detection import UNKNOWN, detect_language

HISTORY_TURNS = 4
"""How many turns of the conversation a follow-up question is rewritten with."""
TURN_CHARACTERS = 500
REWRITTEN_TOKENS = 100


def conversation_language(question_language: str, history: Sequence[Turn]) -> str:
    """The question's language; of a question without words ("1918?"), that of the conversation, else English."""
    if question_language != UNKNOWN:
        return question_language
    languages = (detect_language(turn.text) for turn in reversed(history) if turn.role == "user")
    return next((language for language in languages if language != UNKNOWN), "en")


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
