"""LiRA: does fusing a query with a translation find more, for which languages, and from which quality on?

    python -m benchmarks.lira --part PART [--seeds 3] [--folder FOLDER]

Trained on Tatoeba, XQuAD's training articles and three of AfriQA's languages; reported on what that leaves out:
AfriQA's training files (Yoruba and Zulu are in no training), SIB-200's sentences, and XQuAD's held-out articles.
Translations are the human ones with each word spoilt at a probability, a word-by-word gloss, and the generator's at
hand. The human translation itself is never one. Rows, networks, translations and ratings are kept in FOLDER (by
default in the cache), and a part that broke off goes on from there. Parts, each with its tables:

- search: nDCG@10 and R@1 of LiRA and of its baselines, queries clean and spoilt
- curve: the gain against the word error rate of the translation
- generator: the gain with the translations of the generator at hand
- ablation: the method with parts left out, beside the paper's figures
- encoders: the packaged, the aligned and an encoder anchored by training on LiRA's data
- seconds: what fusing adds to a query
- bounds: the anchoring error, the divergence, the Lipschitz constant, and how often the paper's bound holds
- critic: whether the language model rates true translations above noised and shuffled ones, and its choice
- choice: the actor beside simpler ways to choose a translation
- similarity: STS 2017 Arabic-English, with CorrQueue and without
- reasoning: XCOPA and MGSM with the question native, translated, and both
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.lira_bounds import bounds
from benchmarks.lira_choice import choice
from benchmarks.lira_critic import critic
from benchmarks.lira_curve import curve, generator
from benchmarks.lira_encoders import encoders, seconds
from benchmarks.lira_reasoning import reasoning
from benchmarks.lira_search import ablation, search
from benchmarks.lira_similarity import similarity
from benchmarks.lira_work import Work
from benchmarks.report import data_folder, encoder_hash
from rag.build import build_encoder
from rag.settings import load_settings

PARTS: Mapping[str, Callable[[Work, Sequence[int]], None]] = {
    "search": search,
    "curve": curve,
    "generator": generator,
    "ablation": ablation,
    "encoders": encoders,
    "seconds": seconds,
    "bounds": bounds,
    "critic": critic,
    "choice": choice,
    "similarity": similarity,
    "reasoning": reasoning,
}


def main() -> None:
    """Publish the tables of a part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where rows and networks are kept")
    arguments = parser.parse_args()
    settings = load_settings()
    encoder = build_encoder(settings)
    folder = arguments.folder or settings.cache / "lira-benchmark"
    work = Work(folder / f"{encoder.name}-{encoder_hash(encoder)}", data_folder("afriqa").parent, encoder)
    PARTS[arguments.part](work, range(1, arguments.seeds + 1))


if __name__ == "__main__":
    main()
