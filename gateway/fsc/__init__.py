"""The FSC standard as pure code: no I/O, no clock."""
