//! What the guard says of its lines: in its status, and in its metrics.

use super::Lines;
use super::shared::SharedLine;
use serde_json::{Value, json};

/// One family of metrics.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
}

pub(crate) const fn family(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// Every family about lines.
pub(crate) const LINE_FAMILIES: [Family; 13] = [
    family("modwarden_line_up", "gauge", "1 while requests can go out on a shared line."),
    family("modwarden_line_load_percent", "gauge", "The part of its time that a line was in use."),
    family("modwarden_line_sessions", "gauge", "Sessions that share a line."),
    family("modwarden_line_waiting", "gauge", "Requests that wait for a line."),
    family("modwarden_line_given_up_total", "counter", "Requests that waited too long for a line."),
    family("modwarden_line_requests_total", "counter", "Requests put on a line."),
    family("modwarden_line_replies_total", "counter", "Replies that were somebody's."),
    family("modwarden_line_shared_total", "counter", "Reads answered from a line's window."),
    family("modwarden_line_retries_total", "counter", "Reads put on a line again."),
    family("modwarden_line_crc_errors_total", "counter", "Replies whose check was wrong."),
    family("modwarden_line_strays_total", "counter", "Frames that answered nothing."),
    family("modwarden_line_losses_total", "counter", "How often a line was lost."),
    family("modwarden_line_time_outs_total", "counter", "Requests without a reply in time, by unit."),
];

impl Lines {
    /// All lines as JSON.
    pub(crate) fn spell(&self, now_ns: u64) -> Vec<Value> {
        self.all().map(|line| spell(line, now_ns)).collect()
    }

    /// The samples of one family: labels and value.
    pub(crate) fn samples(&self, family: &str, now_ns: u64) -> Vec<(String, u64)> {
        self.all().flat_map(|line| samples(line, family, now_ns)).collect()
    }
}

fn spell(line: &SharedLine, now_ns: u64) -> Value {
    let of = line.statistics();
    json!({
        "name": line.name(),
        "at": line.leads(),
        "up": line.is_up(),
        "load_percent": of.load_percent(now_ns),
        "sessions": line.members(),
        "waiting": line.waiting(),
        "longest_wait_ms": of.longest_wait_ns / 1_000_000,
        "given_up": of.given_up,
        "requests": of.requests,
        "replies": of.replies,
        "shared": of.shared,
        "retries": of.retries,
        "crc_errors": of.crc_errors,
        "strays": of.strays,
        "noise_bytes": of.noise_bytes,
        "echoes": of.echoes,
        "time_outs": of.time_outs,
        "losses": of.losses,
    })
}

fn samples(line: &SharedLine, family: &str, now_ns: u64) -> Vec<(String, u64)> {
    let (of, label) = (line.statistics(), format!("line={:?}", line.name()));
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let value = match family {
        "modwarden_line_up" => u64::from(line.is_up()),
        "modwarden_line_load_percent" => of.load_percent(now_ns),
        "modwarden_line_sessions" => count(line.members()),
        "modwarden_line_waiting" => count(line.waiting()),
        "modwarden_line_given_up_total" => of.given_up,
        "modwarden_line_requests_total" => of.requests,
        "modwarden_line_replies_total" => of.replies,
        "modwarden_line_shared_total" => of.shared,
        "modwarden_line_retries_total" => of.retries,
        "modwarden_line_crc_errors_total" => of.crc_errors,
        "modwarden_line_strays_total" => of.strays,
        "modwarden_line_losses_total" => of.losses,
        _ => {
            let by_unit = of.time_outs.iter().map(|(unit, count)| (format!("{label},unit=\"{unit}\""), *count));
            return by_unit.collect();
        }
    };
    vec![(label, value)]
}
