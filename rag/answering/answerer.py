"""From hits to a cited answer: a small model reads passages one by one, a larger one writes from all of them."""

from collections.abc import Generator, Sequence
from dataclasses import replace

from rag.answering.abstention import abstain
from rag.answering.citations import excerpt_citation, read_citation
from rag.answering.claims import Source
from rag.answering.countries import find_countries, uncovered_countries
from rag.answering.evidence import Snippet, evidence_z_score, select_evidence, select_excerpt
from rag.answering.numerals import localise_numbers
from rag.answering.reader import Reading, judge, read
from rag.answering.rendering import quote, render
from rag.answering.support import excerpt_features, is_supported, support, words_features
from rag.answering.time_mode import today_in
from rag.answering.writing import Writer
from rag.errors import NoProbabilitiesError
from rag.generation.engine import Engine
from rag.settings import Settings
from rag.timer import StageTimer
from rag.types import Answer, Citation
from retriever.models.protocols import TextEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.temporal.questions import TemporalQuestion
from retriever.types import Hit, Query

MIN_EVIDENCE_Z_SCORE = 2.7
"""Standard deviations that the best sentence must stand above ordinary passages to be worth an answer of a model that
answers in one go: `python -m benchmarks.evidence_z_score`, XQuAD in eight languages, kept 99.8 % of the answerable
questions and refused 9 % of those whose passage had been taken out while others of its article stayed. 3.2 would refuse
31 %, but also questions that have their answer there: six in a hundred in Hindi, and short ones in languages not
measured (Polish, Turkish)."""


class Answerer:
    """Answers queries out of their hits. `baseline` is what an ordinary passage of the library scores."""

    def __init__(
        self, engine: Engine, encoder: TextEncoder, baseline: ScoreBaseline, settings: Settings, timer: StageTimer
    ) -> None:
        self._engine = engine
        self._encoder = encoder
        self._baseline = baseline
        self._settings = settings
        self._timer = timer

    def stream(
        self, draft: Answer, query: Query, hits: Sequence[Hit], demonstrations: Sequence[TemporalQuestion] = ()
    ) -> Generator[Answer, None, None]:
        """The answer so far, again and again; the last one is checked and `final`. Raises GeneratorError.

        `demonstrations` are solved questions to show the model first; it then answers in one go.
        """
        reader = self._settings.reader
        if not demonstrations and (reader == "extract" or (reader == "auto" and self._engine.small)):
            try:
                yield from self._read(draft, query, hits)
                return
            except NoProbabilitiesError:
                if reader == "extract":
                    raise
        yield from self._write(draft, query, hits, demonstrations)

    def _read(self, draft: Answer, query: Query, hits: Sequence[Hit]) -> Generator[Answer, None, None]:
        """Words of a passage put into the user's language, or an excerpt where the words lack support.

        An abstention if the best passage does.
        """
        question = f"{query.text} ({today_in('en')})" if query.timing.now else query.text
        grounding = self._settings.grounding
        on_topic = self._on_topic(query, hits)
        candidates = on_topic if on_topic or grounding == "strict" else hits
        judgements = judge(self._engine, query, question, candidates, self._baseline)
        if not judgements:
            yield self._abstain(draft, query, hits)
            return
        best = judgements[0]
        excerpt = select_excerpt(query, best.hit, self._encoder, self._baseline)
        features = excerpt_features(query, best, excerpt, self._baseline)
        draft = replace(draft, support=support("excerpt", features))
        has_answer = is_supported("excerpt", features) and bool(on_topic)
        reading = read(self._engine, question, judgements) if has_answer or grounding != "strict" else None
        self._timer.end_stage("read")
        if reading is not None:
            features = words_features(query, reading, self._encoder, self._baseline)
            has_support = has_answer and is_supported("words", features)
            if has_support or grounding != "strict":
                draft = replace(draft, support=support("words", features))
                yield from self._render(draft, query, reading, is_doubtful=not has_support and grounding == "flag")
                return
            if reading.judgement is best:
                words = (reading.start, reading.end)
                excerpt = select_excerpt(query, best.hit, self._encoder, self._baseline, words)
        yield self._quote(draft, excerpt) if has_answer else self._abstain(draft, query, hits)

    def _render(
        self, draft: Answer, query: Query, reading: Reading, *, is_doubtful: bool
    ) -> Generator[Answer, None, None]:
        """The words, and then the sentence that holds them."""
        self._timer.mark_first("first_token")
        citations = (read_citation(reading),)
        quoted = quote(reading.words, draft.language)
        yield replace(draft, text=quoted.text, citations=citations, timings=self._timer.timings)
        rendering = render(self._engine, query.text, draft.language, reading, self._encoder)
        self._timer.end_stage("generate")
        text = localise_numbers(rendering.text, draft.language, [reading.hit.passage])
        doubts = (reading.words,) if is_doubtful else ()
        yield self._finished(draft, text, citations, doubts)

    def _quote(self, draft: Answer, excerpt: Snippet) -> Answer:
        """The excerpt as it stands, in a fixed sentence of the user's language."""
        self._timer.mark_first("first_token")
        return self._finished(draft, quote(excerpt.text, draft.language).text, (excerpt_citation(excerpt),))

    def _finished(
        self, draft: Answer, text: str, citations: tuple[Citation, ...], doubts: tuple[str, ...] = ()
    ) -> Answer:
        self._timer.end_stage("check")
        timings = self._timer.timings
        return replace(draft, text=f"{text} [1]", citations=citations, doubts=doubts, timings=timings, final=True)

    def _abstain(self, draft: Answer, query: Query, hits: Sequence[Hit]) -> Answer:
        """That nothing answers, with what comes nearest."""
        snippets = select_evidence(query, hits, self._encoder, self._baseline, self._engine.evidence_tokens)
        return abstain(self._engine, draft, query, snippets, self._timer)

    def _on_topic(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """The hits whose passages are not on other countries than the question."""
        if not find_countries(query.text, query.language):
            return list(hits)
        sources = [(hit, [(hit.passage, Source.of_passage(hit.passage))]) for hit in hits]
        return [hit for hit, source in sources if not uncovered_countries(query.text, query.language, source)]

    def _write(
        self, draft: Answer, query: Query, hits: Sequence[Hit], demonstrations: Sequence[TemporalQuestion]
    ) -> Generator[Answer, None, None]:
        """Let the model write the answer out of the evidence, unless that is no better than ordinary passages."""
        snippets = select_evidence(query, hits, self._encoder, self._baseline, self._engine.evidence_tokens)
        self._timer.end_stage("retrieve")
        is_strict = self._settings.grounding == "strict"
        if not snippets or (is_strict and evidence_z_score(query, snippets, self._baseline) < MIN_EVIDENCE_Z_SCORE):
            yield abstain(self._engine, draft, query, snippets, self._timer)
            return
        writer = Writer(self._engine, self._encoder, self._settings, self._timer)
        yield from writer.stream(draft, query, snippets, demonstrations)
