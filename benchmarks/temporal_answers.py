"""What demonstrations, and facts, do for a generator's answers to questions about time.

`python -m benchmarks.temporal_answers --part demonstrations|styles|facts --out DIR [--tuned DIR] [--model 1.5b]
[--questions 40] [--languages ro,de,fr]`

TempReason through the templates, so many questions of each task in each language, three demonstrations out of 1200
English ones. `demonstrations`: L1, L2 and L3, closed book, the untuned encoder's choice, the tuned ones', ours and the
oracle's (`isthmus eval temporal` has more); the last column has the paper's relative gain of CLiTSSA over X-InSTA
(arXiv 2412.08090, ro de fr). `styles`: the paper's text to complete beside the conversation. `facts`: L2 closed book,
with the subject's facts in the prompt, and with what Isthmus's search finds in a library of all facts; the latter two
without demonstrations as well. The embedded generator. Resumable item by item in DIR.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import contextlib
import sys
from pathlib import Path

from benchmarks.report import DATA, publish
from rag.build import build_encoder, build_engine, build_tuned_encoders
from rag.evaluation.facts import open_fact_source
from rag.evaluation.report import save_report, score_table
from rag.evaluation.temporal import EvidenceSetting, TemporalPlan, evaluable, evaluate_items
from rag.generation.few_shot import PromptStyle
from rag.settings import load_settings
from retriever.temporal.demonstrations import split_questions
from retriever.temporal.questions import TaskName, read_questions
from retriever.temporal.selectors import SHOTS, Selector, SimilaritySelector, all_selectors

PAPER = {"l1": "+11.4 %", "l2": "+30.8 %", "l3": "+62.9 %"}
POOL = 1200
TASKS: tuple[TaskName, ...] = ("l1", "l2", "l3")


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=["demonstrations", "styles", "facts"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tuned", type=Path, action="append", default=[])
    parser.add_argument("--model", default="1.5b")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--languages", default="ro,de,fr")
    given = parser.parse_args()
    if not (DATA / "tempreason").is_dir():
        sys.exit(f"TempReason is not at {DATA / 'tempreason'}; set ISTHMUS_DATA.")
    languages = tuple(given.languages.split(","))
    settings = load_settings(generator="embedded", embedded_model=given.model)
    everything = read_questions(DATA / "tempreason")
    split = split_questions(everything, pool=POOL, asked=given.questions)
    base = build_encoder(load_settings(encoder="base"))
    tuned = build_tuned_encoders(given.tuned)
    named = ("X-InSTA", "structured", *(f"CLiTSSA ({name})" for name in tuned))
    every = [selector for selector in all_selectors(base, tuned) if selector.name in named]
    every.append(SimilaritySelector(base, "oracle", translated_pool=True))
    engine = evaluable(build_engine(settings))
    similar: list[Selector] = [SimilaritySelector(base, "X-InSTA")]
    runs: dict[str, list[tuple[EvidenceSetting, PromptStyle, tuple[TaskName, ...], list[Selector], int]]] = {
        "demonstrations": [("closed", "chat", TASKS, every, SHOTS)],
        "styles": [("closed", "chat", TASKS, similar, SHOTS), ("closed", "completion", TASKS, similar, SHOTS)],
        "facts": [
            ("closed", "chat", ("l2",), similar, SHOTS),
            ("facts", "chat", ("l2",), similar, SHOTS),
            ("facts", "chat", ("l2",), similar, 0),
            ("rag", "chat", ("l2",), similar, SHOTS),
            ("rag", "chat", ("l2",), similar, 0),
        ],
    }
    rows: list[list[object]] = []
    record = {}
    with contextlib.closing(engine):
        for setting, style, tasks, chosen, shots in runs[given.part]:
            plan = TemporalPlan(
                tasks=tasks,
                languages=languages,
                selectors=tuple(selector.name for selector in chosen),
                questions=given.questions,
                pool=POOL,
                setting=setting,
                style=style,
                shots=shots,
                generator=engine.label,
            )
            folder = given.out / (f"{setting}-{style}" if shots else f"{setting}-{style}-without")
            with open_fact_source(setting, everything, settings, folder) as facts:
                lines = evaluate_items(plan, split, chosen, engine, folder, facts=facts)
            save_report(lines, plan, folder)
            tables = {task: score_table(lines, plan, task) for task in tasks}
            for task, (_, found) in tables.items():
                exact = {str(row[0]): row[1 + len(languages)] for row in score_table(lines, plan, task, "exact")[1]}
                for row in found:
                    name = str(row[0])
                    paper = PAPER[task] if name.startswith("CLiTSSA") and setting == "closed" else ""
                    values = [*row[1 : 2 + len(languages)], exact[name], *row[3 + len(languages) :], paper]
                    rows.append([setting, style, task, name if shots else "none", *values])
            record[f"{setting}, {style}, {shots}"] = {
                task: {"columns": columns, "rows": found} for task, (columns, found) in tables.items()
            }
    columns = [
        "setting",
        "style",
        "task",
        "demonstrations",
        *languages,
        "mean F1",
        "exact",
        "to X-InSTA",
        "relative, %",
        "p",
        "paper",
    ]
    if given.part != "demonstrations":  # one selector: nothing to compare
        columns, rows = columns[:-4], [row[:-4] for row in rows]
    publish(
        f"temporal_answers-{given.part}-{given.model}",
        columns,
        rows,
        {"questions": given.questions, "generator": engine.label, **record},
    )


if __name__ == "__main__":
    main()
