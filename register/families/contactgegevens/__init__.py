"""Contactgegevens 1.1.1 (REGISTER.md section 8)."""
