"""The zone map: zones by level, what connects them, and in red what the proof holds against it."""

from modwarden.model import Site
from modwarden.site.proof import Proof
from modwarden.zone_map._layout import lay_out
from modwarden.zone_map._scene import build_scene
from modwarden.zone_map._svg import render_svg

__all__ = ["render_map"]


def render_map(site: Site, proof: Proof | None) -> str:
    """Draw a site as SVG; the same site gives the same bytes."""
    scene = build_scene(site, proof)
    return render_svg(site, scene, lay_out(scene), proof)
