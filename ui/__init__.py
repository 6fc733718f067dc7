"""The page: a Gradio chat over `rag`."""
