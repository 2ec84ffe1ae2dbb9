"""Administration: the one API that the console and the command line use, and the accounts that may use it."""
