"""Turn a GGUF file into a Hugging Face folder that vLLM loads: `python gguf_to_safetensors.py FILE FOLDER`.

Runs in vLLM's own environment as a script; nothing of Isthmus is imported.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(source: Path, target: Path) -> None:
    """Widen the weights to bfloat16 and write them with the tokenizer."""
    gguf = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    gguf_model = AutoModelForCausalLM.from_pretrained(**gguf, dtype=torch.bfloat16)
    config = gguf_model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    # Saving the model as it was read would keep the GGUF's quantisation in its config.
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(gguf_model.state_dict())
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(**gguf).save_pretrained(target)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
