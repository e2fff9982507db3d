"""Read a site file, or say everything that is wrong with it."""

from pathlib import Path

from modwarden.model import Site
from modwarden.site._build import SiteBuilder
from modwarden.site._tree import read_tree
from modwarden.site._validate import validate
from modwarden.site.lint import find_errors
from modwarden.site.problems import Mistake, Problems


def load_site(path: Path) -> Site:
    """
    Read a site from one file, or from the YAML files of a folder.

    Raises:
        SiteError: the operator's input is wrong; holds every problem found.
        OSError: a file cannot be read.
    """
    problems = Problems()
    tree = read_tree(path, problems)
    # Broken YAML would only bring forth problems that are not there.
    if not tree.data or any(problem.name == "yaml-syntax" for problem in problems.found):
        if not problems.found:
            problems.add(
                tree.origin(()), Mistake("empty-site", "nothing is written here", "start with `modwarden: 1`")
            )
        problems.raise_if_any()
    shape = validate(tree, problems)
    if shape is None:
        problems.raise_if_any()
        raise AssertionError("a shape that cannot be validated has problems")
    site = SiteBuilder(path, tree, problems).build_site(shape)
    problems.raise_if_any()
    return _without_errors(site)


def _without_errors(site: Site) -> Site:
    problems = Problems()
    for finding in find_errors(site):
        problems.add(finding.origin, Mistake(finding.name, finding.message, finding.hint))
    problems.raise_if_any()
    return site
