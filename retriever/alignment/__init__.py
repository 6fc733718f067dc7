"""Train an encoder to find English passages from other languages: `isthmus align`."""
