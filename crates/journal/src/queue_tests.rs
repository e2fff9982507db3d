//! Numbers of rows that queue up while there is no segment to write them to.

use crate::keys::Keys;
use crate::queue::{Limits, Queue};
use crate::recover::Found;
use crate::storage::FileSystem;
use event::Event;

#[test]
fn a_row_that_queues_up_before_the_first_segment_is_there_has_a_number_behind_the_segment_s() {
    let root = tempfile::tempdir().unwrap();
    let keys = Keys::open(&FileSystem, root.path(), &root.path().join("keys"), 7).unwrap().keys;
    let mut queue = Queue::new(Limits { rows: 10, reserved_rows: 1, bytes: 1 << 20 });
    queue.begin(Found { next: 7, ..Found::default() }, keys);

    let (row, _) = queue.push(&Event::default());

    assert_eq!((queue.keep_number_aside(), row.0), (7, 8));
}
