//! Invariant tested: whatever bytes stand in for the list of keys, verifying a journal beside it ends with an answer,
//! and the list can break the proof but never make one.

use super::folder::Folder;

const SEGMENT: &[u8] = include_bytes!("../../fuzz/sample/00000000000000000001.arrows");
const KEYS: &[u8] = include_bytes!("../../fuzz/sample/keys.json");
const NOBODY: &str = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";

pub fn check(keys: &[u8]) {
    let folder = Folder::new();
    folder.put("00000000000000000001.arrows", SEGMENT);
    folder.put("keys.json", keys);
    assert!(!folder.verify(Some(NOBODY)).ok, "the list makes a proof");
    let found = folder.verify(None);
    let is_told = found.notices.iter().any(|notice| notice.file.as_deref() == Some("keys.json"));
    assert!(!found.ok || first(keys) == first(KEYS) || is_told, "a list that proves nothing is passed over in silence");
}

fn first(list: &[u8]) -> Option<String> {
    let list = serde_json::from_slice::<serde_json::Value>(list).ok()?;
    list[0]["public_key"].as_str().map(str::to_lowercase)
}
