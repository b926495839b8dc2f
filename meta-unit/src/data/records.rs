//! The envelope of every stored record: a version byte, the content, and the CRC-32C (little endian) of both.

/// Version of the envelope.
const VERSION: u8 = 1;

/// What the envelope adds to its content, in bytes.
pub const OVERHEAD_BYTES: usize = 5;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not what was written.
    #[error("the record is damaged")]
    Damaged,
    /// A later build wrote it.
    #[error("the record is of version {0}, which this build cannot read")]
    TooNew(u8),
}

/// Wraps a record's content.
pub fn seal(content: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(content.len() + OVERHEAD_BYTES);
    record.push(VERSION);
    record.extend_from_slice(content);
    let checksum = crc32c::crc32c(&record);
    record.extend_from_slice(&checksum.to_le_bytes());
    record
}

/// The content of a record.
///
/// # Errors
/// The record is damaged, or of a later version.
pub fn open(record: &[u8]) -> Result<&[u8], RecordError> {
    let (sealed, checksum) = record.split_last_chunk().ok_or(RecordError::Damaged)?;
    if crc32c::crc32c(sealed) != u32::from_le_bytes(*checksum) {
        return Err(RecordError::Damaged);
    }
    match sealed.split_first().ok_or(RecordError::Damaged)? {
        (&VERSION, content) => Ok(content),
        (&version, _) => Err(RecordError::TooNew(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_to_the_same() {
        for content in [&b""[..], b"a", &[0; 1000]] {
            assert_eq!(open(&seal(content)), Ok(content));
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_end_goes_unnoticed() {
        let record = seal(b"content");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&damaged), Err(RecordError::Damaged));
        }
        for len in 0..record.len() {
            assert_eq!(open(&record[..len]), Err(RecordError::Damaged));
        }
    }
}
