//! Invariant tested: whatever clients, units and the line do, each request that was taken ends once, with its own reply
//! or a failure; a write goes on the line once; and nothing is sent while the line is not free.
//!
//! The first two bytes say what kind of line it is; each further pair is a step.

use core::net::{IpAddr, Ipv4Addr};
use line::{Action, ClientId, Framing, Line, LineConfig, Offer, Pace};
use std::collections::HashMap;
use wire::{PduLimit, TransactionId, UnitId, append_adu, append_rtu_adu, build, parse_adu, parse_rtu_adu};

const CLIENTS: u8 = 4;
const MS: u64 = 1_000_000;

/// A request that a client has made and whose end it has not heard.
struct Asked {
    id: u16,
    unit: u8,
    pdu: Vec<u8>,
    is_taken: bool,
}

struct Talk {
    line: Line,
    config: LineConfig,
    now: u64,
    clients: Vec<(ClientId, Option<Asked>)>,
    /// Frames that went out and were not answered: unit, the frame's own id, PDU.
    owed: Vec<(u8, u16, Vec<u8>)>,
    writes: HashMap<u16, usize>,
    next_value: u16,
    quiet_since: u64,
}

pub fn check(input: &[u8]) {
    let Some(([kind, more], steps)) = input.split_first_chunk() else { return };
    let mut talk = Talk::new(*kind, *more);
    for step in steps.chunks_exact(2) {
        talk.step(step[0], step[1]);
        talk.settle();
    }
    talk.come_to_rest();
}

pub fn seeds() -> Vec<Vec<u8>> {
    let polite: Vec<u8> = (0..60).flat_map(|at| [at % 3, at]).collect();
    let rude: Vec<u8> = (0..80_u8).flat_map(|at| [at % 11, at.wrapping_mul(7)]).collect();
    let kinds = [[0, 0], [0, 3], [1, 0], [1, 0x0F], [0, 0x14]];
    kinds.iter().flat_map(|kind| [[&kind[..], &polite].concat(), [&kind[..], &rude].concat()]).collect()
}

impl Talk {
    fn new(kind: u8, more: u8) -> Self {
        let framing = if kind & 1 == 0 { Framing::Rtu } else { Framing::Mbap };
        let pace = if kind & 1 == 0 { Pace::serial(19_200, 11) } else { Pace::tcp(u64::from(kind >> 4) * MS) };
        let config = LineConfig {
            pipeline: 1 + usize::from(more & 3),
            read_retries: u32::from(more >> 2 & 1),
            window_ns: u64::from(more >> 3 & 1) * 200 * MS,
            has_echo: more & 0x10 != 0 && framing == Framing::Rtu,
            ..LineConfig::new(framing, pace)
        };
        let mut line = Line::new(config.clone());
        line.opened(0);
        let clients = (0..CLIENTS).map(|last| (line.join(address(last)), None)).collect();
        let (owed, writes) = (Vec::new(), HashMap::new());
        Self { line, config, now: 0, clients, owed, writes, next_value: 0, quiet_since: 0 }
    }

    fn step(&mut self, what: u8, with: u8) {
        match what % 11 {
            0 | 1 => self.ask(with),
            2 | 3 => self.answer(with),
            4 => self.pass(u64::from(with) * MS),
            5 => self.hear(&[with, with ^ 0x55]),
            6 => self.pass(u64::from(with) * 100 * MS),
            7 => self.leave(with),
            8 => self.lose(),
            9 => self.answer_wrongly(with),
            _ => self.pass(u64::from(with) * 10_000),
        }
    }

    fn ask(&mut self, with: u8) {
        let at = usize::from(with % CLIENTS);
        if self.clients[at].1.is_some() {
            return;
        }
        self.next_value += 1;
        let unit = 1 + (with >> 2 & 3);
        let pdu = match with >> 6 {
            0 => build::write_single_register(self.next_value, 1),
            _ => build::read(wire::Table::HoldingRegister, u16::from(with >> 4 & 1), 1),
        };
        let offer = Offer { transaction_id: TransactionId(self.next_value), unit_id: UnitId(unit), pdu: pdu.clone() };
        self.line.offer(self.clients[at].0, offer, self.now);
        self.clients[at].1 = Some(Asked { id: self.next_value, unit, pdu, is_taken: false });
    }

    /// A unit answers one of what is owed, whole.
    fn answer(&mut self, with: u8) {
        if self.owed.is_empty() {
            return;
        }
        let (unit, id, pdu) = self.owed.remove(usize::from(with) % self.owed.len());
        // A unit says which request it answers, by the value read.
        let reply = match pdu[0] {
            3 => vec![3, 2, unit, pdu[2]],
            _ => pdu,
        };
        let frame = self.framed(unit, id, &reply);
        self.hear(&frame);
    }

    fn answer_wrongly(&mut self, with: u8) {
        let Some((unit, id, pdu)) = self.owed.last().cloned() else { return };
        let frame = match with % 3 {
            0 => self.framed(unit ^ 7, id, &[3, 2, 9, 9]),
            1 => self.framed(unit, id ^ 0x8000, &[pdu[0] ^ 1, 2, 9, 9]),
            _ => {
                let mut frame = self.framed(unit, id, &[3, 2, unit, 0]);
                let last = frame.len() - 1;
                if self.config.framing == Framing::Rtu {
                    frame[last] ^= 0x10;
                } else {
                    frame.clear();
                }
                frame
            }
        };
        self.hear(&frame);
    }

    fn framed(&self, unit: u8, id: u16, pdu: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        match self.config.framing {
            Framing::Rtu => append_rtu_adu(&mut frame, UnitId(unit), pdu),
            Framing::Mbap => append_adu(&mut frame, TransactionId(id), UnitId(unit), pdu),
        }
        frame
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.line.received(bytes, self.now);
        if self.config.framing == Framing::Rtu && !bytes.is_empty() {
            self.quiet_since = self.now;
        }
    }

    fn leave(&mut self, with: u8) {
        let at = usize::from(with % CLIENTS);
        self.line.leave(self.clients[at].0, self.now);
        self.clients[at] = (self.line.join(address(with % CLIENTS)), None);
    }

    fn lose(&mut self) {
        self.line.lost(self.now);
        self.owed.clear();
        self.settle();
        self.line.opened(self.now);
    }

    fn pass(&mut self, ns: u64) {
        let until = self.now + ns;
        for _ in 0..1_000 {
            self.settle();
            match self.line.next_deadline(self.now).filter(|at| *at <= until) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
            self.line.deadline_reached(self.now);
        }
        self.now = until;
        self.line.deadline_reached(self.now);
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            let Some(action) = self.line.next(self.now) else { return };
            self.act(action);
        }
        panic!("the line wants something for ever");
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Take(client) => {
                let asked = self.asked_by(client).expect("somebody who asked");
                assert!(!asked.is_taken, "taken twice");
                asked.is_taken = true;
                self.line.taken(client, self.now);
            }
            Action::Send(frame) => self.sent(&frame),
            Action::Deliver { client, transaction_id, unit_id, pdu } => {
                self.conclude(client, transaction_id, Some((unit_id, &pdu)));
            }
            Action::Fail { client, transaction_id, .. } => self.conclude(client, transaction_id, None),
            Action::Reconnect => self.lose(),
        }
    }

    fn asked_by(&mut self, client: ClientId) -> Option<&mut Asked> {
        self.clients.iter_mut().find(|(id, _)| *id == client)?.1.as_mut()
    }

    fn sent(&mut self, frame: &[u8]) {
        let (unit, id, pdu) = match self.config.framing {
            Framing::Rtu => {
                let gap = self.config.pace.gap_ns;
                assert!(self.quiet_since == 0 || self.now >= self.quiet_since + gap, "sent into a frame");
                let adu = parse_rtu_adu(frame).expect("a frame");
                (adu.unit_id.0, 0, adu.pdu.to_vec())
            }
            Framing::Mbap => {
                let adu = parse_adu(frame, PduLimit::default()).unwrap().expect("a frame");
                (adu.unit_id.0, adu.transaction_id.0, adu.pdu.to_vec())
            }
        };
        if pdu[0] == 6 {
            let times = self.writes.entry(u16::from_be_bytes([pdu[1], pdu[2]])).or_default();
            *times += 1;
            assert_eq!(*times, 1, "a write was sent twice");
        }
        if self.config.framing == Framing::Rtu {
            // Without ids only the last one asked may be answered, or a late reply would be right.
            self.owed.clear();
        }
        self.owed.push((unit, id, pdu));
        if self.config.has_echo {
            self.hear(frame);
        }
    }

    fn conclude(&mut self, client: ClientId, id: TransactionId, reply: Option<(UnitId, &[u8])>) {
        let slot = self.clients.iter_mut().find(|(known, _)| *known == client).expect("somebody who is here");
        let asked = slot.1.take().expect("somebody who asked");
        assert!(asked.is_taken && asked.id == id.0, "an end that is another's");
        let Some((unit, pdu)) = reply else { return };
        assert_eq!(unit.0, asked.unit, "a reply of another unit");
        match asked.pdu[0] {
            3 => assert_eq!(pdu, [3, 2, asked.unit, asked.pdu[2]], "a reply to another request"),
            _ => assert_eq!(pdu, asked.pdu, "a confirmation of another write"),
        }
    }

    /// Nothing is owed for ever.
    fn come_to_rest(&mut self) {
        for _ in 0..2 * usize::from(CLIENTS) {
            self.pass(20_000 * MS);
        }
        assert!(self.clients.iter().all(|(_, asked)| asked.is_none()), "somebody never heard how it ended");
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}
