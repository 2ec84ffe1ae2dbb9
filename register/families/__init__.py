"""The API families: thin declarations over the core, one package each."""
