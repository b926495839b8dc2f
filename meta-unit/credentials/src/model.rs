//! The rules of the data model (VC Data Model 2.0 §4), as far as they can be told from the document alone. Credentials of version 1.1 are
//! understood, too: with `issuanceDate` and `expirationDate`.

use crate::json::{Object, Value};
use crate::jsonld::is_absolute;
use crate::time::Timestamp;
use avatar_json::order;

/// The context that every credential begins with.
pub const CREDENTIALS_V2: &str = "https://www.w3.org/ns/credentials/v2";
/// The same of version 1.1.
pub const CREDENTIALS_V1: &str = "https://www.w3.org/2018/credentials/v1";

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct ModelError {
    /// The member of the document.
    pub member: &'static str,
    /// The rule.
    pub rule: Rule,
}

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// It must be there.
    #[error("is missing")]
    Missing,
    /// It must be an object, or a list of them.
    #[error("must be an object")]
    Object,
    /// It must be a text, or a list of texts.
    #[error("must be a text")]
    Text,
    /// It must be a text, or texts with their language and direction.
    #[error("must be a text, or texts with their languages")]
    LanguageText,
    /// It must be a URL.
    #[error("must be a URL")]
    Url,
    /// It must be a list that begins with the context of verifiable credentials.
    #[error("must be a list that begins with the context of verifiable credentials")]
    FirstContext,
    /// It must hold URLs and objects.
    #[error("must hold URLs and objects only")]
    Contexts,
    /// It must name the basic type.
    #[error("must name VerifiableCredential or VerifiablePresentation")]
    BasicType,
    /// It must have a type.
    #[error("must have a type")]
    NoType,
    /// It must have an identifier.
    #[error("must have an id")]
    NoId,
    /// It must not be empty.
    #[error("must not be empty")]
    Empty,
    /// It must be a time with its zone.
    #[error("must be a time with its zone")]
    Time,
    /// It must not end before it begins.
    #[error("must not be before validFrom")]
    Order,
    /// It must have a digest.
    #[error("must have a digest")]
    NoDigest,
    /// It must not come twice.
    #[error("must not come twice")]
    Twice,
}

/// The versions of the data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.1
    V1,
    /// 2.0
    V2,
}

impl Version {
    /// The version that a document's first context names.
    pub fn of(document: &Object) -> Option<Self> {
        match document.get("@context")?.one_or_many().first()?.as_str()? {
            CREDENTIALS_V1 => Some(Self::V1),
            CREDENTIALS_V2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Where it says since when it holds.
    pub fn valid_from(self) -> &'static str {
        match self {
            Self::V1 => "issuanceDate",
            Self::V2 => "validFrom",
        }
    }

    /// Where it says until when it holds.
    pub fn valid_until(self) -> &'static str {
        match self {
            Self::V1 => "expirationDate",
            Self::V2 => "validUntil",
        }
    }
}

/// All rules that a credential breaks.
pub fn check_credential(credential: &Object) -> Vec<ModelError> {
    let mut checker = Checker::default();
    let version = checker.common(credential, "VerifiableCredential");
    checker.identified(credential, "issuer", true);
    checker.subjects(credential);
    checker.period(credential, version);
    for member in ["name", "description"] {
        checker.language_text(member, credential.get(member));
    }
    if let Some(Value::Object(issuer)) = credential.get("issuer") {
        for (member, name) in [("issuer.name", "name"), ("issuer.description", "description")] {
            checker.language_text(member, issuer.get(name));
        }
    }
    for (member, needs_id) in [
        ("credentialStatus", false),
        ("credentialSchema", true),
        ("refreshService", false),
        ("termsOfUse", false),
        ("evidence", false),
        ("confidenceMethod", false),
        ("renderMethod", false),
        ("proof", false),
    ] {
        checker.typed(credential, member, needs_id);
    }
    checker.related_resources(credential);
    checker.broken
}

/// All rules that a presentation breaks; its credentials are looked at one by one elsewhere.
pub fn check_presentation(presentation: &Object) -> Vec<ModelError> {
    let mut checker = Checker::default();
    checker.common(presentation, "VerifiablePresentation");
    checker.identified(presentation, "holder", false);
    for member in ["termsOfUse", "proof"] {
        checker.typed(presentation, member, false);
    }
    let credentials = presentation
        .get("verifiableCredential")
        .map(Value::one_or_many)
        .unwrap_or_default();
    if credentials.iter().any(|credential| credential.as_object().is_none()) {
        checker.broken("verifiableCredential", Rule::Object);
    }
    checker.broken
}

/// The identifier of an issuer or a holder: itself, or that of the object.
pub fn identifier(value: &Value) -> Option<&str> {
    match value {
        Value::String(id) => Some(id),
        Value::Object(object) => object.get_str("id"),
        _ => None,
    }
}

#[derive(Default)]
struct Checker {
    broken: Vec<ModelError>,
}

impl Checker {
    fn broken(&mut self, member: &'static str, rule: Rule) {
        self.broken.push(ModelError { member, rule });
    }

    fn common(&mut self, document: &Object, basic_type: &str) -> Version {
        let contexts = document.get("@context").and_then(Value::as_array);
        let version = contexts.and_then(|_| Version::of(document));
        if version.is_none() {
            self.broken("@context", Rule::FirstContext);
        }
        let is_context = |context: &Value| match context {
            Value::String(url) => is_absolute(url),
            Value::Object(_) => true,
            _ => false,
        };
        if !contexts.unwrap_or_default().iter().all(is_context) {
            self.broken("@context", Rule::Contexts);
        }
        match document.get("type") {
            None => self.broken("type", Rule::Missing),
            Some(types) => {
                let texts: Vec<&str> = types.one_or_many().iter().filter_map(Value::as_str).collect();
                if texts.len() != types.one_or_many().len() || texts.contains(&"") {
                    self.broken("type", Rule::Text);
                }
                if !texts.contains(&basic_type) {
                    self.broken("type", Rule::BasicType);
                }
            }
        }
        self.url("id", document.get("id"));
        version.unwrap_or(Version::V2)
    }

    fn url(&mut self, member: &'static str, value: Option<&Value>) {
        let is_url = |value: &Value| value.as_str().is_some_and(is_absolute);
        if value.is_some_and(|value| !is_url(value)) {
            self.broken(member, Rule::Url);
        }
    }

    /// A URL, or an object with one as its `id`.
    fn identified(&mut self, document: &Object, member: &'static str, required: bool) {
        match document.get(member) {
            None if required => self.broken(member, Rule::Missing),
            None => {}
            Some(Value::Object(object)) => match object.get("id") {
                None => self.broken(member, Rule::NoId),
                id => self.url(member, id),
            },
            Some(other) => self.url(member, Some(other)),
        }
    }

    fn subjects(&mut self, credential: &Object) {
        const MEMBER: &str = "credentialSubject";
        let Some(subjects) = credential.get(MEMBER) else {
            return self.broken(MEMBER, Rule::Missing);
        };
        if subjects.one_or_many().is_empty() {
            self.broken(MEMBER, Rule::Empty);
        }
        for subject in subjects.one_or_many() {
            match subject.as_object() {
                None => self.broken(MEMBER, Rule::Object),
                Some(subject) if subject.is_empty() => self.broken(MEMBER, Rule::Empty),
                Some(subject) => self.url(MEMBER, subject.get("id")),
            }
        }
    }

    fn period(&mut self, credential: &Object, version: Version) {
        let from = self.time(credential, version.valid_from());
        let until = self.time(credential, version.valid_until());
        if version == Version::V1 && !credential.contains(version.valid_from()) {
            self.broken(version.valid_from(), Rule::Missing);
        }
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            self.broken(version.valid_until(), Rule::Order);
        }
    }

    fn time(&mut self, credential: &Object, member: &'static str) -> Option<Timestamp> {
        let value = credential.get(member)?;
        let time = value.as_str().and_then(Timestamp::parse);
        if time.is_none() {
            self.broken(member, Rule::Time);
        }
        time
    }

    fn language_text(&mut self, member: &'static str, value: Option<&Value>) {
        let is_text = |value: &Value| match value {
            Value::String(_) => true,
            Value::Object(object) => {
                object.get_str("@value").is_some()
                    && object.iter().all(|(name, value)| match name {
                        "@value" => true,
                        "@language" | "@direction" => value.as_str().is_some(),
                        _ => false,
                    })
            }
            _ => false,
        };
        if !value.is_none_or(|value| value.one_or_many().iter().all(is_text)) {
            self.broken(member, Rule::LanguageText);
        }
    }

    /// Objects that say of what type they are.
    fn typed(&mut self, document: &Object, member: &'static str, needs_id: bool) {
        for entry in document.get(member).map(Value::one_or_many).unwrap_or_default() {
            let Some(entry) = entry.as_object() else {
                self.broken(member, Rule::Object);
                continue;
            };
            let types = entry.get("type").map(Value::one_or_many).unwrap_or_default();
            if types.is_empty() || types.iter().any(|name| name.as_str().is_none()) {
                self.broken(member, Rule::NoType);
            }
            match entry.get("id") {
                None if needs_id => self.broken(member, Rule::NoId),
                id => self.url(member, id),
            }
        }
    }

    fn related_resources(&mut self, credential: &Object) {
        const MEMBER: &str = "relatedResource";
        let mut ids: Vec<&str> = Vec::new();
        for resource in credential.get(MEMBER).map(Value::one_or_many).unwrap_or_default() {
            let Some(resource) = resource.as_object() else {
                self.broken(MEMBER, Rule::Object);
                continue;
            };
            match resource.get("id") {
                None => self.broken(MEMBER, Rule::NoId),
                id => self.url(MEMBER, id),
            }
            if !resource.contains("digestSRI") && !resource.contains("digestMultibase") {
                self.broken(MEMBER, Rule::NoDigest);
            }
            ids.extend(resource.get_str("id"));
        }
        let places = order(ids.len(), &mut |a, b| ids[a].cmp(ids[b]));
        if places.windows(2).any(|pair| ids[pair[0]] == ids[pair[1]]) {
            self.broken(MEMBER, Rule::Twice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"issuer":"did:example:i","credentialSubject":{"id":"did:example:s"}}"#;

    fn broken(change: &str) -> Vec<(&'static str, Rule)> {
        let mut credential = Value::parse(GOOD.as_bytes()).expect("JSON");
        let change = Value::parse(change.as_bytes()).expect(change);
        let object = credential.as_object_mut().expect("an object");
        for (name, value) in change.as_object().expect("an object").iter() {
            object.insert(name, value.clone());
        }
        check_credential(object)
            .into_iter()
            .map(|error| (error.member, error.rule))
            .collect()
    }

    #[test]
    fn each_rule_that_is_broken_is_named() {
        assert_eq!(broken("{}"), []);
        for (change, member, rule) in [
            (r#"{"@context":[]}"#, "@context", Rule::FirstContext),
            (
                r#"{"@context":"https://www.w3.org/ns/credentials/v2"}"#,
                "@context",
                Rule::FirstContext,
            ),
            (
                r#"{"@context":["https://www.w3.org/ns/credentials/v2",1]}"#,
                "@context",
                Rule::Contexts,
            ),
            (
                r#"{"@context":["https://www.w3.org/ns/credentials/v2","x y"]}"#,
                "@context",
                Rule::Contexts,
            ),
            (r#"{"type":"Other"}"#, "type", Rule::BasicType),
            (r#"{"type":["VerifiableCredential",1]}"#, "type", Rule::Text),
            (r#"{"id":"not a url"}"#, "id", Rule::Url),
            (r#"{"id":null}"#, "id", Rule::Url),
            (r#"{"issuer":null}"#, "issuer", Rule::Url),
            (r#"{"issuer":{"name":"x"}}"#, "issuer", Rule::NoId),
            (
                r#"{"issuer":{"id":"did:example:i","name":5}}"#,
                "issuer.name",
                Rule::LanguageText,
            ),
            (r#"{"credentialSubject":[]}"#, "credentialSubject", Rule::Empty),
            (r#"{"credentialSubject":{}}"#, "credentialSubject", Rule::Empty),
            (
                r#"{"credentialSubject":"did:example:s"}"#,
                "credentialSubject",
                Rule::Object,
            ),
            (r#"{"validFrom":"2023"}"#, "validFrom", Rule::Time),
            (
                r#"{"validFrom":"2024-01-01T00:00:00Z","validUntil":"2023-01-01T00:00:00Z"}"#,
                "validUntil",
                Rule::Order,
            ),
            (
                r#"{"credentialStatus":{"id":"did:example:x"}}"#,
                "credentialStatus",
                Rule::NoType,
            ),
            (r#"{"credentialSchema":{"type":"x"}}"#, "credentialSchema", Rule::NoId),
            (r#"{"evidence":"x"}"#, "evidence", Rule::Object),
            (r#"{"name":{"@value":"x","url":"y"}}"#, "name", Rule::LanguageText),
            (r#"{"relatedResource":{"id":"a:b"}}"#, "relatedResource", Rule::NoDigest),
            (
                r#"{"relatedResource":[{"id":"a:b","digestSRI":"x"},{"id":"a:b","digestSRI":"x"}]}"#,
                "relatedResource",
                Rule::Twice,
            ),
        ] {
            assert_eq!(broken(change), [(member, rule)], "{change}");
        }
    }
}
