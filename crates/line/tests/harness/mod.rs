//! A line in simulated time: clients that ask, units that answer at the line's speed, and all that they say.

use core::net::{IpAddr, Ipv4Addr};
use line::{Action, ClientId, Failure, Framing, Line, LineConfig, Offer};
use std::collections::VecDeque;
use wire::{PduLimit, TransactionId, UnitId, append_adu, append_rtu_adu, parse_adu, parse_rtu_adu};

pub const SECOND: u64 = 1_000_000_000;
pub const MS: u64 = 1_000_000;

/// What a unit does with a request: bytes (of a TCP server: a PDU), and how long after the request's end they begin.
pub type Units = Box<dyn FnMut(UnitId, &[u8]) -> Vec<(u64, Vec<u8>)>>;

/// What a client heard in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Reply(Vec<u8>),
    Failed(Failure),
}

pub struct Asker {
    pub id: ClientId,
    pub to_ask: VecDeque<(u8, Vec<u8>)>,
    /// Ids in the order in which they were asked, with what came of each.
    pub heard: Vec<(u16, Heard)>,
    /// Asks again for ever, from the front.
    pub repeats: bool,
    asked: u16,
    is_open: bool,
    is_offered: bool,
}

pub struct World {
    pub line: Line,
    pub now: u64,
    pub askers: Vec<Asker>,
    /// Frames that went out, when, and how long each is on the line.
    pub sent: Vec<(u64, Vec<u8>)>,
    pub reconnects: usize,
    config: LineConfig,
    units: Units,
    coming: Vec<(u64, Vec<u8>)>,
}

pub fn rtu(unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_rtu_adu(&mut frame, UnitId(unit_id), pdu);
    frame
}

/// Units that answer reads with their own id, and confirm writes.
pub fn answer(unit_id: UnitId, pdu: &[u8]) -> Vec<u8> {
    match pdu {
        [code @ (3 | 4), _, _, _, quantity] => {
            let values = (0..*quantity).flat_map(|_| [0, unit_id.0]);
            [*code, quantity * 2].into_iter().chain(values).collect()
        }
        [16, ..] => pdu[..5].to_vec(),
        _ => pdu.to_vec(),
    }
}

pub fn honest(gap_ns: u64) -> Units {
    Box::new(move |unit_id, pdu| match unit_id {
        UnitId(0) => vec![],
        _ => vec![(gap_ns, rtu(unit_id.0, &answer(unit_id, pdu)))],
    })
}

impl World {
    pub fn new(config: LineConfig, units: Units) -> Self {
        let mut line = Line::new(config.clone());
        line.opened(0);
        let (askers, sent, coming) = (Vec::new(), Vec::new(), Vec::new());
        Self { line, now: 0, askers, sent, reconnects: 0, config, units, coming }
    }

    /// A client at its own address, which asks all of this.
    pub fn client(&mut self, last: u8, to_ask: &[(u8, Vec<u8>)]) -> usize {
        let id = self.line.join(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
        let to_ask = to_ask.iter().cloned().collect();
        self.askers.push(Asker {
            id,
            to_ask,
            heard: Vec::new(),
            repeats: false,
            asked: 0,
            is_open: false,
            is_offered: false,
        });
        self.askers.len() - 1
    }

    pub fn heard(&self, asker: usize) -> Vec<Heard> {
        self.askers[asker].heard.iter().map(|(_, heard)| heard.clone()).collect()
    }

    /// Requests that went out, as unit and PDU.
    pub fn requests(&self) -> Vec<(u8, Vec<u8>)> {
        let parsed = self.sent.iter().filter_map(|(_, frame)| parse_rtu_adu(frame));
        parsed.map(|adu| (adu.unit_id.0, adu.pdu.to_vec())).collect()
    }

    /// Bytes that nobody asked for.
    pub fn comes(&mut self, at_ns: u64, bytes: &[u8]) {
        self.coming.push((at_ns, bytes.to_vec()));
        self.coming.sort();
    }

    /// Go on until nothing is left to happen, or that moment.
    pub fn run(&mut self, until_ns: u64) {
        loop {
            self.settle();
            let next = [self.line.next_deadline(self.now), self.coming.first().map(|(at, _)| *at)];
            let Some(next) = next.into_iter().flatten().min().filter(|at| *at <= until_ns) else { break };
            assert!(next > self.now || self.coming.first().is_some_and(|(at, _)| *at <= self.now) || self.is_due());
            self.now = next.max(self.now);
            while self.coming.first().is_some_and(|(at, _)| *at <= self.now) {
                let (_, bytes) = self.coming.remove(0);
                self.line.received(&bytes, self.now);
            }
            self.line.deadline_reached(self.now);
        }
        self.now = self.now.max(until_ns);
    }

    fn is_due(&self) -> bool {
        self.line.next_deadline(self.now).is_some_and(|at| at <= self.now)
    }

    fn settle(&mut self) {
        self.ask();
        while let Some(action) = self.line.next(self.now) {
            match action {
                Action::Take(client) => {
                    self.askers
                        .iter_mut()
                        .filter(|asker| asker.id == client)
                        .for_each(|asker| asker.is_offered = false);
                    self.line.taken(client, self.now);
                }
                Action::Send(frame) => self.send(frame),
                Action::Deliver { client, transaction_id, pdu, .. } => {
                    self.conclude(client, transaction_id, Heard::Reply(pdu));
                }
                Action::Fail { client, transaction_id, failure } => {
                    self.conclude(client, transaction_id, Heard::Failed(failure));
                }
                Action::Reconnect => {
                    self.reconnects += 1;
                    self.coming.clear();
                    self.line.lost(self.now);
                    self.line.opened(self.now);
                }
            }
            self.ask();
        }
    }

    fn ask(&mut self) {
        for asker in self.askers.iter_mut().filter(|asker| !asker.is_open && !asker.is_offered) {
            let Some((unit, pdu)) = asker.to_ask.pop_front() else { continue };
            if asker.repeats {
                asker.to_ask.push_back((unit, pdu.clone()));
            }
            asker.asked = asker.asked.wrapping_add(1);
            (asker.is_open, asker.is_offered) = (unit != 0, true);
            let offer = Offer { transaction_id: TransactionId(asker.asked), unit_id: UnitId(unit), pdu };
            self.line.offer(asker.id, offer, self.now);
        }
    }

    fn send(&mut self, frame: Vec<u8>) {
        let end = self.now + self.config.pace.bytes_ns(frame.len());
        if self.config.has_echo {
            self.coming.push((end, frame.clone()));
        }
        if self.config.framing == Framing::Mbap {
            let adu = parse_adu(&frame, PduLimit::default()).unwrap().unwrap();
            for (after, pdu) in (self.units)(adu.unit_id, adu.pdu) {
                let mut reply = Vec::new();
                append_adu(&mut reply, adu.transaction_id, adu.unit_id, &pdu);
                self.coming.push((end + after, reply));
            }
        } else if let Some(adu) = parse_rtu_adu(&frame) {
            for (after, bytes) in (self.units)(adu.unit_id, adu.pdu) {
                let begin = end + after;
                // In two pieces, as adapters cut them.
                let (first, second) = bytes.split_at(bytes.len() / 2);
                self.coming.push((begin + self.config.pace.bytes_ns(first.len()), first.to_vec()));
                self.coming.push((begin + self.config.pace.bytes_ns(bytes.len()), second.to_vec()));
            }
        }
        self.coming.sort_by_key(|(at, _)| *at);
        self.sent.push((self.now, frame));
    }

    fn conclude(&mut self, client: ClientId, transaction_id: TransactionId, heard: Heard) {
        let Some(asker) = self.askers.iter_mut().find(|asker| asker.id == client) else { return };
        assert!(asker.is_open && transaction_id.0 == asker.asked, "a reply that nobody waits for");
        asker.is_open = false;
        asker.heard.push((transaction_id.0, heard));
    }
}
