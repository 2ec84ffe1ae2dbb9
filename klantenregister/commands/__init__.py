"""One module per subcommand: `register` adds its parser, `run` does the work and returns the exit code."""
