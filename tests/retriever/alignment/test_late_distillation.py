"""Late distillation: against numpy's late interaction, values worked out on paper, and the real tokenizer."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from retriever.alignment.data import parallel_texts
from retriever.alignment.methods.late_distillation import (
    NEAREST,
    EnglishTeacher,
    LateDistillationLoss,
    late_rows,
    late_scores,
    pad_tokens,
)
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.search.late_interaction import max_similarities
from retriever.types import Vectors

PASSAGES = {
    "ro": "Dunărea se varsă în Marea Neagră.",
    "hi": "डेन्यूब काला सागर में गिरती है।",
    "ar": "يصب نهر الدانوب في البحر الأسود.",
    "th": "แม่น้ำดานูบไหลลงสู่ทะเลดำ",
    "zh": "多瑙河注入黑海。",
    "nothing": "",
}


def tokens(rng, count) -> Vectors:
    rows = rng.standard_normal((count, 6)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_scores_are_those_of_the_search():
    rng = np.random.default_rng(5)
    queries = [tokens(rng, count) for count in (1, 4, 9)]
    passages = [tokens(rng, count) for count in (3, 1, 12, 5)]
    found = late_scores(
        *pad_tokens([torch.from_numpy(each) for each in queries]), list(map(torch.from_numpy, passages))
    )
    expected = [max_similarities(query, passages) for query in queries]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_loss_by_hand(base_encoder):
    """The pupil's only token is (.6, .8) where the teacher's is (1, 0); passages are (1, 0), the right one, and (0, 1).

    Scores .6 and .8 against 1 and 0; KL = t log t of the teacher's less its mean of the pupil's log-probabilities.
    """
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    english = EnglishTeacher([x], x, [x, y], torch.tensor([[0, 1]]), torch.tensor([True]))
    method = LateDistillationLoss(base_encoder.model, english, "query: ", pull=10, contrast=0.5, scale=1)
    pupil = torch.tensor([[[0.6, 0.8]]])
    loss = method.loss(pupil, torch.ones(1, 1, dtype=torch.bool), pupil[0], torch.tensor([0]))
    teacher = (math.e / (1 + math.e), 1 / (1 + math.e))
    total = math.log(math.exp(0.6) + math.exp(0.8))
    kl = sum(t * (math.log(t) - (score - total)) for t, score in zip(teacher, (0.6, 0.8), strict=True))
    assert float(loss) == pytest.approx(kl + 0.5 * (total - 0.6) + 10 * (1 - 0.6), abs=1e-5)
    method.english = replace(english, answered=torch.tensor([False]))  # a sentence, which no passage answers
    loss = method.loss(pupil, torch.ones(1, 1, dtype=torch.bool), pupil[0], torch.tensor([0]))
    assert float(loss) == pytest.approx(kl + 10 * (1 - 0.6), abs=1e-5)


def test_a_pupil_that_is_the_teacher_has_only_the_contrast_to_lose(base_encoder):
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    english = EnglishTeacher([x, y], torch.cat([x, y]), [x, y], torch.tensor([[0, 1], [1, 0]]), torch.ones(2))
    method = LateDistillationLoss(base_encoder.model, english, "query: ", contrast=0)
    both, own = pad_tokens([y, x])
    assert float(method.loss(both, own, both[:, 0], torch.tensor([1, 0]))) == pytest.approx(0, abs=1e-6)


def test_what_counts_is_what_the_search_reads(base_encoder):
    """Neither <s>, </s>, padding nor the prompt; all of a text of which nothing else is left."""
    method = LateDistillationLoss(base_encoder.model, EnglishTeacher([], *[torch.empty(0)] * 4), "query: ")
    texts = list(PASSAGES.values())
    batch = base_encoder.model.tokenizer(["query: " + text for text in texts], padding=True, return_tensors="pt")
    own = method._own(batch["input_ids"], batch["attention_mask"].bool())
    assert own.sum(dim=1).tolist() == [len(base_encoder.encode_query_tokens(text)) for text in texts]


def test_rows_are_translations_and_a_question_brings_its_passage_first(data, base_encoder):
    whole = read_squad(data / "xquad")
    squad = whole.without_passages(set(whole.articles[2:]))
    pairs = read_pairs(data / "tatoeba" / "swh-eng.tsv")
    texts = parallel_texts(squad, pairs)
    rows, english = late_rows(texts, squad, base_encoder, count=60, seed=1)
    answers = {question.text: question.passage_id for question in squad.questions["en"]}
    source = {"query: " + text.text: text.english for text in texts if text.kind in ("question", "pair")}
    originals = {row["label"]: source[row["text"]] for row in rows}
    assert len(originals) == len(english.originals) == len(english.anchors)
    assert {text in answers for text in originals.values()} == {True, False}
    ids = list(squad.passages["en"])
    for n, text in originals.items():
        assert bool(english.answered[n]) == (text in answers)
        assert answers.get(text, ids[english.near[n, 0]]) == ids[english.near[n, 0]]
        assert len(set(english.near[n].tolist())) == NEAREST
    assert english.answered.float().mean() > 0.5
    again, _ = late_rows(texts, squad, base_encoder, count=60, seed=1)
    assert rows["text"] == again["text"]
