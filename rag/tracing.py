"""OpenTelemetry spans of answers and their stages, with the generator's calls as their children."""

from collections.abc import Generator, Iterator

from opentelemetry import context, trace

from rag.generation.tracing import as_messages, set_failed, tracer
from rag.timer import StageTimer
from rag.types import Answer


class AnswerTrace:
    """The span of one answer, and one for each stage that its timer ends.

    The span of a stage is the current one while the stage lasts. Texts are recorded only if `record_texts` says so.
    """

    def __init__(self, timer: StageTimer, question: str, *, record_texts: bool) -> None:
        self._record_texts = record_texts
        self._answer = tracer.start_span(
            "invoke_workflow isthmus",
            attributes={"gen_ai.operation.name": "invoke_workflow", "gen_ai.agent.name": "isthmus"},
        )
        if record_texts:
            self._answer.set_attribute("gen_ai.input.messages", as_messages([{"role": "user", "content": question}]))
        self._answer_context = trace.set_span_in_context(self._answer)
        self._begin_stage()
        timer.on_stage = self._end_stage

    def follow(self, answers: Generator[Answer, None, None]) -> Generator[Answer, None, None]:
        """The answers, each made within the spans, which end with the last one, or with an error."""
        is_finished = False
        try:
            while answer := self._next(answers):
                if answer.final:
                    self._describe(answer)
                    is_finished = True
                yield answer
        except Exception as error:
            set_failed(self._answer, error)
            raise
        finally:
            answers.close()
            if not is_finished:
                self._stage.end()
            self._answer.end()

    def _next(self, answers: Iterator[Answer]) -> Answer | None:
        token = context.attach(self._stage_context)
        try:
            return next(answers, None)
        finally:
            context.detach(token)

    def _begin_stage(self) -> None:
        self._stage = tracer.start_span("unfinished", self._answer_context)
        self._stage_context = trace.set_span_in_context(self._stage, self._answer_context)

    def _end_stage(self, stage: str) -> None:
        self._stage.update_name(stage)
        self._stage.end()
        self._begin_stage()
        context.attach(self._stage_context)  # until `_next` puts back what there was before

    def _describe(self, answer: Answer) -> None:
        self._answer.set_attributes({"isthmus.language": answer.language, "isthmus.abstained": answer.abstained})
        if answer.support is not None:
            self._answer.set_attribute("isthmus.support", answer.support)
        if self._record_texts:
            written = as_messages([{"role": "assistant", "content": answer.text}])
            self._answer.set_attribute("gen_ai.output.messages", written)
