"""`python -m mediakit` is the command line."""

from mediakit.cli.main import run

run()
