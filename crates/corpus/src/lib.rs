//! The committed inputs of the fuzz targets, run by ordinary tests.
//!
//! A target's invariant is a function of bytes that lies among its crate's tests. The fuzz target calls it with
//! whatever the fuzzer makes up; a test calls it, through here, with every input that is kept.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// Run an invariant over each kept input of a target; `package` is the crate's own folder.
///
/// # Panics
/// When an input breaks the invariant, having named the input; or when there is none.
pub fn replay(package: &str, target: &str, invariant: impl Fn(&[u8])) {
    let folder = folder(package, target);
    let inputs = inputs(&folder);
    assert!(!inputs.is_empty(), "{}: no inputs", folder.display());
    for path in inputs {
        let bytes = read(&path);
        // The name must stand beside the failure: the fuzzer's names say nothing about what is in them.
        if let Err(broken) = catch_unwind(AssertUnwindSafe(|| invariant(&bytes))) {
            tell(&path);
            resume_unwind(broken);
        }
    }
}

/// How many cases a property test tries: as many as `PROPTEST_CASES` says, else the usual number.
///
/// # Panics
/// When the variable is no number: a run that was meant to be deep must not be a usual one.
#[must_use]
pub fn cases(usual: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.map_or(usual, |asked| asked.parse().expect("PROPTEST_CASES is a number"))
}

/// Keep seeds as inputs of a target, in place of earlier seeds. What the fuzzer found itself stays.
///
/// # Panics
/// When the folder cannot be written.
pub fn sow(package: &str, target: &str, seeds: &[Vec<u8>]) {
    let folder = folder(package, target);
    fs::create_dir_all(&folder).expect("the corpus can be written");
    for path in inputs(&folder).iter().filter(|path| is_seed(path)) {
        fs::remove_file(path).expect("the corpus can be written");
    }
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:02}")), seed).expect("the corpus can be written");
    }
}

fn folder(package: &str, target: &str) -> PathBuf {
    Path::new(package).join("fuzz").join("corpus").join(target)
}

fn is_seed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-"))
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a listed input can be read")
}

#[expect(clippy::print_stderr, reason = "this is a test's own voice")]
fn tell(path: &Path) {
    eprintln!("the input is {}", path.display());
}
