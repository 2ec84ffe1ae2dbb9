"""Benchmarks: the real program on one core, load from the other, every figure a ratio inside one run."""
