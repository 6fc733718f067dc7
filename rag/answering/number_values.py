"""Numbers in a text and the values that they may stand for: digits, scales, Roman numerals, number words."""

import functools

import regex
from num2words import num2words

from rag.answering.months import MONTH_SIGNS

WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*")
NUMBER = regex.compile(r"\d+(?:[.,'’\u00a0\u202f\u066b\u066c]\d+)*")
_ROMAN_NUMERAL = regex.compile(r"\b[IVXLC]{2,7}\b")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}

SCALE_WORDS = {
    3: "thousand mil mille tausend mie mii тысяч тысячи тысяча हज़ार हजार ألف آلاف พัน nghìn ngàn ribu bin elfu tysięcy",
    4: "万 萬 만 หมื่น",
    5: "lakh लाख लाखों লাখ لاکھ แสน",
    6: "million millions millionen milioane milion millones milhões milioni миллионов миллиона миллион мільйонів "
    "مليون ملايين ล้าน triệu juta milyon milionów milionu",
    7: "crore करोड़ করোড় কোটি کروڑ",
    8: "億 亿 억",
    9: "billion billions milliarden milliards miliarde miliardi миллиардов миллиарда миллиард مليار अरब tỷ miliar "
    "milyar miliardów",
    12: "trillion trillions billionen 兆 조 ล้านล้าน",
}
"""Words after a number that multiply it, by their power of ten."""
SCALES = {word: 10**power for power, words in SCALE_WORDS.items() for word in words.split()}
_SCALES_LONGEST_FIRST = sorted(SCALES.items(), key=lambda pair: -len(pair[0]))
MAX_SPELLED_NUMBER = 100
MAX_ARTICLE = 2
"""Words for one and two are articles and pronouns in many languages; they are no claim."""
THAI_YEARS = (2400, 2700)
THAI_OFFSET = 543
"""Thailand counts years from the Buddha; 543 less is the year elsewhere."""


def find_numbers(text: str, language: str, *, claims_only: bool) -> list[tuple[str, frozenset[float]]]:
    """The numbers in a text with ASCII digits, each with its possible values.

    With `claims_only`, month numbers and words for one and two are left out.

    >>> [(surface, sorted(values)) for surface, values in find_numbers("2.5 million books", "en", claims_only=True)]
    [('2.5', [2.5, 2500000.0])]
    """
    numbers = []
    for match in NUMBER.finditer(text):
        next_words = text[match.end() :].lstrip(" \u00a0-").casefold()
        if not (claims_only and next_words.startswith(MONTH_SIGNS)):  # `find_months` reads these
            numbers.append((match.group(), _digit_values(match.group(), next_words, language)))
    for match in _ROMAN_NUMERAL.finditer(text):
        if value := roman_value(match.group()):
            numbers.append((match.group(), frozenset({float(value)})))
    number_words = spelled_numbers(language)
    for match in WORD.finditer(text):
        number = number_words.get(match.group().casefold())
        if number is not None and (number > MAX_ARTICLE or not claims_only):
            numbers.append((match.group(), frozenset({float(number)})))
    return numbers


def _digit_values(digits: str, next_words: str, language: str) -> frozenset[float]:
    """What a number in digits may mean before these words, with a scale word among them and as a Thai year."""
    values = grouped_values(digits)
    scale = next((scale for word, scale in _SCALES_LONGEST_FIRST if next_words.startswith(word)), None)
    if scale:
        values = values | {value * scale for value in values}
    if language == "th":
        values = values | {value - THAI_OFFSET for value in values if THAI_YEARS[0] <= value <= THAI_YEARS[1]}
    return frozenset(round(value, 6) for value in values)


def grouped_values(digits: str) -> frozenset[float]:
    """What digits with separators may mean: groups of digits, a decimal point, the parts of a date.

    >>> sorted(grouped_values("286,598"))
    [286.598, 286598.0]
    >>> sorted(grouped_values("14.03.1879")), sorted(grouped_values("8,848.86"))
    ([3.0, 14.0, 1879.0], [8848.86])
    """
    parts = regex.split(r"\D", digits)
    values = set()
    if len(parts) == 1 or (len(parts[-1]) == 3 and all(len(part) in (2, 3) for part in parts[1:])):
        values.add(float("".join(parts)))
    if len(parts) > 1:
        values.add(float("".join(parts[:-1]) + "." + parts[-1]))
    if len(parts) == 3 and len(parts[-1]) != 3 and len(set(regex.findall(r"\D", digits))) == 1:
        values = {float(part) for part in parts}
    return frozenset(values)


def roman_value(numeral: str) -> int:
    """Value of a Roman numeral, 0 if it is none.

    >>> roman_value("XIX"), roman_value("IIX")
    (19, 0)
    """
    if not regex.fullmatch(r"C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})", numeral):
        return 0
    values = [_ROMAN_DIGITS[letter] for letter in numeral]
    return sum(-v if i + 1 < len(values) and v < values[i + 1] else v for i, v in enumerate(values))


@functools.cache
def spelled_numbers(language: str) -> dict[str, int]:
    """Number words of a language up to MAX_SPELLED_NUMBER, cardinal and ordinal, as far as num2words knows it.

    >>> spelled_numbers("ro")["treisprezece"]
    13
    """
    numbers: dict[str, int] = {}
    for kind in ("cardinal", "ordinal"):
        for number in range(MAX_SPELLED_NUMBER + 1):
            try:
                word = num2words(number, lang=language, to=kind).casefold()
            except (NotImplementedError, TypeError, ValueError, KeyError, IndexError, OverflowError):
                continue  # a language or form that num2words does not know has no spelled numbers here
            if " " not in word and not any(character.isdigit() for character in word):
                numbers.setdefault(word, number)
    return numbers
