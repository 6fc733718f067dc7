"""The language-model critic: expected ratings, kept on disk."""

import math
from typing import Any

import pytest

from prompts import Prompt, load_prompt
from rag.errors import GeneratorError
from rag.generation import translation_critic
from rag.generation.translation_critic import ASPECTS, DIGITS, TranslationCritic, expected_rating

TEXT, GOOD, BAD = "Kí ni olú-ìlú Faransé?", "What is the capital of France?", "Rice grows in wet fields."


class Rater:
    """An engine that rates by what stands in the prompt, and records what it was asked."""

    label = "rater"

    def __init__(self):
        self.asked = []

    def choice_logprobs(self, messages, choices):
        assert tuple(choices) == DIGITS
        self.asked.append(messages[-1]["content"])
        best = "5" if GOOD in self.asked[-1] else "1"
        return [math.log(0.96) if choice == best else math.log(0.01) for choice in choices]


def test_the_rating_is_the_expected_digit():
    """(1 + 2 + 3) / 3 is the middle of three; of two, three quarters for the better one."""
    assert expected_rating([0.0, 0.0, 0.0]) == pytest.approx(0.5)
    assert expected_rating([math.log(0.05), math.log(0.15)]) == pytest.approx(0.75)
    assert expected_rating([-1000.0, -2000.0]) == 0  # shares far below what a float holds


def test_a_translation_is_rated_once_for_each_aspect(tmp_path):
    rater: Any = Rater()
    critic = TranslationCritic(lambda: rater, tmp_path)
    good, bad = critic(TEXT, "yo", GOOD), critic(TEXT, "yo", BAD)
    # 5 with .96 and the four others with .01 each: (.96 · 4 + .01 · (0 + 1 + 2 + 3)) / 4
    assert good == pytest.approx([0.975] * 3)
    assert bad == pytest.approx([0.025] * 3)
    assert len(rater.asked) == 2 * len(ASPECTS)
    assert all(TEXT in prompt and "Yoruba" in prompt for prompt in rater.asked)
    assert len(set(rater.asked)) == 2 * len(ASPECTS)
    assert TranslationCritic(lambda: rater, tmp_path)(TEXT, "yo", GOOD) == good
    assert len(rater.asked) == 2 * len(ASPECTS)  # it was kept


def test_a_failure_is_not_kept(tmp_path, scripted):
    engine = scripted(GeneratorError("no"), *["5"] * 3)
    critic = TranslationCritic(lambda: engine, tmp_path)
    with pytest.raises(GeneratorError):
        critic(TEXT, "yo", GOOD)
    assert min(critic(TEXT, "yo", GOOD)) > 0.5


def test_the_ratings_of_another_prompt_are_not_used(tmp_path, monkeypatch):
    rater: Any = Rater()
    TranslationCritic(lambda: rater, tmp_path)(TEXT, "yo", GOOD)
    prompt = load_prompt("critic", "en")
    other = Prompt(prompt.texts | {"system": "Rate it."}, prompt.language_name)
    monkeypatch.setattr(translation_critic, "load_prompt", lambda *_: other)
    TranslationCritic(lambda: rater, tmp_path)(TEXT, "yo", GOOD)
    assert len(rater.asked) == 2 * len(ASPECTS)


@pytest.mark.slow
def test_the_real_generator_prefers_the_right_translation(embedded, tmp_path):
    critic = TranslationCritic(lambda: embedded, tmp_path)
    text = "¿Cuál es el río más largo de Europa?"
    good, bad = critic(text, "es", "Which is the longest river in Europe?"), critic(text, "es", BAD)
    assert good[0] > bad[0]
