"""Tests of the data plane's benchmark."""
