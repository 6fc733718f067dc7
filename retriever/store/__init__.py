"""What a library keeps on disk: documents and words (SQLite), vectors (Chroma) and token vectors (SQLite)."""
