import csv
import json

import pytest

from retriever.languages import detection
from retriever.languages.detection import detect_language, language_codes

QUESTIONS = {
    "en": "When was the university founded?",
    "de": "Wann wurde die Universität gegründet?",
    "fr": "Quand l'université a-t-elle été fondée ?",
    "es": "¿Cuándo se fundó la universidad?",
    "ro": "Când a fost fondată universitatea?",
    "sw": "Chuo kikuu kilianzishwa mwaka gani na nani?",
    "vi": "Trường đại học được thành lập khi nào?",
    "hi": "विश्वविद्यालय की स्थापना कब हुई?",
    "ar": "متى تأسست الجامعة؟",
    "fa": "دانشگاه در چه سالی تأسیس شد؟",
    "th": "มหาวิทยาลัยก่อตั้งเมื่อใด",
    "zh": "大学是什么时候成立的？",
    "ja": "大学はいつ設立されましたか？",
    "ko": "대학교는 언제 설립되었습니까?",
    "ru": "Когда был основан университет?",
    "uk": "Коли було засновано університет?",
    "af": "Wanneer is die Panamakanaal geopen?",
    "ca": "Quina alçada té la torre Eiffel?",
    "et": "Kui pikk on Doonau?",
    "eu": "Noiz ireki zen Panamako kanala?",
    "ha": "A wace shekara aka buɗe mashigin ruwan Panama?",
    "ig": "Kedụ afọ e meghere ọwa mmiri Panama?",
    "lo": "ຫໍໄອເຟວສູງເທົ່າໃດ?",
    "lt": "Kada atidarytas Panamos kanalas?",
    "lv": "Cik gara ir Donava?",
    "no": "Hvor høyt er Eiffeltårnet?",
    "sk": "Kedy bol otvorený Panamský prieplav?",
    "sl": "Kdaj so odprli Panamski prekop?",
    "tl": "Kailan binuksan ang Kanal ng Panama?",
    "yo": "Báwo ni odò Danube ṣe gùn tó?",
    "zu": "Umsele wasePanama wavulwa ngamuphi unyaka?",
    "hi-Latn": "Taj Mahal kisne banwaya tha?",
    "bg": "Кога е открит Суецкият канал?",
    "sv": "Vem byggde Taj Mahal?",
    "nl": "Wie ontwierp de Spoetnik?",
    "ur": "تاج محل کس نے بنوایا؟",
}


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_short_questions(language, question):
    assert detect_language(question) == language


@pytest.mark.parametrize("text", ["", "  ", "1947?", "!?…", "\u200f"])
def test_no_letters_no_language(text):
    assert detect_language(text) == "und"


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "hi", "ro", "ru", "th"])
def test_xquad_questions(data, language):
    articles = json.loads((data / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    questions = [q["question"] for a in articles for p in a["paragraphs"] for q in p["qas"]][:200]
    right = sum(detect_language(question) == language for question in questions)
    assert right / len(questions) >= 0.97


def test_romanised_hindi_is_told_from_english(data):
    rows = list(csv.DictReader((data / "hinglish_top" / "validation.tsv").open(encoding="utf-8"), delimiter="\t"))[:500]
    hinglish = sum(detect_language(row["cs_query"]) == "hi-Latn" for row in rows)
    english = sum(detect_language(row["en_query"]) == "hi-Latn" for row in rows)
    assert hinglish / len(rows) >= 0.8
    assert english / len(rows) <= 0.02


@pytest.mark.parametrize(("text", "language"), [("补办借书证要多少钱？", "zh"), ("ازاي اجدد الكارت بتاعي؟", "ar")])
def test_a_language_that_cldr_does_not_know_gives_way_to_the_next(text, language):
    assert detect_language(text) == language


DOUBTFUL = {
    "ro": "Unde e Petra?",
    "sk": "Kto postavil Petru?",
    "ca": "On és Petra?",
    "sw": "Nani aligundua penisilini?",
}


@pytest.mark.parametrize(("language", "question"), DOUBTFUL.items())
def test_likely_languages_decide_where_the_detectors_do_not(language, question):
    assert detect_language(question) != language
    assert detect_language(question, [language, "en"]) == language


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_a_likely_language_does_not_hide_a_clear_one(language, question):
    assert detect_language(question, ["fr"]) == language


def test_a_sure_language_may_be_in_another_of_the_scripts_that_many_share(monkeypatch):
    """CLDR says of Uzbek that it is written in Latin letters, and of Cyrillic that it is mostly Russian."""
    monkeypatch.setattr(detection, "fast_scores", lambda _: {"uz": 0.95})
    assert detect_language("Эйфель минораси қанча баланд?") == "uz"


def test_tags_that_are_no_language_are_left_out():
    assert language_codes(["zh-Hant-TW", "*", "", "xx", "../en", "nb-NO", "no"]) == ["zh", "no"]
