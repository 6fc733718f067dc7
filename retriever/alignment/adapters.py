"""Low-rank adapters (LoRA, arXiv 2106.09685) by peft: only a small difference is trained, the weights stay frozen."""

from sentence_transformers import SentenceTransformer

from retriever.errors import IsthmusError
from retriever.models.delta import State


def add_adapters(model: SentenceTransformer, rank: int) -> None:
    """Freeze the model's weights and put adapters of this rank on all its linear layers.

    Raises IsthmusError if peft is not installed.
    """
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise IsthmusError("Adapters need peft; install it with pip install 'isthmus[adapters]'.") from error
    model.add_adapter(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))


def merge_adapters(base: State, model: SentenceTransformer) -> State:
    """The base's weights plus what the model's adapters learned: the state of a model without adapters."""
    from peft.tuners.lora import Linear

    state = dict(base)
    for name, layer in model.named_modules():
        if isinstance(layer, Linear):
            for adapter in layer.active_adapters:
                state[f"{name}.weight"] = state[f"{name}.weight"] + layer.get_delta_weight(adapter).detach()
    return state
