//! The program `avatar`: its commands, its socket, and what a kill leaves.

#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use avatar_native::client::Id;
use avatar_native::folder::socket_path;
use avatar_native::socket::connect;
use avatar_native::{Client, hex};
use avatar_relay::{Config, Relay};
use common::{PATIENCE, module_cache, note, unit, wasm_path, within};
use serde_json::Value;

fn avatar(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_avatar"));
    command
        .env_clear()
        .arg("--json")
        .arg("--dir")
        .arg(folder)
        .arg("--wasm")
        .arg(wasm_path())
        .arg("--module-cache")
        .arg(module_cache());
    command
}

/// Runs a command to its end and reads its answer.
fn answer(command: &mut Command) -> Value {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).expect("one JSON value")
}

/// Runs a command that has to fail, and gives its error's code.
fn failure(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("it runs");
    assert!(!status.success());
    let line = String::from_utf8_lossy(&stderr)
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned();
    let error: Value = serde_json::from_str(&line).expect("one JSON value");
    error["error"]["code"].as_str().expect("a code").to_owned()
}

/// A node that runs; killed when it is dropped.
struct Running {
    child: Child,
    hello: Value,
}

impl Running {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut child = avatar(folder)
            .arg("run")
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let hello = serde_json::from_str(&line).expect("one JSON value");
        Self { child, hello }
    }

    fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Asks it to end, as a service manager does, and waits.
    fn stop(mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .expect("kill");
        assert!(asked.success());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn client(folder: &Path) -> Client {
    within(connect(&socket_path(folder)))
        .await
        .expect("greeted")
        .expect("a node that runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_answer_the_same_with_and_without_a_running_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, notes) = (folder.path().join("node"), folder.path().join("notes"));
    fs::create_dir(&notes).expect("made");
    fs::write(notes.join("a.md"), "# Hello\n\nworld #tag").expect("written");
    assert_eq!(
        failure(avatar(&node).arg("status")),
        "NOT_FOUND",
        "nothing is made by asking"
    );
    assert!(!node.exists());
    let imported = answer(avatar(&node).arg("import").arg(&notes));
    assert_eq!((&imported["imported"], &imported["refused"]), (&1.into(), &0.into()));
    let listed = answer(avatar(&node).args(["docs", "list"]));
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    let document = answer(avatar(&node).args(["docs", "get", &id]));
    assert_eq!(document["value"]["body"], "# Hello\n\nworld #tag");

    let running = Running::start(&node, &[]);
    assert_eq!(running.hello["metaUnit"], hex::encode(&unit().sha256()));
    assert_eq!(answer(avatar(&node).args(["docs", "list", "--type", "note"])), listed);
    assert_eq!(
        answer(avatar(&node).args(["docs", "list", "--type", "task"])),
        Value::Array(vec![])
    );
    assert_eq!(answer(avatar(&node).args(["docs", "get", &id])), document);
    let status = answer(avatar(&node).arg("status"));
    assert_eq!(
        (&status["documents"], &status["did"]),
        (&1.into(), &running.hello["did"])
    );
    let exported = answer(avatar(&node).arg("export").arg(folder.path().join("out")));
    assert_eq!(exported["count"], 1);
    assert_eq!(
        fs::read(folder.path().join("out/notes/a.md")).expect("a file"),
        b"# Hello\n\nworld #tag"
    );
    assert_eq!(
        failure(avatar(&node).args(["docs", "get", "nonsense"])),
        "INVALID_ARGUMENT"
    );
    assert_eq!(
        failure(avatar(&node).args(["docs", "get", &"0".repeat(26)])),
        "NOT_FOUND"
    );
    assert_eq!(failure(avatar(&node).arg("run")), "FOLDER_IN_USE");
    running.stop();
    assert!(!socket_path(&node).exists(), "it takes its socket away");
    assert_eq!(answer(avatar(&node).args(["docs", "list"])), listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_and_socket_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = folder.path().join("node");
    let running = Running::start(&node, &[]);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&node), mode(&socket_path(&node))), (0o700, 0o600));
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_says_where_peers_reach_it_and_is_the_same_peer_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = [
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
        "--listen",
        "/ip4/127.0.0.1/udp/0/quic-v1",
    ];
    let reached = |running: &Running| {
        let addresses = running.hello["peers"].as_array().expect("addresses").clone();
        let ids: Vec<String> = addresses
            .iter()
            .map(|address| {
                let address = address.as_str().expect("an address");
                address.split_once("/p2p/").expect("with its peer id").1.to_owned()
            })
            .collect();
        assert_eq!(ids.len(), 2, "{addresses:?}");
        assert_eq!(ids[0], ids[1]);
        ids[0].clone()
    };
    let running = Running::start(folder.path(), &listen);
    let peer = reached(&running);
    let status = answer(avatar(folder.path()).arg("status"));
    let capabilities = status["capabilities"].as_array().expect("a list");
    assert!(capabilities.contains(&"p2p".into()), "{capabilities:?}");
    let key = fs::metadata(folder.path().join("transport.key")).expect("there");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    running.stop();

    let running = Running::start(folder.path(), &listen);
    assert_eq!(reached(&running), peer);
    running.stop();

    assert_eq!(
        failure(avatar(folder.path()).args(["run", "--listen", "/ip4/127.0.0.1/sctp/1"])),
        "INVALID_ARGUMENT"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_in_another_as_a_device_of_the_same_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two, notes] = ["one", "two", "notes"].map(|name| folder.path().join(name));
    let relay = Relay::start(Config::loopback(folder.path().join("relay"))).await;
    let relay = relay.expect("it listens");
    let by = relay
        .addresses()
        .iter()
        .map(ToString::to_string)
        .find(|address| address.contains("/quic-v1/p2p/"))
        .expect("an address");
    fs::create_dir(&notes).expect("made");
    fs::write(notes.join("a.md"), "# Hello").expect("written");
    answer(avatar(&one).arg("import").arg(&notes));
    assert_eq!(failure(avatar(&one).args(["devices", "invite"])), "NOT_FOUND");

    let running = Running::start(&one, &["--relay", &by]);
    let invitation = answer(avatar(&one).args(["devices", "invite"]));
    let code = invitation["code"].as_str().expect("a code");
    let joined = answer(avatar(&two).args(["devices", "join", code, "--name", "Server"]));
    assert_eq!(joined["documents"], 1);
    assert_eq!(
        answer(avatar(&two).args(["docs", "list"])),
        answer(avatar(&one).args(["docs", "list"]))
    );
    assert_eq!(answer(avatar(&two).arg("status"))["did"], running.hello["did"]);
    assert_ne!(
        failure(avatar(&folder.path().join("three")).args(["devices", "join", "nonsense"])),
        "INTERNAL"
    );
    running.stop();
    relay.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_peers_does_not_say_that_it_has_any() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), &["--no-peers"]);
    assert_eq!(running.hello["peers"], Value::Array(vec![]));
    let status = answer(avatar(folder.path()).arg("status"));
    let capabilities = status["capabilities"].as_array().expect("a list");
    assert!(!capabilities.contains(&"p2p".into()), "{capabilities:?}");
    assert!(!folder.path().join("transport.key").exists());
    running.stop();
}

/// A small generator of numbers (xorshift64): the same seed, the same rounds.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_write_is_there_after_a_kill_at_any_moment() {
    const ROUNDS: usize = 8;
    let folder = tempfile::tempdir().expect("a folder");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut acknowledged: Vec<(Id, String)> = Vec::new();
    for round in 0..ROUNDS {
        let mut running = Running::start(folder.path(), &[]);
        let writer = client(folder.path()).await;
        let moment = Duration::from_millis(numbers.below(150));
        let write = async {
            for nth in 0.. {
                let id = Id::random().expect("randomness");
                let title = format!("{round}-{nth}");
                if writer
                    .create(id, "note", note(&title, &"text ".repeat(200)))
                    .await
                    .is_err()
                {
                    break;
                }
                acknowledged.push((id, title));
            }
        };
        let kill = async {
            tokio::time::sleep(moment).await;
            running.kill();
        };
        tokio::time::timeout(PATIENCE, async { tokio::join!(write, kill) })
            .await
            .expect("in time");
        // The next host finds everything, and the socket that was left behind is in nobody's way.
        let mut running = Running::start(folder.path(), &[]);
        let reader = client(folder.path()).await;
        for (id, title) in &acknowledged {
            let found = within(reader.get(*id)).await.expect("an acknowledged note");
            assert_eq!(found.value["title"], title.as_str());
        }
        running.kill();
    }
    assert!(acknowledged.len() > ROUNDS, "only {} writes", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_recorded_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = folder.path().join("node");
    let trace = folder.path().join("run.trace");
    let mut running = Running::start(&node, &["--record", trace.to_str().expect("UTF-8")]);
    let writer = client(&node).await;
    for nth in 0..10 {
        let id = Id::random().expect("randomness");
        within(writer.create(id, "note", note(&nth.to_string(), "")))
            .await
            .expect("created");
    }
    running.kill();
    let outcome = answer(avatar(&node).arg("replay").arg(&trace));
    assert_eq!(
        (&outcome["instances"], &outcome["metaUnit"]),
        (&1.into(), &running.hello["metaUnit"])
    );
    assert!(outcome["calls"].as_u64() > Some(100), "{outcome}");
    assert_eq!(failure(avatar(&node).arg("replay").arg(wasm_path())), "NO_TRACE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_nonsense_is_let_go_and_others_are_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), &[]);
    let mut rude = tokio::net::UnixStream::connect(socket_path(folder.path()))
        .await
        .expect("connected");
    rude.write_all(&[0xff; 64]).await.expect("sent");
    let mut rest = Vec::new();
    // Its end comes as an end, or as a reset when bytes of it lay unread.
    let _ = within(rude.read_to_end(&mut rest)).await;
    let polite = client(folder.path()).await;
    within(polite.host_status()).await.expect("a status");
    running.stop();
}
