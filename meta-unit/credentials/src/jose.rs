//! Credentials and presentations as JSON Web Tokens (VC-JOSE-COSE §3.1, RFC 7515), signed with EdDSA (RFC 8037) and nothing else.

use crate::base64url;
use crate::host::{SignError, Signer};
use crate::json::{JsonError, Limits, Object, Value, parse};
use crate::keys::{self, SIGNATURE_BYTES};

/// What a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `vc+jwt`
    Credential,
    /// `vp+jwt`
    Presentation,
}

impl TokenKind {
    /// The header's `typ`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "vc+jwt",
            Self::Presentation => "vp+jwt",
        }
    }

    /// The header's `cty`: what the payload is.
    fn content(self) -> &'static str {
        match self {
            Self::Credential => "vc",
            Self::Presentation => "vp",
        }
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// Not three parts in base64url.
    #[error("the text is no compact JSON Web Signature")]
    Form,
    /// The header or the payload is no JSON object.
    #[error("the token's {0} is no JSON object: {1}")]
    Json(&'static str, JsonError),
    /// The header or the payload is another JSON value.
    #[error("the token's {0} is no JSON object")]
    NoObject(&'static str),
    /// `alg` is `none`: a token that nobody signed.
    #[error("the token is not signed (alg: none)")]
    Unsigned,
    /// Another algorithm than EdDSA.
    #[error("the token's algorithm is not EdDSA")]
    Algorithm,
    /// It says that it is something else.
    #[error("the token is no {0}")]
    Type(&'static str),
    /// It has header parameters that must be understood.
    #[error("the token has critical header parameters")]
    Critical,
    /// It brings its own key, which proves nothing.
    #[error("the token brings its own key ({0})")]
    EmbeddedKey(&'static str),
    /// It does not say which key signed it.
    #[error("the token names no key")]
    NoKeyId,
    /// A claim is of the wrong kind, or contradicts the payload.
    #[error("the token's claim {0} is wrong")]
    Claim(&'static str),
    /// The signature has the wrong length.
    #[error("the token's signature has not 64 bytes")]
    SignatureLength,
}

/// A token that was taken apart; nothing is verified.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// What it holds: a credential or a presentation.
    pub payload: Object,
    key_id: String,
    signed: &'a str,
    signature: [u8; SIGNATURE_BYTES],
}

impl<'a> Token<'a> {
    /// Takes a token apart. All that would make its signature mean something else is refused here.
    pub fn parse(text: &'a str, kind: TokenKind) -> Result<Self, JoseError> {
        let (signed, signature) = text.rsplit_once('.').ok_or(JoseError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JoseError::Form)?;
        let limits = Limits {
            bytes: 16 << 10,
            depth: 8,
            values: 1000,
        };
        let header = object(header, "header", &limits)?;
        let key_id = check_header(&header, kind)?;
        let payload = object(payload, "payload", &Limits::default())?;
        let signature = base64url::decode(signature).ok_or(JoseError::Form)?;
        Ok(Self {
            payload,
            key_id,
            signed,
            signature: signature.try_into().map_err(|_| JoseError::SignatureLength)?,
        })
    }

    /// The URL of the verification method: the header's `kid`, which may leave the controller out.
    pub fn method(&self, controller: Option<&str>) -> String {
        match (self.key_id.strip_prefix('#'), controller) {
            (Some(fragment), Some(controller)) => format!("{controller}#{fragment}"),
            (None, Some(controller)) if !self.key_id.contains('#') => format!("{controller}#{}", self.key_id),
            _ => self.key_id.clone(),
        }
    }

    /// Whether this key signed it.
    pub fn is_signed_by(&self, key: &[u8; 32]) -> bool {
        keys::verify(key, self.signed.as_bytes(), &self.signature)
    }

    /// A claim that holds seconds since 1970 (RFC 7519 §2, NumericDate).
    pub fn seconds(&self, claim: &'static str) -> Result<Option<i64>, JoseError> {
        match self.payload.get(claim) {
            None => Ok(None),
            Some(Value::Number(seconds)) if seconds.abs() < 1e15 => Ok(Some(seconds.floor() as i64)),
            Some(_) => Err(JoseError::Claim(claim)),
        }
    }
}

fn object(part: &str, name: &'static str, limits: &Limits) -> Result<Object, JoseError> {
    // Four characters are three bytes: known before anything is decoded.
    if part.len() / 4 * 3 > limits.bytes {
        return Err(JoseError::Json(name, JsonError::TooLong(limits.bytes)));
    }
    let bytes = base64url::decode(part).ok_or(JoseError::Form)?;
    match parse(&bytes, limits) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JoseError::NoObject(name)),
        Err(error) => Err(JoseError::Json(name, error)),
    }
}

fn check_header(header: &Object, kind: TokenKind) -> Result<String, JoseError> {
    match header.get_str("alg") {
        Some("EdDSA") => {}
        Some(alg) if alg.eq_ignore_ascii_case("none") => return Err(JoseError::Unsigned),
        _ => return Err(JoseError::Algorithm),
    }
    if header.contains("crit") || header.contains("b64") {
        return Err(JoseError::Critical);
    }
    if let Some(key) = ["jwk", "jku", "x5u", "x5c"]
        .into_iter()
        .find(|name| header.contains(name))
    {
        return Err(JoseError::EmbeddedKey(key));
    }
    let is = |name: &str, value: &str| {
        let found = header.get_str(name).unwrap_or_default();
        let short = match found.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => found,
        };
        short.eq_ignore_ascii_case(value)
    };
    if !is("typ", kind.as_str()) || (header.contains("cty") && !is("cty", kind.content())) {
        return Err(JoseError::Type(kind.as_str()));
    }
    header
        .get_str("kid")
        .filter(|kid| !kid.is_empty())
        .map(str::to_owned)
        .ok_or(JoseError::NoKeyId)
}

/// Signs a payload as a token.
pub async fn sign_token(payload: &Object, kind: TokenKind, signer: &dyn Signer) -> Result<String, SignError> {
    let header = Object::from([
        ("alg", Value::from("EdDSA")),
        ("typ", kind.as_str().into()),
        ("cty", kind.content().into()),
        ("kid", signer.verification_method().into()),
    ]);
    let part = |object: &Object| base64url::encode(Value::from(object.clone()).to_text().as_bytes());
    let mut token = format!("{}.{}", part(&header), part(payload));
    let signature = signer.sign(token.as_bytes()).await?;
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| base64url::encode(text.as_bytes());
        format!("{}.{}.{}", part(header), part(payload), base64url::encode(&[0; 64]))
    }

    #[test]
    fn headers_that_change_what_a_signature_means_are_refused() {
        let long = format!(r#"{{"alg":"EdDSA","x":"{}"}}"#, "x".repeat(20_000));
        for (header, error) in [
            (r#"{"alg":"none","typ":"vc+jwt","kid":"k"}"#, JoseError::Unsigned),
            (r#"{"alg":"NoNe","typ":"vc+jwt","kid":"k"}"#, JoseError::Unsigned),
            (r#"{"typ":"vc+jwt","kid":"k"}"#, JoseError::Algorithm),
            (r#"{"alg":"HS256","typ":"vc+jwt","kid":"k"}"#, JoseError::Algorithm),
            (r#"{"alg":"ES256","typ":"vc+jwt","kid":"k"}"#, JoseError::Algorithm),
            (r#"{"alg":["EdDSA"],"typ":"vc+jwt","kid":"k"}"#, JoseError::Algorithm),
            (r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#, JoseError::Type("vc+jwt")),
            (r#"{"alg":"EdDSA","kid":"k"}"#, JoseError::Type("vc+jwt")),
            (r#"{"alg":"EdDSA","typ":"vp+jwt","kid":"k"}"#, JoseError::Type("vc+jwt")),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","cty":"vp","kid":"k"}"#,
                JoseError::Type("vc+jwt"),
            ),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k","crit":["exp"]}"#,
                JoseError::Critical,
            ),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k","b64":false}"#,
                JoseError::Critical,
            ),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k","jwk":{}}"#,
                JoseError::EmbeddedKey("jwk"),
            ),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k","jku":"x"}"#,
                JoseError::EmbeddedKey("jku"),
            ),
            (
                r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k","x5c":[]}"#,
                JoseError::EmbeddedKey("x5c"),
            ),
            (r#"{"alg":"EdDSA","typ":"vc+jwt"}"#, JoseError::NoKeyId),
            (r#"{"alg":"EdDSA","typ":"vc+jwt","kid":1}"#, JoseError::NoKeyId),
            (r#"[]"#, JoseError::NoObject("header")),
            (
                r#"{"alg":"EdDSA","alg":"none"}"#,
                JoseError::Json("header", JsonError::DuplicateName(28)),
            ),
            (&long, JoseError::Json("header", JsonError::TooLong(16 << 10))),
        ] {
            let result = Token::parse(&token(header, "{}"), TokenKind::Credential).map(|_| ());
            assert_eq!(result, Err(error), "{header}");
        }
        let fine = r#"{"alg":"EdDSA","typ":"application/vc+jwt","kid":"k"}"#;
        assert!(Token::parse(&token(fine, "{}"), TokenKind::Credential).is_ok());
    }

    #[test]
    fn texts_that_are_no_tokens_are_refused() {
        let good = token(r#"{"alg":"EdDSA","typ":"vc+jwt","kid":"k"}"#, "{}");
        let (most, _) = good.rsplit_once('.').expect("three parts");
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            &format!("{good}="),
            &format!(" {good}"),
            &good.replace('.', ". "),
        ] {
            assert!(
                matches!(
                    Token::parse(text, TokenKind::Credential),
                    Err(JoseError::Form | JoseError::Json(..))
                ),
                "{text}"
            );
        }
        assert_eq!(
            Token::parse(&format!("{most}.AAAA"), TokenKind::Credential).map(|_| ()),
            Err(JoseError::SignatureLength)
        );
        assert_eq!(
            Token::parse(&format!("{most}."), TokenKind::Credential).map(|_| ()),
            Err(JoseError::SignatureLength)
        );
    }
}
