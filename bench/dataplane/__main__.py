"""`python -m bench.dataplane`."""

import sys

from bench.dataplane.command import main

sys.exit(main())
