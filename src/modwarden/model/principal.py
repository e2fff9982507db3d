"""A principal: who sends a request, as far as the guard can tell."""

from dataclasses import dataclass

from modwarden.model.names import RoleName
from modwarden.model.network import Address


@dataclass(frozen=True, slots=True)
class Principal:
    """A client's address, and the role its certificate carries."""

    address: Address
    role: RoleName | None = None
