//! Invariant tested: whatever files stand in a journal's folder, reading and verifying them end with an answer, and
//! nothing is proved under a key that signed nothing.
//!
//! Each file is one byte that says which, two of length, and its bytes.

use super::folder::Folder;

const NOBODY: &str = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
const NAMES: [&str; 8] = [
    "keys.json",
    "00000000000000000001.arrows",
    "00000000000000000001-00000000000000000009.parquet",
    "00000000000000000010.arrows",
    "00000000000000000010-00000000000000000020.parquet",
    "00000000000000000001.arrows.torn",
    "policies/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
    "lock",
];

pub fn check(input: &[u8]) {
    let folder = Folder::new();
    let mut rest = input;
    while let Some((&[which, high, low], more)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(more.len());
        let (bytes, more) = more.split_at(length);
        folder.put(NAMES[usize::from(which) % NAMES.len()], bytes);
        rest = more;
    }
    assert!(!folder.verify(Some(NOBODY)).ok, "proved under a key that signed nothing");
    let found = folder.verify(None);
    assert_eq!(found.ok, found.findings.is_empty());
    if let Ok(rows) = journal::read(&folder.path()) {
        assert_eq!(found.rows, rows.len() as u64, "reader and verifier see different rows");
    }
}

/// The same folder as bytes.
pub fn packed(files: &[(u8, &[u8])]) -> Vec<u8> {
    let one = |(which, bytes): &(u8, &[u8])| {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[*which, length[0], length[1]], *bytes].concat()
    };
    files.iter().flat_map(one).collect()
}
