//! Load and its counterparts for the benchmark: `bench serve|relay|closed|paced|churn|handshakes|idle|attack JSON`.
//!
//! One thread and one epoll each: what the load side burns, the measured side lacks.

mod asker;
mod attack;
mod churn;
mod closed;
mod frame;
mod handshakes;
mod idle;
mod link;
mod paced;
mod phases;
mod pipe;
mod relay;
mod serve;
mod socket;
mod tally;

use serde::de::DeserializeOwned;
use std::io::{Error, Result, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [command, settings] => run(command, settings),
        _ => Err(Error::other("usage: bench serve|relay|closed|paced|churn|handshakes|idle|attack JSON")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, settings: &str) -> Result<()> {
    match command {
        "serve" => serve::run(&parse(settings)?),
        "relay" => relay::run(&parse(settings)?),
        "closed" => say(&closed::run(&parse(settings)?)?),
        "paced" => say(&paced::run(&parse(settings)?)?),
        "churn" => say(&churn::run(&parse(settings)?)?),
        "handshakes" => say(&handshakes::run(&parse(settings)?)?),
        "attack" => say(&attack::run(&parse(settings)?)?),
        "idle" => idle::run(&parse(settings)?),
        _ => Err(Error::other(format!("no such command: {command}"))),
    }
}

fn parse<T: DeserializeOwned>(settings: &str) -> Result<T> {
    serde_json::from_str(settings).map_err(|error| Error::other(format!("settings: {error}")))
}

/// One JSON line for the runner.
pub(crate) fn say(line: &impl serde::Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")?;
    out.flush()
}
