//! What holds for any bytes, shared by the property tests and the fuzz target.

use role::{RoleError, parse_role, role_of};

/// Invariant tested: no bytes panic; a role is a string that stands in them; a value is the role whole, or no role.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(Some(role)) = role_of(bytes) {
        assert!(bytes.windows(role.len()).any(|window| window == role.as_bytes()));
    }
    check_value(bytes);
}

fn check_value(value: &[u8]) {
    match parse_role(value) {
        Ok(role) => assert!(value.first() == Some(&0x0C) && value.ends_with(role.as_bytes()) && !role.is_empty()),
        Err(error) => assert_eq!(RoleError::IllFormed, error),
    }
}
