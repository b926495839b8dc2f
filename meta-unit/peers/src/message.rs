//! What two devices of one person say to each other once they know each other.

use prost::{Message as _, Oneof};

use crate::reconcile::Id;

/// A message has at most so many bytes: the changes of a document, and a little around them.
pub const MAX_MESSAGE_BYTES: usize = 15 * 1024 * 1024;

/// One message names at most so many documents.
pub const MAX_IDS: usize = 1_024;

/// What is said of a moment, in bytes, at most.
pub const MAX_PRESENCE_BYTES: usize = 4 * 1024;

/// A document's type and its owner, in bytes, at most.
const MAX_TYPE_BYTES: usize = 128;
const MAX_OWNER_BYTES: usize = 2 * 1024;

/// What is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message has another form")]
pub struct MessageError;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A message of [`reconcile`](crate::reconcile); None: this side has said all that it has to say.
    Reconcile(Option<Vec<u8>>),
    /// These documents were found to differ, and are going to be told.
    Coming(Vec<Id>),
    /// These documents are missing.
    Wanted(Vec<Id>),
    /// These documents, which were wanted or announced, cannot be had here.
    Unavailable(Vec<Id>),
    /// A document's changes.
    Document(Document),
    /// These documents were deleted.
    Deleted(Vec<Id>),
    /// The log of devices, encoded: there is something new in it.
    Devices(Vec<u8>),
    /// Who is at a document, and where.
    Presence(Presence),
    /// Are you there? To be answered by [`Pong`](Self::Pong).
    Ping,
    /// Yes.
    Pong,
}

/// One message about one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Which one.
    pub id: Id,
    /// What does not change, if the other side may not have it.
    pub header: Option<Header>,
    /// When it was last changed there. Milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// A message of automerge's sync protocol.
    pub sync: Vec<u8>,
}

/// What does not change in a document's life.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// What kind of thing it is.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// The owner's DID.
    #[prost(string, tag = "2")]
    pub owner: String,
    /// Milliseconds since the Unix epoch.
    #[prost(sint64, tag = "3")]
    pub created_ms: i64,
}

/// Something of this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Presence {
    /// Where.
    pub document: Id,
    /// What the app says; empty = no longer there.
    pub data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Wire {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(bytes, tag = "1")]
    Reconcile(Vec<u8>),
    #[prost(bool, tag = "2")]
    Reconciled(bool),
    #[prost(bytes, tag = "3")]
    Coming(Vec<u8>),
    #[prost(bytes, tag = "4")]
    Wanted(Vec<u8>),
    #[prost(message, tag = "5")]
    Document(WireDocument),
    #[prost(bytes, tag = "6")]
    Deleted(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Devices(Vec<u8>),
    #[prost(message, tag = "8")]
    Presence(WirePresence),
    #[prost(bool, tag = "9")]
    Ping(bool),
    #[prost(bool, tag = "10")]
    Pong(bool),
    #[prost(bytes, tag = "11")]
    Unavailable(Vec<u8>),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireDocument {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    header: Option<Header>,
    #[prost(sint64, tag = "3")]
    updated_ms: i64,
    #[prost(bytes = "vec", tag = "4")]
    sync: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePresence {
    #[prost(bytes = "vec", tag = "1")]
    document: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

impl Message {
    /// As bytes.
    pub fn encode(self) -> Vec<u8> {
        let ids = |ids: Vec<Id>| ids.concat();
        let kind = match self {
            Self::Reconcile(Some(message)) => Kind::Reconcile(message),
            Self::Reconcile(None) => Kind::Reconciled(true),
            Self::Coming(coming) => Kind::Coming(ids(coming)),
            Self::Wanted(wanted) => Kind::Wanted(ids(wanted)),
            Self::Unavailable(unavailable) => Kind::Unavailable(ids(unavailable)),
            Self::Document(document) => Kind::Document(WireDocument {
                id: document.id.to_vec(),
                header: document.header,
                updated_ms: document.updated_ms,
                sync: document.sync,
            }),
            Self::Deleted(deleted) => Kind::Deleted(ids(deleted)),
            Self::Devices(log) => Kind::Devices(log),
            Self::Presence(presence) => Kind::Presence(WirePresence {
                document: presence.document.to_vec(),
                data: presence.data,
            }),
            Self::Ping => Kind::Ping(true),
            Self::Pong => Kind::Pong(true),
        };
        Wire { kind: Some(kind) }.encode_to_vec()
    }

    /// From bytes of at most [`MAX_MESSAGE_BYTES`].
    ///
    /// # Errors
    /// They are none, or break a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(MessageError);
        }
        let wire = Wire::decode(bytes).map_err(|_| MessageError)?;
        Ok(match wire.kind.ok_or(MessageError)? {
            Kind::Reconcile(message) => Self::Reconcile(Some(message)),
            Kind::Reconciled(_) => Self::Reconcile(None),
            Kind::Coming(coming) => Self::Coming(ids(&coming)?),
            Kind::Wanted(wanted) => Self::Wanted(ids(&wanted)?),
            Kind::Unavailable(unavailable) => Self::Unavailable(ids(&unavailable)?),
            Kind::Document(document) => {
                let fits = |header: &Header| {
                    (1..=MAX_TYPE_BYTES).contains(&header.type_name.len()) && header.owner.len() <= MAX_OWNER_BYTES
                };
                if !document.header.as_ref().is_none_or(fits) {
                    return Err(MessageError);
                }
                Self::Document(Document {
                    id: id(document.id)?,
                    header: document.header,
                    updated_ms: document.updated_ms,
                    sync: document.sync,
                })
            }
            Kind::Deleted(deleted) => Self::Deleted(ids(&deleted)?),
            Kind::Devices(log) => Self::Devices(log),
            Kind::Presence(presence) if presence.data.len() <= MAX_PRESENCE_BYTES => Self::Presence(Presence {
                document: id(presence.document)?,
                data: presence.data,
            }),
            Kind::Presence(_) => return Err(MessageError),
            Kind::Ping(_) => Self::Ping,
            Kind::Pong(_) => Self::Pong,
        })
    }
}

fn id(bytes: Vec<u8>) -> Result<Id, MessageError> {
    bytes.try_into().map_err(|_| MessageError)
}

fn ids(bytes: &[u8]) -> Result<Vec<Id>, MessageError> {
    let (ids, rest) = bytes.as_chunks();
    if rest.is_empty() && ids.len() <= MAX_IDS {
        Ok(ids.to_vec())
    } else {
        Err(MessageError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..100);
        let ids = || prop::collection::vec(any::<Id>(), 0..10);
        let header = ("[a-z]{1,20}", ".{0,40}", any::<i64>()).prop_map(|(type_name, owner, created_ms)| Header {
            type_name,
            owner,
            created_ms,
        });
        let document = (any::<Id>(), prop::option::of(header), any::<i64>(), bytes());
        prop_oneof![
            prop::option::of(bytes()).prop_map(Message::Reconcile),
            ids().prop_map(Message::Coming),
            ids().prop_map(Message::Wanted),
            ids().prop_map(Message::Unavailable),
            document.prop_map(|(id, header, updated_ms, sync)| Message::Document(Document {
                id,
                header,
                updated_ms,
                sync
            })),
            ids().prop_map(Message::Deleted),
            bytes().prop_map(Message::Devices),
            (any::<Id>(), bytes()).prop_map(|(document, data)| Message::Presence(Presence { document, data })),
            Just(Message::Ping),
            Just(Message::Pong),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_is_understood(message in message()) {
            prop_assert_eq!(Message::decode(&message.clone().encode()), Ok(message));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
        }
    }

    #[test]
    fn what_breaks_a_limit_is_refused() {
        let document = |type_name: &str, owner: &str| {
            Message::Document(Document {
                id: [1; 16],
                header: Some(Header {
                    type_name: type_name.to_owned(),
                    owner: owner.to_owned(),
                    created_ms: 0,
                }),
                updated_ms: 0,
                sync: Vec::new(),
            })
        };
        let presence = Presence {
            document: [1; 16],
            data: vec![0; MAX_PRESENCE_BYTES + 1],
        };
        for refused in [
            Message::Wanted(vec![[0; 16]; MAX_IDS + 1]),
            Message::Deleted(vec![[0; 16]; MAX_IDS + 1]),
            document("", ""),
            document(&"x".repeat(MAX_TYPE_BYTES + 1), ""),
            document("note", &"x".repeat(MAX_OWNER_BYTES + 1)),
            Message::Presence(presence),
        ] {
            assert_eq!(Message::decode(&refused.encode()), Err(MessageError));
        }
        assert!(Message::decode(&document("note", "did:key:z").encode()).is_ok());
    }
}
