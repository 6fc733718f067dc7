"""Write docs/figures.md, and the README's tables, from benchmarks/results: `python -m benchmarks.figures [--check]`.

With `--check` nothing is written; it fails if a page differs from what would be.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, ROOT
from rag.evaluation.answer_report import WITHOUT_ANSWER, WITHOUT_PASSAGE
from retriever.evaluation import format_cell, markdown_table
from retriever.languages.locales import english_name

README, PAGE = ROOT / "README.md", ROOT / "docs" / "figures.md"
START, END = "<!-- figures -->", "<!-- /figures -->"
README_SYSTEMS = {"langchain recipe": "ordinary LangChain recipe", "isthmus, aligned": "Isthmus"}
"""What the README calls the two systems of retrieval.json that it shows."""

ORDER: Mapping[str, Sequence[str]] = {
    "Search": (
        "retrieval",
        "fusion",
        "low_resource-sib200",
        "low_resource-tatoeba",
        "typed",
        "names",
        "detection",
        "hinglish",
        "encoder",
        "scale",
        "cluster",
        "cluster-users",
        "bulk_indexing",
        "token_bits",
        "capacity",
        "sharding",
        "sharding-groups",
        "cross_encoder",
        "generator_search",
        "evidence_z_score",
    ),
    "Alignment": (
        "alignment-squad",
        "alignment-ablation",
        "alignment-keeping",
        "alignment-curve",
        "alignment-late",
        "alignment-kb",
        "alignment-kb-alone",
        "lira",
        "lira-curve",
        "lira-seconds",
        "lira-ablation",
        "lira-bounds",
        "lira-choice",
    ),
    "Time": (
        "time_mode",
        "calendar",
        "calendar_questions",
        "temporal",
        "temporal-aligned",
        "temporal-muse",
        "temporal_answers-demonstrations-1.5b",
        "temporal_answers-styles-1.5b",
    ),
    "Answers": (
        "evidence",
        "support",
        "answers-embedded-1.5b",
        "answers-vllm-1.5b",
        "latency-1.5b",
        "injection",
        "chats",
        "chats-embedded",
        "server",
    ),
}
"""The results by heading. Results of other names come last, under their own heading."""

_BATCHES = (
    "one negative for CLEAR and MNRL, passages cut at 128 tokens, and batches in which a row’s own passage may recur "
    "as a wrong answer"
)
_LABELS = "weighted negatives drawn by label, not by query of the index"
CHANGED = "2026-11-30"
BEFORE: Mapping[str, str] = {
    "alignment-squad": _BATCHES,
    "alignment-ablation": _BATCHES,
    "alignment-keeping": _BATCHES,
    "alignment-curve": _BATCHES,
    "alignment-kb": _LABELS,
    "alignment-kb-alone": _LABELS,
    "lira-ablation": "a command that has parts now; `--part ablation` measures other variants than these",
    "temporal_answers-styles-1.5b": "demonstrations of L1 that may have their answer in the answer’s month",
}
"""What was different in these results if they are older than the day CHANGED."""

PREFACE = """# Figures

Made by `python -m benchmarks.figures` from `benchmarks/results`. The command in a caption prints its table; the data
are public, and `ISTHMUS_DATA` says where they are. “aligned” is the encoder that ships. p is by the paired
randomisation test, with Holm's correction over its table. Since 2026-11-30 test and intervals keep the translations of
a question together. In older tables that pool languages p is smaller than it should be, but for those of
`benchmarks.fusion` and `benchmarks.lira`. An interval without width is of queries that were all right: the bootstrap
cannot tell how seldom they would be wrong.
"""


def read_result(name: str) -> dict[str, Any]:
    """What a benchmark published."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def source(result: Mapping[str, Any]) -> str:
    """Command, day and machine of a result, with its bf16, which makes answers several times faster, if noted."""
    flags = result["bf16"]  # None in results before it was noted
    bf16 = "" if flags is None else f" ({', '.join(flags) or 'no bf16'})"
    return f"`{result['command']}`, {result['time'][:10]}, {result['processor']}{bf16}, {result['cores']} cores"


def section(name: str) -> str:
    """A result as caption, table and plot, if there is one."""
    result = read_result(name)
    parts = [f"**{result['caption']}** ({source(result)}):", markdown_table(result["columns"], result["rows"])]
    if name in BEFORE and result["time"] < CHANGED:
        parts.append(f"Measured before {CHANGED}, with {BEFORE[name]}.")
    picture = RESULTS / f"{name}.png"
    if picture.exists():
        parts.append(f"![{name}]({os.path.relpath(picture, PAGE.parent)})")
    return "\n\n".join(parts)


def headings() -> Iterator[tuple[str, list[str]]]:
    """Each heading with the names of its results; a result in no heading is under "Other"."""
    names = {path.stem for path in RESULTS.glob("*.json")}
    for heading, ordered in ORDER.items():
        yield heading, [name for name in ordered if name in names]
        names -= set(ordered)
    if names:
        yield "Other", sorted(names)


def figures_page() -> str:
    """All of docs/figures.md."""
    parts = [PREFACE]
    for heading, names in headings():
        parts += [f"## {heading}", *map(section, names)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def readme_table() -> str:
    """Three rows: R@1 of the ordinary recipe and of Isthmus in the mean, in the worst language, and in English."""
    result = read_result("retrieval")
    table = {row[0]: dict(zip(result["columns"], row, strict=True)) for row in result["rows"]}
    systems = [table[name] for name in README_SYSTEMS]
    languages = result["columns"][1 : result["columns"].index("mean")]
    worst = [f"{format_cell(system['worst'])} ({worst_language(system, languages)})" for system in systems]
    rows = [
        [f"mean of {len(languages)} languages", *(system["mean"] for system in systems)],
        ["worst language", *worst],
        ["English", *(system["en"] for system in systems)],
    ]
    columns = ["right passage first (R@1)", *README_SYSTEMS.values()]
    return f"{markdown_table(columns, rows)}\n\n({source(result)})"


def readme_answers() -> str:
    """What a user reads from the packaged model: recall, wrong answers and refusals."""
    result = read_result("answers-embedded-1.5b")
    table = {row[0]: dict(zip(result["columns"], row, strict=True)) for row in result["rows"]}
    languages = [name for name in table if name not in ("all", WITHOUT_PASSAGE, WITHOUT_ANSWER)]
    worst = min(languages, key=lambda language: float(table[language]["recall"]))
    total, without, nowhere = table["all"], table[WITHOUT_PASSAGE], table[WITHOUT_ANSWER]
    rows = [
        ["share of the right answer that is in the answer, mean", total["recall"]],
        [f"the same, worst language ({english_name(worst)})", table[worst]["recall"]],
        ["questions answered", total["answered"]],
        ["wrong answers among these", total["wrong of these"]],
        ["answers that quote the passage as it is", total["quoted of these"]],
        ["refused, of questions whose passage is not there", 1 - float(without["answered"])],
        ["refused, of questions about another year or name than the passage", 1 - float(nowhere["answered"])],
        ["in the language of the question", total["in the language"]],
        ["whole answer, median s", total["median s"]],
    ]
    return f"{markdown_table(['answers of the packaged 1.5B', ''], rows)}\n\n({source(result)})"


def worst_language(system: Mapping[str, Any], languages: Sequence[str]) -> str:
    """The English name of the language with a system's least figure."""
    return english_name(min(languages, key=lambda language: float(system[language])))


def with_table(readme: str) -> str:
    """The README with the tables between its marks. Raises ValueError if it lacks them."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{README.name} lacks the marks {START} and {END}.")
    return f"{before}{START}\n\n{readme_table()}\n\n{readme_answers()}\n\n{END}{after}"


def pages() -> dict[Path, str]:
    """What each page is to hold."""
    return {PAGE: figures_page(), README: with_table(README.read_text(encoding="utf-8"))}


def outdated(texts: Mapping[Path, str]) -> list[str]:
    """Names of the files that do not hold these texts."""
    return [
        str(path.relative_to(ROOT))
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a page is out of date; write nothing")
    texts = pages()
    if parser.parse_args().check:
        if names := outdated(texts):
            sys.exit(f"Out of date: {', '.join(names)}. Run `python -m benchmarks.figures`.")
        return
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
