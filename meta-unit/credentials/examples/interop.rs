//! The other end of `tests/interop`: reads one command a line as JSON, answers one line.
//!
//! `{"do":"issue","format":"eddsa-jcs-2022","document":{…}}`, `{"do":"present",…,"credentials":[…],"challenge":…,"domain":…}`,
//! `{"do":"verify","text":…}`, `{"do":"verify-presentation","text":…,"challenge":…,"domain":…}`, `{"do":"canonicalize","document":{…},"safe":true}` (RDF) and
//! `{"do":"jcs","document":…}`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{BufRead, Write};

use avatar_credentials::json::{Object, Value, canonical};
use avatar_credentials::jsonld::{Options, to_rdf};
use avatar_credentials::proof::Suite;
use avatar_credentials::rdf::canonicalize;
use avatar_credentials::time::Timestamp;
use avatar_credentials::{
    Budget, Format, IssueOptions, Offline, PresentOptions, PresentationOptions, Report, VerifyOptions, issue, present,
    verify, verify_presentation,
};
use common::{SoftSigner, now};

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        let answer = match Value::parse(line.as_bytes()) {
            Ok(Value::Object(command)) => answer(&command),
            _ => Err("no command".to_owned()),
        };
        let answer = match answer {
            Ok(value) => Value::from([("ok", value)]),
            Err(error) => Value::from([("error", error.into())]),
        };
        println!("{}", answer.to_text());
        std::io::stdout().flush().expect("standard output is open");
    }
}

fn answer(command: &Object) -> Result<Value, String> {
    let text = |name: &str| command.get_str(name).unwrap_or_default();
    let signer = SoftSigner::new(42);
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|error| error.to_string())?;
    let created = Timestamp(clock.as_secs() as i64);
    let at_now = VerifyOptions::at(created);
    let format = match Suite::parse(text("format")) {
        Some(suite) => Format::DataIntegrity(suite),
        None => Format::Token,
    };
    let document = command.get("document");
    match text("do") {
        "issue" => {
            let document = document.and_then(Value::as_object).ok_or("no document")?.clone();
            let issued = now(issue(document, &IssueOptions { format, created }, &signer));
            issued.map(Value::from).map_err(|error| error.to_string())
        }
        "present" => {
            let credentials = command.get("credentials").map(Value::one_or_many).unwrap_or_default();
            let credentials: Vec<&str> = credentials.iter().filter_map(Value::as_str).collect();
            let options = PresentOptions {
                format,
                id: None,
                created,
                expires: None,
                challenge: command.get_str("challenge"),
                domain: command.get_str("domain"),
            };
            now(present(&credentials, &options, &signer))
                .map(Value::from)
                .map_err(|error| error.to_string())
        }
        "verify" => Ok(told(&now(verify(text("text").as_bytes(), &at_now, &Offline)))),
        "verify-presentation" => {
            let options = PresentationOptions {
                verify: at_now,
                challenge: command.get_str("challenge"),
                domain: command.get_str("domain"),
                holder_is_subject: false,
            };
            Ok(told(&now(verify_presentation(
                text("text").as_bytes(),
                &options,
                &Offline,
            ))))
        }
        "canonicalize" => {
            let options = Options {
                safe: command.get("safe") != Some(&Value::Bool(false)),
                ..Options::SIGNED
            };
            let quads = to_rdf(document.unwrap_or(&Value::Null), &options, &Budget::default())
                .map_err(|error| error.to_string())?;
            canonicalize(quads, &Budget::default())
                .map(Value::from)
                .map_err(|error| error.to_string())
        }
        "jcs" => Ok(canonical(document.unwrap_or(&Value::Null)).into()),
        _ => Err("no such command".to_owned()),
    }
}

fn told(report: &Report) -> Value {
    let failures = report.checks.iter().filter(|check| check.failure.is_some());
    let failures: Vec<Value> = failures
        .map(|check| format!("{}: {}", check.id.as_str(), check.detail).into())
        .collect();
    Value::from([
        ("verified", Value::Bool(report.verified)),
        ("failures", failures.into()),
    ])
}
