"""`python -m surfeit` is `surfeit`."""

from surfeit.cli import main

main()
