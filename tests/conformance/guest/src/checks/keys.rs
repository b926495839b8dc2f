//! `avatar_keys`: H21 to H23, and what H3 and H14 say of its commands. Whether a signature or a shared secret is right, the kit finds out: this guest has no cryptography.

use avatar_proto::keys_command::Command;
use avatar_proto::{
    AbiStatus, Capability, KeyProtection, KeysAgree, KeysCommand, KeysErase, KeysOpen, KeysResult, KeysSign,
    KeysUnwrap, KeysWrap, Message,
};

use crate::checks::Ask;
use crate::imports::{self, Region};
use crate::operations::{Completion, completion, keep, submit, success, why};
use crate::runtime::sleep_us;
use crate::verdict::{Problem, Verdict, fail, require, skip};
use crate::{guest, monitor};

const INVALID: i32 = AbiStatus::Invalid.code();
const NOT_FOUND: i32 = AbiStatus::NotFound.code();
const UNSUPPORTED: i32 = AbiStatus::Unsupported.code();
const CORRUPT: i32 = AbiStatus::Corrupt.code();

/// What wrapping may add to a secret.
const MAX_OVERHEAD: usize = 64;

/// Written over what was lent, as soon as the import is back.
const SCRAMBLED: u8 = 0xee;

/// So long a host has time for what it must not do.
const A_WHILE_US: i64 = 30_000;

fn needs_keys() -> Result<(), Problem> {
    match guest::host_has(Capability::Keys) {
        true => Ok(()),
        false => skip("the host has no keys"),
    }
}

fn encode(name: &str, command: impl Into<Option<Command>>) -> Vec<u8> {
    let (name, command) = (name.to_owned(), command.into());
    KeysCommand { name, command }.encode_to_vec()
}

fn offer(command: Region) -> Result<i64, i32> {
    submit(|op, command, _| imports::keys(op, command), command, Region::NONE)
}

/// Hands a command to a host that has to take it.
fn start(name: &str, command: Command) -> Result<i64, Problem> {
    needs_keys()?;
    offer(keep(encode(name, command)))
        .or_else(|status| fail(format!("a command for keys was refused with {}", imports::name(status))))
}

/// Runs a command to its completion, whatever that is.
async fn run(name: &str, command: Command) -> Result<Completion, Problem> {
    completion(start(name, command)?).await
}

fn result(completion: &Completion) -> Result<KeysResult, Problem> {
    KeysResult::decode(completion.head.as_slice())
        .or_else(|_| fail("the head of a completed command for keys is no KeysResult"))
}

/// The result of a command that has to succeed.
async fn done(name: &str, command: Command) -> Result<KeysResult, Problem> {
    result(&success(start(name, command)?).await?)
}

async fn open(name: &str) -> Result<KeysResult, Problem> {
    let opened = done(name, Command::Open(KeysOpen {})).await?;
    let is_named = !matches!(opened.protection(), KeyProtection::Unspecified);
    require(is_named, || format!("a protection of {}", opened.protection))?;
    for (key, algorithm) in [
        (&opened.sign_public_key, "Ed25519"),
        (&opened.agree_public_key, "X25519"),
    ] {
        require(matches!(key.len(), 0 | 32), || {
            format!("a public key of {} bytes for {algorithm}", key.len())
        })?;
    }
    Ok(opened)
}

fn sign(message: &[u8]) -> Command {
    let message = message.to_vec();
    Command::Sign(KeysSign { message })
}

fn agree(public_key: &[u8]) -> Command {
    let public_key = public_key.to_vec();
    Command::Agree(KeysAgree { public_key })
}

fn wrap(secret: &[u8], context: &[u8]) -> Command {
    let (secret, context) = (secret.to_vec(), context.to_vec());
    Command::Wrap(KeysWrap { secret, context })
}

fn unwrap(wrapped: &[u8], context: &[u8]) -> Command {
    let (wrapped, context) = (wrapped.to_vec(), context.to_vec());
    Command::Unwrap(KeysUnwrap { wrapped, context })
}

/// The same key set, as far as its public side tells.
fn is_same(one: &KeysResult, other: &KeysResult) -> bool {
    one.protection == other.protection
        && one.sign_public_key == other.sign_public_key
        && one.agree_public_key == other.agree_public_key
}

async fn require_end(what: &str, name: &str, command: Command, expected: i32) -> Verdict {
    let ended = run(name, command).await?;
    require(ended.status == expected, || {
        let expected = imports::name(expected);
        match ended.status {
            0 => format!("{what} succeeded instead of ending with {expected}"),
            _ => format!("{what} ended with {} instead of {expected}", why(&ended)),
        }
    })
}

/// Hands over the name to use, so that a check can be told to come back to a key set.
fn name_of(ask: &Ask) -> String {
    ask.text().trim().to_owned()
}

/// Answers with two things, the length of the first in front: one answer, so that nothing depends on the order of several.
fn tell(ask: &Ask, first: &[u8], second: &[u8]) -> Verdict {
    let len = u8::try_from(first.len()).unwrap_or(u8::MAX);
    let status = guest::answer(ask.req, [&[len], first, second].concat());
    require(status == 0, || {
        format!("avatar_respond returned {}", imports::name(status))
    })
}

/// Many commands in one turn, some of them cancelled, each of which completes, and none twice.
pub async fn once() -> Verdict {
    open("once").await?;
    let mut ops = Vec::new();
    for n in 0..40_u8 {
        ops.push(start("once", wrap(&[n], b""))?);
    }
    for op in ops.iter().step_by(2) {
        imports::cancel(*op);
        imports::cancel(*op);
    }
    for op in &ops {
        let ended = completion(*op).await?;
        let expected = ended.status == 0 || ended.status == AbiStatus::Cancelled.code();
        require(expected, || {
            format!("a command for keys ended with {}", imports::name(ended.status))
        })?;
    }
    sleep_us(A_WHILE_US).await;
    monitor::verdict("H14")
}

/// A command whose buffer is overwritten when the import has returned.
pub async fn scrambled() -> Verdict {
    open("scrambled").await?;
    let secret = [7; 1_000];
    let mut command = encode("scrambled", wrap(&secret, b"context"));
    let submitted = offer(Region::of(&command));
    command.fill(SCRAMBLED);
    keep(command);
    let Ok(op) = submitted else {
        return fail("a command for keys was refused");
    };
    let wrapped = result(&success(op).await?)?.data;
    let unwrapped = run("scrambled", unwrap(&wrapped, b"context")).await?;
    let intact = unwrapped.status == 0 && result(&unwrapped)?.data == secret;
    require(intact, || {
        "the command was read after avatar_keys had returned".to_owned()
    })
}

/// Names, lengths and heads at the limits and beyond.
pub async fn limits() -> Verdict {
    needs_keys()?;
    open("limits").await?;
    let longest = "k".repeat(64);
    open(&longest).await?;
    for message in [&b""[..], &[1; 32_768]] {
        let ended = run("limits", sign(message)).await?;
        require(matches!(ended.status, 0 | UNSUPPORTED), || {
            format!("a message of {} bytes: {}", message.len(), why(&ended))
        })?;
    }
    done("limits", wrap(&[2; 4_096], &[3; 1_024])).await?;
    done("limits", wrap(b"", b"")).await?;

    let open = || Command::Open(KeysOpen {});
    let cut_off = encode("limits", sign(b"message"));
    let cases = [
        ("a cut-off command", cut_off[..cut_off.len() - 1].to_vec()),
        ("bytes that are no message", vec![0xff; 20]),
        ("no command", encode("limits", None)),
        ("nothing at all", Vec::new()),
        ("an empty name", encode("", open())),
        ("a name of 65 bytes", encode(&"k".repeat(65), open())),
        ("a name in capitals", encode("KEYS", open())),
        ("a name that is a path", encode("../keys", open())),
        ("a name with a letter beyond ASCII", encode("schlüssel", open())),
        ("a message of 32,769 bytes", encode("limits", sign(&[1; 32_769]))),
        ("a public key of 31 bytes", encode("limits", agree(&[9; 31]))),
        ("a public key of 33 bytes", encode("limits", agree(&[9; 33]))),
        ("no public key", encode("limits", agree(b""))),
        ("a secret of 4,097 bytes", encode("limits", wrap(&[1; 4_097], b""))),
        ("a context of 1,025 bytes", encode("limits", wrap(b"", &[1; 1_025]))),
        ("4,161 wrapped bytes", encode("limits", unwrap(&[1; 4_161], b""))),
        (
            "another context of 1,025 bytes",
            encode("limits", unwrap(b"", &[1; 1_025])),
        ),
    ];
    for (what, command) in cases {
        match offer(keep(command)) {
            Err(INVALID) => {}
            Err(status) => return fail(format!("{what} was refused with {}", imports::name(status))),
            Ok(_) => return fail(format!("{what} was accepted")),
        }
    }
    Ok(())
}

/// Commands on a key set that is not there.
pub async fn unknown() -> Verdict {
    let cases = [
        ("sign", sign(b"message")),
        ("agree", agree(&[9; 32])),
        ("wrap", wrap(b"secret", b"")),
        ("unwrap", unwrap(&[1; 60], b"")),
    ];
    for (what, command) in cases {
        require_end(what, "unknown", command, NOT_FOUND).await?;
    }
    done("unknown", Command::Erase(KeysErase {})).await?;
    require(open("unknown").await?.created, || {
        "a key set that nobody had opened was there".to_owned()
    })
}

/// Many open one key set at once, and again.
pub async fn same() -> Verdict {
    let ops = (0..8)
        .map(|_| start("same", Command::Open(KeysOpen {})))
        .collect::<Result<Vec<_>, _>>()?;
    let mut opened = Vec::new();
    for op in ops {
        opened.push(result(&success(op).await?)?);
    }
    let created = opened.iter().filter(|opened| opened.created).count();
    require(created == 1, || {
        format!("{created} of 8 were told that they had created it")
    })?;
    opened.push(open("same").await?);
    require(opened.iter().all(|each| is_same(each, &opened[0])), || {
        "two that opened one key set got different ones".to_owned()
    })?;
    require(!opened[8].created, || "it was created once more".to_owned())?;
    let other = open("another").await?;
    let public = |keys: &KeysResult| [keys.sign_public_key.clone(), keys.agree_public_key.clone()].concat();
    let differs = public(&other) != public(&opened[0]) || public(&other).is_empty();
    require(differs, || "two names have one key set".to_owned())
}

/// Opens the key set that the argument names, and tells its public side and something that it has wrapped.
pub async fn make(ask: Ask) -> Verdict {
    let name = name_of(&ask);
    let opened = open(&name).await?;
    let wrapped = done(&name, wrap(b"kept", name.as_bytes())).await?.data;
    let created = false;
    let opened = KeysResult { created, ..opened };
    tell(&ask, &opened.encode_to_vec(), &wrapped)
}

/// The key set is the one of which `make` told: the arguments are its name, and in hexadecimal digits what was told.
pub async fn kept(ask: Ask) -> Verdict {
    let text = ask.text();
    let mut words = text.split(' ');
    let name = words.next().unwrap_or_default();
    let mut told = || words.next().and_then(bytes_of_hex).unwrap_or_default();
    let (before, wrapped) = (told(), told());
    // Before it is opened: it is there.
    let unwrapped = run(name, unwrap(&wrapped, name.as_bytes())).await?;
    let intact = unwrapped.status == 0 && result(&unwrapped)?.data == b"kept";
    require(intact, || {
        "what the key set had wrapped it does not unwrap any more".to_owned()
    })?;
    let opened = open(name).await?;
    require(!opened.created, || "the key set was created once more".to_owned())?;
    let Ok(before) = KeysResult::decode(before.as_slice()) else {
        return fail("the kit told something else");
    };
    require(is_same(&before, &opened), || "the key set is another one".to_owned())
}

fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// What is erased does not come back.
pub async fn erase() -> Verdict {
    let before = open("erased").await?;
    let wrapped = done("erased", wrap(b"secret", b"")).await?.data;
    for _ in 0..2 {
        done("erased", Command::Erase(KeysErase {})).await?;
    }
    let after = open("erased").await?;
    let is_fresh = after.created && (before.sign_public_key.is_empty() || !is_same(&before, &after));
    require(is_fresh, || "an erased key set was there again".to_owned())?;
    let ended = run("erased", unwrap(&wrapped, b"")).await?;
    let is_gone = ended.status != 0 || result(&ended)?.data != b"secret";
    require(is_gone, || {
        "what an erased key set had wrapped could be unwrapped".to_owned()
    })
}

/// Tells a public key and the signature of the message that the argument is.
pub async fn signature(ask: Ask) -> Verdict {
    let opened = open("signer").await?;
    if opened.sign_public_key.is_empty() {
        return require_end("sign without Ed25519", "signer", sign(&ask.arguments), UNSUPPORTED).await;
    }
    let signature = done("signer", sign(&ask.arguments)).await?.data;
    tell(&ask, &opened.sign_public_key, &signature)
}

/// Tells a public key and the secret shared with the owner of the one that the argument is, in hexadecimal digits.
pub async fn shared(ask: Ask) -> Verdict {
    let theirs = bytes_of_hex(ask.text().trim()).unwrap_or_default();
    let opened = open("agreeing").await?;
    if opened.agree_public_key.is_empty() {
        return require_end("agree without X25519", "agreeing", agree(&theirs), UNSUPPORTED).await;
    }
    let shared = done("agreeing", agree(&theirs)).await?.data;
    tell(&ask, &opened.agree_public_key, &shared)
}

/// Public keys of low order, with which everybody shares one secret.
pub async fn low_order() -> Verdict {
    // Of order 8 (RFC 7748, §6.1, asks for the check that these fail).
    const ORDER_8: [u8; 32] = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    if open("low").await?.agree_public_key.is_empty() {
        return skip("the host lacks X25519");
    }
    let mut one = [0; 32];
    one[0] = 1;
    for low in [[0; 32], one, ORDER_8] {
        require_end("a public key of low order", "low", agree(&low), INVALID).await?;
    }
    Ok(())
}

/// What was wrapped comes back, and nothing else does.
pub async fn wrapping() -> Verdict {
    open("wrapping").await?;
    open("other").await?;
    for len in [0, 1, 32, 4_096] {
        let secret: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let wrapped = done("wrapping", wrap(&secret, b"context")).await?.data;
        require(wrapped.len() <= len + MAX_OVERHEAD, || {
            format!("{len} bytes were wrapped into {}", wrapped.len())
        })?;
        let unwrapped = done("wrapping", unwrap(&wrapped, b"context")).await?.data;
        require(unwrapped == secret, || {
            format!("a secret of {len} bytes came back as another one")
        })?;
    }

    let secret = [5; 32];
    let wrapped = done("wrapping", wrap(&secret, b"context")).await?.data;
    let again = done("wrapping", wrap(&secret, b"context")).await?.data;
    require(wrapped != again, || {
        "a secret was wrapped twice into the same bytes".to_owned()
    })?;
    let is_hidden = !wrapped.windows(8).any(|bytes| bytes == &secret[..8]);
    require(is_hidden, || "a secret was wrapped into bytes that show it".to_owned())?;
    for at in 0..wrapped.len() {
        let mut damaged = wrapped.clone();
        damaged[at] ^= 1 << (at % 8);
        require_end(
            "unwrapping damaged bytes",
            "wrapping",
            unwrap(&damaged, b"context"),
            CORRUPT,
        )
        .await?;
    }
    let longer = [wrapped.as_slice(), &[0]].concat();
    let cases = [
        ("with another context", "wrapping", wrapped.as_slice(), &b"contexT"[..]),
        ("without its context", "wrapping", &wrapped, b""),
        ("by another key set", "other", &wrapped, b"context"),
        ("what is one byte short", "wrapping", &wrapped[1..], b"context"),
        ("what is one byte long", "wrapping", &longer, b"context"),
        ("a few bytes", "wrapping", &wrapped[..8], b"context"),
        ("nothing", "wrapping", b"", b"context"),
    ];
    for (what, name, wrapped, context) in cases {
        require_end(&format!("unwrapping {what}"), name, unwrap(wrapped, context), CORRUPT).await?;
    }
    Ok(())
}
