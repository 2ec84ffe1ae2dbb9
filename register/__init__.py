"""The Klantenregister: all VNG klant APIs on one core model."""
