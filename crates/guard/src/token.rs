//! How a readiness token names what is ready.

use mio::Token;

/// The waker: a commit or a command is there.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// The alarm: a line's silence is over.
pub(crate) const ALARM: Token = Token(usize::MAX - 1);

/// Listeners stand from here on; shared lines below, handshakes below those, then ports of clients, and conversations last.
pub(crate) const FIRST_LISTENER: usize = 1 << 62;
const FIRST_LINE: usize = 1 << 61;
const FIRST_HANDSHAKE: usize = 1 << 60;
const FIRST_STATION: usize = 1 << 59;

/// One client socket and at most 255 legs (a `Leg` is a byte).
const SLOT_BITS: u32 = 9;

/// Which socket of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Client,
    Server(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    Waker,
    Listener(usize),
    Line(usize),
    Handshake(usize),
    Station(usize),
    Conversation { place: usize, slot: Slot },
}

pub(crate) fn token_of(place: usize, slot: Slot) -> Token {
    let low = match slot {
        Slot::Client => 0,
        Slot::Server(leg) => 1 + usize::from(leg),
    };
    Token((place << SLOT_BITS) | low)
}

pub(crate) fn token_of_line(line: usize) -> Token {
    Token(FIRST_LINE | line)
}

pub(crate) const fn token_of_station(port: usize) -> Token {
    Token(FIRST_STATION + port)
}

pub(crate) const fn handshake_token(place: usize) -> Token {
    Token(FIRST_HANDSHAKE + place)
}

pub(crate) fn ready_of(token: Token) -> Ready {
    if token == WAKER || token == ALARM {
        return Ready::Waker;
    }
    if token.0 >= FIRST_LISTENER {
        return Ready::Listener(token.0);
    }
    if token.0 >= FIRST_LINE {
        return Ready::Line(token.0 & (FIRST_LINE - 1));
    }
    if let Some(place) = token.0.checked_sub(FIRST_HANDSHAKE) {
        return Ready::Handshake(place);
    }
    if let Some(port) = token.0.checked_sub(FIRST_STATION) {
        return Ready::Station(port);
    }
    let low = token.0 & ((1 << SLOT_BITS) - 1);
    let slot = low.checked_sub(1).map_or(Slot::Client, |leg| Slot::Server(u8::try_from(leg).unwrap_or(u8::MAX)));
    Ready::Conversation { place: token.0 >> SLOT_BITS, slot }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_the_socket_it_was_made_for() {
        for place in [0, 1, 9_999] {
            for slot in [Slot::Client, Slot::Server(0), Slot::Server(255)] {
                assert_eq!(ready_of(token_of(place, slot)), Ready::Conversation { place, slot });
            }
        }
        assert_eq!((ready_of(WAKER), ready_of(ALARM)), (Ready::Waker, Ready::Waker));
        assert_eq!(ready_of(token_of_line(7)), Ready::Line(7));
        assert_eq!(ready_of(handshake_token(7)), Ready::Handshake(7));
        assert_eq!(ready_of(token_of_station(7)), Ready::Station(7));
        assert_eq!(ready_of(Token(FIRST_LISTENER + 3)), Ready::Listener(FIRST_LISTENER + 3));
    }
}
