//! What a power cut leaves.
//!
//! | thing | what may be left |
//! |---|---|
//! | a directory made since the one above it was synced | it with all in it, or none of it |
//! | a name changed since its directory was synced | any file it has stood for since, or none, apart from every other name |
//! | the length of a file | anything from its last sync's to its own |
//! | a sector written since the last sync | as it was after any append since, or zeros, apart from every other sector |

use crate::file::{Content, File, lock};
use crate::names::Names;
use crate::random::Random;
use crate::state::State;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// One state that the disk may be in afterwards.
pub(crate) fn survivors(state: &State, seed: u64) -> State {
    let mut left = State::default();
    // A file has one content, under however many names it survives.
    let mut files: BTreeMap<*const (), File> = BTreeMap::new();
    // Parents come first.
    for (path, names) in &state.directories {
        let is_homeless = path.parent().is_some_and(|parent| !left.directories.contains_key(parent));
        if is_homeless || (state.may_lose(path) && random(seed, path, "").one_in(2)) {
            continue;
        }
        let chosen = names.survivors(|name, states| random(seed, path, name).below(states));
        let chosen = chosen.into_iter().map(|(name, file)| {
            let whole =
                || Content::file(&path.join(&name), surviving_bytes(&lock(&file), &mut random(!seed, path, &name)));
            let file = Arc::clone(files.entry(Arc::as_ptr(&file).cast()).or_insert_with(whole));
            (name, file)
        });
        left.directories.insert(path.clone(), Names::durable(chosen.collect()));
    }
    left
}

/// Of a name, so that the order in which threads came to the disk changes as little as can be.
fn random(seed: u64, path: &Path, name: &str) -> Random {
    Random::for_name(seed, path.join(name).as_os_str().as_encoded_bytes())
}

fn surviving_bytes(content: &Content, random: &mut Random) -> Vec<u8> {
    let unsure = content.bytes.len() - content.durable;
    match random.below(4) {
        0 => start(content, content.durable),
        1 => start(content, content.bytes.len()),
        2 => start(content, content.durable + random.below(unsure + 1)),
        // A length that reached the disk before the bytes did is the worst case, so it comes often.
        _ if random.one_in(2) => torn(content, content.bytes.len(), random),
        _ => torn(content, content.durable + random.below(unsure + 1), random),
    }
}

fn start(content: &Content, length: usize) -> Vec<u8> {
    content.bytes.iter().take(length).copied().collect()
}

fn torn(content: &Content, length: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = start(content, length);
    for (number, sector) in bytes.chunks_mut(SECTOR).enumerate() {
        let moments = content.ends.len() + 1;
        let moment = random.below(moments).checked_sub(1).and_then(|moment| content.ends.get(moment));
        let written = moment.copied().unwrap_or(content.durable).max(content.durable);
        let kept = written.saturating_sub(number * SECTOR).min(sector.len());
        if let Some(rest) = sector.get_mut(kept..) {
            rest.fill(0);
        }
    }
    bytes
}
