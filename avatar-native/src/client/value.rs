//! Documents as JSON, and their ids as text.

use std::fmt;
use std::str::FromStr;

use avatar_proto::token::Token as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{
    AppError, DocChange, DocCreate, DocOpen, EditList, ErrorCode, MapEntry, MapValue, Query, QueryRun, Row, Token,
    Value, doc_change, request, response,
};
use serde_json::{Map, Number, Value as Json, json};

use super::{Answers, Client, unexpected};
use crate::error::app_error;
use crate::hex;

/// Crockford's base32, as the facade writes ids.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A document's id: 128 bits, as text 26 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// A new one.
    pub fn random() -> Result<Self, AppError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| app_error(ErrorCode::Internal, error.to_string(), false))?;
        Ok(Self(bytes))
    }

    /// From the bytes of a message; `None` when they are not 16.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        for place in (0..26).rev() {
            let digit = (number >> (5 * place)) & 31;
            write!(f, "{}", ALPHABET[digit as usize] as char)?;
        }
        Ok(())
    }
}

/// A text that is no id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a document id: an id is 26 characters of base32")]
pub struct NoId;

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != 26 {
            return Err(NoId);
        }
        let mut number = 0u128;
        for (place, byte) in text.bytes().enumerate() {
            // Letters that people confuse, as Crockford says.
            let letter = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                letter => letter,
            };
            let digit = ALPHABET.iter().position(|one| *one == letter).ok_or(NoId)?;
            // 26 digits have two bits more than an id.
            if place == 0 && digit > 7 {
                return Err(NoId);
            }
            number = number << 5 | digit as u128;
        }
        Ok(Self(number.to_be_bytes()))
    }
}

/// A document as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its id.
    pub id: Id,
    /// What kind of thing it is.
    pub kind: String,
    /// The owner's DID.
    pub owner: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
    /// Its content.
    pub value: Json,
}

impl Document {
    /// All of it as one JSON object.
    pub fn to_json(&self) -> Json {
        json!({
            "id": self.id.to_string(),
            "type": self.kind,
            "owner": self.owner,
            "createdAt": self.created_ms,
            "updatedAt": self.updated_ms,
            "value": self.value,
        })
    }
}

/// A document on its way from the host.
pub struct Opening {
    id: Id,
    answers: Answers,
}

impl Opening {
    /// The document, when all of it is here.
    pub async fn document(self) -> Result<Document, AppError> {
        Ok(self.view().await?.document)
    }

    async fn view(mut self) -> Result<View, AppError> {
        let response::Response::DocOpened(opened) = self.answers.next().await? else {
            return Err(unexpected());
        };
        let mut tokens = Vec::new();
        loop {
            match self.answers.next().await? {
                response::Response::SnapshotPage(page) => {
                    tokens.extend(page.tokens);
                    if page.last {
                        break;
                    }
                }
                _ => return Err(unexpected()),
            }
        }
        Ok(View {
            document: Document {
                id: self.id,
                kind: opened.r#type,
                owner: opened.owner,
                created_ms: opened.created_ms,
                updated_ms: opened.updated_ms,
                value: json_of(tokens).ok_or_else(unexpected)?,
            },
            number: opened.view,
            last_change: opened.applied_seq,
            answers: self.answers,
        })
    }
}

/// A document as it was when it was opened, and the way to change it. Dropping it closes it.
pub struct View {
    document: Document,
    number: u64,
    last_change: u64,
    answers: Answers,
}

impl View {
    /// What it was.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Changes the document; resolves when that is durable. `message` is for its history.
    pub async fn change(&mut self, edits: EditList, message: &str) -> Result<(), AppError> {
        self.last_change += 1;
        let change = DocChange {
            view: self.number,
            change_seq: self.last_change,
            seen_version: 0,
            change: Some(doc_change::Change::Edits(edits)),
            message: message.to_owned(),
        };
        match self.answers.client().ask(request::Request::DocChange(change)).await? {
            response::Response::DocChanged(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

impl Client {
    /// Creates a document, and resolves when it is durable.
    pub async fn create(&self, id: Id, kind: &str, content: MapValue) -> Result<(), AppError> {
        let created = self.begin_create(id, kind, content).await?.next().await?;
        match created {
            response::Response::DocOpened(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Sends off the creation of a document; its one answer comes when that is durable.
    pub async fn begin_create(&self, id: Id, kind: &str, content: MapValue) -> Result<Answers, AppError> {
        self.request(request::Request::DocCreate(DocCreate {
            document_id: id.0.to_vec(),
            session: self.session.to_vec(),
            r#type: kind.to_owned(),
            content: Some(content),
            detached: true,
        }))
        .await
    }

    /// Reads a document.
    pub async fn get(&self, id: Id) -> Result<Document, AppError> {
        self.begin_get(id).await?.document().await
    }

    /// Asks for a document.
    pub async fn begin_get(&self, id: Id) -> Result<Opening, AppError> {
        let answers = self
            .request(request::Request::DocOpen(DocOpen {
                document_id: id.0.to_vec(),
                session: self.session.to_vec(),
            }))
            .await?;
        Ok(Opening { id, answers })
    }

    /// Opens a document to change it.
    pub async fn open(&self, id: Id) -> Result<View, AppError> {
        self.begin_get(id).await?.view().await
    }

    /// All rows that match, from the index.
    pub async fn query(&self, query: Query) -> Result<Vec<Row>, AppError> {
        let mut answers = self
            .request(request::Request::QueryRun(QueryRun { query: Some(query) }))
            .await?;
        let mut rows = Vec::new();
        loop {
            match answers.next().await? {
                response::Response::QueryRows(page) => {
                    rows.extend(page.rows);
                    if page.last {
                        return Ok(rows);
                    }
                }
                _ => return Err(unexpected()),
            }
        }
    }
}

/// A container that is not closed yet.
enum Open {
    Map(Map<String, Json>, Option<String>),
    List(Vec<Json>),
    Text(String),
}

/// Puts the tokens of a snapshot together; `None` when they do not nest.
fn json_of(tokens: Vec<Token>) -> Option<Json> {
    let mut stack: Vec<Open> = Vec::new();
    let mut whole = None;
    for token in tokens {
        let done = match token.token? {
            Kind::Key(key) => match stack.last_mut()? {
                Open::Map(_, next) => {
                    *next = Some(key);
                    None
                }
                Open::List(_) | Open::Text(_) => return None,
            },
            Kind::BeginMap(_) => {
                stack.push(Open::Map(Map::new(), None));
                None
            }
            Kind::BeginList(_) => {
                stack.push(Open::List(Vec::new()));
                None
            }
            Kind::TextPart(part) => {
                match stack.last_mut() {
                    Some(Open::Text(text)) => text.push_str(&part),
                    _ => stack.push(Open::Text(part)),
                }
                None
            }
            Kind::TextEnd(_) => match stack.pop()? {
                Open::Text(text) => Some(Json::String(text)),
                Open::Map(..) | Open::List(_) => return None,
            },
            Kind::End(_) => match stack.pop()? {
                Open::Map(map, None) => Some(Json::Object(map)),
                Open::List(items) => Some(Json::Array(items)),
                Open::Map(_, Some(_)) | Open::Text(_) => return None,
            },
            Kind::Scalar(value) => Some(to_json(&value)),
        };
        let Some(value) = done else { continue };
        match stack.last_mut() {
            None => whole = whole.is_none().then_some(value),
            Some(Open::Map(map, next)) => {
                map.insert(next.take()?, value);
            }
            Some(Open::List(items)) => items.push(value),
            Some(Open::Text(_)) => return None,
        }
    }
    whole.filter(|_| stack.is_empty())
}

/// A value as JSON. Bytes become hex, moments milliseconds, and numbers that JSON does not have null.
pub fn to_json(value: &Value) -> Json {
    match &value.kind {
        None | Some(ValueKind::Null(_)) => Json::Null,
        Some(ValueKind::Bool(value)) => Json::Bool(*value),
        Some(ValueKind::Int(value) | ValueKind::TimestampMs(value) | ValueKind::Counter(value)) => {
            Json::Number((*value).into())
        }
        Some(ValueKind::Double(value)) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Some(ValueKind::String(value)) => Json::String(value.clone()),
        Some(ValueKind::Bytes(value)) => Json::String(hex::encode(value)),
        Some(ValueKind::List(list)) => Json::Array(list.items.iter().map(to_json).collect()),
        Some(ValueKind::Map(map)) => fields_to_json(&map.entries),
    }
}

/// Named values as a JSON object.
fn fields_to_json(entries: &[MapEntry]) -> Json {
    let field = |entry: &MapEntry| Some((entry.key.clone(), to_json(entry.value.as_ref()?)));
    Json::Object(entries.iter().filter_map(field).collect())
}

/// A row of the index as a JSON object.
pub fn row_to_json(row: &Row) -> Json {
    json!({
        "id": Id::from_bytes(&row.document_id).map(|id| id.to_string()),
        "type": row.r#type,
        "createdAt": row.created_ms,
        "updatedAt": row.updated_ms,
        "value": fields_to_json(&row.fields),
        "cut": row.cut,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_the_facade_writes_it() {
        let mut bytes = [0; 16];
        bytes[15] = 31;
        assert_eq!(Id(bytes).to_string(), "0000000000000000000000000z");
        assert_eq!(Id([255; 16]).to_string(), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        let id = Id(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for wrong in [
            "",
            "8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "uuuuuuuuuuuuuuuuuuuuuuuuuu",
            "0",
            "ééééééééééééé",
        ] {
            assert_eq!(wrong.parse::<Id>(), Err(NoId), "{wrong}");
        }
    }

    fn token(kind: Kind) -> Token {
        Token { token: Some(kind) }
    }

    #[test]
    fn tokens_become_the_value_and_nonsense_is_refused() {
        let text = |text: &str| token(Kind::TextPart(text.into()));
        let tokens = vec![
            token(Kind::BeginMap(true)),
            token(Kind::Key("body".into())),
            text("a"),
            text("b"),
            token(Kind::TextEnd(true)),
            token(Kind::Key("tags".into())),
            token(Kind::BeginList(true)),
            token(Kind::Scalar(Value {
                kind: Some(ValueKind::Int(7)),
            })),
            token(Kind::End(true)),
            token(Kind::End(true)),
        ];
        assert_eq!(json_of(tokens.clone()), Some(json!({ "body": "ab", "tags": [7] })));
        for end in 0..tokens.len() {
            assert_eq!(json_of(tokens[..end].to_vec()), None, "cut at {end}");
            assert_eq!(
                json_of(tokens[end + 1..].to_vec()).filter(Json::is_object),
                None,
                "begun at {end}"
            );
        }
    }
}
