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
)
from retriever.alignment.objective import EmbeddedTexts, TokenObjectiveLoss
from retriever.alignment.similarity import late_scores, pad_tokens
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.store.max_sim import max_similarities
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
    unit_rows: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit_rows


def test_scores_are_those_of_the_search():
    rng = np.random.default_rng(5)
    queries = [tokens(rng, count) for count in (1, 4, 9)]
    passages = [tokens(rng, count) for count in (3, 1, 12, 5)]
    found = late_scores(
        *pad_tokens([torch.from_numpy(each) for each in queries]), list(map(torch.from_numpy, passages))
    )
    expected = [max_similarities(query, passages) for query in queries]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_loss_by_hand():
    """The student's only token is (.6, .8), the teacher's (1, 0); passages are (1, 0), the right one, and (0, 1).

    Scores .6 and .8 against 1 and 0; KL = t log t of the teacher's less its mean of the student's log-probabilities.
    """
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    english = EnglishTeacher([x], x, [x, y], torch.tensor([[0, 1]]), torch.tensor([True]))
    objective = LateDistillationLoss(english, pull=10, contrast=0.5, scale=1)
    tokens = torch.tensor([[[0.6, 0.8]]])
    student = EmbeddedTexts(tokens, torch.ones(1, 1, dtype=torch.bool), tokens[0])
    loss = objective(student, torch.tensor([0]))
    teacher = (math.e / (1 + math.e), 1 / (1 + math.e))
    total = math.log(math.exp(0.6) + math.exp(0.8))
    kl = sum(t * (math.log(t) - (score - total)) for t, score in zip(teacher, (0.6, 0.8), strict=True))
    assert float(loss) == pytest.approx(kl + 0.5 * (total - 0.6) + 10 * (1 - 0.6), abs=1e-5)
    unanswered = replace(english, is_answered=torch.tensor([False]))  # a sentence, which no passage answers
    loss = replace(objective, teacher=unanswered)(student, torch.tensor([0]))
    assert float(loss) == pytest.approx(kl + 10 * (1 - 0.6), abs=1e-5)


def test_a_student_that_is_the_teacher_has_only_the_contrast_to_lose():
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    english = EnglishTeacher([x, y], torch.cat([x, y]), [x, y], torch.tensor([[0, 1], [1, 0]]), torch.ones(2))
    both, mask = pad_tokens([y, x])
    student = EmbeddedTexts(both, mask, both[:, 0])
    loss = LateDistillationLoss(english, contrast=0)(student, torch.tensor([1, 0]))
    assert float(loss) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_what_counts_is_what_the_search_reads(base_encoder):
    """Neither <s>, </s>, padding nor the prompt; all of a text of which nothing else is left."""
    empty = torch.empty(0)
    objective = LateDistillationLoss(EnglishTeacher([], empty, [], empty, empty))
    loss = TokenObjectiveLoss(base_encoder.model, objective, "query: ")
    texts = list(PASSAGES.values())
    batch = base_encoder.model.tokenizer(["query: " + text for text in texts], padding=True, return_tensors="pt")
    mask = loss.content_mask(batch["input_ids"], batch["attention_mask"].bool())
    assert mask.sum(dim=1).tolist() == [len(base_encoder.encode_query_tokens(text)) for text in texts]


@pytest.mark.slow
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
        assert bool(english.is_answered[n]) == (text in answers)
        assert answers.get(text, ids[english.near[n, 0]]) == ids[english.near[n, 0]]
        assert len(set(english.near[n].tolist())) == NEAREST
    assert english.is_answered.float().mean() > 0.5
    again, _ = late_rows(texts, squad, base_encoder, count=60, seed=1)
    assert rows["text"] == again["text"]
