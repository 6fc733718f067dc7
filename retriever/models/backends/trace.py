"""Export a sentence-transformers model to a graph for a runtime: token ids in, unit vectors out."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask

from retriever.errors import IsthmusError
from retriever.models.backends.protocol import OUTPUTS, Role, Runtime
from retriever.models.backends.pytorch import map_tokens
from retriever.models.backends.silent_openvino import load_openvino

INPUTS = ("input_ids", "attention_mask")


class _Graph(nn.Module):
    """The whole model for one role, with all its modules."""

    def __init__(self, model: SentenceTransformer, role: Role) -> None:
        super().__init__()
        self.model, self.role = model, role

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        features = self.model({"input_ids": input_ids, "attention_mask": attention_mask}, task=self.role)
        vectors = features["sentence_embedding"][:, : self.model.truncate_dim]
        vectors = nn.functional.normalize(vectors, dim=-1)
        if "token_embeddings" not in features:
            return (vectors,)
        return vectors, map_tokens(self.model, self.role, features["token_embeddings"])


def trace(model: SentenceTransformer, role: Role, runtime: Runtime, target: Path) -> None:
    """Write the graph of one role, for any number of texts of any length, to `target` with the runtime's suffix."""
    graph = _Graph(model, role).eval()
    with torch.no_grad(), _quiet(), _traceable_masks():
        if runtime == "openvino":
            _to_openvino(graph, target)
        else:
            _to_onnx(graph, target)


def _example() -> tuple[Tensor, ...]:
    # A separate tensor for each input: the same tensor twice would be traced as a single input.
    return tuple(torch.ones(2, 8, dtype=torch.int64) for _ in INPUTS)


def _to_openvino(graph: nn.Module, target: Path) -> None:
    openvino = load_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # `openvino.convert_model` does the same, but sends telemetry to OpenVINO's makers.
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(graph, example_input=_example())  # the frontend does not keep it alive
    network = frontend.convert(frontend.load(decoder))
    openvino.save_model(network, target.with_suffix(".xml"), compress_to_fp16=True)


def _to_onnx(graph: nn.Module, target: Path) -> None:
    """Quantise to 8-bit integers: the weights now, the activations at run time."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        float_graph = target.with_name("whole.onnx")
        any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
        torch.onnx.export(
            graph,
            _example(),
            float_graph,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS[: len(graph(*_example()))]),
            dynamic_shapes=dict.fromkeys(INPUTS, any_size),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    except ImportError as error:
        raise IsthmusError(f"The back-end onnx wants {error.name}: pip install 'isthmus[onnx]'.") from error
    quantize_dynamic(
        float_graph,
        target.with_suffix(".onnx"),
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
    )
    float_graph.unlink()


@contextmanager
def _traceable_masks() -> Iterator[None]:
    """Let transformers make attention masks that can be traced and computed elsewhere.

    They are made by broadcasting, not by `torch.vmap`. A token that may look at none, as padding far from the text in
    local attention, looks at all: OpenVINO gives it NaN otherwise. Gemma 3 needs both.
    """

    def make_mask(**options: Any) -> Tensor | None:
        mask: Tensor | None = sdpa_mask(**{**options, "use_vmap": False})
        return None if mask is None else mask | ~mask.any(dim=-1, keepdim=True)

    ALL_MASK_ATTENTION_FUNCTIONS["sdpa"] = make_mask
    try:
        yield
    finally:
        del ALL_MASK_ATTENTION_FUNCTIONS["sdpa"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the tracers' warnings about other packages' code and about packages that are not installed."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
