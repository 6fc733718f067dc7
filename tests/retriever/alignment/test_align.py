"""A few steps of training on real data with the real model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from retriever.alignment.guard import EnglishGuard, embed_texts
from retriever.alignment.methods.clitssa import Clitssa
from retriever.alignment.methods.registry import build_method
from retriever.alignment.objective import ObjectiveLoss
from retriever.alignment.plan import Plan, read_material
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import align
from retriever.alignment.train import train
from retriever.errors import DataError
from retriever.models.encoder import Encoder

pytestmark = pytest.mark.slow
RECIPE = Recipe(steps=4, batch=8, learning_rate=5e-5, max_tokens=32, check_every=2, patience=9)


def small(data, tmp_path, language="ro"):
    """Six articles of XQuAD in English and one more language, of each the three paragraphs that are shortest there."""
    folder = tmp_path / "xquad"
    folder.mkdir(parents=True, exist_ok=True)
    shortest: list[list[int]] = []
    for code in ("en", language):
        articles = json.loads((data / "xquad" / f"xquad.{code}.json").read_text(encoding="utf-8"))["data"][:6]
        lengths = [[len(paragraph["context"]) for paragraph in article["paragraphs"]] for article in articles]
        shortest = shortest or [sorted(range(len(row)), key=row.__getitem__)[:3] for row in lengths]
        for article, kept in zip(articles, shortest, strict=True):
            article["paragraphs"] = [article["paragraphs"][number] for number in kept]
            for paragraph in article["paragraphs"]:
                paragraph["qas"] = paragraph["qas"][:3]
        (folder / f"xquad.{code}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return folder


@pytest.fixture
def plan(data):
    def make(tmp_path, method="distill", parameters=None, **given):
        given = {"recipe": replace(RECIPE, check_every=4), "test_articles": 2, "dev_articles": 1, **given}
        built_method = build_method(method, parameters or {})
        assert not isinstance(built_method, Clitssa)
        return Plan(built_method, (small(data, tmp_path),), tmp_path / "out", **given)

    return make


@pytest.mark.parametrize(
    ("method", "dev_articles"), [("late", 1), ("distill", 1), ("clear", 0), ("clear-distill", 0), ("mnrl", 0)]
)
def test_every_method_makes_a_folder_that_plain_sentence_transformers_loads(
    plan, tmp_path, base_encoder, method, dev_articles
):
    """The guard, which reads development articles, is the same for all that train: two with it are enough."""
    report = align(plan(tmp_path, method, dev_articles=dev_articles), base_encoder)
    model = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    assert model.prompts["query"] == "query: "
    assert model.encode_query(["unu"]).shape == (1, 384)
    assert len(report["curve"]) == 5 * dev_articles
    ranked = {"before, re-ranked", "after, re-ranked"} if method == "late" else set()
    assert {row["system"] for row in report["results"]} == {"before", "after"} | ranked
    assert report["test_articles"]
    assert not set(report["test_articles"]) & set(report["dev_articles"])
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "library_name: sentence-transformers" in card
    assert (tmp_path / "out" / "evaluation" / "report.html").exists()
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_no_text_recurs_in_a_batch(plan, tmp_path, base_encoder, monkeypatch):
    small_plan = plan(tmp_path, "clear", {"negatives": 1})
    model = SentenceTransformer(base_encoder.folder, device="cpu")
    training = small_plan.method.prepare(read_material(small_plan), base_encoder, model, small_plan.recipe)
    batches = []

    def count(features, labels=None):
        batches.append([tuple(row) for column in features for row in column["input_ids"].tolist()])
        return next(model.parameters()).sum() * 0 + sum(weight.sum() * 0 for weight in model.parameters())

    monkeypatch.setattr(training.loss, "forward", count)
    train(model, training.rows, training.loss, small_plan.recipe, tmp_path, unique_texts=training.unique_texts)
    assert len(batches) == small_plan.recipe.steps
    assert all(len(texts) == len(set(texts)) > 4 for texts in batches)


def test_offsets_bring_a_language_onto_english_and_leave_the_rest(plan, data, tmp_path, base_encoder):
    wide = plan(tmp_path, "offset", dev_articles=0, languages=("ro",))
    report = align(replace(wide, data=(*wide.data, data / "tatoeba")), base_encoder)
    moved = Encoder(str(tmp_path / "out"), cache=base_encoder.cache, backend="torch")
    anchoring = {
        (row["system"], row["language"]): row["alignment"]["anchoring_error"]
        for row in report["results"]
        if row["direction"] == "L-en"
    }
    assert anchoring["after", "ro"] < anchoring["before", "ro"]
    texts = ["Care este cel mai lung fluviu din Europa?", "Which is the longest river of Europe?"]
    ours, theirs = moved.encode_queries(texts), base_encoder.encode_queries(texts)
    assert 0.8 < float(ours[0] @ theirs[0]) < 0.999
    assert float(ours[1] @ theirs[1]) > 0.9995
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-4)
    passages = ["Dunărea este lungă și lată.", "The Danube is a long river."]
    assert (moved.encode_passages(passages) * base_encoder.encode_passages(passages)).sum(axis=1).min() > 0.9995
    assert report["curve"] == []
    assert "Offsets of" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_offset_needs_enough_texts(plan, tmp_path, base_encoder):
    with pytest.raises(DataError, match="50 parallel texts"):
        align(plan(tmp_path, "offset"), base_encoder)
    assert not (tmp_path / "out").exists()


def test_queries_alone_are_aligned_and_an_index_stays_valid(plan, tmp_path, base_encoder):
    recipe = replace(RECIPE, learning_rate=1e-3, english_tolerance=1.0)
    align(plan(tmp_path, parameters={"query_side": True}, recipe=recipe, dev_articles=0), base_encoder)
    tuned = Encoder(str(tmp_path / "out"), cache=base_encoder.cache, backend="torch")
    texts = ["Dunărea este lungă și lată.", "The Danube is a long river."]
    np.testing.assert_allclose(tuned.encode_passages(texts), base_encoder.encode_passages(texts), atol=1e-5)
    ours, theirs = tuned.encode_queries(texts), base_encoder.encode_queries(texts)
    assert not np.allclose(ours[0], theirs[0], atol=1e-2)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)  # English queries stay where they were


def trained(plan, tmp_path, base_encoder, recipe, out, guard=None):
    from retriever.alignment.data import parallel_texts
    from retriever.alignment.methods.anchoring import anchoring_rows

    material = read_material(plan(tmp_path / "data" / out))
    rows, objective = anchoring_rows(
        parallel_texts(material.split.train),
        base_encoder,
        count=recipe.steps * recipe.batch,
        seed=1,
        shares={"question": 1.0},
    )
    torch.manual_seed(1)
    model = SentenceTransformer(base_encoder.folder, device="cpu")
    loss = ObjectiveLoss(model, objective)
    losses = []
    keep = loss._loss
    loss._loss = lambda embeddings, labels: losses.append(keep(embeddings, labels)) or losses[-1]
    train(model, rows, loss, recipe, tmp_path / out, guard)
    return model, [float(value.detach()) for value in losses]


def test_the_loss_falls(plan, tmp_path, base_encoder):
    recipe = replace(RECIPE, steps=12, learning_rate=1e-4, check_every=100)
    _, losses = trained(plan, tmp_path, base_encoder, recipe, "falls")
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_broken_off_and_resumed_gives_the_same_weights(plan, tmp_path, base_encoder):
    whole, _ = trained(plan, tmp_path, base_encoder, RECIPE, "whole")

    class BrokenOffError(Exception):
        pass

    class Breaks(EnglishGuard):
        def __call__(self, model, *rest, **named):
            found = super().__call__(model, *rest, **named)
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == 3:  # before training, after step 2, then after step 4, before it is saved
                raise BrokenOffError
            return found

    dev = read_material(plan(tmp_path / "dev")).split.dev
    english = embed_texts(base_encoder.model, [question.text for question in dev.questions["en"]], "query: ")
    with pytest.raises(BrokenOffError):
        trained(plan, tmp_path, base_encoder, RECIPE, "resumed", Breaks(dev, ("query: ", "passage: "), 1.0, english))
    saved = sorted(path.name for path in (tmp_path / "resumed" / "checkpoints").glob("checkpoint-*"))
    assert saved == ["checkpoint-2"]
    resumed, losses = trained(plan, tmp_path, base_encoder, RECIPE, "resumed")
    assert len(losses) == 2
    for ours, theirs in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_adapters_change_the_weights_by_their_rank_and_leave_a_plain_folder(plan, tmp_path, base_encoder):
    given = plan(tmp_path, adapters=3, recipe=replace(RECIPE, learning_rate=5e-3, check_every=2, english_tolerance=1.0))
    report = align(replace(given, dev_articles=0), base_encoder)
    assert report["curve"] == []
    before = base_encoder.model.state_dict()
    after = SentenceTransformer(str(given.out), device="cpu").state_dict()
    assert before.keys() == after.keys()
    changed = {name: after[name] - before[name] for name in after if not torch.equal(before[name], after[name])}
    assert any("attention" in name for name in changed)
    assert not any("word_embeddings" in name or "LayerNorm" in name or name.endswith("bias") for name in changed)
    assert {int(torch.linalg.matrix_rank(change, atol=1e-4)) for change in changed.values()} <= {1, 2, 3}
    with pytest.raises(DataError, match="word embeddings"):
        align(replace(given, recipe=replace(given.recipe, freeze_words=False), out=tmp_path / "words"), base_encoder)
    with_guard = align(replace(given, out=tmp_path / "guarded"), base_encoder)
    assert len(with_guard["curve"]) == 5


def test_the_guard_keeps_weights_that_ruin_english_from_being_chosen(plan, tmp_path, base_encoder):
    ruinous = replace(RECIPE, learning_rate=5e-2)
    report = align(plan(tmp_path, recipe=ruinous), base_encoder)
    curve = {point["factor"]: point for point in report["curve"]}
    assert curve[1.0]["english"] < curve[0.0]["english"]
    assert curve[1.0]["guarded_mean"] <= curve[1.0]["mean"] - 1
    after = {row["language"]: row["measures"]["R@1"] for row in report["results"] if row["system"] == "after"}
    before = {row["language"]: row["measures"]["R@1"] for row in report["results"] if row["system"] == "before"}
    assert after["en"] >= before["en"] - ruinous.english_tolerance


def test_without_an_english_file_nothing_is_trained(plan, tmp_path):
    chosen = plan(tmp_path)
    (tmp_path / "xquad" / "xquad.en.json").unlink()
    with pytest.raises(DataError, match="no English file"):
        read_material(chosen)


def test_a_folder_with_anothers_unfinished_training_is_refused(plan, tmp_path, base_encoder):
    chosen = plan(tmp_path)
    (tmp_path / "out" / "checkpoints").mkdir(parents=True)
    (tmp_path / "out" / "plan.txt").write_text("another plan")
    with pytest.raises(DataError, match="unfinished training by another plan"):
        align(chosen, base_encoder)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"method": build_method("weighted", {})}, "labelled queries"),
        ({"method": build_method("late", {}), "recipe": replace(RECIPE, mini_batch=4)}, "no cached gradients"),
        ({"data": ("nowhere",)}, "does not exist"),
        ({"test_articles": 9}, "too few to hold out"),
    ],
)
def test_data_that_do_not_fit(plan, tmp_path, base_encoder, given, complaint):
    chosen = plan(tmp_path)
    given = {key: tuple(map(Path, value)) if key == "data" else value for key, value in given.items()}
    with pytest.raises(DataError, match=complaint):
        align(replace(chosen, **given), base_encoder)
