//! Bytes of a file as text and back again, exactly: what is imported comes out of the export bit for bit, whatever its encoding.

use super::text16::utf16;

/// How a note's bytes are made from its text, where that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The old Western one, in which every byte is a character.
    Windows1252,
    /// With its mark.
    Utf16Le,
    /// With its mark.
    Utf16Be,
}

impl Encoding {
    /// As the note's field `encoding` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Windows1252 => "windows-1252",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// From the note's field.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Windows1252, Self::Utf16Le, Self::Utf16Be]
            .into_iter()
            .find(|encoding| encoding.name() == name)
    }
}

/// A file as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// A byte order mark stays in it.
    pub text: String,
    /// `None`: UTF-8.
    pub encoding: Option<Encoding>,
}

/// The 32 characters that windows-1252 has where Latin-1 has control characters (WHATWG Encoding, index windows-1252).
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Reads a file's bytes; `None` when they are no text.
pub fn decode_file(bytes: Vec<u8>) -> Option<Decoded> {
    // An odd byte at the end or half a character would not survive: such a file is read byte by byte below.
    if let Some(decoded) = decode_utf16(&bytes) {
        return Some(decoded);
    }
    // Text has no NUL.
    if bytes.contains(&0) {
        return None;
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => Decoded { text, encoding: None },
        Err(error) => Decoded {
            text: error.as_bytes().iter().map(|byte| from_windows_1252(*byte)).collect(),
            encoding: Some(Encoding::Windows1252),
        },
    })
}

fn decode_utf16(bytes: &[u8]) -> Option<Decoded> {
    let (encoding, read): (Encoding, fn([u8; 2]) -> u16) = match bytes {
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, u16::from_le_bytes),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, u16::from_be_bytes),
        _ => return None,
    };
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).ok().filter(|text| !text.contains('\0'))?;
    Some(Decoded {
        text,
        encoding: Some(encoding),
    })
}

fn from_windows_1252(byte: u8) -> char {
    match byte {
        0x80..0xa0 => HIGH[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

fn to_windows_1252(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0..0x80 | 0xa0..=0xff) => u8::try_from(code).ok(),
        _ => {
            let at = HIGH.iter().position(|high| *high == character)?;
            u8::try_from(0x80 + at).ok()
        }
    }
}

/// The bytes of a note. Characters that its old encoding does not have (somebody typed them later) make it UTF-8.
pub fn encode_file(text: &str, encoding: Option<Encoding>) -> Vec<u8> {
    let encoded = match encoding {
        None => None,
        Some(Encoding::Windows1252) => text.chars().map(to_windows_1252).collect(),
        Some(Encoding::Utf16Le) => Some(utf16(text).into_iter().flat_map(u16::to_le_bytes).collect()),
        Some(Encoding::Utf16Be) => Some(utf16(text).into_iter().flat_map(u16::to_be_bytes).collect()),
    };
    encoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_file_comes_back_bit_for_bit() {
        let all_bytes: Vec<u8> = (1..=255).collect();
        for (bytes, encoding) in [
            (b"plain \xc3\xa9".to_vec(), None),
            (b"\xef\xbb\xbfwith a mark".to_vec(), None),
            (all_bytes, Some(Encoding::Windows1252)),
            (b"\xff\xfeh\0i\0\x3d\xd8\x00\xde".to_vec(), Some(Encoding::Utf16Le)),
            (b"\xfe\xff\0h\0i".to_vec(), Some(Encoding::Utf16Be)),
            // Half a character, and an odd byte.
            (b"\xff\xfe\x3d\xd8".to_vec(), Some(Encoding::Windows1252)),
            (b"\xff\xfea".to_vec(), Some(Encoding::Windows1252)),
        ] {
            let decoded = decode_file(bytes.clone()).expect("text");
            assert_eq!(decoded.encoding, encoding, "{bytes:?}");
            assert_eq!(encode_file(&decoded.text, encoding), bytes);
        }
        assert_eq!(decode_file(b"\x7fELF\0".to_vec()), None);
        assert_eq!(
            encode_file("π", Some(Encoding::Windows1252)),
            "π".as_bytes(),
            "typed later"
        );
    }
}
