"""Looks, and the little JavaScript that right-to-left text, input methods and the browser's language need."""

import gradio as gr

THEME = gr.themes.Soft(
    primary_hue="teal",
    font=["system-ui", "Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)

CSS = """
.message, .card, .card *, textarea, input:not([role=combobox]) { unicode-bidi: plaintext; text-align: start; }
input:placeholder-shown, textarea:placeholder-shown { direction: inherit; unicode-bidi: normal; }
[dir=rtl] [data-testid=block-info] { width: fit-content; }
[dir=rtl] .wrap-inner .icon-wrap { right: auto; left: var(--size-5); }
[dir=rtl] .slider_input_container { direction: ltr; }
.card { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: .6em .8em; margin-bottom: .6em; }
.card summary { cursor: pointer; font-weight: 600; }
.card .meta { opacity: .7; font-size: .85em; }
.card p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4em 0 0; }
.card mark { background: #fde68a; color: #1f2937; border-radius: 3px; padding: 0 .1em; }
.documents { max-height: 420px; overflow: auto; }
.documents table { width: 100%; border-collapse: collapse; font-size: .9em; }
.documents th, .documents td { text-align: start; padding: .2em .5em; overflow-wrap: anywhere; }
.documents tr { border-bottom: 1px solid var(--border-color-primary); }
.evaluation { overflow-x: auto; }
.evaluation th, .evaluation td { padding: .2em .7em; text-align: end; }
.evaluation th:first-child, .evaluation td:first-child { text-align: start; }
.evaluation img { max-width: 100%; }
.note { opacity: .75; font-size: .9em; }
.failed { color: #b91c1c; }
@media (max-width: 640px) { .gradio-container { padding: 4px !important; } #question-row { flex-wrap: wrap; } }
footer { display: none !important; }
"""

# Direction: dir="auto" on whatever holds a user's or a document's words; Gradio's blocks, all set left to right, as
# the page's language. Enter that ends a composition (Japanese, Chinese, Korean input) must reach the input method only.
# Gradio shows a page in a language that it speaks itself; ours speaks more, so it is told which the browser asks for,
# by the rule of `ui.strings.strings_for`.
HEAD = """
<script>
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.stopImmediatePropagation();
}, true);
const WORDS =
  "#conversation .message, #conversation .message [dir], textarea, input[type=text]:not([role=combobox]), td, " +
  "button.gallery-item";
const setDirections = () => {
  document.querySelectorAll(WORDS).forEach((element) => {
    if (element.dir !== "auto") element.dir = "auto";
  });
  const page = document.documentElement.dir;
  if (page === "rtl") document.querySelectorAll("[dir=ltr]").forEach((element) => { element.dir = page; });
};
new MutationObserver(setDirections).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["dir"],
});
const speak = async () => {
  const known = window.gradio_config.i18n_translations;
  const words = (tag) => known[tag.split("-")[0].toLowerCase()];
  const wanted = navigator.languages.find(words) ?? "en";
  document.documentElement.dir = words(wanted).direction;
  const core = performance.getEntriesByType("resource").find((entry) => /\\/core-[^/]*\\.js$/.test(entry.name));
  if (core) (await import(core.name)).changeLocale?.(wanted);
};
speak();
</script>
"""
