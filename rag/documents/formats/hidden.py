"""Which elements of HTML a reader does not see: by their attributes, their style, or a rule of a style sheet."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

Style = dict[str, str]
"""Property and value, in lower case; of several declarations of a property the last one counts."""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_NUMBER = re.compile(r"(-?[0-9]*\.?[0-9]+)([a-z%]*)")
_SIMPLE_SELECTOR = re.compile(r"([a-z0-9]*)([.#][\w-]+)?")
_NAME = re.compile(r"[.#][\w-]+")
_SMALLEST_FONT = {"": 0, "px": 1, "pt": 1, "em": 0.1, "rem": 0.1, "%": 10, "vw": 0.1, "vh": 0.1}
_FAR = {"px": -500, "pt": -500, "em": -50, "rem": -50, "%": -100, "vw": -100, "vh": -100, "in": -5, "cm": -12}
_PLACES = "left top right bottom text-indent margin-left margin-top margin".split()
_DECIDING = {"display", "visibility", "opacity", "font-size", *_PLACES}


def parse_style(text: str) -> Style:
    r"""The declarations of a style attribute or of a rule.

    >>> parse_style("DISPLAY :NONE; c\\6f lor: red !important")
    {'display': 'none', 'color': 'red'}
    """
    text = _ESCAPE.sub(_unescape, _COMMENT.sub("", text)).lower()
    pairs = (declaration.partition(":") for declaration in text.split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs if value.strip()}


def hides(style: Style) -> bool:
    """Whether text in this style cannot be seen.

    >>> [hides(parse_style(text)) for text in ("font-size: 0px", "position:absolute; left:-9999px", "color: red")]
    [True, True, False]
    """
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or style.get("content-visibility") == "hidden"
        or any(number <= (1 if unit == "%" else 0.01) for number, unit in _numbers(style.get("opacity", "")))
        or re.search(r"opacity\(\s*0*\.?0*%?\s*\)", style.get("filter", "")) is not None
        or any(number <= _SMALLEST_FONT.get(unit, 0) for number, unit in _numbers(style.get("font-size", "")))
        or re.match(r"(\w+ )*0(px|pt|em|rem|%)?\s*/", style.get("font", "")) is not None
        or _is_off_screen(style)
        or _is_clipped(style)
        or _is_without_contrast(style)
    )


class StyleSheet:
    """The rules of a page that hide an element by its tag, one class or its id."""

    def __init__(self, texts: Iterable[str]) -> None:
        hiding: set[tuple[str, str]] = set()
        shown_names: set[str] = set()
        for selectors, style, is_conditional in (rule for text in texts for rule in _rules(text)):
            is_hiding = hides(style)
            for selector in selectors.split(","):
                simple = _SIMPLE_SELECTOR.fullmatch(selector.strip())
                if is_hiding and simple and selector.strip() and not is_conditional:
                    hiding.add((simple[1], simple[2] or ""))
                elif not is_hiding and style.keys() & _DECIDING:
                    shown_names.update(_NAME.findall(selector))
        # A class that another rule shows again belongs to a menu or a tab, whose state cannot be told from here.
        self._hiding = {(tag, name) for tag, name in hiding if name not in shown_names}

    def hides(self, tag: str, attributes: dict[str, Any]) -> bool:
        """Whether a rule hides an element with this tag and these attributes."""
        if not self._hiding:
            return False
        classes = attributes.get("class") or []
        names = ["", *(f".{name.lower()}" for name in classes), f"#{str(attributes.get('id', '')).lower()}"]
        return any((kind, name) in self._hiding for name in names for kind in ("", tag))


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if 0 < code <= 0x10FFFF else ""


def _numbers(value: str) -> Iterator[tuple[float, str]]:
    """The numbers in a value, with their units."""
    for number, unit in _NUMBER.findall(value):
        yield float(number), unit


def _is_off_screen(style: Style) -> bool:
    is_placed = style.get("position") in ("absolute", "fixed", "relative")
    places = [style.get(place, "") for place in _PLACES if is_placed or place.startswith(("text", "margin"))]
    places += [style.get("transform", ""), style.get("translate", "")]
    return any(number <= _FAR.get(unit, -1e9) for place in places for number, unit in _numbers(place))


def _is_clipped(style: Style) -> bool:
    clip = style.get("clip", "")
    is_cut = clip.startswith("rect") and all(abs(number) <= 1 for number, _ in _numbers(clip))
    is_inset = re.match(r"inset\(\s*(50|100)%", style.get("clip-path", "")) is not None
    is_empty = re.search(r"scale[xy]?\(\s*0\s*[,)]", style.get("transform", "")) is not None
    sizes = [style.get(name, "") for name in ("width", "height", "max-width", "max-height")]
    is_closed = style.get("overflow") in ("hidden", "clip") and any(
        number <= 1 and unit in ("", "px", "%") for size in sizes for number, unit in _numbers(size)
    )
    return is_cut or is_inset or is_empty or is_closed


def _is_without_contrast(style: Style) -> bool:
    color = style.get("color")
    background = style.get("background-color") or style.get("background")
    if color is None:
        return False
    return color in ("transparent", background) or re.fullmatch(r"(rgba|hsla).*[,/]\s*0%?\)", color) is not None


def _rules(text: str) -> Iterator[tuple[str, Style, bool]]:
    """Selectors and style of each rule, in lower case, and whether it stands inside an @-rule."""
    outer: list[str] = []
    before = ""
    for part in re.split(r"([{}])", _COMMENT.sub("", text).lower()):
        if part == "{":
            outer.append(before.rpartition(";")[2].strip())
        elif part == "}" and outer:
            yield outer[-1], parse_style(before), len(outer) > 1
            outer.pop()
        before = part if part not in ("{", "}") else ""
