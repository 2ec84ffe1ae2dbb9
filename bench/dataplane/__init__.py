"""The data plane's benchmark: our Inway and Outway against HAProxy and nginx, interleaved, as ratios."""
