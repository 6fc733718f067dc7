import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retriever.alignment.train import interpolate
from retriever.errors import IsthmusError
from retriever.models.delta import apply_delta, compute_delta, load_delta, save_delta


def states(rank, seed=0):
    generator = torch.Generator().manual_seed(seed)
    base = {
        "w": torch.randn(12, 8, generator=generator),
        "b": torch.randn(8, generator=generator),
        "n": torch.arange(3),
    }
    change = torch.randn(12, rank, generator=generator) @ torch.randn(rank, 8, generator=generator) / 10
    tuned = {"w": base["w"] + change, "b": base["b"] + 0.5, "n": base["n"]}
    return base, tuned


def test_a_change_of_low_rank_comes_back_whole(tmp_path):
    base, tuned = states(rank=2)
    save_delta(compute_delta(base, tuned, rank=2), tmp_path / "d.safetensors", {"made by": "a test"})
    again = apply_delta(base, load_delta(tmp_path / "d.safetensors"))
    for name, value in tuned.items():
        torch.testing.assert_close(again[name], value, atol=2e-3, rtol=0)


@given(st.integers(1, 7), st.integers(0, 20))
def test_the_cut_is_the_best_of_its_rank(rank, seed):
    base, tuned = states(rank=8, seed=seed)
    again = apply_delta(base, compute_delta(base, tuned, rank))
    values = torch.linalg.svdvals(tuned["w"] - base["w"])
    error = float(torch.linalg.norm(again["w"] - tuned["w"]))
    assert error == pytest.approx(float(values[rank:].norm()), abs=5e-3)


def test_what_did_not_change_is_left_out():
    base, tuned = states(rank=1)
    tuned["b"] = base["b"].clone()
    assert {name.split(":")[0] for name in compute_delta(base, tuned, 1)} == {"w"}


def test_a_difference_to_another_model_is_refused():
    base, tuned = states(rank=1)
    delta = compute_delta(base, tuned, 1)
    with pytest.raises(IsthmusError, match="belongs to another model"):
        apply_delta({**base, "w": torch.zeros(3, 3)}, delta)


def test_interpolation_runs_from_base_to_tuned():
    base, tuned = states(rank=1)
    for factor, expected in ((0.0, base), (1.0, tuned)):
        for name, value in interpolate(base, tuned, factor).items():
            torch.testing.assert_close(value, expected[name])
    torch.testing.assert_close(interpolate(base, tuned, 0.25)["b"], base["b"] + 0.125)
