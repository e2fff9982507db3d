//! What the guard says of the ports at which clients ask: in its status, and in its metrics.

use super::{ClientPort, Stations};
use crate::lines::{Family, family};
use serde_json::{Value, json};

/// Every family about clients' ports.
pub(crate) const PORT_FAMILIES: [Family; 9] = [
    family("modwarden_client_port_up", "gauge", "1 while a client's serial port is open."),
    family("modwarden_client_port_load_percent", "gauge", "The part of its time that a client's bus was in use."),
    family("modwarden_client_port_requests_total", "counter", "Requests heard on a client's bus."),
    family("modwarden_client_port_replies_total", "counter", "Replies put on a client's bus."),
    family("modwarden_client_port_given_up_total", "counter", "Requests whose client spoke again before their reply."),
    family("modwarden_client_port_crc_errors_total", "counter", "Frames of a client whose check was wrong."),
    family("modwarden_client_port_strays_total", "counter", "Frames on a client's bus that no client sends."),
    family("modwarden_client_port_echoes_total", "counter", "Own replies that were heard."),
    family("modwarden_client_port_losses_total", "counter", "How often a client's port was lost."),
];

impl Stations {
    /// All ports as JSON.
    pub(crate) fn spell(&self, now_ns: u64) -> Vec<Value> {
        self.all().map(|port| spell(port, now_ns)).collect()
    }

    /// The samples of one family: labels and value.
    pub(crate) fn samples(&self, family: &str, now_ns: u64) -> Vec<(String, u64)> {
        let sample = |port: &ClientPort| (format!("client={:?}", port.name()), sample(port, family, now_ns));
        self.all().map(sample).collect()
    }
}

fn spell(port: &ClientPort, now_ns: u64) -> Value {
    let of = port.statistics();
    json!({
        "name": port.name(),
        "at": port.leads(),
        "up": port.is_up(),
        "asked": port.is_asked(),
        "load_percent": of.load_percent(now_ns),
        "requests": of.requests,
        "replies": of.replies,
        "given_up": of.given_up,
        "given_up_by_unit": of.time_outs,
        "crc_errors": of.crc_errors,
        "strays": of.strays,
        "noise_bytes": of.noise_bytes,
        "echoes": of.echoes,
        "losses": of.losses,
    })
}

fn sample(port: &ClientPort, family: &str, now_ns: u64) -> u64 {
    let of = port.statistics();
    match family {
        "modwarden_client_port_up" => u64::from(port.is_up()),
        "modwarden_client_port_load_percent" => of.load_percent(now_ns),
        "modwarden_client_port_requests_total" => of.requests,
        "modwarden_client_port_replies_total" => of.replies,
        "modwarden_client_port_given_up_total" => of.given_up,
        "modwarden_client_port_crc_errors_total" => of.crc_errors,
        "modwarden_client_port_strays_total" => of.strays,
        "modwarden_client_port_echoes_total" => of.echoes,
        _ => of.losses,
    }
}
