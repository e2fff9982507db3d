//! What a run has reached: a model that never meets a rule's feature proves nothing about it.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static HITS: RefCell<BTreeMap<&'static str, u64>> = RefCell::default();
}

pub(crate) fn hit(what: &'static str, is_reached: bool) {
    if is_reached {
        HITS.with_borrow_mut(|hits| *hits.entry(what).or_default() += 1);
    }
}

pub(crate) fn take_hits() -> BTreeMap<&'static str, u64> {
    HITS.take()
}
