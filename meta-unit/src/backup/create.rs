//! Writing a backup.

use avatar_proto::response::Response as Answer;
use avatar_proto::{BackupPart, Response};
use avatar_vault::age::{DEFAULT_LOG_N, Recipient, Recipients, Writer};
use prost::Message;
use zeroize::Zeroizing;

use super::BackupError;
use super::format::{End, Frame, Header, MAGIC, Record};
use crate::data::{keys, schema};
use crate::identity::Identity;
use crate::node::Responder;
use crate::platform::{Pages, Platform};

/// How much is read at once.
const STEP_BYTES: u32 = 4 * 1024 * 1024;

/// A part has about so many bytes.
const PART_BYTES: usize = 1024 * 1024;

/// Answers with the parts of a backup, for the passphrase, or where it is empty for the recovery words. Everything that shall be in it has to be stored.
///
/// # Errors
/// Storage failed. Parts may have been sent.
pub async fn create(
    platform: &dyn Platform,
    identity: &Identity,
    passphrase: &str,
    responder: &Responder,
) -> Result<Response, BackupError> {
    let words = [Recipient::from_bytes(identity.backup_recipient())];
    let recipients = match passphrase {
        "" => Recipients::Keys(&words),
        passphrase => Recipients::Passphrase {
            passphrase,
            log_n: DEFAULT_LOG_N,
        },
    };
    let mut out = Vec::new();
    let mut writer = Writer::new(recipients, &mut |random| platform.random(random), &mut out)?;
    writer.push(MAGIC, &mut out);
    let mut push = |frame: Frame, out: &mut Vec<u8>| {
        writer.push(&Zeroizing::new(frame.encode_length_delimited_to_vec()), out);
    };
    let header = Header {
        did: identity.did(),
        created_ms: platform.unix_ms(),
        schema: schema::CURRENT,
    };
    push(
        Frame {
            header: Some(header),
            ..Frame::default()
        },
        &mut out,
    );
    let mut records = 0;
    for range in keys::portable() {
        let mut pages = Pages::new(range, STEP_BYTES);
        while let Some(page) = pages.next(platform).await? {
            let mut entries: Vec<(&[u8], &[u8])> = page.entries(0).collect();
            if pages.has_more() {
                leave_torn(&mut entries);
            }
            for (key, value) in &entries {
                records += 1;
                let record = Record {
                    key: key.to_vec(),
                    value: value.to_vec(),
                };
                push(
                    Frame {
                        record: Some(record),
                        ..Frame::default()
                    },
                    &mut out,
                );
            }
            if let Some((key, _)) = entries.last() {
                pages.go_on_behind(key);
            }
            while out.len() >= PART_BYTES {
                let rest = out.split_off(PART_BYTES);
                responder.more(part(std::mem::replace(&mut out, rest), false));
            }
        }
    }
    push(
        Frame {
            end: Some(End { records }),
            ..Frame::default()
        },
        &mut out,
    );
    writer.finish(&mut out);
    while out.len() > PART_BYTES {
        let rest = out.split_off(PART_BYTES);
        responder.more(part(std::mem::replace(&mut out, rest), false));
    }
    Ok(part(out, true))
}

/// A document's records belong together, and are replaced together: the last one of a page that was cut is read again whole with the next page. (Unless it is larger than a page.)
fn leave_torn(entries: &mut Vec<(&[u8], &[u8])>) {
    let document = |key: &[u8]| keys::parse_document_record(key).map(|(id, _)| id);
    let Some(torn) = entries.last().and_then(|(key, _)| document(key)) else {
        return;
    };
    let whole = entries
        .iter()
        .take_while(|(key, _)| document(key) != Some(torn))
        .count();
    if whole > 0 {
        entries.truncate(whole);
    }
}

fn part(data: Vec<u8>, last: bool) -> Response {
    Response {
        response: Some(Answer::BackupPart(BackupPart { data, last })),
    }
}
