//! GZIP (RFC 1952) around the deflate that is in the core already: the library's own reader and writer of these few bytes are twice this crate's
//! JSON in size.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{DeflateDecoder, DeflateEncoder};

/// ID1, ID2, CM = deflate, FLG = 0, MTIME = 0, XFL = 0, OS = unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Why bytes are not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GzipError {
    /// They are no gzip, or damaged.
    Malformed,
    /// More would come out of them than allowed.
    TooLarge,
}

/// One member with these bytes.
pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    DeflateEncoder::new(bytes, Compression::default())
        .read_to_end(&mut out)
        .expect("a slice is read without errors");
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

/// The bytes of the first and only member, if they are not more than `max_bytes`.
pub(super) fn inflate(compressed: &[u8], max_bytes: usize) -> Result<Vec<u8>, GzipError> {
    let body = skip_header(compressed).ok_or(GzipError::Malformed)?;
    let mut decoder = DeflateDecoder::new(body);
    let mut bytes = Vec::new();
    let limit = max_bytes as u64 + 1;
    (&mut decoder)
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|_| GzipError::Malformed)?;
    if bytes.len() > max_bytes {
        return Err(GzipError::TooLarge);
    }
    let trailer = decoder.into_inner();
    let expected = [crc32(&bytes).to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
    if trailer == expected {
        Ok(bytes)
    } else {
        Err(GzipError::Malformed)
    }
}

/// What follows the header with its optional parts (§2.3).
fn skip_header(bytes: &[u8]) -> Option<&[u8]> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let (header, mut rest) = bytes.split_first_chunk::<10>()?;
    let flags = header[3];
    if header[..3] != HEADER[..3] || flags & 0xe0 != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CRC != 0 {
        let (crc, after) = rest.split_first_chunk::<2>()?;
        let covered = &bytes[..bytes.len() - rest.len()];
        if *crc != (crc32(covered) as u16).to_le_bytes() {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// CRC-32 (RFC 1952 §8), four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut at = 0;
        while at < 16 {
            let mut crc = at as u32;
            let mut bit = 0;
            while bit < 4 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    let step = |crc: u32| crc >> 4 ^ TABLE[(crc & 15) as usize];
    !bytes.iter().fold(!0, |crc, &byte| step(step(crc ^ u32::from(byte))))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_others_compress_is_read_and_what_is_compressed_here_others_read() {
        let bytes: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let mut theirs = flate2::GzBuilder::new()
            .filename("name")
            .comment("comment")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), Compression::best());
        theirs.write_all(&bytes).expect("a vector");
        let theirs = theirs.finish().expect("a vector");
        assert_eq!(inflate(&theirs, 40_000).as_ref(), Ok(&bytes));
        assert_eq!(inflate(&theirs, 39_999), Err(GzipError::TooLarge));
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(compress(&bytes).as_slice())
            .read_to_end(&mut read)
            .expect("gzip");
        assert_eq!(read, bytes);
        assert_eq!(inflate(&compress(&[]), 0), Ok(Vec::new()));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn any_byte_that_is_changed_missing_or_added_is_noticed() {
        let text = b"some bytes, some bytes, some bytes".as_slice();
        let good = compress(text);
        for len in 0..good.len() {
            assert_eq!(inflate(&good[..len], 1000), Err(GzipError::Malformed), "{len} bytes");
        }
        for at in (0..good.len()).filter(|at| !(4..10).contains(at)) {
            let mut changed = good.clone();
            changed[at] ^= 0x20;
            // Deflate has more than one way to say the same.
            let outcome = inflate(&changed, 1000);
            assert!(
                outcome == Err(GzipError::Malformed) || outcome.as_deref() == Ok(text),
                "byte {at}"
            );
        }
        assert_eq!(
            inflate(&[good.as_slice(), &[0]].concat(), 1000),
            Err(GzipError::Malformed)
        );
    }
}
