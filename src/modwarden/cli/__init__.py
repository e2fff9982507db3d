"""The command line: where everything is wired."""

from modwarden.cli.app import main

__all__ = ["main"]
