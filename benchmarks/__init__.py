"""One command for each table; every command prints it and writes JSON under benchmarks/results/."""
