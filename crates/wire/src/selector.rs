//! What a rule's word names: a function set and all below it, a code, or a sub-function of a code.

use crate::function::{DIAGNOSTICS, ENCAPSULATED, UMAS};
use crate::ids::FunctionCode;
use crate::sets::FunctionSet;
use core::fmt;
use core::str::FromStr;

/// One thing a request does. Code 0x17 does two, every other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionPart {
    /// The request's code.
    pub function_code: FunctionCode,
    /// Of 0x08, its sub-function; of 0x2B, its MEI type; of 0x5A, its UMAS function.
    pub sub_function: Option<u16>,
    /// The set this part is in.
    pub set: FunctionSet,
}

/// A word of a rule, ready to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionSelector(Selects);

/// The word names no function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFunction;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Selects {
    /// One bit for each set named.
    Sets(u32),
    Code(FunctionCode),
    SubFunction(FunctionCode, u16),
}

// === impl FunctionSelector ===

impl FunctionSelector {
    /// Read `read`, `diagnostics`, `diagnostics.*`, `3`, `0x10`, `8/4`, `43/14` or `90/65`.
    ///
    /// # Errors
    /// No set has that name, or no code that number.
    pub fn parse(word: &str) -> Result<Self, UnknownFunction> {
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            return parse_code(word).map(Self).ok_or(UnknownFunction);
        }
        let prefix = word.strip_suffix(".*").unwrap_or(word);
        let named = FunctionSet::ALL.into_iter().filter(|set| set.is_under(prefix));
        match named.fold(0, |mask, set| mask | set.bit()) {
            0 => Err(UnknownFunction),
            mask => Ok(Self(Selects::Sets(mask))),
        }
    }

    /// Whether it names that part of a request.
    #[inline]
    #[must_use]
    pub fn covers(&self, part: &FunctionPart) -> bool {
        match self.0 {
            Selects::Sets(mask) => mask & part.set.bit() != 0,
            Selects::Code(code) => code == part.function_code,
            Selects::SubFunction(code, sub) => code == part.function_code && part.sub_function == Some(sub),
        }
    }
}

impl FromStr for FunctionSelector {
    type Err = UnknownFunction;

    fn from_str(word: &str) -> Result<Self, UnknownFunction> {
        Self::parse(word)
    }
}

impl fmt::Display for UnknownFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the word names no function")
    }
}

impl core::error::Error for UnknownFunction {}

fn parse_code(word: &str) -> Option<Selects> {
    let (code, sub_function) = match word.split_once('/') {
        Some((code, sub_function)) => (code, Some(parse_number(sub_function)?)),
        None => (word, None),
    };
    let code = FunctionCode::new(u8::try_from(parse_number(code)?).ok()?)?;
    let Some(sub_function) = sub_function else { return Some(Selects::Code(code)) };
    let has_it = match code.get() {
        DIAGNOSTICS => true,
        ENCAPSULATED | UMAS => sub_function <= 0xFF,
        _ => false,
    };
    has_it.then_some(Selects::SubFunction(code, sub_function))
}

fn parse_number(text: &str) -> Option<u16> {
    // `from_str_radix` would take a sign.
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(code: u8, sub_function: Option<u16>) -> FunctionPart {
        let function_code = FunctionCode::known(code);
        FunctionPart { function_code, sub_function, set: FunctionSet::of(function_code, sub_function).0 }
    }

    fn covers(word: &str, code: u8, sub_function: Option<u16>) -> bool {
        FunctionSelector::parse(word).unwrap().covers(&part(code, sub_function))
    }

    #[test]
    fn words_that_name_nothing_are_refused() {
        let words = [
            "",
            ".",
            "*",
            ".*",
            "reads",
            "rea",
            "read.",
            "read.*.*",
            "diagnostics.rest",
            "0",
            "128",
            "3/1",
            "8/65536",
            "43/256",
            "90/256",
            "8/",
            "/4",
            "8/4/1",
            "8/-1",
            "+3",
            "0x",
            "0x+3",
            " 3",
            "3 ",
            "8/+4",
        ];
        for word in words {
            assert_eq!(FunctionSelector::parse(word), Err(UnknownFunction), "{word:?}");
        }
    }

    #[test]
    fn a_set_does_not_cover_another() {
        assert!(!covers("diagnostics.restart", 8, Some(4)));
        assert!(!covers("umas.read", 0x5A, Some(0x41)));
        assert!(!covers("read", 20, None));
    }

    #[test]
    fn a_prefix_covers_all_below_with_and_without_star() {
        for word in ["diagnostics", "diagnostics.*"] {
            for sub_function in [0, 1, 4, 10, 11, 999] {
                assert!(covers(word, 8, Some(sub_function)), "{word} {sub_function}");
            }
        }
        assert!(covers("umas", 0x5A, Some(0xEE)));
    }

    #[test]
    fn a_code_covers_its_sub_functions_and_no_other_code() {
        assert!(!covers("8", 7, None));
        assert!(covers("8", 8, Some(4)));
        assert!(covers("0x10", 16, None));
    }

    #[test]
    fn a_sub_function_covers_itself_alone() {
        assert!(!covers("8/4", 8, Some(1)));
        assert!(!covers("90/65", 43, Some(65)));
        assert!(covers("8/4", 8, Some(4)));
        assert!(covers("43/14", 43, Some(14)));
        assert!(covers("90/65", 90, Some(0x41)));
    }
}
