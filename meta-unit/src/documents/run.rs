//! Runs: many splices of one text in one message, as typing and pasting programs make them.

use avatar_proto::{TextRun, TextSplice};

use super::edits::EditError;

/// A run of at most so many splices makes one automerge change for each: a person's typing between two durable writes. A longer one comes from a program or from
/// a client that had to wait; it makes one change, of as few splices as say the same.
///
/// Measured on a trace of 259,778 edits, sent as runs of 4,096, in Node: a change for each edit 9.1 s all in, one for each run 3.9 s (`@automerge/automerge` beside
/// it: 18.8 s). On bare automerge, natively, a change for each edit makes 27 MB of chunks and loads in 0.5 s once compacted; one for 256 edits 0.4 MB and 0.1 s.
pub const MAX_SINGLE_CHANGES: usize = 32;

/// An insert that grew so long is not searched for a place in its middle any more.
const MAX_SEARCHED_BYTES: usize = 4096;

/// The splices of a run, in order, each on the text that those before it leave.
///
/// # Errors
/// The columns do not fit together, or a splice reaches past the end of the text, which has `text_len` UTF-16 code units before the run.
pub fn splices(run: &TextRun, text_len: usize) -> Result<Vec<TextSplice>, EditError> {
    let mut rest = run.inserted.as_str();
    let mut len = text_len as u64;
    let columns = run.indexes.iter().zip(&run.deletes).zip(&run.insert_lens);
    let splices = columns.map(|((&index, &delete), &insert_len)| {
        let end = u64::from(index) + u64::from(delete);
        if end > len {
            return Err(EditError::Bounds {
                index: end as usize,
                len: len as usize,
            });
        }
        let (insert, behind) = split_utf16(rest, insert_len as usize).ok_or(EditError::Incomplete(
            "the inserted text is shorter than its lengths, or a length ends inside a character",
        ))?;
        rest = behind;
        len = len - u64::from(delete) + u64::from(insert_len);
        Ok(TextSplice {
            index,
            delete,
            insert: insert.to_owned(),
        })
    });
    splices.collect()
}

/// Fewer splices that leave the same text: those that touch each other become one.
pub fn merge(splices: impl IntoIterator<Item = TextSplice>) -> Vec<TextSplice> {
    let mut merged: Vec<Merging> = Vec::new();
    for next in splices {
        let joined = merged.last_mut().is_some_and(|last| last.join(&next));
        if !joined {
            merged.push(Merging::new(next));
        }
    }
    merged.into_iter().map(|merging| merging.splice).collect()
}

struct Merging {
    splice: TextSplice,
    insert_len: u32,
}

impl Merging {
    fn new(splice: TextSplice) -> Self {
        let insert_len = utf16_len(&splice.insert);
        Self { splice, insert_len }
    }

    /// Takes in the splice that comes next, if the two touch.
    fn join(&mut self, next: &TextSplice) -> bool {
        let (start, end) = (self.splice.index, self.splice.index + self.insert_len);
        let (from, to) = (next.index, next.index + next.delete);
        if from > end || to < start {
            return false;
        }
        let insert = &mut self.splice.insert;
        // Where the kept parts of what was inserted end and begin again, in bytes.
        let (head, tail) = if from == end {
            (insert.len(), insert.len())
        } else if insert.len() > MAX_SEARCHED_BYTES {
            return false;
        } else {
            let at = |position: u32| byte_offset(insert, position.clamp(start, end) - start);
            match (at(from), at(to)) {
                (Some(head), Some(tail)) => (head, tail),
                // Inside a character: it will be refused where it stands.
                _ => return false,
            }
        };
        insert.replace_range(head..tail, &next.insert);
        let deleted_inside = to.min(end).saturating_sub(from.max(start));
        self.insert_len = self.insert_len - deleted_inside + utf16_len(&next.insert);
        self.splice.delete += next.delete - deleted_inside;
        self.splice.index = from.min(start);
        true
    }
}

/// The first `units` UTF-16 code units of a text, and the rest; None if the text is shorter or the cut would be inside a character.
pub fn split_utf16(text: &str, units: usize) -> Option<(&str, &str)> {
    // Typed text is short, or cut at its beginning.
    text.split_at_checked(byte_offset(text, u32::try_from(units).ok()?)?)
}

fn byte_offset(text: &str, units: u32) -> Option<usize> {
    let mut left = units;
    for (at, char) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(char.len_utf16() as u32)?;
    }
    (left == 0).then_some(text.len())
}

fn utf16_len(text: &str) -> u32 {
    text.chars().map(|char| char.len_utf16() as u32).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(text: &mut Vec<char>, splice: &TextSplice) {
        let (at, delete) = (splice.index as usize, splice.delete as usize);
        text.splice(at..at + delete, splice.insert.chars());
    }

    fn splice(index: u32, delete: u32, insert: &str) -> TextSplice {
        TextSplice {
            index,
            delete,
            insert: insert.to_owned(),
        }
    }

    #[test]
    fn typing_and_taking_back_is_one_splice() {
        let typed = [
            splice(5, 0, "h"),
            splice(6, 0, "e"),
            splice(7, 0, "x"),
            splice(7, 1, ""),
            splice(7, 0, "y"),
        ];
        assert_eq!(merge(typed), [splice(5, 0, "hey")]);
        let erased = [splice(5, 1, ""), splice(4, 1, ""), splice(3, 1, "")];
        assert_eq!(merge(erased), [splice(3, 3, "")]);
    }

    #[test]
    fn a_length_that_ends_inside_a_character_is_refused() {
        let run = TextRun {
            path: Vec::new(),
            indexes: vec![0],
            deletes: vec![0],
            insert_lens: vec![1],
            inserted: "😀".to_owned(),
        };
        assert!(matches!(splices(&run, 0), Err(EditError::Incomplete(_))));
    }

    proptest! {
        /// Of characters of one code unit, so that every position is a place.
        #[test]
        fn merged_splices_leave_the_same_text(steps in prop::collection::vec((0_u32..40, 0_u32..6, "[a-z]{0,4}"), 1..60)) {
            let mut text: Vec<char> = ('A'..='Z').collect();
            let mut all = Vec::new();
            let before = text.clone();
            for (index, delete, insert) in steps {
                let index = index.min(text.len() as u32);
                let next = splice(index, delete.min(text.len() as u32 - index), &insert);
                apply(&mut text, &next);
                all.push(next);
            }
            let mut merged_text = before;
            merge(all).iter().for_each(|splice| apply(&mut merged_text, splice));
            prop_assert_eq!(merged_text, text);
        }
    }
}
