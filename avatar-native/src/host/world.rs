//! What the imports mean in this host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use avatar_proto::host_frame::Frame;
use avatar_proto::{AbiStatus, GuestHello, Message};

use super::calls::Calls;
use super::clients::Clients;
use super::ops::Ops;
use super::supervise::Digest;
use crate::boundary::{Import, Imports};

/// `avatar_respond`: more answers follow.
const MORE: i64 = 1;

/// `avatar_respond`: the last answer.
const FIN: i64 = 2;

/// The one topic of `avatar_emit`.
const TOPIC_EVENT: i64 = 1;

/// What an instance and its host share. Calls and clients outlive the instance; the rest begins with it.
pub struct Shared {
    pub calls: Calls,
    pub clients: Clients,
    pub ops: Ops,
    /// The answer to `yuan_init`, until the host takes it.
    pub hello: Option<GuestHello>,
    /// What the instance said before it trapped.
    pub last_words: String,
    /// Who had an answer, while somebody is under suspicion.
    pub answered: Option<Vec<Digest>>,
}

/// The world of one instance.
pub struct World {
    pub shared: Rc<RefCell<Shared>>,
    pub started: Instant,
}

impl Imports for World {
    fn call(&mut self, import: Import, args: &[i64], lent: Result<&[&[u8]], AbiStatus>) -> i64 {
        match import {
            Import::ClockUnix => return unix_us(),
            // An Instant never goes back (H12).
            Import::ClockMonotonic => return i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX),
            _ => {}
        }
        let done = lent.and_then(|lent| self.serve(import, args, lent));
        done.map_or_else(|status| status.code().into(), i64::from)
    }

    fn random(&mut self, _: &[i64], out: Result<&mut [u8], AbiStatus>) -> i64 {
        let filled = out.and_then(|out| getrandom::fill(out).map_err(|_| AbiStatus::Io));
        filled.map_or_else(AbiStatus::code, |()| 0).into()
    }
}

impl World {
    /// What the import returns: 0, but for `avatar_stream_write`.
    fn serve(&mut self, import: Import, args: &[i64], lent: &[&[u8]]) -> Result<u32, AbiStatus> {
        let shared = &mut *self.shared.borrow_mut();
        let part = |at: usize| lent.get(at).copied().unwrap_or_default();
        // Numbers of operations, requests and streams are unsigned (§2).
        let id = args.first().copied().unwrap_or_default() as u64;
        let stream = id as u32;
        match import {
            Import::Log => log(args[0], &String::from_utf8_lossy(part(0))),
            Import::Panic => {
                shared.last_words = String::from_utf8_lossy(part(0)).into_owned();
            }
            Import::Respond => respond(shared, id, args[1], part(0), part(1))?,
            Import::Emit if args[0] == TOPIC_EVENT => shared.clients.tell_all(&Frame::Event(part(0).to_vec())),
            Import::Emit => return Err(AbiStatus::Invalid),
            Import::Storage => shared.ops.storage(id, part(0), part(1))?,
            Import::Keys => shared.ops.keys(id, part(0))?,
            Import::NetRequest => shared.ops.net_request(id, part(0), part(1))?,
            Import::P2p => shared.ops.p2p(id, part(0))?,
            Import::Infer if id == 0 => return Err(AbiStatus::Invalid),
            Import::Infer => return Err(AbiStatus::Unsupported),
            Import::Cancel => shared.ops.cancel(id)?,
            Import::StreamWrite => return shared.ops.stream_write(stream, lent),
            Import::StreamGrant => shared.ops.stream_grant(stream, args[1] as u32)?,
            Import::StreamClose => shared
                .ops
                .stream_close(stream, i32::try_from(args[1]).map_err(|_| AbiStatus::Invalid)?)?,
            // Answered by the caller.
            Import::ClockUnix | Import::ClockMonotonic | Import::Random => {}
        }
        Ok(0)
    }
}

fn respond(shared: &mut Shared, req: u64, flags: i64, head: &[u8], body: &[u8]) -> Result<(), AbiStatus> {
    let last = match flags {
        MORE => false,
        FIN => true,
        _ => return Err(AbiStatus::Invalid),
    };
    if req == 0 {
        let hello = GuestHello::decode(head).map_err(|_| AbiStatus::Invalid)?;
        if !last {
            return Err(AbiStatus::Invalid);
        }
        shared.hello = Some(hello);
        return Ok(());
    }
    let digest = shared.calls.digest(req);
    let address = shared.calls.answer(req, last).ok_or(AbiStatus::NotFound)?;
    if let (Some(answered), Some(digest)) = (&mut shared.answered, digest) {
        answered.push(digest);
    }
    if let Some(address) = address {
        shared.clients.answer(address, last, head, body);
    }
    Ok(())
}

fn unix_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

fn log(level: i64, text: &str) {
    match level {
        ..=1 => tracing::error!(target: "meta_unit", "{text}"),
        2 => tracing::warn!(target: "meta_unit", "{text}"),
        3 => tracing::info!(target: "meta_unit", "{text}"),
        4 => tracing::debug!(target: "meta_unit", "{text}"),
        _ => tracing::trace!(target: "meta_unit", "{text}"),
    }
}
