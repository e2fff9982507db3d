"""Words of nftables' language, each with its line, and ways to take them one after another."""

import re
from dataclasses import dataclass, field

from modwarden.model import Origin
from modwarden.site.rulesets.errors import RulesetError

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r]+|\\\n|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<string>"[^"\n]*")
    |(?P<sign>==|!=|<=|>=|[{}();,=<>&|^!])
    |(?P<word>[^\s{}();,"\#=!<>&|^]+)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign, string or end of line."""

    text: str
    line: int
    start: int
    end: int
    is_string: bool = False


@dataclass(slots=True)
class Tokens:
    """The tokens of a file, and where the reader stands."""

    source: str
    file: str
    listed: list[Token] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        line = 1
        position = 0
        while position < len(self.source):
            found = _TOKEN.match(self.source, position)
            if found is None:
                raise RulesetError(
                    Origin(self.file, line), "this is not nftables' language", "look at this line"
                )
            if found.lastgroup != "skip":
                text = found[0].strip('"') if found.lastgroup == "string" else found[0]
                token = Token(text, line, position, found.end(), found.lastgroup == "string")
                self.listed.append(token)
            line += found[0].count("\n")
            position = found.end()

    @property
    def is_done(self) -> bool:
        """Say whether nothing is left."""
        return self.at >= len(self.listed)

    @property
    def line(self) -> int:
        """The line of the next token."""
        return self.listed[min(self.at, len(self.listed) - 1)].line if self.listed else 1

    @property
    def is_at_string(self) -> bool:
        """Say whether the next token stands in quotation marks."""
        return not self.is_done and self.listed[self.at].is_string

    def peek(self, ahead: int = 0) -> str:
        """Look at a token; an empty text past the end."""
        index = self.at + ahead
        return self.listed[index].text if index < len(self.listed) else ""

    def take(self) -> Token:
        """Take the next token."""
        if self.is_done:
            raise self.too_early()
        self.at += 1
        return self.listed[self.at - 1]

    def takes(self, *texts: str) -> bool:
        """Take the next token if it is one of these."""
        if not self.is_done and self.peek() in texts and not self.listed[self.at].is_string:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take a token that has to be there."""
        if not self.takes(text):
            raise self.error(f"{self.peek()!r} stands where {text!r} should", "look at this line")

    def skip_ends(self) -> None:
        """Pass over ends of lines and statements."""
        while self.takes("\n", ";"):
            pass

    def skip_newlines(self) -> None:
        """Pass over ends of lines."""
        while self.takes("\n"):
            pass

    def skip_line(self) -> None:
        """Pass over the rest of a line or statement; blocks in it are passed over whole."""
        while not self.is_done and self.peek() not in ("\n", ";", "}"):
            if self.peek() == "{":
                self.skip_block()
            else:
                self.take()

    def skip_block(self) -> None:
        """Pass over a block with all that is in it."""
        self.expect("{")
        depth = 1
        while depth:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token.text, 0) if not token.is_string else 0

    def too_early(self) -> RulesetError:
        """Make an error of a file that was cut off."""
        return self.error("the file ends too early", "save all that `nft list ruleset` prints")

    def error(self, what: str, hint: str) -> RulesetError:
        """Make an error of this place."""
        return RulesetError(Origin(self.file, self.line), what, hint)
