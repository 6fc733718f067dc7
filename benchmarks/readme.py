"""Copy the figures of benchmarks/results into README.md: `python -m benchmarks.readme`."""

import json
import re
from pathlib import Path

from benchmarks.report import RESULTS

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- figures -->", "<!-- /figures -->"
COMMANDS = {
    "retrieval": "python -m benchmarks.retrieval",
    "hinglish": "python -m benchmarks.hinglish",
    "encoder": "python -m benchmarks.encoder",
    "scale": "python -m benchmarks.scale",
    "cross_encoder": "python -m benchmarks.cross_encoder --steps 80 --questions 8",
    "generator_search": "python -m benchmarks.generator_search",
    "standing": "python -m benchmarks.standing",
    "alignment-kb": "python -m benchmarks.alignment --part kb",
    "alignment-kb-alone": "python -m benchmarks.alignment --part kb-alone",
    "alignment-squad": "python -m benchmarks.alignment --part squad",
    "alignment-ablation": "python -m benchmarks.alignment --part ablation",
    "alignment-keeping": "python -m benchmarks.alignment --part keeping",
    "alignment-late": "python -m benchmarks.alignment --part late",
    "alignment-curve": "python -m benchmarks.alignment --part curve",
    "temporal": "python -m benchmarks.temporal --tuned my-clitssa",
    "temporal-muse": "python -m benchmarks.temporal --encoder muse",
    "temporal_answers-demonstrations-1.5b": "python -m benchmarks.temporal_answers --part demonstrations "
    "--questions 12 --tuned my-clitssa --out DIR",
    "temporal_answers-facts-1.5b": "python -m benchmarks.temporal_answers --part facts --out DIR",
    "time_mode": "python -m benchmarks.time_mode",
    "calendar": "python -m benchmarks.calendar",
    "latency-1.5b": "python -m benchmarks.latency",
    "answers-embedded-1.5b": "python -m benchmarks.answers --engine embedded",
    "answers-vllm-1.5b": "python -m benchmarks.answers --engine vllm",
}


CAPTIONS = {
    "retrieval": "R@1 of a question in each language against XQuAD's 120 English passages, on 8 articles that the "
    "aligned encoder was not trained on; paired with the plain LangChain recipe. “hybrid” is dense search and BM25, "
    "“isthmus” re-ranks it by the encoder's token vectors: the default",
    "hinglish": "Hinglish queries against English ones of a knowledge base: the first, or one of three, has the right "
    "label; the last two lines on fewer queries",
    "encoder": "The encoder's back-ends beside the plain LangChain recipe: speed, and R@1 over eight languages",
    "scale": "A library as it grows; beyond the real texts the same again with noise on the vectors; "
    "“without” is without re-ranking; some of the million was built beside other jobs",
    "cross_encoder": "A cross-encoder in place of late interaction, trained in minutes from the encoder itself, since "
    "there are no others’ weights here",
    "generator_search": "The embedded 1.5B in search (the same articles, so many questions a language); p against the "
    "first line, of re-ranking against the line above it. What one line had translated costs the next nothing",
    "standing": "Does the best sentence tell answerable questions from others whose passage was taken out?",
    "alignment-kb": "Negatives for a labelled knowledge base, Hinglish-TOP",
    "alignment-kb-alone": "The same without the negatives of the batch’s other rows",
    "alignment-squad": "Methods of alignment at equal steps, XQuAD, 8 articles held out; English queries by the tuned "
    "weights too",
    "alignment-ablation": "CLEAR without its terms",
    "alignment-keeping": "What keeps English: weights between the base’s (0) and the tuned ones (1), adapters of rank "
    "16, queries alone",
    "alignment-late": "Late distillation, as the product ranks: re-ranked by token vectors, XQuAD, 8 articles held out",
    "alignment-curve": "By the number of articles trained on",
    "temporal": "Demonstrations for questions about time: overlap of the chosen three with the in-language choice",
    "temporal-muse": "The same with a weaker encoder, Google’s mUSE, as the untuned one; it knows neither Romanian "
    "nor Hindi",
    "temporal_answers-demonstrations-1.5b": "Answers of the embedded 1.5B after three demonstrations, closed book: who "
    "picks them; F1 on sets, and the share of exact matches; “relative” and p to X-InSTA",
    "temporal_answers-facts-1.5b": "Answers of the embedded 1.5B to L2 questions (a fact at a time): closed book, with "
    "the subject’s facts, and with what search finds; F1 on sets, and the share of exact matches",
    "time_mode": "Time mode off and on: questions for a month within a fact’s period, and XQuAD’s questions that "
    "name a time (where it must do no harm)",
    "calendar": "Calendar arithmetic in the chat",
    "latency-1.5b": "The embedded 1.5B, sample library",
    "answers-embedded-1.5b": "Answers of the embedded 1.5B to XQuAD questions out of English passages",
    "answers-vllm-1.5b": "The same on vLLM, before passages were re-ranked",
}


def cell(value: object) -> str:
    """A figure as the README shows it."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"


def section(name: str) -> str:
    """One result as a Markdown table with where it comes from."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    columns, rows = result["table"]["columns"], result["table"]["rows"]
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    source = f"`{COMMANDS[name]}`, {result['time'][:10]}, {result['processor']}, {result['cores']} cores"
    return f"**{CAPTIONS[name]}** ({source}):\n\n" + "\n".join(lines)


def main() -> None:
    """Rewrite the part between the marks."""
    figures = "\n\n".join(section(name) for name in COMMANDS if (RESULTS / f"{name}.json").exists())
    text = README.read_text(encoding="utf-8")
    block = f"{START}\n{figures}\n{END}"
    README.write_text(re.sub(f"{START}.*{END}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
