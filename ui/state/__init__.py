"""What the server keeps beside the libraries: which collections there are."""
