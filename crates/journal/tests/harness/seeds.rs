//! Many runs of one test, each from a seed of its own.
//!
//! `JOURNAL_RUNS=10000` sets how many; `JOURNAL_SEED=17` runs that one alone, both together so many from there on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Threads at work: most of a run is waiting for the journal's own threads.
const WORKERS: usize = 4;

/// Run every seed; the ones that fail are named at the end.
pub fn each_seed(few: u64, run: impl Fn(u64) + Sync) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("JOURNAL_SEED");
    let runs = number("JOURNAL_RUNS").unwrap_or(if first.is_some() { 1 } else { few });
    let seeds = first.unwrap_or(0)..first.unwrap_or(0) + runs;
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{} runs, {} failed", seeds.end - seeds.start, failed.len());
    assert!(failed.is_empty(), "set JOURNAL_SEED to one of these to run it alone: {failed:?}");
}
