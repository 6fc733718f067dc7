"""What a library keeps on disk: documents (SQLite), vectors (Chroma), words (BM25) and token vectors (SQLite)."""
