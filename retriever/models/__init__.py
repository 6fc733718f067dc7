"""Embedding models: where weights come from, and what runs them."""
