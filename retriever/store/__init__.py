"""What a library keeps on disk: documents and words, vectors and token vectors, in files or on servers."""
