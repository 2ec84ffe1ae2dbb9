"""`python -m klantenregister`."""

import sys

from klantenregister.cli import main

sys.exit(main())
