"""`make faults`: kill and freeze every process many times (`edge.apps.demo.faults`)."""

import sys

from edge.apps.demo.faults import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
