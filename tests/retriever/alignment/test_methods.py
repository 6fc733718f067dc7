"""What the methods say of themselves, and how they are built out of options."""

from dataclasses import FrozenInstanceError, fields

import pytest

from retriever.alignment.methods.registry import METHODS, build_method

OPTIONS = {"negatives": 3, "alpha": 0.1, "beta": 0.3, "sampling": "hard", "query_side": True, "names": True}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_the_options_that_are_its_own_and_stays_as_it_is(name):
    method = build_method(name, OPTIONS)
    assert method.name == name
    for option, value in OPTIONS.items():
        assert getattr(method, option, value) == value
    with pytest.raises(FrozenInstanceError):
        setattr(method, fields(method)[0].name, None)


def test_what_stays_with_the_untouched_encoder():
    methods = {name: build_method(name, {}) for name in METHODS}
    assert [name for name, method in methods.items() if method.keeps_passages] == ["late", "lira"]
    assert [name for name, method in methods.items() if not method.keeps_english_queries] == ["weighted", "clitssa"]
    assert [name for name, method in methods.items() if method.matches_tokens] == ["late"]
    assert [name for name, method in methods.items() if method.uses_all_labelled] == ["weighted"]
    aligned_queries = [name for name in METHODS if build_method(name, {"query_side": True}).keeps_passages]
    assert aligned_queries == [name for name in METHODS if name != "clitssa"]


def test_plans_of_different_methods_differ_in_their_text():
    """A folder with unfinished training, and a benchmark's, are told apart by the plan's repr."""
    assert len({repr(build_method(name, OPTIONS)) for name in METHODS}) == len(METHODS)
