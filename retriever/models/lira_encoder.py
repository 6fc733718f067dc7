"""The encoder of a folder that `isthmus align --method lira` wrote: queries and their translations, fused."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retriever.errors import IsthmusError
from retriever.models.backends.tokens import join_tokens
from retriever.models.encoder import LIRA_FILE, Encoder
from retriever.models.lira import load_lira, make_view
from retriever.types import Rewrite, Vectors

TRANSLATIONS_KEPT = 2048
"""Translations whose vectors are kept in memory."""


class LiraEncoder(Encoder):
    """An `Encoder` whose queries are fused with their English translations, where there are any (arXiv 2510.14466).

    `encode_query` fuses, for questions. English ones, those that no translator translates, and what the other methods
    embed go through the folder's own encoder alone. Token vectors are those of the query and of the translation, so
    that late interaction matches both; each weighs half, however many tokens it has. Raises IsthmusError if the folder
    has no LiRA network that fits.
    """

    def __init__(self, model: str, *, cache: Path, translators: Sequence[Rewrite] = (), **options: Any) -> None:
        super().__init__(model, cache=cache, **options)
        network = load_lira(Path(self.folder))
        if network is None:
            raise IsthmusError(f"{model} has no {LIRA_FILE}; make it by isthmus align --method lira.")
        if network.dimensions != self.dimensions:
            raise IsthmusError(
                f"{model} has a LiRA network for {network.dimensions} dimensions and an encoder of {self.dimensions}; "
                "make the folder anew by isthmus align."
            )
        self._network = network
        self.translators = translators
        self._english: OrderedDict[str, tuple[Vectors, Vectors | None]] = OrderedDict()

    def encode_query(self, text: str, language: str, *, with_tokens: bool = True) -> tuple[Vectors, Vectors | None]:
        """See Encoder; the vector is fused with the translation that the network prefers."""
        translations = self._translate(text, language)
        if not translations:
            return super().encode_query(text, language, with_tokens=with_tokens)
        own = super().encode_query(text, language)
        english = [self._encode_english(translation) for translation in translations]
        vector, chosen = self._fuse(own, english, language)
        if not with_tokens or own[1] is None:
            return vector, None
        tokens = english[chosen][1]
        return vector, own[1] if tokens is None else join_tokens(own[1], tokens)

    def _translate(self, text: str, language: str) -> list[str]:
        if language in ("en", "und"):
            return []
        translations = (translate(text, language, "en") for translate in self.translators)
        return list(dict.fromkeys(translation for translation in translations if translation))

    def _encode_english(self, text: str) -> tuple[Vectors, Vectors | None]:
        with self._lock:
            if (encoded := self._english.get(text)) is None:
                encoded = super().encode_query(text, "en")
                self._english[text] = encoded
                while len(self._english) > TRANSLATIONS_KEPT:
                    self._english.popitem(last=False)
        return encoded

    def _fuse(
        self, own: tuple[Vectors, Vectors | None], english: list[tuple[Vectors, Vectors | None]], language: str
    ) -> tuple[Vectors, int]:
        """The fused vector, and the number of the translation in it."""
        query = make_view([own[0]], [own[1]])
        candidates = make_view([vector for vector, _ in english], [tokens for _, tokens in english])
        return self._network.choose_and_fuse(query, candidates, language)
