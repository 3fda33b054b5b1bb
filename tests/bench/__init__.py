"""Speed, as ratios measured in one run. Not tests: `make bench` runs them and writes docs/benchmarks.md."""
