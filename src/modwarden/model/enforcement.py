"""Names that `harden` gives to what it writes for every enforcement point, and others look for."""

FILTER_TABLE = "modwarden_filter"
ISLAND_TABLE = "modwarden_island"
