"""The generator: one protocol, several engines, and what they write besides answers."""
