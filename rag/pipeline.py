"""A question goes in, a cited answer comes out: understand, retrieve, prompt, generate, check."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TypedDict, Unpack

from prompts import english_name, languages, load_prompt
from rag.engines import open_generator
from rag.evidence import Snippet, select_evidence, standing
from rag.generator import Engine, GeneratorError
from rag.grounding import ground, in_language, is_rubbish, nearest, repeats, says_no_answer, strip_marks, without_echo
from rag.library import Added, Library
from rag.numerals import localised
from rag.reranking import GeneratorReranker
from rag.rewriting import QueryRewriter, Way
from rag.settings import Settings, TimeMode, load_settings
from rag.time_mode import by_calendar, date_in, month_of, open_demonstrations, timing_of
from rag.types import Answer, Turn
from rag.xicl import solved
from retriever.catalogue import Document
from retriever.encoder import Encoder
from retriever.errors import IsthmusError
from retriever.language import UNKNOWN, detect_language
from retriever.temporal.timing import Timing
from retriever.types import Hit

MAX_QUESTION = 2000
HISTORY_TURNS = 4
"""How much of the conversation a follow-up question is rewritten with."""
BATCH_THREADS = 8
MIN_STANDING = 2.7
"""Standard deviations that the best sentence must stand above ordinary passages to be worth an answer:
`python -m benchmarks.standing`, XQuAD in eight languages, kept 99.8 % of the answerable questions and refused 9 % of
those whose passage had been taken out while others of its article stayed. 3.2 would refuse 31 %, but also questions
that have their answer there: six in a hundred in Hindi, and short ones in languages not measured (Polish, Turkish)."""


@dataclass(slots=True)
class _Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 4)
        self._last = now
        self.seconds["total"] = round(now - self._began, 4)

    def mark(self, name: str) -> None:
        self.seconds.setdefault(name, round(time.perf_counter() - self._began, 4))


class Wishes(TypedDict, total=False):
    """What one may wish of an answer: see `RAG.stream`."""

    language: str | None
    history: Sequence[Turn]
    time: TimeMode | None
    as_of: str | None


class RAG:
    """Ask in any language, get a cited answer in that language out of the library's documents.

    `settings` are read from isthmus.toml and the environment if not given; keyword arguments override them:
    `RAG(library="docs.lib", generator="embedded")`. The generator starts with the first question.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        encoder: Encoder | None = None,
        engine: Engine | None = None,
        holder: str = "a Python program",
        **given: object,
    ) -> None:
        self.settings = settings or load_settings(**given)
        self.library = Library(self.settings, encoder, holder=holder)
        self._engine = engine
        self._opening = threading.Lock()
        try:
            self._demonstrations = open_demonstrations(self.settings, self.library.encoder)
            self._let_generator_search()
        except BaseException:
            self.library.close()
            raise

    def _let_generator_search(self) -> None:
        """Put the generator where the settings want it in search."""
        wanted: dict[Way, bool] = {
            "translate": self.settings.translate_queries,
            "expand": self.settings.expand_queries,
        }
        retriever = self.library.retriever
        retriever.rewrites = [
            QueryRewriter(lambda: self.engine, self.settings.cache, way) for way, asked in wanted.items() if asked
        ]
        if self.settings.rerank == "generator":
            retriever.reranker = GeneratorReranker(lambda: self.engine)

    @property
    def engine(self) -> Engine:
        """The generator; opened on first use. Raises GeneratorError if it cannot be had."""
        with self._opening:
            if self._engine is None:
                self._engine = open_generator(self.settings)
            return self._engine

    def ask(self, question: str, **wishes: Unpack[Wishes]) -> Answer:
        """The answer to a question, in the question's language or the one named; wishes as `stream` has them.

        Raises IsthmusError for an unusable question and GeneratorError if the generator fails.
        """
        last: Answer | None = None
        for answer in self.stream(question, **wishes):
            last = answer
        if last is None:
            raise GeneratorError("The generator gave no answer; ask again.")
        return last

    def stream(
        self,
        question: str,
        *,
        language: str | None = None,
        history: Sequence[Turn] = (),
        time: TimeMode | None = None,
        as_of: str | None = None,
    ) -> Generator[Answer, None, None]:
        """The answer so far, again and again; the last one is `final`. Closing the iterator cancels.

        `language` is the answer's, else the question's; `history` the conversation, `time` the setting of that name for
        this question; `as_of` ("1998", "1998-05") the time as of which to answer: passages of later times alone are
        left out.
        """
        question = " ".join(question.split())
        by = month_of(as_of)
        mode = time or self.settings.time
        if not question:
            raise IsthmusError("The question is empty; type one.")
        if len(question) > MAX_QUESTION:
            raise IsthmusError(f"The question has {len(question)} characters; ask in at most {MAX_QUESTION}.")
        clock = _Clock()
        language = language or _language_of(question, history)
        if mode != "off" and (known := by_calendar(question, language)):
            clock.lap("calculate")
            yield Answer(known, language, generator="calendar", timings=clock.seconds)
            return
        engine = self.engine
        draft = Answer("", language, generator=engine.label, timings=clock.seconds, final=False)
        yield draft

        standalone = self._rewrite(question, history) if history else question
        clock.lap("understand")
        timing = timing_of(standalone, mode, by)
        hits = self.library.search(standalone, timing=timing, as_of=by)
        encoder, background = self.library.encoder, self.library.background
        snippets = select_evidence(standalone, hits, encoder, background, engine.evidence_tokens, timing)
        clock.lap("retrieve")
        strict = self.settings.grounding == "strict"
        if not snippets or (strict and standing(standalone, snippets, background, encoder) < MIN_STANDING):
            yield self._abstain(draft, standalone, snippets, clock)
            return
        messages = self._prompt(standalone, language, snippets, timing)
        text = ""
        with contextlib.closing(engine.stream(messages, max_tokens=self.settings.max_answer_tokens)) as pieces:
            for piece in pieces:
                clock.mark("first_token")
                text += piece
                yield replace(draft, text=text)
                if repeats(strip_marks(text)):
                    break  # it would go on until max_answer_tokens, and is no answer
        clock.lap("generate")
        yield self._check(replace(draft, text=text.strip()), standalone, snippets, messages, clock)

    def batch(self, questions: Sequence[str], **wishes: Unpack[Wishes]) -> list[Answer]:
        """The answers to questions, in their order; several are in flight at a time."""
        _ = self.engine
        with ThreadPoolExecutor(BATCH_THREADS) as pool:
            return list(pool.map(lambda question: self.ask(question, **wishes), questions))

    async def aask(self, question: str, **wishes: Unpack[Wishes]) -> Answer:
        """`ask` without blocking the event loop."""
        return await asyncio.to_thread(self.ask, question, **wishes)

    async def astream(self, question: str, **wishes: Unpack[Wishes]) -> AsyncIterator[Answer]:
        """`stream` without blocking the event loop."""
        answers = self.stream(question, **wishes)
        try:
            while (answer := await asyncio.to_thread(next, answers, None)) is not None:
                yield answer
        finally:
            await asyncio.to_thread(answers.close)

    async def abatch(self, questions: Sequence[str], **wishes: Unpack[Wishes]) -> list[Answer]:
        """`batch` without blocking the event loop."""
        return await asyncio.to_thread(self.batch, questions, **wishes)

    def add(self, *paths: str | Path) -> list[Added]:
        """Take files and folders into the library."""
        return self.library.add([Path(path) for path in paths])

    def search(
        self, query: str, k: int | None = None, *, time: TimeMode | None = None, as_of: str | None = None
    ) -> list[Hit]:
        """The k best passages for a query in any language, `time` and `as_of` as in `stream`; needs no generator."""
        by = month_of(as_of)
        return self.library.search(query, k, timing=timing_of(query, time or self.settings.time, by), as_of=by)

    def documents(self) -> list[Document]:
        """Every document of the library."""
        return self.library.documents()

    def remove(self, *names: str) -> list[Document]:
        """Delete documents by id, path, file name or title."""
        return self.library.remove(names)

    def close(self) -> None:
        """Stop an embedded engine and let other processes have the library."""
        if self._engine is not None:
            self._engine.close()
        self.library.close()

    def __enter__(self) -> "RAG":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prompt(
        self, question: str, language: str, snippets: Sequence[Snippet], timing: Timing
    ) -> list[dict[str, str]]:
        shown = self._demonstrations.nearest(question) if timing and self._demonstrations else []
        if timing.now:
            question = f"{question} ({date_in(language)})"
        passages = "\n".join(f"[{snippet.number}] {snippet.text}" for snippet in snippets)
        prompt = load_prompt("answer", language)
        system, user = prompt.messages(
            system="brief" if self.engine.small else "system", passages=passages, question=question
        )
        return [system, *(message for one in shown for message in solved(one)), user]

    def _rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """The question with what it leaves to the conversation put in; if that fails, after the question before it."""
        lines = [f"{turn.role}: {turn.text}" for turn in history[-HISTORY_TURNS:]]
        spoken = _language_of(question, history)  # not the answer's, which may be another
        messages = load_prompt("rewrite", spoken).messages(
            history="\n".join(line[:500] for line in lines), question=question
        )
        rewritten = " ".join(self._complete(messages, max_tokens=100).split()).strip("\"'«»“”")
        if 3 <= len(rewritten) <= 2 * len(question) + 200 and in_language(rewritten, spoken):
            return rewritten
        previous = next((turn.text for turn in reversed(history) if turn.role == "user"), "")
        return f"{previous} {question}".strip()

    def _complete(self, messages: list[dict[str, str]], *, max_tokens: int) -> str:
        with contextlib.closing(self.engine.stream(messages, max_tokens=max_tokens)) as pieces:
            return "".join(pieces).strip()

    def _check(
        self, draft: Answer, question: str, snippets: Sequence[Snippet], messages: list[dict[str, str]], clock: _Clock
    ) -> Answer:
        """Hold the finished text against the passages and the language asked for."""
        prompt = load_prompt("answer", draft.language)
        text = without_echo(draft.text, question, prompt.closing)
        if is_rubbish(text, question) or says_no_answer(text, prompt.texts["no_answer"]):
            return self._abstain(draft, question, snippets, clock)
        if not in_language(text, draft.language):
            text, spoken = self._repair(text, question, messages, draft.language)
            draft = replace(draft, language=spoken)
            clock.lap("repair")
        encoder = self.library.encoder
        grounded = ground(text, question, draft.language, snippets, encoder)
        if self.settings.grounding == "strict" and grounded.doubts:
            return self._abstain(replace(draft, doubts=grounded.doubts), question, snippets, clock)
        doubts = grounded.doubts if self.settings.grounding == "flag" else ()
        text = localised(grounded.text, draft.language, [citation.passage for citation in grounded.citations])
        clock.lap("check")
        return replace(draft, text=text, citations=grounded.citations, doubts=doubts, timings=clock.seconds, final=True)

    def _repair(self, text: str, question: str, messages: list[dict[str, str]], language: str) -> tuple[str, str]:
        """The answer in the language, and the language it came out in.

        Ask once more for the language; if that fails, have the first answer translated; if that fails too, the first
        answer, which is at least true, stands as it is.
        """
        closing = load_prompt("answer", language).closing
        again = [
            *messages,
            {"role": "assistant", "content": text},
            {"role": "user", "content": f"{closing} ({english_name(language)})"},
        ]
        translation = load_prompt("translate", language).messages(text=text)
        for attempt in (again, translation):
            new = without_echo(self._complete(attempt, max_tokens=self.settings.max_answer_tokens), question, closing)
            if in_language(new, language) and not is_rubbish(new, question):
                return new, language
        return text, detect_language(strip_marks(text))

    def _abstain(self, draft: Answer, question: str, snippets: Sequence[Snippet], clock: _Clock) -> Answer:
        """Say in the user's language that the documents hold no answer, and show the nearest passages."""
        text = load_prompt("answer", draft.language).texts["no_answer"]
        if draft.language not in languages():
            translation = load_prompt("translate", draft.language).messages(text=text)
            text = self._complete(translation, max_tokens=self.settings.max_answer_tokens)
        citations = nearest(snippets, question, self.library.encoder) if snippets else ()
        clock.lap("check")
        return replace(draft, text=text, citations=citations, abstained=True, timings=clock.seconds, final=True)


def _language_of(question: str, history: Sequence[Turn]) -> str:
    """The question's language; of a question without words ("1918?"), that of the conversation, else English."""
    spoken = [question, *(turn.text for turn in reversed(history) if turn.role == "user")]
    languages = (detect_language(text) for text in spoken)
    return next((language for language in languages if language != UNKNOWN), "en")
