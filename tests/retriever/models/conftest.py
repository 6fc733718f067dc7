"""Small random encoders of every architecture, made from configurations: no hub, no weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    Gemma3TextConfig,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    XLMRobertaConfig,
)
from transformers.models.auto import AutoModel

WIDTH, VOCABULARY, LONGEST = 32, 600, 96
CORPUS = [
    "Instruct: Given a web search query, retrieve relevant passages that answer the query",
    "task: search result | query: When was the university founded? title: none | text: It was founded in 1859.",
    "Când a fost fondată universitatea? A fost fondată în anul 1859, lângă istmul îngust.",
    "विश्वविद्यालय की स्थापना कब हुई? 地峡连接两块大陆。 متى تأسست الجامعة؟ მდინარე",
]
E5 = {"query": "query: ", "document": "passage: "}
GEMMA = {"query": "task: search result | query: ", "document": "title: none | text: "}
QWEN = {
    "query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
    "document": "",
}


def _train(tokenizer: Tokenizer, trainer: trainers.Trainer, template: str, special: dict[str, str]) -> Tokenizer:
    """Train on the corpus; `template` puts special tokens around a text."""
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    used = [(token, tokenizer.token_to_id(token)) for token in special.values() if token in template]
    if used:
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    return tokenizer


def _wordpiece(template: str, special: dict[str, str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=special["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=list(special.values()))
    return _train(tokenizer, trainer, template, special)


def _unigram(template: str, special: dict[str, str]) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special.values()), unk_token=special["unk_token"]
    )
    return _train(tokenizer, trainer, template, special)


def _byte_level(template: str, special: dict[str, str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    return _train(tokenizer, trainer, template, special)


def _byte_fallback(template: str, special: dict[str, str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token=special["unk_token"]))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[*special.values(), *byte_tokens])
    return _train(tokenizer, trainer, template, special)


BERT_TOKENS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
ROBERTA_TOKENS = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
GEMMA_TOKENS = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
QWEN_TOKENS = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
LAYERS = ["sliding_attention", "full_attention"]
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a small model is made: its configuration, tokenizer, pooling, the modules after it, and its prompts."""

    config: Callable[[], PreTrainedConfig]
    tokenizer: Callable[[str, dict[str, str]], Tokenizer]
    template: str
    special: dict[str, str]
    pooling: str = "mean"
    last: Callable[[], list[Module]] = list
    prompts: dict[str, str] | None = None
    padding_side: str = "right"
    include_prompt: bool = True


ARCHITECTURES = {
    "bert": Architecture(
        lambda: BertConfig(**SIZES, max_position_embeddings=LONGEST),
        _wordpiece,
        "[CLS] $A [SEP]",
        BERT_TOKENS,
        pooling="cls",
    ),
    "bert-tanh": Architecture(  # LaBSE's
        lambda: BertConfig(**SIZES, max_position_embeddings=LONGEST),
        _wordpiece,
        "[CLS] $A [SEP]",
        BERT_TOKENS,
        pooling="cls",
        last=lambda: [Dense(WIDTH, WIDTH), Normalize()],
    ),
    "bert-prompt-left-out": Architecture(  # Instructor's
        lambda: BertConfig(**SIZES, max_position_embeddings=LONGEST),
        _wordpiece,
        "[CLS] $A [SEP]",
        BERT_TOKENS,
        prompts=E5,
        include_prompt=False,
    ),
    "xlm-roberta": Architecture(
        lambda: XLMRobertaConfig(**SIZES, max_position_embeddings=LONGEST + 2),
        _unigram,
        "<s> $A </s>",
        ROBERTA_TOKENS,
        last=lambda: [Normalize()],
        prompts=E5,
    ),
    "modernbert": Architecture(
        lambda: ModernBertConfig(
            **SIZES, max_position_embeddings=LONGEST, local_attention=16, layer_types=LAYERS, pad_token_id=0
        ),
        _byte_level,
        "[CLS] $A [SEP]",
        BERT_TOKENS,
        pooling="cls",
    ),
    "gemma3": Architecture(  # EmbeddingGemma's
        lambda: Gemma3TextConfig(
            **SIZES,
            num_key_value_heads=1,
            head_dim=16,
            max_position_embeddings=LONGEST,
            sliding_window=16,
            layer_types=LAYERS,
            use_bidirectional_attention=True,
        ),
        _byte_fallback,
        "<bos> $A <eos>",
        GEMMA_TOKENS,
        last=lambda: [
            Dense(WIDTH, 48, bias=False, activation_function=torch.nn.Identity()),
            Dense(48, WIDTH, bias=False, activation_function=torch.nn.Identity()),
            Normalize(),
        ],
        prompts=GEMMA,
    ),
    "qwen3": Architecture(  # Qwen3-Embedding's
        lambda: Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=16, max_position_embeddings=LONGEST),
        _byte_level,
        "$A <|endoftext|>",
        QWEN_TOKENS,
        pooling="lasttoken",
        last=lambda: [Normalize()],
        prompts=QWEN,
        padding_side="left",
    ),
    "qwen3-no-special-tokens": Architecture(
        lambda: Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=16, max_position_embeddings=LONGEST),
        _byte_level,
        "$A",
        QWEN_TOKENS,
        pooling="lasttoken",
        padding_side="left",
    ),
}


def _build(architecture: Architecture, folder: Path) -> None:
    torch.manual_seed(7)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=architecture.tokenizer(architecture.template, architecture.special),
        model_max_length=LONGEST,
        padding_side=architecture.padding_side,
        **architecture.special,
    )
    parts = folder / "parts"
    network = AutoModel.from_config(architecture.config())
    for parameter in network.parameters():  # larger than at the start of training: so that a fault shows
        parameter.data += torch.randn_like(parameter) * 0.15
    network.save_pretrained(parts)
    tokenizer.save_pretrained(parts)
    transformer = Transformer(str(parts))
    pooling = Pooling(WIDTH, pooling_mode=architecture.pooling, include_prompt=architecture.include_prompt)
    model = SentenceTransformer(
        modules=[transformer, pooling, *architecture.last()], prompts=architecture.prompts, device="cpu"
    )
    model.save_pretrained(str(folder), create_model_card=False)


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of the small random encoder of an architecture."""
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("encoders") / name
            _build(ARCHITECTURES[name], folders[name])
        return folders[name]

    return make
