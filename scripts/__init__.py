"""What the Makefile runs beside the program: environment, test servers, checks. Nothing of it is shipped."""
