"""The site file: read, checked and linted."""

from modwarden.model import Finding, Site
from modwarden.site._schema import json_schema
from modwarden.site._words import parse_duration
from modwarden.site.lint import check_site
from modwarden.site.load import load_site
from modwarden.site.problems import Mistake, SiteError, SiteProblem

__all__ = [
    "Finding",
    "Mistake",
    "Site",
    "SiteError",
    "SiteProblem",
    "check_site",
    "json_schema",
    "load_site",
    "parse_duration",
]
