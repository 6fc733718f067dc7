"""A query in any language finds passages in English, or in any other language."""

import os

# Before any of the libraries that would report usage is imported; a user who sets them keeps his choice.
for _switch, _off in {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(_switch, _off)
