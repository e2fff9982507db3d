//! What a request does, part by part: code 23 reads and writes, every other does one thing.

use wire::{FunctionCode, FunctionPart, FunctionSet, Request, Span};

/// One thing a request does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) function: FunctionPart,
    /// The addresses it reads or writes, where it has any.
    pub(crate) span: Option<Span>,
    pub(crate) is_write: bool,
}

/// Parts that carry addresses, by code and half: the tables a unit's rules are cut into.
pub(crate) const ADDRESSED: [(u8, bool); 12] = [
    (1, false),
    (2, false),
    (3, false),
    (4, false),
    (23, false),
    (24, false),
    (5, true),
    (6, true),
    (15, true),
    (16, true),
    (22, true),
    (23, true),
];

// === impl Part ===

impl Part {
    /// What a request does, reads before writes.
    pub(crate) fn all(request: &Request<'_>) -> [Option<Self>; 2] {
        let mut parts = request.parts().map(|function| {
            let is_write = function.set == FunctionSet::Write;
            let span = if is_write { request.writes() } else { request.reads() };
            Self { function, span, is_write }
        });
        [parts.next(), parts.next()]
    }

    pub(crate) fn name(&self) -> &'static str {
        self.function.set.name()
    }

    /// Which of [`ADDRESSED`] it is.
    pub(crate) fn table_index(&self) -> Option<usize> {
        self.span?;
        let code = self.function.function_code.get();
        ADDRESSED.iter().position(|addressed| *addressed == (code, self.is_write))
    }
}

/// The part of any request with this addressed function.
pub(crate) fn addressed_part((code, is_write): (u8, bool)) -> Option<FunctionPart> {
    let set = if is_write { FunctionSet::Write } else { FunctionSet::Read };
    Some(FunctionPart { function_code: FunctionCode::new(code)?, sub_function: None, set })
}
