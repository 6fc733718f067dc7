"""CLiTSSA's rows by their definition, and a few steps of training on real questions."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from retriever.alignment.methods.clitssa import Clitssa, pair_rows, similar_pairs
from retriever.alignment.recipe import Recipe
from retriever.alignment.run_clitssa import ClitssaPlan, align_clitssa
from retriever.temporal.demonstrations import split_questions
from retriever.temporal.questions import FactQuery, TemporalQuestion, read_tempreason, write_question
from retriever.types import Month


class Numbered:
    """An encoder under which a question is the nearer the closer its year."""

    def encode_queries(self, texts):
        angles = np.array([int("".join(c for c in text if c.isdigit())[-4:]) / 1000 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


QUESTIONS = [TemporalQuestion(str(n), FactQuery("coach", "Ajax", Month(1900 + n, 3)), ("x",)) for n in range(60)]


def test_rows_are_the_nearest_in_the_language_and_some_of_the_rest():
    rows = similar_pairs(QUESTIONS, ["ro", "th"], Numbered(), nearest=3, others=2, seed=1)
    assert len(rows) == 2 * 60 * 5
    pairs = [row for row in rows if row.language == "th" and row.question == 30]
    assert {pair.demonstration for pair in pairs[:3]} <= {28, 29, 31, 32}
    assert {29, 31} <= {pair.demonstration for pair in pairs[:3]}
    assert all(pair.demonstration not in (30, 29, 31) for pair in pairs[3:])
    assert pairs[0].similarity == pytest.approx(np.cos(0.001), abs=1e-6)
    assert rows == similar_pairs(QUESTIONS, ["ro", "th"], Numbered(), nearest=3, others=2, seed=1)


def test_the_others_are_drawn_evenly():
    rows = similar_pairs(QUESTIONS, ["ro"] * 40, Numbered(), nearest=3, others=2, seed=2)
    drawn = [row.demonstration for n, row in enumerate(rows) if row.question == 0 and n % 5 >= 3]
    counts = np.bincount(drawn, minlength=60)[4:]  # 1, 2 and 3 are the nearest, 0 itself
    assert len(drawn) == 80
    assert counts.max() <= 7  # 80 draws over 56: 1.4 each
    assert (counts > 0).sum() > 30


def test_a_row_asks_in_the_language_and_shows_english():
    rows = similar_pairs(QUESTIONS[:5], ["ro"], Numbered(), nearest=1, others=0)
    first = pair_rows(rows, QUESTIONS, "query: ")[0]
    assert first["question"] == f"query: {write_question(QUESTIONS[0].content, 'ro')}"
    assert first["demonstration"] == f"query: {write_question(QUESTIONS[1].content, 'en')}"
    assert list(first) == ["question", "demonstration", "score"]  # CoSENTLoss goes by position


@pytest.mark.slow
def test_some_steps_bring_the_choice_nearer_to_the_oracles(data, base_encoder, tmp_path):
    questions = read_tempreason(data / "tempreason" / "test_l2.jsonl")
    split = split_questions(questions, pool=120, questions=40)
    recipe = Recipe(steps=12, batch=32, learning_rate=1e-4, max_tokens=48, check_every=12)
    plan = ClitssaPlan(Clitssa(tasks=("l2",)), ("tempreason",), tmp_path / "out", recipe, ("ro",))
    report = align_clitssa(plan, split, base_encoder)
    assert report["held_out"]["after"] > report["held_out"]["before"]
    assert [row["selector"] for row in report["results"]] == ["X-InSTA", "CLiTSSA"]
    assert SentenceTransformer(str(tmp_path / "out"), device="cpu").prompts["query"] == "query: "
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| l2 | ro | CLiTSSA |" in card
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["pairs"] == report["pairs"]
    again = align_clitssa(replace(plan, out=tmp_path / "again"), split, base_encoder)
    assert again["held_out"] == pytest.approx(report["held_out"], abs=1e-4)
