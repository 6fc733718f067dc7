"""One module a family of formats; each function takes a file's name and data and returns its title and pages."""
