"""From a question in any language to passages in any language."""
