"""`python -m scripts.cli`: the same as `acequia`."""

from scripts.cli import main

main()
