"""Writing: a larger model answers in one go; then the language and the sources of its answer are checked."""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import replace

from prompts import load_prompt
from rag.answering.abstention import abstain
from rag.answering.citations import cite
from rag.answering.evidence import Snippet
from rag.answering.numerals import localise_numbers
from rag.answering.time_mode import today_in
from rag.generation.citation_marks import strip_citation_marks
from rag.generation.degeneration import is_degenerate, is_refusal, is_repetitive, strip_echoes
from rag.generation.engine import Engine, Message, complete
from rag.generation.few_shot import demonstration_turns
from rag.generation.language_check import is_in_language
from rag.settings import Settings
from rag.timer import StageTimer
from rag.types import Answer
from retriever.languages.detection import detect_language
from retriever.languages.locales import english_name
from retriever.models.protocols import QueryEncoder
from retriever.temporal.questions import TemporalQuestion
from retriever.types import Query


class Writer:
    """Answers one query at a time with one engine; `demonstrations` are solved questions to show it first."""

    def __init__(self, engine: Engine, encoder: QueryEncoder, settings: Settings, timer: StageTimer) -> None:
        self._engine = engine
        self._encoder = encoder
        self._settings = settings
        self._timer = timer

    def stream(
        self, draft: Answer, query: Query, snippets: Sequence[Snippet], demonstrations: Sequence[TemporalQuestion] = ()
    ) -> Generator[Answer, None, None]:
        """The answer so far, again and again; the last one is checked and `final`. Raises GeneratorError."""
        messages = self._prompt(query, draft.language, snippets, demonstrations)
        text = ""
        with contextlib.closing(self._engine.stream(messages, max_tokens=self._settings.max_answer_tokens)) as pieces:
            for piece in pieces:
                self._timer.mark_first("first_token")
                text += piece
                yield replace(draft, text=text, timings=self._timer.timings)
                if is_repetitive(strip_citation_marks(text)):
                    break  # it would go on until max_answer_tokens, and is no answer
        self._timer.end_stage("generate")
        yield self._check(replace(draft, text=text.strip()), query, snippets, messages)

    def _prompt(
        self,
        query: Query,
        language: str,
        snippets: Sequence[Snippet],
        demonstrations: Sequence[TemporalQuestion],
    ) -> list[Message]:
        question = f"{query.text} ({today_in(language)})" if query.timing.now else query.text
        passages = "\n".join(f"[{snippet.number}] {snippet.text}" for snippet in snippets)
        system, user = load_prompt("answer", language).messages(
            system="brief" if self._engine.small else "system",
            passages=passages,
            question=question,
            no_answer=_no_answer(language),
        )
        return [system, *(turn for solved in demonstrations for turn in demonstration_turns(solved)), user]

    def _check(self, draft: Answer, query: Query, snippets: Sequence[Snippet], messages: list[Message]) -> Answer:
        """Check the finished text against the language asked for and the passages."""
        prompt = load_prompt("answer", draft.language)
        text = strip_echoes(draft.text, query.text, prompt.closing)
        if is_degenerate(text, query.text) or is_refusal(text, _no_answer(draft.language)):
            return abstain(self._engine, draft, query, snippets, self._timer)
        if not is_in_language(text, draft.language):
            text, language = self._repair(text, query.text, messages, draft.language)
            draft = replace(draft, language=language)
            self._timer.end_stage("repair")
        cited = cite(text, query, draft.language, snippets, self._encoder)
        if self._settings.grounding == "strict" and cited.doubts:
            return abstain(self._engine, replace(draft, doubts=cited.doubts), query, snippets, self._timer)
        doubts = cited.doubts if self._settings.grounding == "flag" else ()
        text = localise_numbers(cited.text, draft.language, [citation.passage for citation in cited.citations])
        self._timer.end_stage("check")
        return replace(
            draft, text=text, citations=cited.citations, doubts=doubts, timings=self._timer.timings, final=True
        )

    def _repair(self, text: str, question: str, messages: list[Message], language: str) -> tuple[str, str]:
        """The answer in the language, and the language it came out in.

        The generator is asked once more, naming the language; if that fails, it translates its first answer; if that
        fails too, the first answer, which is at least true, stands as it is.
        """
        closing = load_prompt("answer", language).closing
        again = [
            *messages,
            {"role": "assistant", "content": text},
            {"role": "user", "content": f"{closing} ({english_name(language)})"},
        ]
        translation = load_prompt("translate", language).messages(text=text)
        for attempt in (again, translation):
            repaired = strip_echoes(self._complete(attempt), question, closing)
            if is_in_language(repaired, language) and not is_degenerate(repaired, question):
                return repaired, language
        return text, detect_language(strip_citation_marks(text))

    def _complete(self, messages: list[Message]) -> str:
        return complete(self._engine, messages, max_tokens=self._settings.max_answer_tokens)


def _no_answer(language: str) -> str:
    """What the model is to write, in the language, if the passages hold no answer."""
    return load_prompt("fixed", language).texts["no_answer"]
