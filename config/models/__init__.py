"""The sections of the configuration file, one module per part; `config.settings` is where others import them from."""
