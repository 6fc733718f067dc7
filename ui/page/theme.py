"""The page's look, and the JavaScript for input methods, right-to-left text and the browser's language."""

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
.card .translation { border-inline-start: 3px solid var(--border-color-primary); padding-inline-start: .6em; }
.card mark { background: #fde68a; color: #1f2937; border-radius: 3px; padding: 0 .1em; }
.listing { max-height: 420px; overflow: auto; }
.listing table { width: 100%; border-collapse: collapse; font-size: .9em; }
.listing th, .listing td { text-align: start; padding: .2em .5em; overflow-wrap: anywhere; }
.listing tr { border-bottom: 1px solid var(--border-color-primary); }
.evaluation { overflow-x: auto; }
.evaluation th, .evaluation td { padding: .2em .7em; text-align: end; }
.evaluation th:first-child, .evaluation td:first-child { text-align: start; }
.evaluation img { max-width: 100%; }
[dir=rtl] .listing td { text-align: right; }
.heading p { font-weight: 600; }
.note { opacity: .75; font-size: .9em; }
.failed { color: #b91c1c; }
@media (max-width: 640px) { .gradio-container { padding: 4px !important; } #question-row { flex-wrap: wrap; } }
footer { display: none !important; }
"""

# The script does three things that Gradio does not:
# - The Enter key that ends a composition (Japanese, Chinese or Korean input) reaches only the input method.
# - Elements with users' or documents' text get dir="auto". On a right-to-left page, Gradio's blocks, which are all set
#   to left-to-right, follow the page.
# - Gradio itself has fewer languages than the page. The script selects the browser's first language with a translation,
#   as `ui.page.strings.strings_for` does.
HEAD = """
<script>
// Input methods
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.stopImmediatePropagation();
}, true);
// Text direction
const TEXT_ELEMENTS =
  "#conversation .message, #conversation .message [dir], textarea, input[type=text]:not([role=combobox]), td, " +
  "button.gallery-item";
const setDirections = () => {
  document.querySelectorAll(TEXT_ELEMENTS).forEach((element) => {
    if (element.dir !== "auto") element.dir = "auto";
  });
  const pageDirection = document.documentElement.dir;
  if (pageDirection === "rtl") {
    document.querySelectorAll("[dir=ltr]").forEach((element) => { element.dir = pageDirection; });
  }
};
new MutationObserver(setDirections).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["dir"],
});
// The browser's language
const setLanguage = async () => {
  const translations = window.gradio_config.i18n_translations;
  const stringsOf = (tag) => translations[tag.split("-")[0].toLowerCase()];
  const language = navigator.languages.find(stringsOf) ?? "en";
  document.documentElement.dir = stringsOf(language).direction;
  const core = performance.getEntriesByType("resource").find((entry) => /\\/core-[^/]*\\.js$/.test(entry.name));
  if (core) (await import(core.name)).changeLocale?.(language);
};
setLanguage();
</script>
"""
