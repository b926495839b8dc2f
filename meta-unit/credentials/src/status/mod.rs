//! Bitstring Status List 1.0: whether a credential was withdrawn, without asking its issuer about that one credential.

mod check;
mod gzip;
mod list;

pub(crate) use check::{Lists, check_status};
pub use list::{MIN_ENTRIES, StatusList, status_entry};

/// Why a status is not good, or cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It was revoked for good.
    #[error("the issuer has revoked it")]
    Revoked,
    /// It is suspended for now.
    #[error("the issuer has suspended it")]
    Suspended,
    /// A member of the entry or the list is missing or malformed.
    #[error("the status's {0} is missing or malformed")]
    Malformed(&'static str),
    /// The list is not where it may be fetched from.
    #[error("the status list's address: {0}")]
    Address(#[from] crate::did::AddressError),
    /// What came is no status list credential that holds.
    #[error("the status list's credential is not valid")]
    Unverified,
    /// The list is somebody else's.
    #[error("the status list is of another issuer")]
    WrongIssuer,
    /// The list is for something else.
    #[error("the status list has another purpose")]
    WrongPurpose,
    /// The list has fewer entries than hide one among them.
    #[error("the status list has fewer than 131072 entries")]
    TooShort,
    /// The list is larger than is looked at: it would inflate to more than 4 MiB.
    #[error("the status list is too large")]
    TooLarge,
    /// The list is not compressed as it must be.
    #[error("the status list is no gzip")]
    Compression,
    /// The index is beyond the list.
    #[error("the status index is beyond the list")]
    Range,
    /// More lists than are fetched for one document.
    #[error("there are more than 8 status lists")]
    TooManyLists,
    /// A list whose own status would have to be looked up.
    #[error("the status list refers to another")]
    Nested,
}
