"""Questions of every way in: whose turn it is, and what is counted and logged of their answers."""
