"""A security level: one number for each of the seven foundational requirements."""

from dataclasses import dataclass

# IEC 62443-3-3 clause 4 and IEC 62443-1-1: IAC UC SI DC RDF TRE RA, in this order.
FOUNDATIONAL_REQUIREMENTS = ("IAC", "UC", "SI", "DC", "RDF", "TRE", "RA")


@dataclass(frozen=True, slots=True)
class SecurityLevel:
    """A vector of levels, 0 to 4 each."""

    levels: tuple[int, int, int, int, int, int, int]

    @classmethod
    def of(cls, level: int) -> "SecurityLevel":
        """Give the vector that one number stands for."""
        return cls((level,) * 7)

    def __getitem__(self, fr: str) -> int:
        return self.levels[FOUNDATIONAL_REQUIREMENTS.index(fr)]

    def __str__(self) -> str:
        if len(set(self.levels)) == 1:
            return str(self.levels[0])
        return "{" + " ".join(str(level) for level in self.levels) + "}"
