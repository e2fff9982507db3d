"""Lint: what a site file says that its author may not have meant; one name for each kind."""

from modwarden.site.lint.check import check_site, find_errors

__all__ = ["check_site", "find_errors"]
