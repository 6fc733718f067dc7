"""What is known of languages: detection, locales, scripts, digits, months, words and sentences. Nothing else knows."""
