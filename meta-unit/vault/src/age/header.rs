//! The header: text that says for whom the file key is wrapped, and how; and a tag of it all under the file key.

use base64ct::{Base64Unpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{AgeError, FileKey, header_key};

/// The first line.
const VERSION: &[u8] = b"age-encryption.org/v1";

/// What the line with the tag begins with. The tag covers these, too.
const END: &[u8] = b"---";

/// How long the line with the tag is: its beginning, a space, and 32 bytes in Base64.
const END_LINE_BYTES: usize = END.len() + 1 + 43;

/// The characters in a full line of a body.
const COLUMNS: usize = 64;

/// What one recipient needs to unwrap the file key.
pub(super) struct Stanza {
    /// The type, and the arguments of that type.
    pub(super) args: Vec<String>,
    /// The wrapped file key.
    pub(super) body: Vec<u8>,
}

impl Stanza {
    /// Its type.
    pub(super) fn kind(&self) -> &str {
        self.args.first().map_or("", String::as_str)
    }
}

/// The header of a file.
pub(super) struct Header<'a> {
    pub(super) stanzas: Vec<Stanza>,
    tag: [u8; 32],
    /// What the tag covers.
    covered: &'a [u8],
}

impl<'a> Header<'a> {
    /// The header of a text that ends where the header does.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, AgeError> {
        let mut lines = Lines { rest: text };
        if lines.next() != Some(VERSION) {
            return Err(AgeError::NotAge);
        }
        let mut stanzas = Vec::new();
        loop {
            let covered = &text[..text.len() - lines.rest.len() + END.len().min(lines.rest.len())];
            let line = lines.next().ok_or(AgeError::Header)?;
            if let Some(args) = line.strip_prefix(b"-> ") {
                stanzas.push(Stanza {
                    args: args
                        .split(|byte| *byte == b' ')
                        .map(argument)
                        .collect::<Option<_>>()
                        .ok_or(AgeError::Header)?,
                    body: lines.body().ok_or(AgeError::Header)?,
                });
                continue;
            }
            let tag = line
                .strip_prefix(END)
                .and_then(|rest| rest.strip_prefix(b" "))
                .and_then(base64)
                .ok_or(AgeError::Header)?;
            if stanzas.is_empty() || !lines.rest.is_empty() {
                return Err(AgeError::Header);
            }
            return Ok(Self { stanzas, tag, covered });
        }
    }

    /// That the header is the one that was written with this key.
    pub(super) fn verify(&self, file_key: &FileKey) -> Result<(), AgeError> {
        mac(file_key, self.covered)
            .verify_slice(&self.tag)
            .map_err(|_| AgeError::HeaderChanged)
    }
}

/// Where the header ends of a file that begins with `bytes`; `None` if it does not end there yet. `searched` are the bytes that were searched in vain before.
pub(super) fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    // The line with the tag may have been there, but not its end.
    let from = searched.saturating_sub(END_LINE_BYTES + 1);
    let found = bytes[from..]
        .windows(1 + END.len())
        .position(|window| window[0] == b'\n' && &window[1..] == END)?;
    let end = from + found + 1 + END_LINE_BYTES + 1;
    (end <= bytes.len()).then_some(end)
}

/// Whether a file that begins with `bytes` may still be an age file.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .zip(VERSION.iter().chain(b"\n"))
        .all(|(found, expected)| found == expected)
}

/// The header of these stanzas.
pub(super) fn write(stanzas: &[Stanza], file_key: &FileKey, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(VERSION);
    for stanza in stanzas {
        out.extend_from_slice(b"\n->");
        for arg in &stanza.args {
            out.push(b' ');
            out.extend_from_slice(arg.as_bytes());
        }
        out.push(b'\n');
        // A body ends with a line that is not full, which may be empty. (Those of this crate's stanzas are one such line.)
        let body = Base64Unpadded::encode_string(&stanza.body);
        for (number, line) in body.as_bytes().chunks(COLUMNS).enumerate() {
            if number > 0 {
                out.push(b'\n');
            }
            out.extend_from_slice(line);
        }
        if body.len().is_multiple_of(COLUMNS) && !body.is_empty() {
            out.push(b'\n');
        }
    }
    out.push(b'\n');
    out.extend_from_slice(END);
    let tag = mac(file_key, &out[start..]).finalize().into_bytes();
    out.push(b' ');
    out.extend_from_slice(Base64Unpadded::encode_string(&tag).as_bytes());
    out.push(b'\n');
}

/// Exactly so many bytes, of their only Base64 form.
pub(super) fn base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = Base64Unpadded::decode(text, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}

fn mac(file_key: &FileKey, covered: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(header_key(file_key).as_slice()).expect("HMAC takes keys of any length");
    mac.update(covered);
    mac
}

/// An argument: one or more visible characters of ASCII.
fn argument(bytes: &[u8]) -> Option<String> {
    let visible = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    visible.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The lines of a text, each of which ends with a line feed.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line)
    }

    /// The body of a stanza: full lines, and a last one that is not full.
    fn body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.next()?;
            if line.len() > COLUMNS {
                return None;
            }
            let mut bytes = [0; COLUMNS * 3 / 4];
            body.extend_from_slice(Base64Unpadded::decode(line, &mut bytes).ok()?);
            if line.len() < COLUMNS {
                return Some(body);
            }
        }
    }
}
