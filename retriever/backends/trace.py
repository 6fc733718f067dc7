"""From a sentence-transformers model to one graph in ONNX: token ids in, unit vectors out."""

import logging
import warnings
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from retriever.backends.protocol import Role

INPUTS = ("input_ids", "attention_mask")


class _Graph(nn.Module):
    """Every module of the model, whichever it is made of, for one role."""

    def __init__(self, model: SentenceTransformer, role: Role) -> None:
        super().__init__()
        self.model, self.role = model, role

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        features = self.model({"input_ids": input_ids, "attention_mask": attention_mask}, task=self.role)
        return nn.functional.normalize(features["sentence_embedding"], dim=-1)


def trace(model: SentenceTransformer, role: Role, file: Path) -> None:
    """Write the graph of one role to an .onnx file, for any number of texts of any length."""
    # Two tensors: one given twice would be traced as one input.
    example = tuple(torch.ones(2, 8, dtype=torch.int64) for _ in INPUTS)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    # What the exporter says of packages that are not installed is of no use to anyone here.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, on code that is not ours
        torch.onnx.export(
            _Graph(model, role).eval(),
            example,
            file,
            input_names=list(INPUTS),
            output_names=["vectors"],
            dynamic_shapes=dict.fromkeys(INPUTS, free),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
