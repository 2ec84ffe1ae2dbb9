"""Tests of the benchmarks: their arithmetic and their plan; nothing here is timed."""
