"""The methods by name, and a method made of options."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from retriever.alignment.methods.anchoring import Anchoring
from retriever.alignment.methods.clear import Clear, ClearDistill
from retriever.alignment.methods.clitssa import Clitssa
from retriever.alignment.methods.late_distillation import LateDistillation
from retriever.alignment.methods.lira import Lira
from retriever.alignment.methods.mnrl import MNRL
from retriever.alignment.methods.offset import Offset
from retriever.alignment.methods.weighted import Weighted

AnyMethod = LateDistillation | Anchoring | Clear | ClearDistill | MNRL | Weighted | Offset | Clitssa | Lira
METHODS: dict[str, type[AnyMethod]] = {
    method.name: method
    for method in (LateDistillation, Anchoring, Clear, ClearDistill, MNRL, Weighted, Offset, Clitssa, Lira)
}


def build_method(name: str, options: Mapping[str, Any]) -> AnyMethod:
    """The method of this name with those options that are its parameters; it ignores the others.

    >>> build_method("clear", {"alpha": 0.3, "sampling": "hard"})
    Clear(negatives=5, alpha=0.3, beta=0.2, scale=20.0, query_side=False)
    """
    method = METHODS[name]
    parameters = {field.name for field in fields(method)}
    return method(**{option: value for option, value in options.items() if option in parameters})
