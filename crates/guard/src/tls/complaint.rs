//! Something about a certificate that was taken all the same, because the site file says so.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// No current list tells whether it was revoked.
    Stale(String),
    /// No list tells whether it was revoked.
    NoList(String),
    /// The server lets in whoever connects.
    OneSided,
}

impl Complaint {
    /// For a record: one word, then operands.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Stale(which) => format!("stale_crl: {which}"),
            Self::NoList(whose) => format!("no_crl: {whose}"),
            Self::OneSided => "one_sided: the server asks for no certificate".to_owned(),
        }
    }
}
