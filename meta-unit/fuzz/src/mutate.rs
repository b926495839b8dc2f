//! Simple mutations, for a smoke run without a fuzzer.

/// What [`mutate`] needs to be told by chance: a number below the one given, or 0.
pub trait Chance {
    /// A number below `end`, or 0 if that is 0.
    fn below(&mut self, end: usize) -> usize;
}

/// Numbers that formats break on.
const NUMBERS: [&[u8]; 6] = [
    &[0],
    &[0x7f],
    &[0xff],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// Damages `bytes` in one to four places. `other` is another input, of which parts may be taken over.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut impl Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let end = bytes.len().min(at + chance.below(16));
        match chance.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = chance.below(256) as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let start = chance.below(other.len() + 1);
                let part = &other[start..other.len().min(start + chance.below(32))];
                bytes.splice(at..end, part.iter().copied());
            }
            _ => {
                let number = NUMBERS[chance.below(NUMBERS.len())];
                bytes.splice(at..end, number.iter().copied());
            }
        }
    }
}
