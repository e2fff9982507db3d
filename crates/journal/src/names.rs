//! The names of a journal's files, and the order in which they hold the record.

use std::path::{Path, PathBuf};

pub(crate) const LOCK: &str = "lock";
/// Which live file ended well.
pub(crate) const CLOSED: &str = "closed";
/// What time it was when the system's clock began to be ahead.
pub(crate) const CLOCK: &str = "clock";
pub(crate) const KEYS: &str = "keys.json";
pub(crate) const POLICIES: &str = "policies";
const DRAFT: &str = ".draft";

/// A file that holds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SegmentName {
    Live { first: u64 },
    Sealed { first: u64, last: u64 },
}

impl SegmentName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(stem) = name.strip_suffix(".arrows") {
            return Some(Self::Live { first: number(stem)? });
        }
        let (first, last) = name.strip_suffix(".parquet")?.split_once('-')?;
        Some(Self::Sealed { first: number(first)?, last: number(last)? })
    }

    pub(crate) fn first(self) -> u64 {
        match self {
            Self::Live { first } | Self::Sealed { first, .. } => first,
        }
    }

    pub(crate) fn is_sealed(self) -> bool {
        matches!(self, Self::Sealed { .. })
    }

    pub(crate) fn text(self) -> String {
        match self {
            Self::Live { first } => format!("{first:020}.arrows"),
            Self::Sealed { first, last } => format!("{first:020}-{last:020}.parquet"),
        }
    }

    pub(crate) fn within(self, directory: &Path) -> PathBuf {
        directory.join(self.text())
    }
}

/// A live segment before it has its name. No two are alike, so that what is done to one, however late, is
/// done to no other.
pub(crate) fn draft(first: u64, salt: u64) -> String {
    format!("{}.{salt:016x}{DRAFT}", SegmentName::Live { first }.text())
}

pub(crate) fn is_draft(name: &str) -> bool {
    name.ends_with(DRAFT)
}

/// Where torn bytes of a live segment are set aside.
pub(crate) fn torn(name: &str) -> String {
    format!("{name}.torn")
}

/// All segments of a listing, oldest first; a sealed file stands in place of its live original.
pub(crate) fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<SegmentName> {
    let mut found: Vec<_> = names.filter_map(SegmentName::parse).collect();
    found.sort_by_key(|name| (name.first(), !name.is_sealed()));
    found.dedup_by(|later, kept| !later.is_sealed() && later.first() == kept.first());
    found
}

fn number(digits: &str) -> Option<u64> {
    let is_whole = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_whole.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{SegmentName, in_order};

    #[test]
    fn other_files_are_no_segments() {
        for name in ["lock", "1.arrows", "00000000000000000001.arrows.torn", "+0000000000000000001.arrows"] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_sealed_file_stands_in_place_of_its_live_original() {
        let (live, sealed) = (SegmentName::Live { first: 1 }, SegmentName::Sealed { first: 1, last: 9 });
        let later = SegmentName::Live { first: 10 };
        let names = [later.text(), live.text(), sealed.text()];

        assert_eq!(in_order(names.iter().map(String::as_str)), [sealed, later]);
    }
}
