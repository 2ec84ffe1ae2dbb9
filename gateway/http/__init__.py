"""The aiohttp edge that the control plane and the data plane share: listeners, calls to Peers, errors, health."""
