//! All that crosses the boundaries of a run, as one SHA-256: two runs of a seed have the same, or the simulator is not worth its name.
//!
//! Three things stay out, because they differ between the backends and nothing depends on them: the calls of `avatar_random` (natively, a crate draws what it throws
//! away from the operating system), the size of the linear memory in a status (natively, there is none), and the words of log lines (the built file has none for `Debug`).

use avatar_proto::{Event, GuestHello, KeysCommand, Message, P2pCommand, Request, Response, StorageBatch};
use sha2::{Digest, Sha256};

/// One call across a boundary.
#[derive(Debug)]
pub struct Call<'a> {
    /// The unit's number.
    pub unit: usize,
    /// `yuan_turn`, `avatar_storage`, …
    pub name: &'static str,
    /// The numbers among the arguments, in their order; pointers and lengths are left out.
    pub numbers: &'a [i64],
    /// The buffers among the arguments, in their order.
    pub buffers: &'a [&'a [u8]],
    /// What the call returned; 0 if it returns nothing.
    pub result: i64,
}

/// The hash of all calls so far.
#[derive(Default)]
pub struct Traffic {
    hash: Sha256,
    calls: u64,
    bytes: u64,
    is_printed: bool,
}

impl Traffic {
    /// Nothing so far. Printed traffic has a line on standard error for each call: compare those of two runs to find where they part.
    pub fn new(is_printed: bool) -> Self {
        Self {
            is_printed,
            ..Self::default()
        }
    }

    /// A call has been made.
    pub fn add(&mut self, call: &Call<'_>) {
        self.calls += 1;
        self.hash.update((call.unit as u64).to_le_bytes());
        self.hash.update(call.name);
        for number in call.numbers {
            self.hash.update(number.to_le_bytes());
        }
        let is_counted = call.name != "avatar_log";
        for buffer in call.buffers.iter().filter(|_| is_counted) {
            self.bytes += buffer.len() as u64;
            self.hash.update((buffer.len() as u64).to_le_bytes());
            self.hash.update(buffer);
        }
        self.hash.update(call.result.to_le_bytes());
        if self.is_printed {
            eprintln!(
                "{} {} {:?} {} = {}",
                call.unit,
                call.name,
                call.numbers,
                describe(call),
                call.result
            );
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The bytes of their buffers.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The SHA-256 of all calls so far, in hexadecimal digits.
    pub fn digest(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

/// The buffers in words: messages as such, where it is known which they are.
fn describe(call: &Call<'_>) -> String {
    let head = call.buffers.first().copied().unwrap_or_default();
    let message = match call.name {
        "yuan_handle_request" => Request::decode(head).map(|message| format!("{message:?}")),
        "avatar_respond" if call.numbers.first() == Some(&0) => {
            GuestHello::decode(head).map(|message| format!("{message:?}"))
        }
        "avatar_respond" => Response::decode(head).map(|message| format!("{message:?}")),
        "avatar_emit" => Event::decode(head).map(|message| format!("{message:?}")),
        "avatar_storage" => StorageBatch::decode(head).map(|message| format!("{message:?}")),
        "avatar_p2p" => P2pCommand::decode(head).map(|message| format!("{message:?}")),
        "avatar_log" => Ok(String::from_utf8_lossy(head).into_owned()),
        "avatar_keys" => KeysCommand::decode(head).map(|message| format!("{message:?}")),
        _ => Ok(hex(head)),
    };
    message.unwrap_or_else(|_| hex(head))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
