"""A question goes in, a cited answer comes out: understand, retrieve, answer."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Unpack

from prompts import check_language
from rag.answering.answerer import Answerer
from rag.answering.history import rewrite_follow_up, spoken_languages, stands_alone
from rag.answering.time_mode import calendar_answer, parse_as_of, question_timing
from rag.answering.translating import translate
from rag.build import EngineSource, build_demonstrations, build_engine
from rag.documents.library import Library, Progress
from rag.documents.parsing import printable
from rag.errors import GeneratorError
from rag.generation.engine import Engine
from rag.generation.tracing import TracedEngine
from rag.settings import Settings, TimeMode, load_settings
from rag.steps import Steps
from rag.timer import StageTimer
from rag.tracing import AnswerTrace
from rag.types import Added, Answer, AskOptions, Turn
from retriever.errors import IsthmusError, NotFoundError
from retriever.languages.detection import UNKNOWN, detect_language, language_codes
from retriever.languages.normalization import replace_surrogates
from retriever.models.protocols import TextEncoder
from retriever.types import Document, Hit, Month, Passage, Query

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

MAX_QUESTION = 2000
BATCH_THREADS = 8


class RAG:
    """Ask in any language, get a cited answer in that language out of the library's documents.

    The first argument is the folder of the library, or whole `Settings`; without one, settings are read from
    isthmus.toml and the environment. Keyword arguments override settings, unknown ones raise IsthmusError:
    `RAG("my-library", generator="embedded")`. The generator starts with the first question; an `engine`, or what opens
    one, may be given instead, and is not closed. `holder` and `url` as in `Library`.
    """

    def __init__(
        self,
        settings: Settings | str | Path | None = None,
        *,
        encoder: TextEncoder | None = None,
        engine: Engine | EngineSource | None = None,
        holder: str = "a Python program",
        url: str | None = None,
        **overrides: object,
    ) -> None:
        if isinstance(settings, str | Path):
            overrides, settings = {"library": settings, **overrides}, None
        self.settings = load_settings(settings, **overrides)
        self._engine = None if callable(engine) else engine
        self._open_engine = engine if callable(engine) else lambda: build_engine(self.settings)
        self._owns_engine = engine is None
        self._opening = threading.Lock()
        self.library = Library(self.settings, encoder, holder=holder, url=url, engine=self._traced_engine)
        try:
            self._demonstrations = build_demonstrations(self.settings, self.library.encoder)
        except BaseException:
            self.library.close()
            raise

    @property
    def engine(self) -> Engine:
        """The generator; opened on first use. Raises GeneratorError if it cannot be had."""
        with self._opening:
            if self._engine is None:
                self._engine = self._open_engine()
            return self._engine

    @property
    def has_engine(self) -> bool:
        """Whether the generator is there; it starts with the first question."""
        return self._engine is not None

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """The answer to a question, in the question's language or the one named; options as in `AskOptions`.

        Raises IsthmusError for an unusable question and GeneratorError if the generator fails.
        """
        last: Answer | None = None
        for answer in self.stream(question, **options):
            last = answer
        return _given(last)

    def stream(
        self,
        question: str,
        *,
        language: str | None = None,
        likely_languages: Sequence[str] = (),
        history: Sequence[Turn] = (),
        time: TimeMode | None = None,
        as_of: str | None = None,
    ) -> Generator[Answer, None, None]:
        """The answer so far, again and again; the last one is `final`. Closing the iterator cancels.

        Options as in `AskOptions`, errors as in `ask`. An answer that was yielded does not change any more.
        """
        timer = StageTimer()
        trace = AnswerTrace(timer, question, record_texts=self.settings.record_texts)
        yield from trace.follow(self._stream(timer, question, language, likely_languages, history, time, as_of))

    def _stream(
        self,
        timer: StageTimer,
        question: str,
        language: str | None,
        likely_languages: Sequence[str],
        history: Sequence[Turn],
        time: TimeMode | None,
        as_of: str | None,
    ) -> Generator[Answer, None, None]:
        question = _checked(question)
        if language:
            check_language(language)
        as_of_month = parse_as_of(as_of)
        mode = time or self.settings.time
        likely_languages = [*spoken_languages(history), *language_codes(likely_languages)]
        question_language = detect_language(question, likely_languages)
        spoken_language = question_language
        if question_language == UNKNOWN:  # no words: "1918?"
            spoken_language = next(iter(likely_languages), "en")
        language = language or spoken_language
        if mode != "off" and (date := calendar_answer(question, question_language, language, self.library.encoder)):
            timer.end_stage("calculate")
            yield Answer(date, language, generator="calendar", timings=timer.timings)
            return
        engine = self._traced_engine()
        draft = Answer("", language, generator=engine.label, timings=timer.timings, final=False)
        yield draft

        query = self._understand(question, question_language, mode, as_of_month)
        timer.end_stage("understand")
        hits = self.library.retriever.search(query, as_of=as_of_month)
        timer.end_stage("retrieve")
        baseline = self.library.baseline
        if history and not stands_alone(query, hits, baseline):
            standalone = rewrite_follow_up(question, spoken_language, history, engine)
            query = self._understand(standalone, None, mode, as_of_month)
            timer.end_stage("understand")
            hits = self.library.retriever.search(query, as_of=as_of_month)
            timer.end_stage("retrieve")
        answerer = Answerer(engine, self.library.encoder, baseline, self.settings, timer)
        demonstrations = self._demonstrations.nearest(query) if query.timing and self._demonstrations else ()
        yield from answerer.stream(draft, query, hits, demonstrations)

    def batch(self, questions: Sequence[str], **options: Unpack[AskOptions]) -> list[Answer]:
        """The answers to questions, in their order; several are in flight at a time."""
        _ = self.engine
        with ThreadPoolExecutor(BATCH_THREADS) as pool:
            return list(pool.map(lambda question: self.ask(question, **options), questions))

    async def aask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """`ask` without blocking the event loop. If it is cancelled, the generator stops after its next piece."""
        last: Answer | None = None
        async with aclosing(self.astream(question, **options)) as answers:
            async for answer in answers:
                last = answer
        return _given(last)

    async def astream(self, question: str, **options: Unpack[AskOptions]) -> AsyncGenerator[Answer, None]:
        """`stream` without blocking the event loop. If it is cancelled, the generator stops after its next piece."""
        steps = Steps(self.stream(question, **options))
        try:
            while (answer := await asyncio.to_thread(steps.next)) is not None:
                yield answer
        finally:
            await asyncio.to_thread(steps.close)

    async def abatch(self, questions: Sequence[str], **options: Unpack[AskOptions]) -> list[Answer]:
        """`batch` without blocking the event loop."""
        return await asyncio.to_thread(self.batch, questions, **options)

    def add(self, *paths: str | Path, progress: Progress | None = None) -> list[Added]:
        """Add files, and the supported files of folders, to the library; `progress` is told how far it is.

        A file that is missing or cannot be read raises nothing: its `Added` has the status "failed" and a `reason`, and
        the other files are added. Raises IsthmusError if the disk is full or fails.
        """
        return self.library.add([Path(path) for path in paths], progress)

    def search(
        self, query: str, k: int | None = None, *, time: TimeMode | None = None, as_of: str | None = None
    ) -> list[Hit]:
        """The k best passages for a query in any language, without a generator. `time`, `as_of` as in `AskOptions`.

        Raises IsthmusError for a query that is empty or too long.
        """
        query = _checked(query, "query")
        as_of_month = parse_as_of(as_of)
        understood = self._understand(query, None, time or self.settings.time, as_of_month)
        return self.library.retriever.search(understood, k, as_of=as_of_month)

    def translate(self, text: str, language: str) -> str | None:
        """A text, such as a citation's `quote`, as the generator translates it; nobody has checked its meaning.

        None if the translation cannot be trusted: it is in another language, or lacks a number of the text. Raises
        IsthmusError for a text that is empty or too long, or an unknown language, and GeneratorError.
        """
        check_language(language)
        return translate(self._traced_engine(), _checked(text, "text"), language)

    def documents(self) -> list[Document]:
        """Every document of the library."""
        return self.library.documents()

    def passage(self, id_: str) -> Passage:
        """The passage with this id. Raises NotFoundError."""
        passages = self.library.collection.passages([id_])
        if id_ not in passages:
            raise NotFoundError(
                f"No passage has the id {printable(id_)!r}; search again, its document may have changed."
            )
        return passages[id_]

    def remove(self, *names: str) -> list[Document]:
        """Delete documents by id, path, file name or title. Raises NotFoundError if a name fits none or several."""
        return self.library.remove(names)

    def as_runnable(self) -> "Runnable[str, Answer]":
        """A LangChain runnable from a question to an `Answer`: invoke, stream, batch and their async twins."""
        from rag.langchain import AnswerRunnable

        return AnswerRunnable(self)

    def as_tool(self, name: str = "ask_documents", description: str | None = None) -> "BaseTool":
        """A tool for LangChain agents: the model asks a question and reads the cited answer."""
        from rag.langchain import answer_tool

        return answer_tool(self, name, description)

    def close(self) -> None:
        """Stop an embedded engine and let other processes open the library."""
        if self._engine is not None and self._owns_engine:
            self._engine.close()
        self.library.close()

    def __enter__(self) -> "RAG":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _traced_engine(self) -> Engine:
        return TracedEngine(self.engine, record_texts=self.settings.record_texts)

    def _understand(self, text: str, language: str | None, mode: TimeMode, as_of: Month | None) -> Query:
        """The query, made once a turn; its language is detected unless it is known."""
        language = language or detect_language(text)
        timing = question_timing(text, language, mode, as_of)
        return self.library.retriever.understand(text, language=language, timing=timing)


def _checked(text: str, name: str = "question") -> str:
    """A question on one line, a lone surrogate as U+FFFD. Raises IsthmusError if it is empty or too long."""
    text = " ".join(replace_surrogates(text).split())
    if not text:
        raise IsthmusError(f"The {name} is empty; type one.")
    if len(text) > MAX_QUESTION:
        raise IsthmusError(f"The {name} has {len(text)} characters; at most {MAX_QUESTION} are allowed.")
    return text


def _given(answer: Answer | None) -> Answer:
    """The answer. Raises GeneratorError if there is none."""
    if answer is None:
        raise GeneratorError("The generator gave no answer; ask again.")
    return answer
