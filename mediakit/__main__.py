"""`python -m mediakit` is the command line."""

from mediakit.cli.start import run

run()
