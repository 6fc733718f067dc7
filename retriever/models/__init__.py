"""Embedding models: the encoder, the weights it uses, and the back-ends that run them."""
