//! Turns for the lines that sessions share: what each hears and wants goes to the conversations it concerns.
//!
//! Kept true here: a line gets so many turns in a row, and then others come first.

use super::DataLoop;
use crate::lines::{LineId, Member, Told};
use event::{Event, Kind};
use session::{Recorder as _, Session};
use std::sync::Arc;

/// What one line may cause in one turn of the loop: a frame sent and one heard, for each of many window hits.
const TURNS: usize = 64;

impl DataLoop {
    /// Serve each line until it wants nothing, or has had its turns.
    pub(super) fn serve_lines(&mut self) {
        self.lines.begin_turn();
        for id in self.lines.ids() {
            let mut turns = 0;
            while turns < TURNS && self.serve_line(id) {
                turns += 1;
            }
            if turns == TURNS {
                self.lines.postpone();
            }
            self.lines.sweep(id);
        }
    }

    /// Whether there was something to tell.
    fn serve_line(&mut self, id: LineId) -> bool {
        self.read_clock();
        let told = self.lines.work(id, self.now, &mut self.scratch);
        let is_told = told.is_some();
        told.into_iter().for_each(|told| self.tell(told));
        is_told
    }

    fn tell(&mut self, told: Told) {
        match told {
            Told::Take(member, client) => self.with(member.key, |conversation, turn| {
                conversation.line_takes(member.leg, client, turn);
                conversation.pump(turn)
            }),
            Told::Reply(member, adu) => self.hear(member, |session, context| {
                session.server_received(member.leg, &adu, context);
            }),
            Told::Failed(member, own_id, reason) => self.hear(member, |session, context| {
                session.server_failed((member.leg, own_id), reason, context);
            }),
            Told::Connected(member) => self.with(member.key, |conversation, turn| {
                conversation.line_connected(member.leg, turn);
                conversation.pump(turn)
            }),
            Told::Gone(member, was_connected) => self.with(member.key, |conversation, turn| {
                conversation.line_gone(member.leg, was_connected, turn);
                conversation.pump(turn)
            }),
            Told::Server(kind, server, server_address, what) => {
                let (server, reason) = (Some(server), Some(Arc::from(what)));
                let row = Event { kind, server, server_address, reason, ..self.ledger.own() };
                self.ledger.record(&row);
            }
            Told::Note(is_there, what) => {
                self.ledger.note(if is_there { Kind::LineOpened } else { Kind::LineLost }, &what);
            }
        }
    }

    fn hear(&mut self, member: Member, what: impl FnOnce(&mut Session, &mut session::Context<'_>)) {
        self.with(member.key, |conversation, turn| {
            what(&mut conversation.session, &mut turn.context());
            conversation.pump(turn)
        });
    }
}
