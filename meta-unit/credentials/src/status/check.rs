//! A verifier's look at the status of a credential (Bitstring Status List §3.2).

use super::{MIN_ENTRIES, StatusError, StatusList};
use crate::did::check_url;
use crate::host::Fetch;
use crate::json::{Object, Value};
use crate::model::identifier;
use crate::report::{CheckId, Failure, Reporter};
use crate::session::Session;
use crate::verify::{StatusPolicy, verify_without_status};

/// Bytes of a list's credential.
const MAX_CREDENTIAL: usize = 4 << 20;

/// Lists that are fetched for one document: each tells a server that somebody looks.
const MAX_LISTS: usize = 8;

/// A list that was fetched and verified.
struct Fetched {
    issuer: String,
    purposes: Vec<String>,
    list: StatusList,
}

/// The lists that one verification has fetched.
#[derive(Default)]
pub(crate) struct Lists {
    known: Vec<(String, Result<Fetched, Failure>)>,
}

/// What a credential says about its status.
struct Entry<'a> {
    purpose: &'a str,
    index: usize,
    list: &'a str,
    size: usize,
    messages: &'a [Value],
}

impl<'a> Entry<'a> {
    fn parse(entry: &'a Object) -> Result<Self, StatusError> {
        let text = |name| entry.get_str(name).ok_or(StatusError::Malformed(name));
        let digits = text("statusListIndex")?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large for this machine is beyond every list.
        let index = digits.parse().unwrap_or(usize::MAX);
        let size = match entry.get("statusSize") {
            None => 1,
            Some(Value::Number(size)) if (1.0..=8.0).contains(size) && size.fract() == 0.0 => *size as usize,
            Some(_) => return Err(StatusError::Malformed("statusSize")),
        };
        if !is_number {
            return Err(StatusError::Malformed("statusListIndex"));
        }
        if entry.get_str("id") == Some(text("statusListCredential")?) {
            return Err(StatusError::Malformed("id"));
        }
        Ok(Self {
            purpose: text("statusPurpose")?,
            index,
            list: text("statusListCredential")?,
            size,
            messages: messages(entry, size)?,
        })
    }

    /// What the issuer says to this value.
    fn message(&self, value: u8) -> &'a str {
        let is_meant = |message: &&Value| {
            let status = message
                .get("status")
                .and_then(Value::as_str)
                .and_then(|text| text.strip_prefix("0x"));
            status.and_then(|digits| u8::from_str_radix(digits, 16).ok()) == Some(value)
        };
        let found = self.messages.iter().find(is_meant);
        found
            .and_then(|message| message.get("message")?.as_str())
            .unwrap_or_default()
    }
}

/// One message for each value that so many bits can have; a single bit needs none.
fn messages(entry: &Object, size: usize) -> Result<&[Value], StatusError> {
    const MEMBER: &str = "statusMessage";
    let is_message = |message: &Value| {
        let has = |name| message.get(name).and_then(Value::as_str).is_some();
        has("status") && has("message")
    };
    match entry.get(MEMBER) {
        None if size == 1 => Ok(&[]),
        Some(Value::Array(messages)) if messages.len() == 1 << size && messages.iter().all(is_message) => Ok(messages),
        _ => Err(StatusError::Malformed(MEMBER)),
    }
}

/// Looks at every status entry of a credential and reports it.
pub(crate) async fn check_status(
    credential: &Object,
    session: &Session<'_>,
    lists: &mut Lists,
    reporter: &mut Reporter,
) {
    let entries = credential
        .get("credentialStatus")
        .map(Value::one_or_many)
        .unwrap_or_default();
    if entries.is_empty() {
        return;
    }
    if session.options.status == StatusPolicy::Skip {
        return reporter.not_checked(CheckId::Status, None, "not asked for");
    }
    // Whoever wrote it could have any address asked.
    if !reporter.is_authentic() {
        return reporter.not_checked(CheckId::Status, None, "not looked up: the issuer has not signed it");
    }
    for (at, entry) in entries.iter().enumerate() {
        let part = (entries.len() > 1).then_some(at);
        let is_list_entry = |entry: &&Object| {
            let types = entry.get("type").map(Value::one_or_many).unwrap_or_default();
            types
                .iter()
                .any(|name| name.as_str() == Some("BitstringStatusListEntry"))
        };
        let Some(entry) = entry.as_object().filter(is_list_entry) else {
            reporter.not_checked(CheckId::Status, part, "a kind of status that is not known");
            continue;
        };
        match check_entry(credential, entry, session, lists).await {
            Ok(detail) => reporter.passed(CheckId::Status, part, detail),
            Err(Failure::Fetch(error)) if session.options.status == StatusPolicy::IfReachable => {
                reporter.not_checked(CheckId::Status, part, error.to_string());
            }
            Err(failure) => reporter.failed(CheckId::Status, part, failure),
        }
    }
}

async fn check_entry(
    credential: &Object,
    entry: &Object,
    session: &Session<'_>,
    lists: &mut Lists,
) -> Result<String, Failure> {
    let entry = Entry::parse(entry)?;
    let place = match lists.known.iter().position(|(url, _)| url == entry.list) {
        Some(place) => place,
        None if lists.known.len() >= MAX_LISTS => return Err(StatusError::TooManyLists.into()),
        None => {
            let fetched = fetch_list(entry.list, session).await;
            lists.known.push((entry.list.to_owned(), fetched));
            lists.known.len() - 1
        }
    };
    let fetched = lists.known[place].1.as_ref().map_err(Failure::clone)?;
    if credential.get("issuer").and_then(identifier) != Some(fetched.issuer.as_str()) {
        return Err(StatusError::WrongIssuer.into());
    }
    if !fetched.purposes.iter().any(|purpose| purpose == entry.purpose) {
        return Err(StatusError::WrongPurpose.into());
    }
    if fetched.list.entries() / entry.size < MIN_ENTRIES {
        return Err(StatusError::TooShort.into());
    }
    let value = fetched.list.value(entry.index, entry.size)?;
    match (entry.purpose, value) {
        ("revocation", 1..) => Err(StatusError::Revoked.into()),
        ("suspension", 1..) => Err(StatusError::Suspended.into()),
        ("revocation", 0) => Ok("not revoked".to_owned()),
        ("suspension", 0) => Ok("not suspended".to_owned()),
        (purpose, value) => Ok(format!("{purpose}: {value} {}", entry.message(value))
            .trim_end()
            .to_owned()),
    }
}

async fn fetch_list(url: &str, session: &Session<'_>) -> Result<Fetched, Failure> {
    check_url(url).map_err(StatusError::Address)?;
    let bytes = session.fetch.get(url, MAX_CREDENTIAL).await?;
    if bytes.len() > MAX_CREDENTIAL {
        return Err(StatusError::TooLarge.into());
    }
    let report = verify_without_status(&bytes, session).await;
    let credential = report
        .document
        .as_ref()
        .and_then(Value::as_object)
        .filter(|_| report.verified);
    let credential = credential.ok_or(StatusError::Unverified)?;
    if credential.contains("credentialStatus") {
        return Err(StatusError::Nested.into());
    }
    let has_type = |object: &Object, name: &str| {
        let types = object.get("type").map(Value::one_or_many).unwrap_or_default();
        types.iter().any(|found| found.as_str() == Some(name))
    };
    if !has_type(credential, "BitstringStatusListCredential") {
        return Err(StatusError::Malformed("type").into());
    }
    if credential.get_str("id").is_some_and(|id| id != url) {
        return Err(StatusError::Malformed("id").into());
    }
    let subject = credential
        .get("credentialSubject")
        .and_then(Value::as_object)
        .filter(|subject| has_type(subject, "BitstringStatusList"))
        .ok_or(StatusError::Malformed("credentialSubject"))?;
    let purposes = subject.get("statusPurpose").map(Value::one_or_many).unwrap_or_default();
    let encoded = subject
        .get_str("encodedList")
        .ok_or(StatusError::Malformed("encodedList"))?;
    Ok(Fetched {
        issuer: credential
            .get("issuer")
            .and_then(identifier)
            .unwrap_or_default()
            .to_owned(),
        purposes: purposes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        list: StatusList::decode(encoded)?,
    })
}
