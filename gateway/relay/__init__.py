"""The streaming HTTP relay that Inway and Outway share, and the port to what is behind an Inway."""
