"""What the application knows of languages: detection, locales, scripts, digits, months, words and sentences."""
