"""From passages to a checked, cited answer: evidence, prompt, generator, checks."""
