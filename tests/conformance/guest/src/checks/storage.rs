//! `avatar_storage` as `storage.proto` has it: H15.

use avatar_proto::StorageScan;

use crate::checks::batch::{Batch, Found, scan};
use crate::imports;
use crate::operations::{completion, success};
use crate::verdict::{Problem, Verdict, fail, require};

/// A scan of the keys alone.
fn keys(start: &[u8], end: &[u8]) -> StorageScan {
    StorageScan {
        keys_only: true,
        ..scan(start, end)
    }
}

async fn is_there(key: &[u8]) -> Result<bool, Problem> {
    let found = Batch::default().get(key).run().await?;
    Ok(!found[0].keys.is_empty())
}

/// A batch with one invalid operation at its end leaves no trace.
pub async fn atomic_refused() -> Verdict {
    let batch = Batch::default().put(b"half", b"1").put(&[1; 513], b"2");
    if let Ok(op) = batch.offer() {
        let ended = completion(op).await?;
        require(ended.status != 0, || {
            "a batch with a key of 513 bytes succeeded".to_owned()
        })?;
    }
    require(!is_there(b"half").await?, || {
        "half of a refused batch was applied".to_owned()
    })
}

/// A batch that reads more than one buffer holds fails, or succeeds with all that it read; if it fails, nothing of it was applied.
pub async fn atomic_failed() -> Verdict {
    const LARGE: usize = 6 * 1024 * 1024;
    Batch::default().put(b"large", &vec![1; LARGE]).run().await?;
    let succeeded = Batch::default()
        .put(b"failed-half", b"1")
        .get(b"large")
        .get(b"large")
        .get(b"large")
        .runs()
        .await?;
    let applied = is_there(b"failed-half").await?;
    require(applied == succeeded, || {
        "a batch failed, and half of it was applied".to_owned()
    })
}

/// Cancelled batches are applied wholly, or not at all, as their completions say.
pub async fn cancelled_batch() -> Verdict {
    for n in 0..20_u8 {
        let (first, second) = ([b'c', n, 1], [b'c', n, 2]);
        let op = Batch::default().put(&first, b"1").put(&second, b"2").start()?;
        imports::cancel(op);
        let succeeded = completion(op).await?.status == 0;
        let (one, two) = (is_there(&first).await?, is_there(&second).await?);
        require((one, two) == (succeeded, succeeded), || {
            format!("a cancelled batch of two: first {one}, second {two}, completed with success {succeeded}")
        })?;
    }
    Ok(())
}

/// Batches accepted in one turn take effect in that order.
pub async fn order() -> Verdict {
    let mut ops = Vec::new();
    for n in 0..200_u8 {
        ops.push(Batch::default().get(b"order").put(b"order", &[n]).start()?);
    }
    for (n, op) in ops.into_iter().enumerate() {
        let found = crate::checks::batch::results(&success(op).await?)?;
        let expected: Vec<Vec<u8>> = n.checked_sub(1).map(|before| vec![before as u8]).into_iter().collect();
        require(found[0].values == expected, || {
            format!("batch {n} found {:?} instead of {expected:?}", found[0].values)
        })?;
    }
    Ok(())
}

/// Reads see the writes that stand before them in their batch, and none of those behind.
pub async fn reads() -> Verdict {
    let found = Batch::default()
        .get(b"r1")
        .put(b"r1", b"one")
        .get(b"r1")
        .put(b"r1", b"two")
        .put(b"r2", b"")
        .scan(scan(b"r", b"s"))
        .delete(b"r1")
        .get(b"r1")
        .delete(b"r-absent")
        .delete_range(b"r", b"s")
        .scan(scan(b"r", b"s"))
        .run()
        .await?;
    let one = |key: &[u8], value: &[u8]| Found {
        keys: vec![key.to_vec()],
        values: vec![value.to_vec()],
        more: false,
    };
    let both = Found {
        keys: vec![b"r1".to_vec(), b"r2".to_vec()],
        values: vec![b"two".to_vec(), Vec::new()],
        more: false,
    };
    let expected = [
        Found::default(),
        one(b"r1", b"one"),
        both,
        Found::default(),
        Found::default(),
    ];
    same(&found, &expected)
}

fn same(found: &[Found], expected: &[Found]) -> Verdict {
    if found.len() != expected.len() {
        return fail(format!("{} results instead of {}", found.len(), expected.len()));
    }
    match found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found != expected)
    {
        None => Ok(()),
        Some(nth) => fail(format!(
            "result {nth} is {:?} instead of {:?}",
            found[nth], expected[nth]
        )),
    }
}

/// Keys are compared bytewise; a range has its start and not its end; an empty end means to the last key.
pub async fn ranges() -> Verdict {
    let longest = [0xff_u8; 512];
    let ordered: [&[u8]; 8] = [&[0], &[0, 0], &[0, 1], b"a", b"a\0", b"ab", &[0x80], &longest];
    let mut batch = Batch::default().delete_range(b"", b"");
    for key in ordered.iter().rev() {
        batch = batch.put(key, key);
    }
    batch.run().await?;
    let list = |keys: &[&[u8]]| Found {
        keys: keys.iter().map(|key| key.to_vec()).collect(),
        ..Found::default()
    };
    let found = Batch::default()
        .scan(keys(b"", b""))
        .scan(keys(b"a", b"ab"))
        .scan(keys(b"a\0", b""))
        .scan(keys(b"ab", b"a"))
        .scan(keys(b"ab", b"ab"))
        .scan(keys(b"b", b"c"))
        .delete_range(b"ab", b"a")
        .delete_range(&[0], b"ab")
        .scan(keys(b"", b""))
        .delete_range(&[0x80], b"")
        .scan(keys(b"", b""))
        .run()
        .await?;
    let expected = [
        list(&ordered),
        list(&[b"a", b"a\0"]),
        list(&ordered[4..]),
        list(&[]),
        list(&[]),
        list(&[]),
        list(&ordered[5..]),
        list(&[b"ab"]),
    ];
    same(&found, &expected)
}

/// Scans stop at a count, or before the entry that brings too many bytes, and give one entry at least.
pub async fn limits() -> Verdict {
    let mut batch = Batch::default().delete_range(b"", b"");
    for n in 0..10_u8 {
        batch = batch.put(&[b'l', n], &[n; 100]);
    }
    batch.run().await?;
    let entries = |from: u8, to: u8, more: bool| Found {
        keys: (from..to).map(|n| vec![b'l', n]).collect(),
        values: (from..to).map(|n| vec![n; 100]).collect(),
        more,
    };
    let limited = |start: &[u8], limit: u32, max_bytes: u32| StorageScan {
        limit,
        max_bytes,
        ..scan(start, b"")
    };
    let found = Batch::default()
        .scan(limited(b"l", 3, 0))
        .scan(limited(&[b'l', 2, 0], 3, 0))
        .scan(limited(b"l", 10, 0))
        .scan(limited(b"l", 0, 250))
        .scan(limited(b"l", 0, 300))
        .scan(limited(b"l", 0, 1))
        .scan(limited(b"l", 2, 1_000))
        .scan(limited(&[b'l', 9], 0, 1))
        .scan(StorageScan {
            max_bytes: 1,
            limit: 4,
            ..keys(b"l", b"")
        })
        .run()
        .await?;
    let expected = [
        entries(0, 3, true),
        entries(3, 6, true),
        entries(0, 10, false),
        entries(0, 2, true),
        entries(0, 3, true),
        entries(0, 1, true),
        entries(0, 2, true),
        entries(9, 10, false),
        Found {
            values: Vec::new(),
            ..entries(0, 4, true)
        },
    ];
    same(&found, &expected)
}

/// Values of sizes at which something changes.
pub async fn sizes() -> Verdict {
    for len in [0, 1, 127, 128, 65_535, 65_536, 65_537, 1_000_000] {
        let value: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        Batch::default().put(b"sized", &value).run().await?;
        let found = Batch::default().get(b"sized").run().await?;
        require(found[0].values == [value], || {
            format!("a value of {len} bytes came back as another one")
        })?;
    }
    Ok(())
}
