"""Settings as frozen models, and how a file and the environment become one."""
