"""The command ``pkmodel``: compare, simulate, explain, equivalence, validate, drugs, sweep, warm.

Nothing heavier than click is imported before a command runs, so that ``--help`` is quick.
"""

from pkmodel.cli.commands import main

__all__ = ["main"]
