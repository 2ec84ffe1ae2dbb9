"""The data plane under load and under fault: real programs on loopback, and what became of every single request."""
