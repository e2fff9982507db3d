//! What verification found, for people and programs.

use serde::Serialize;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The record is not what was written.
    Error,
    /// Worth knowing, and explained by the record itself.
    Info,
}

/// One place in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// The file, without its directory; `None` where the whole journal is meant.
    pub file: Option<String>,
    /// The first sequence that may be touched.
    pub first_sequence: Option<u64>,
    /// The last sequence that may be touched; `None` where a first one is given: all after it.
    pub last_sequence: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What to do or to think about it.
    pub hint: String,
}

/// A signed digest and its row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastCheckpoint {
    /// The row that carries it.
    pub sequence: u64,
    /// Lower-case hex.
    pub digest: String,
}

/// The outcome for one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether nothing was found altered, removed, reordered, doubled or cut.
    pub ok: bool,
    /// Each of them breaks the record.
    pub findings: Vec<Finding>,
    /// What the record itself explains: unclean stops, failed disks, retention.
    pub notices: Vec<Finding>,
    /// Rows read.
    pub rows: u64,
    /// Files read.
    pub segments: u64,
    /// Signed rows whose signature holds.
    pub checkpoints: u64,
    /// The first row's.
    pub first_sequence: Option<u64>,
    /// The last row's.
    pub last_sequence: Option<u64>,
    /// The last signed digest that holds.
    pub last_checkpoint: Option<LastCheckpoint>,
    /// Rows after it, which nothing proves yet.
    pub unproven_rows: u64,
    /// What this verification cannot see.
    pub limits: Vec<String>,
    /// The key that everything was proved from, lower-case hex.
    pub public_key: Option<String>,
}

/// Findings that are listed. A forged journal can be wrong in every row, and each finding is held against
/// all before it.
const MOST_FINDINGS: usize = 1_000;

impl Verification {
    pub(super) fn error(&mut self, place: Place<'_>, what: impl Into<String>, hint: &str) {
        let finding = match self.findings.len() {
            0..MOST_FINDINGS => place.finding(Severity::Error, what.into(), hint),
            _ => Place::default().finding(Severity::Error, "more is wrong than is listed here".to_owned(), ""),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn notice(&mut self, place: Place<'_>, what: impl Into<String>, hint: &str) {
        self.notices.push(place.finding(Severity::Info, what.into(), hint));
    }
}

/// Where something was found.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    file: Option<&'a str>,
    first: Option<u64>,
    last: Option<u64>,
}

impl<'a> Place<'a> {
    pub(super) fn file(file: &'a str) -> Self {
        Self { file: Some(file), ..Self::default() }
    }

    pub(super) fn rows(self, first: u64, last: u64) -> Self {
        Self { first: Some(first.min(last)), last: Some(last), ..self }
    }

    /// From a row to the end of what is there.
    pub(super) fn rows_from(self, first: u64) -> Self {
        Self { first: Some(first), last: None, ..self }
    }

    fn finding(self, severity: Severity, what: String, hint: &str) -> Finding {
        Finding {
            severity,
            file: self.file.map(str::to_owned),
            first_sequence: self.first,
            last_sequence: self.last,
            what,
            hint: hint.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Verification};

    #[test]
    fn a_journal_that_is_wrong_in_every_row_is_told_in_a_bounded_list() {
        let mut report = Verification::default();
        for row in 0..10_000 {
            report.error(Place::default().rows(row, row), "wrong", "");
        }
        let last = report.findings.last().map(|finding| finding.what.as_str());

        assert_eq!((report.findings.len(), last), (1_001, Some("more is wrong than is listed here")));
    }
}
