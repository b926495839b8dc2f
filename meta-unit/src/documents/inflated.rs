//! How large stored changes become when they are inflated, found without keeping what is inflated: automerge itself inflates without a limit.
//!
//! The format is the one of <https://automerge.org/automerge-binary-format-spec/>: chunks one after another, of which changes may be deflated as a whole, and
//! documents column by column.

use flate2::{Decompress, FlushDecompress, Status};

/// What a document's changes may inflate to, in bytes.
pub const MAX_INFLATED_BYTES: u64 = 64 * 1024 * 1024;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHECKSUM_BYTES: usize = 4;
const HASH_BYTES: usize = 32;

/// The bit of a column's specification that says that it is deflated.
const DEFLATED: u64 = 1 << 3;

/// Why changes are not to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// They are no chunks of automerge.
    #[error("the changes are malformed")]
    Malformed,
    /// They would take too much memory.
    #[error("the changes inflate to more than {MAX_INFLATED_BYTES} bytes")]
    TooLarge,
}

/// Checks that changes are chunks of automerge which inflate to at most `max_bytes` together.
///
/// # Errors
/// They are not.
pub fn check(changes: &[u8], max_bytes: u64) -> Result<(), Unfit> {
    measure(changes, max_bytes).map(drop)
}

/// As [`check`]; to how many bytes they inflate.
///
/// # Errors
/// Those of [`check`].
pub fn measure(changes: &[u8], max_bytes: u64) -> Result<u64, Unfit> {
    let mut room = Room { left: max_bytes };
    let mut rest = Input(changes);
    while !rest.0.is_empty() {
        if rest.take(MAGIC.len())? != MAGIC {
            return Err(Unfit::Malformed);
        }
        rest.take(CHECKSUM_BYTES)?;
        let kind = rest.take(1)?[0];
        let len = rest.len()?;
        let data = rest.take(len)?;
        match kind {
            0 => document(Input(data), &mut room)?,
            1 => room.add(data.len())?,
            2 => room.add_deflated(data)?,
            _ => return Err(Unfit::Malformed),
        }
    }
    Ok(max_bytes - room.left)
}

fn document(mut data: Input<'_>, room: &mut Room) -> Result<(), Unfit> {
    for _actor in 0..data.len()? {
        let len = data.len()?;
        data.take(len)?;
    }
    let heads = data.len()?;
    data.take(heads.checked_mul(HASH_BYTES).ok_or(Unfit::Malformed)?)?;
    // Of changes, then of operations; the data of all columns follow in the same order.
    let mut columns = data.columns()?;
    columns.extend(data.columns()?);
    for (specification, len) in columns {
        let column = data.take(len)?;
        if specification & DEFLATED == 0 {
            room.add(column.len())?;
        } else {
            room.add_deflated(column)?;
        }
    }
    Ok(())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Unfit> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Unfit::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Result<u64, Unfit> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Unfit::Malformed);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unfit::Malformed)
    }

    fn len(&mut self) -> Result<usize, Unfit> {
        usize::try_from(self.number()?).map_err(|_| Unfit::Malformed)
    }

    /// The specification and length of each column. Grows with the bytes read, whatever count they claim.
    fn columns(&mut self) -> Result<Vec<(u64, usize)>, Unfit> {
        (0..self.len()?).map(|_| Ok((self.number()?, self.len()?))).collect()
    }
}

struct Room {
    left: u64,
}

impl Room {
    fn add(&mut self, bytes: usize) -> Result<(), Unfit> {
        self.left = self.left.checked_sub(bytes as u64).ok_or(Unfit::TooLarge)?;
        Ok(())
    }

    fn add_deflated(&mut self, deflated: &[u8]) -> Result<(), Unfit> {
        let mut inflate = Decompress::new(false);
        let mut sink = [0; 16 * 1024];
        loop {
            let (read, written) = (inflate.total_in() as usize, inflate.total_out());
            let status = inflate
                .decompress(&deflated[read..], &mut sink, FlushDecompress::None)
                .map_err(|_| Unfit::Malformed)?;
            self.add((inflate.total_out() - written) as usize)?;
            match status {
                Status::StreamEnd => return Ok(()),
                // No step forward: the end is missing.
                _ if inflate.total_in() as usize == read && inflate.total_out() == written => {
                    return Err(Unfit::Malformed);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use automerge::transaction::Transactable;
    use automerge::{Automerge, ObjType, ROOT};
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Automerge {
        let mut doc = Automerge::new();
        let mut tx = doc.transaction();
        let object = tx.put_object(ROOT, "text", ObjType::Text).expect("a place for it");
        tx.splice_text(&object, 0, 0, text).expect("it is empty");
        tx.commit();
        doc
    }

    #[test]
    fn what_automerge_saves_is_measured_as_it_inflates() {
        let doc = document(&"long enough to be deflated ".repeat(4000));
        for saved in [doc.save(), doc.save_after(&[]), doc.save_nocompress()] {
            assert_eq!(check(&saved, MAX_INFLATED_BYTES), Ok(()));
            assert_eq!(check(&saved, 50_000), Err(Unfit::TooLarge));
        }
        assert!(doc.save().len() < 50_000, "it was deflated");
        assert_eq!(check(&[], 0), Ok(()));
    }

    #[test]
    fn cut_changes_are_malformed() {
        let saved = document(&"text ".repeat(400)).save();
        for len in 1..saved.len() {
            assert_ne!(check(&saved[..len], MAX_INFLATED_BYTES), Ok(()), "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4_u8) {
            let framed = [&MAGIC[..], &[0; 4], &[kind, bytes.len().min(127) as u8], &bytes].concat();
            let _ = (check(&bytes, 1000), check(&framed, 1000));
        }
    }
}
