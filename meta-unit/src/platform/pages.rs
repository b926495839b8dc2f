//! Reading a range of the store page by page.

use avatar_proto::{Durability, StorageRange, StorageScan};

use super::{Batch, Platform, PlatformError, StorageReply};

/// What is left of a range to read.
#[derive(Debug)]
pub struct Pages {
    rest: Option<StorageRange>,
    max_bytes: u32,
    keys_only: bool,
}

impl Pages {
    /// All entries of a range, in pages of so many bytes.
    pub fn new(range: StorageRange, max_bytes: u32) -> Self {
        Self {
            rest: Some(range),
            max_bytes,
            keys_only: false,
        }
    }

    /// The keys alone.
    pub fn of_keys(range: StorageRange, max_bytes: u32) -> Self {
        Self {
            keys_only: true,
            ..Self::new(range, max_bytes)
        }
    }

    /// The next page, as the only read of a reply; None when the range has been read.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn next(&mut self, platform: &dyn Platform) -> Result<Option<StorageReply>, PlatformError> {
        let Some(range) = self.rest.take() else { return Ok(None) };
        let end = range.end.clone();
        let mut batch = Batch::new(Durability::Relaxed);
        batch.scan(StorageScan {
            range: Some(range),
            limit: 0,
            max_bytes: self.max_bytes,
            keys_only: self.keys_only,
        });
        let reply = batch.run(platform).await?;
        if reply.more(0) {
            self.rest = reply.next_start(0).map(|start| StorageRange { start, end });
        }
        Ok(Some(reply))
    }

    /// Whether the page that was read last was cut, so that there is another.
    pub fn has_more(&self) -> bool {
        self.rest.is_some()
    }

    /// The next page begins right behind this key: what the last one had behind it is read again.
    pub fn go_on_behind(&mut self, key: &[u8]) {
        if let Some(rest) = &mut self.rest {
            rest.start = [key, &[0]].concat();
        }
    }
}

/// Whether any of these ranges holds anything.
///
/// # Errors
/// Storage failed.
pub async fn holds_any(
    platform: &dyn Platform,
    ranges: impl IntoIterator<Item = StorageRange>,
) -> Result<bool, PlatformError> {
    let mut batch = Batch::new(Durability::Relaxed);
    let mut reads = 0;
    for range in ranges {
        batch.scan(StorageScan {
            range: Some(range),
            limit: 1,
            max_bytes: 0,
            keys_only: true,
        });
        reads += 1;
    }
    let reply = batch.run(platform).await?;
    Ok((0..reads).any(|read| reply.entries(read).next().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::TestPlatform;

    fn filled() -> std::rc::Rc<TestPlatform> {
        let platform = TestPlatform::new(1);
        for number in 0..10 {
            platform
                .store()
                .borrow_mut()
                .records
                .insert(vec![b'x', number], vec![number; 10]);
        }
        platform
    }

    fn range() -> StorageRange {
        StorageRange {
            start: vec![b'x'],
            end: vec![b'y'],
        }
    }

    #[test]
    fn each_entry_of_a_range_is_on_one_page_however_small_the_pages_are() {
        for max_bytes in [1, 25, 1_000] {
            let platform = filled();
            let handle = platform.handle();
            let read = platform.block_on(async move {
                let (mut pages, mut read) = (Pages::new(range(), max_bytes), Vec::new());
                while let Some(page) = pages.next(&*handle).await.expect("storage works") {
                    read.extend(page.entries(0).map(|(key, value)| (key[1], value.to_vec())));
                }
                read
            });
            let expected: Vec<_> = (0..10).map(|number| (number, vec![number; 10])).collect();
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_was_left_of_a_page_comes_again_with_the_next() {
        let platform = filled();
        let handle = platform.handle();
        let seen = platform.block_on(async move {
            let (mut pages, mut seen) = (Pages::new(range(), 35), Vec::new());
            while let Some(page) = pages.next(&*handle).await.expect("storage works") {
                let first = page.entries(0).next().map(|(key, _)| key.to_vec());
                if pages.has_more()
                    && let Some(first) = &first
                {
                    pages.go_on_behind(first);
                    seen.push(first[1]);
                } else {
                    seen.extend(page.entries(0).map(|(key, _)| key[1]));
                }
            }
            seen
        });
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_range_holds_something_or_nothing() {
        let platform = filled();
        let holds = |start: u8| {
            let handle = platform.handle();
            let ranges = [b'a', start].map(|first| StorageRange {
                start: vec![first],
                end: vec![first + 1],
            });
            platform.block_on(async move { holds_any(&*handle, ranges).await })
        };
        assert_eq!((holds(b'x'), holds(b'z')), (Ok(true), Ok(false)));
    }
}
