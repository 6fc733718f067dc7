"""What the server keeps beside the libraries: collections and who sees them, users, keys, the audit trail."""
