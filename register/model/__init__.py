"""The core records of the register and their rules: pure code, no I/O, no API shapes."""
