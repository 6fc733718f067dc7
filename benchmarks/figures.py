"""Write docs/figures.md, and the tables of README.md, from benchmarks/results: `python -m benchmarks.figures`."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import RESULTS

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "figures.md"
START, END = "<!-- figures -->", "<!-- /figures -->"


@dataclass(frozen=True)
class Figure:
    """One result: the name of its JSON, what the table shows, and what follows `python -m benchmarks.`."""

    name: str
    caption: str
    command: str


FIRST = ("retrieval", "encoder", "temporal_answers-facts-1.5b")
"""What the README shows; the rest is on the page of figures."""

FIGURES = {
    "Search": [
        Figure(
            "retrieval",
            "R@1 of a question in each language against XQuAD's 120 English passages, on 8 articles that the "
            "aligned encoder was not trained on; paired with the plain LangChain recipe. “hybrid” is dense search and "
            "BM25, “isthmus” re-ranks it by the encoder's token vectors: the default",
            "retrieval",
        ),
        Figure(
            "typed",
            "The same as people type: small letters without question marks, and no accents either; R@1, the difference "
            "is to the questions as they are",
            "typed",
        ),
        Figure(
            "hinglish",
            "Hinglish queries against English ones of a knowledge base: the first, or one of three, has the right "
            "label; the last two lines on fewer queries",
            "hinglish",
        ),
        Figure(
            "encoder",
            "The encoder's back-ends beside the plain LangChain recipe: speed, and R@1 over eight languages",
            "encoder",
        ),
        Figure(
            "scale",
            "A library as it grows; beyond the real texts the same again with noise on the vectors; “without” is "
            "without re-ranking; some of the million was built beside other jobs",
            "scale",
        ),
        Figure(
            "cross_encoder",
            "A cross-encoder in place of late interaction, trained in minutes from the encoder itself, since there are "
            "no others’ weights here; with the aligned encoder before this one",
            "cross_encoder --steps 80 --questions 8",
        ),
        Figure(
            "generator_search",
            "The embedded 1.5B in search (the same articles, so many questions a language); p against the first line, "
            "of re-ranking against the line above it. What one line had translated costs the next nothing",
            "generator_search --questions 16 --reranked 2",
        ),
        Figure(
            "standing",
            "Does the best sentence tell answerable questions from others whose passage was taken out?",
            "standing",
        ),
    ],
    "Alignment": [
        Figure(
            "alignment-squad",
            "Methods of alignment at equal steps, XQuAD, 8 articles held out; English queries by the tuned weights too",
            "alignment --part squad",
        ),
        Figure("alignment-ablation", "CLEAR without its terms", "alignment --part ablation"),
        Figure(
            "alignment-keeping",
            "What keeps English: weights between the base’s (0) and the tuned ones (1), adapters of rank 16, queries "
            "alone",
            "alignment --part keeping",
        ),
        Figure("alignment-curve", "By the number of articles trained on", "alignment --part curve"),
        Figure(
            "alignment-late",
            "Late distillation, as the product ranks: re-ranked by token vectors, XQuAD, 8 articles held out",
            "alignment --part late",
        ),
        Figure(
            "alignment-kb",
            "Negatives for a labelled knowledge base, Hinglish-TOP, with those of the batch’s other rows",
            "alignment --part kb",
        ),
        Figure(
            "alignment-kb-alone",
            "The same with a row’s own negatives alone, as in the paper",
            "alignment --part kb-alone",
        ),
    ],
    "Time": [
        Figure(
            "time_mode",
            "Time mode off and on: questions for a month within a fact’s period, and XQuAD’s questions that name a "
            "time (where it must do no harm)",
            "time_mode",
        ),
        Figure("calendar", "Calendar arithmetic in the chat", "calendar"),
        Figure(
            "temporal",
            "Demonstrations for questions about time: overlap of the chosen three with the in-language choice; "
            "“cl-all” is CLiTSSA tuned on all three tasks, the others on one each (docs/research.md has the commands)",
            "temporal --tuned cl-all --tuned cl-l1 --tuned cl-l2 --tuned cl-l3",
        ),
        Figure(
            "temporal-aligned",
            "The same with the encoder that ships as the untuned one",
            "temporal --encoder aligned",
        ),
        Figure(
            "temporal-muse",
            "The same with a weaker encoder, Google’s mUSE, as the untuned one; it knows neither Romanian nor Hindi",
            "temporal --encoder muse",
        ),
        Figure(
            "temporal_answers-demonstrations-1.5b",
            "Answers of the embedded 1.5B after three demonstrations, closed book: who picks them; F1 on sets, and the "
            "share of exact matches; “relative” and p to X-InSTA",
            "temporal_answers --part demonstrations --tuned cl-all --out DIR",
        ),
        Figure(
            "temporal_answers-styles-1.5b",
            "The same, the untuned encoder’s choice: a conversation, and one text to complete",
            "temporal_answers --part styles --questions 24 --out DIR",
        ),
        Figure(
            "temporal_answers-facts-1.5b",
            "Answers of the embedded 1.5B to L2 questions (a fact at a time): closed book, with the subject’s facts, "
            "and with what search finds, after three demonstrations and without, when it answers in sentences; F1 on "
            "sets, and the share of exact matches",
            "temporal_answers --part facts --out DIR",
        ),
    ],
    "Answers": [
        Figure("latency-1.5b", "The embedded 1.5B, sample library", "latency"),
        Figure(
            "answers-embedded-1.5b",
            "Answers of the embedded 1.5B to XQuAD questions out of English passages",
            "answers --engine embedded",
        ),
        Figure(
            "answers-vllm-1.5b",
            "The same on vLLM, with the aligned encoder before this one and before passages were re-ranked",
            "answers --engine vllm",
        ),
    ],
}

PREFACE = """# Figures

Each table is printed by the command in its caption, from `benchmarks/results`; the data are public, and
`ISTHMUS_DATA` says where they lie. p by the paired randomisation test. “aligned” is the encoder that ships.
"""


def cell(value: object) -> str:
    """A figure as a table shows it."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"


def section(figure: Figure) -> str:
    """One result as a Markdown table with where it comes from."""
    result = json.loads((RESULTS / f"{figure.name}.json").read_text(encoding="utf-8"))
    columns, rows = result["table"]["columns"], result["table"]["rows"]
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    source = f"`python -m benchmarks.{figure.command}`, {result['time'][:10]}, {result['processor']}"
    return f"**{figure.caption}** ({source}, {result['cores']} cores):\n\n" + "\n".join(lines)


def plot(figure: Figure) -> str:
    """The picture that goes with a table on the page of figures, if there is one."""
    path = RESULTS / f"{figure.name}.png"
    return f"\n\n![{figure.name}]({os.path.relpath(path, PAGE.parent)})" if path.exists() else ""


def main() -> None:
    """Rewrite the page, and what stands between the README's marks."""
    page = [PREFACE]
    first = []
    for heading, figures in FIGURES.items():
        made = [figure for figure in figures if (RESULTS / f"{figure.name}.json").exists()]
        page += [f"## {heading}", *(section(figure) + plot(figure) for figure in made)]
        first += [section(figure) for figure in made if figure.name in FIRST]
    PAGE.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    block = "\n\n".join([START, *first, END])
    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(f"{START}.*{END}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
