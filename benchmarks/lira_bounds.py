"""What LiRA's bound is made of, measured: distances, divergences, and the score's Lipschitz constant."""

import random
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.lira_data import DATA_SEED, spoil_translations
from benchmarks.lira_search import CANDIDATES
from benchmarks.lira_work import Reported, Work, digest
from benchmarks.report import publish
from retriever.alignment.methods.lira import bounds as measures
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import embed_view
from retriever.languages.scripts import UNSPACED
from retriever.models.lira import LiraNetwork, View

EDITED = 40
"""Queries a language that are edited."""
COLUMNS = (
    *("data", "translation", "side of the query", "ε1 to h(T(x))", "centred", "ε1 to h(y*)", "centred "),
    *("ε2", "‖z - z*‖", "within the bound", "C for 95 %", "L at 95 %"),
)


def bounds(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-bounds`: before the adaptor (g) and after it, by the first seed's network."""
    rows, development = work.training()
    network = work.network("as it is", Lira(), rows, development, seed=seeds[0])
    table: list[list[object]] = []
    for part in work.reported().values():
        edits = _edits(work, part)
        for place, label in enumerate(CANDIDATES):
            for side, trained in (("g(x)", None), ("adapted", network)):
                table.append([part.name, label, side, *_cells(part, place, trained, edits)])
    publish(
        "lira-bounds",
        "LiRA’s bound, means over queries; L by edits of a word of the query and its 30 % spoilt translation (of a "
        "character where scripts put no spaces)",
        COLUMNS,
        table,
        data="AfriQA, SIB-200, XQuAD",
        seeds=[seeds[0]],
        encoders=[work.encoder],
        details={"edited_queries_a_language": EDITED, "constant": measures.PAPER_CONSTANT},
    )


def _cells(part: Reported, place: int, network: LiraNetwork | None, edits: "_Edits") -> list[float]:
    own = _vectors(part.rows.own, network)
    english = _vectors(View(*(p[:, place] for p in (part.rows.candidates.vectors, part.rows.candidates.bins))), network)
    human = part.rows.english
    errors = measures.anchoring_errors(own, english)
    divergence = measures.divergences(own @ part.pool.T, english @ part.pool.T)
    deviation = measures.deviations(own, english, human)
    needed = (deviation - errors) / (2 * divergence).sqrt().clamp(min=1e-6)
    values = [
        errors.mean(),
        measures.anchoring_errors(own, english, centred=True).mean(),
        measures.anchoring_errors(own, human).mean(),
        measures.anchoring_errors(own, human, centred=True).mean(),
        divergence.mean(),
        deviation.mean(),
        (deviation <= measures.bounds(errors, divergence)).float().mean(),
        torch.quantile(needed, 0.95).clamp(min=0),
    ]
    return [*map(float, values), edits.constant(network)]


class _Edits:
    """Queries and translations before and after an edit of each, and the right documents."""

    def __init__(self, own: tuple[View, View], english: tuple[View, View], documents: Tensor) -> None:
        self._own = own
        self._english = english
        self._documents = documents

    def constant(self, network: LiraNetwork | None) -> float:
        """L of the score of the right document, by the mean of both vectors, at the 95th percentile."""
        pairs = [
            (_vectors(own, network), _vectors(english, network))
            for own, english in zip(self._own, self._english, strict=True)
        ]
        scores = [(functional.normalize(own + english, dim=1) * self._documents).sum(dim=1) for own, english in pairs]
        before, after = (torch.cat(pair, dim=1) for pair in pairs)
        return measures.lipschitz_constant(scores[1] - scores[0], (after - before).norm(dim=1))


def _edits(work: Work, part: Reported) -> _Edits:
    rng = random.Random(DATA_SEED)
    drawn = part.only(part.first_of_languages(EDITED))
    texts = [query.text for query in drawn.queries]
    english = spoil_translations(drawn.queries, 0.3)
    languages = list(drawn.rows.languages)
    views = [
        work.view(f"{part.name}-edits-{name}-{digest(side)}", partial(embed_view, work.encoder, side, codes))
        for name, side, codes in (
            ("own", texts, languages),
            ("own-edited", [edited(text, rng) for text in texts], languages),
            ("english", english, ["en"] * len(english)),
            ("english-edited", [edited(text, rng) for text in english], ["en"] * len(english)),
        )
    ]
    return _Edits((views[0], views[1]), (views[2], views[3]), drawn.rows.documents)


def edited(text: str, rng: random.Random) -> str:
    """The text with one word left out, or doubled; a character if its script puts no spaces between words."""
    space, words = ("", list(text)) if UNSPACED.search(text) else (" ", text.split())
    place = rng.randrange(len(words))
    if len(words) > 1 and rng.random() < 0.5:
        return space.join(words[:place] + words[place + 1 :])
    return space.join([*words[: place + 1], *words[place:]])


@torch.no_grad()
def _vectors(view: View, network: LiraNetwork | None) -> Tensor:
    """The encoder's vectors, or those after the network's adaptor, (N, d)."""
    if network is None:
        return view.vectors.float()
    return network.embed(View(view.vectors.float(), view.bins.float()))
