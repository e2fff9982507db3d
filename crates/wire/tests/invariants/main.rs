//! The fuzz targets' invariants, held against every input that is kept in `fuzz/corpus`.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an invariant is a test, outside `#[test]`"
)]

mod framing;
mod request;
mod response;
mod rtu;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_kept_stream_is_framed_alike_however_it_is_cut() {
    corpus::replay(HERE, "framing", framing::check);
}

#[test]
fn every_kept_request_is_judged_as_the_standard_says() {
    corpus::replay(HERE, "request", request::check);
}

#[test]
fn every_kept_reply_is_taken_only_by_its_request() {
    corpus::replay(HERE, "response", response::check);
}

#[test]
fn every_kept_line_gives_only_frames_that_were_heard() {
    corpus::replay(HERE, "rtu", rtu::check);
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    corpus::sow(HERE, "framing", &framing::seeds());
    corpus::sow(HERE, "request", &request::seeds());
    corpus::sow(HERE, "response", &response::seeds());
    corpus::sow(HERE, "rtu", &rtu::seeds());
}
