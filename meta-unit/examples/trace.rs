//! Replays a real editing trace against bare automerge, to see what each way of using it costs. Numbers from it stand beside the choices in `src/data`.
//!
//! `cargo run --release --example trace`

use std::fs::File;
use std::time::Instant;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, LoadOptions, ObjType, PatchLog, ROOT, ReadDoc, TextEncoding, VerificationMode};

struct Splice {
    index: usize,
    delete: isize,
    insert: String,
}

fn main() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/traces/automerge-paper.json.gz"
    );
    let file = File::open(path).expect("the trace is in ../shared/data");
    let trace: serde_json::Value =
        serde_json::from_reader(flate2::read::GzDecoder::new(file)).expect("the trace is JSON");
    let mut splices = Vec::new();
    for txn in trace["txns"].as_array().expect("txns") {
        for patch in txn["patches"].as_array().expect("patches") {
            splices.push(Splice {
                index: patch[0].as_u64().unwrap() as usize,
                delete: patch[1].as_u64().unwrap() as isize,
                insert: patch[2].as_str().unwrap().to_owned(),
            });
        }
    }
    let end = trace["endContent"].as_str().unwrap();
    println!("{} splices, {} bytes at the end", splices.len(), end.len());
    for per_change in [1, 16, 256] {
        for batch in [256, 1024, 4096, 16384, usize::MAX] {
            replay(&splices, end, per_change, batch);
        }
    }
}

fn replay(splices: &[Splice], end: &str, per_change: usize, batch: usize) {
    let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    let mut tx = doc.transaction();
    let text = tx.put_object(ROOT, "body", ObjType::Text).unwrap();
    tx.commit();
    let mut saved = doc.get_heads();
    let mut chunks = doc.save();
    let start = Instant::now();
    let mut saving = 0.0;
    let mut saves = 0;
    let mut since = 0;
    for part in splices.chunks(per_change) {
        let mut tx = doc.transaction();
        for splice in part {
            tx.splice_text(&text, splice.index, splice.delete, &splice.insert)
                .unwrap();
        }
        tx.commit_with(CommitOptions::default().with_time(1));
        since += part.len();
        if since >= batch {
            since = 0;
            saves += 1;
            let begin = Instant::now();
            chunks.extend(doc.save_after(&saved));
            saved = doc.get_heads();
            saving += begin.elapsed().as_secs_f64();
        }
    }
    let begin = Instant::now();
    saves += 1;
    chunks.extend(doc.save_after(&saved));
    saving += begin.elapsed().as_secs_f64();
    let all = start.elapsed().as_secs_f64();
    assert_eq!(doc.text(&text).unwrap(), end);
    let begin = Instant::now();
    let compact = doc.save();
    let save = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let plain = doc.save_nocompress();
    let save_plain = begin.elapsed().as_secs_f64();
    let load = |bytes: &[u8], mode| {
        let begin = Instant::now();
        let options = LoadOptions::new()
            .verification_mode(mode)
            .text_encoding(TextEncoding::Utf16CodeUnit);
        let loaded = Automerge::load_with_options(bytes, options).unwrap();
        let time = begin.elapsed().as_secs_f64();
        assert_eq!(loaded.get_heads(), doc.get_heads());
        time
    };
    println!(
        "per change {per_change}, batch {batch}: all {all:.3} s, of it {saves} save_after {saving:.3} s, {} KB; save {save:.3} s {} KB, uncompressed {save_plain:.3} s {} KB; load checked {:.3} s, unchecked {:.3} s; plain unchecked {:.3} s; chunks {:.3} s",
        chunks.len() / 1024,
        compact.len() / 1024,
        plain.len() / 1024,
        load(&compact, VerificationMode::Check),
        load(&compact, VerificationMode::DontCheck),
        load(&plain, VerificationMode::DontCheck),
        load(&chunks, VerificationMode::Check),
    );
    let _ = PatchLog::inactive();
}
