//! What this crate makes of bytes, for whoever wants to hold it against another reader of Modbus.
//!
//! One JSON object a line, answered by one a line:
//! `{"request": HEX}` · `{"request": HEX, "reply": HEX}` · `{"stream": HEX, "is_reply": BOOL}`.

use serde_json::{Value, json};
use std::io::{self, BufRead as _, Write as _};
use wire::{Adu, Expectation, FrameError, PduLimit, ReplyTolerance, Request, RequestError, Response, Span};
use wire::{parse_adu, parse_reply_adu, parse_request, parse_response};

/// UMAS negotiates PDUs longer than the standard's; this is the longest that a header can announce.
const LIMIT: PduLimit = PduLimit { umas_bytes: 65_534 };

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = answer(&line).unwrap_or_else(|| json!({"misunderstood": line}));
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn answer(line: &str) -> Option<Value> {
    let asked: Value = serde_json::from_str(line).ok()?;
    let bytes = |key: &str| asked.get(key).and_then(Value::as_str).and_then(bytes_of);
    if let Some(stream) = bytes("stream") {
        return Some(frames(&stream, asked.get("is_reply")?.as_bool()?));
    }
    let request = bytes("request")?;
    let parsed = parse_request(&request, false);
    Some(match (parsed, bytes("reply")) {
        (Ok(request), None) => describe(&request),
        (Ok(request), Some(reply)) => describe_reply(&request, &reply),
        (Err(error), _) => fault(error),
    })
}

fn describe(request: &Request<'_>) -> Value {
    json!({
        "function_code": request.function_code().get(),
        "sub_function": request.sub_function(),
        "reads": request.reads().map(span),
        "writes": request.writes().map(span),
        "values": request.written_values().collect::<Vec<u16>>(),
        "records": records(request),
    })
}

/// File, record, and either how many registers are read or those that are written.
fn records(request: &Request<'_>) -> Vec<Value> {
    let read = |record: wire::FileRecord| json!([record.file_number, record.record_number, record.record_length]);
    match request {
        Request::ReadFileRecord(reads) => reads.records().map(read).collect(),
        Request::WriteFileRecord(writes) => {
            let written = |(record, registers): (wire::FileRecord, wire::Registers<'_>)| {
                json!([record.file_number, record.record_number, registers.values().collect::<Vec<u16>>()])
            };
            writes.records().map(written).collect()
        }
        _ => Vec::new(),
    }
}

fn describe_reply(request: &Request<'_>, reply: &[u8]) -> Value {
    match parse_response(&Expectation::of(request), reply, ReplyTolerance::default()) {
        Err(error) => json!({"anomaly": error.anomaly().name()}),
        Ok(Response::Exception(code)) => json!({"exception_code": code.0}),
        Ok(Response::FifoQueue(queue)) => json!({"values": queue.values().collect::<Vec<u16>>()}),
        Ok(response) => json!({"values": response.values().map(Iterator::collect::<Vec<u16>>)}),
    }
}

fn fault(error: RequestError) -> Value {
    json!({"refused": error.exception_code().0})
}

fn span(span: Span) -> Value {
    json!([span.table.name(), span.range.first(), span.range.quantity()])
}

fn frames(stream: &[u8], is_reply: bool) -> Value {
    let (mut adus, mut rest, mut is_broken) = (Vec::new(), stream, false);
    loop {
        match next(rest, is_reply) {
            Ok(Some(adu)) => {
                adus.push(json!([adu.transaction_id.0, adu.unit_id.0, hex_of(adu.pdu)]));
                rest = rest.get(adu.len_bytes()..).unwrap_or_default();
            }
            Ok(None) => break,
            Err(_) => {
                is_broken = true;
                break;
            }
        }
    }
    json!({"adus": adus, "rest": hex_of(rest), "is_broken": is_broken})
}

fn next(stream: &[u8], is_reply: bool) -> Result<Option<Adu<'_>>, FrameError> {
    match is_reply {
        true => parse_reply_adu(stream, LIMIT, ReplyTolerance::default()),
        false => parse_adu(stream, LIMIT),
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
