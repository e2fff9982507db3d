"""`modwarden schema`: the site file's JSON Schema, for editors."""

from modwarden.cli._printing import print_json
from modwarden.site import json_schema


def command() -> None:
    """Print the JSON Schema of the site file."""
    print_json(json_schema())
