"""Klantinteracties 0.9.0 (REGISTER.md section 7)."""
