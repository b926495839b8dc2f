//! Contents as the contract has them.

use avatar_proto::{MapEntry, MapValue};

/// The entries of a map as a document has them: in the order of their keys, and of two with one key the later one.
pub fn entries(map: &MapValue) -> Vec<&MapEntry> {
    let mut entries: Vec<&MapEntry> = map.entries.iter().rev().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries.dedup_by(|a, b| a.key == b.key);
    entries
}

#[cfg(test)]
mod tests {
    use avatar_proto::Value;
    use avatar_proto::value::Kind;

    use super::*;

    #[test]
    fn of_two_entries_with_one_key_the_later_one_counts() {
        let entry = |key: &str, value| MapEntry {
            key: key.to_owned(),
            value: Some(Value {
                kind: Some(Kind::Int(value)),
            }),
        };
        let map = MapValue {
            entries: vec![
                entry("b", 1),
                entry("a", 2),
                entry("b", 3),
                entry("a", 4),
                entry("b", 5),
            ],
        };
        assert_eq!(entries(&map), [&entry("a", 4), &entry("b", 5)]);
    }
}
