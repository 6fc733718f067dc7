"""What the application knows of languages: detection, locales, scripts, digits, months, words and sentences."""

from retriever.languages.cldr import separate_locales

separate_locales()
