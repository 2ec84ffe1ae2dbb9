"""The program: command line, composition root and demo. The only package that names a storage back end."""

__version__ = "0.1.0"
