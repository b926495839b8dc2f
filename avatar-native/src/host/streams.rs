//! The streams with peers, as the guest knows them: the host's libp2p may be ahead of what the guest was told, and behind what it has closed.

use std::collections::HashMap;

use avatar_p2p::StreamEvent;
use avatar_proto::stream_close::{FINISH_WRITING, STOP_READING};

/// What of a stream is open still.
struct Sides {
    reads: bool,
    writes: bool,
}

/// The streams that the guest was told of and that are not over.
#[derive(Default)]
pub struct Streams(HashMap<u32, Sides>);

impl Streams {
    /// Whether the guest takes this number for that of a stream.
    pub fn has(&self, number: u32) -> bool {
        self.0.contains_key(&number)
    }

    /// OPENED or INBOUND is told.
    pub fn began(&mut self, number: u32) {
        let sides = Sides {
            reads: true,
            writes: true,
        };
        self.0.insert(number, sides);
    }

    /// Whether this is told: nothing of a stream that is over, though its number may be that of the next one already (H19).
    pub fn tells(&mut self, number: u32, event: &StreamEvent) -> bool {
        let Some(sides) = self.0.get_mut(&number) else {
            return false;
        };
        match event {
            StreamEvent::Data(_) => sides.reads,
            StreamEvent::Writable(_) => sides.writes,
            StreamEvent::Fin => {
                let told = std::mem::take(&mut sides.reads);
                self.forget_if_over(number);
                told
            }
            StreamEvent::Reset(_) => self.0.remove(&number).is_some(),
        }
    }

    /// The guest closes it.
    pub fn closed(&mut self, number: u32, how: i32) {
        if let Some(sides) = self.0.get_mut(&number) {
            sides.writes &= how == STOP_READING;
            sides.reads &= how == FINISH_WRITING;
            self.forget_if_over(number);
        }
    }

    fn forget_if_over(&mut self, number: u32) {
        if self.0.get(&number).is_some_and(|sides| !sides.reads && !sides.writes) {
            self.0.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::AbiStatus;
    use avatar_proto::stream_close::RESET;

    use super::*;

    fn data() -> StreamEvent {
        StreamEvent::Data(vec![1])
    }

    #[test]
    fn h19_what_is_on_its_way_for_a_stream_that_was_reset_is_not_told_to_the_next_of_its_number() {
        let mut streams = Streams::default();
        assert!(!streams.tells(1, &data()), "before it began");
        streams.began(1);
        assert!(streams.tells(1, &data()));
        streams.closed(1, RESET);
        for late in [
            data(),
            StreamEvent::Writable(1),
            StreamEvent::Fin,
            StreamEvent::Reset(AbiStatus::Io),
        ] {
            assert!(!streams.tells(1, &late), "{late:?}");
        }
        streams.began(1);
        assert!(streams.tells(1, &data()));
    }

    #[test]
    fn each_way_of_a_stream_ends_by_itself() {
        let mut streams = Streams::default();
        streams.began(1);
        streams.closed(1, FINISH_WRITING);
        assert!(!streams.tells(1, &StreamEvent::Writable(1)));
        assert!(streams.tells(1, &data()));
        assert!(streams.tells(1, &StreamEvent::Fin));
        assert!(!streams.has(1), "over both ways");

        streams.began(3);
        streams.closed(3, STOP_READING);
        assert!(!streams.tells(3, &data()) && !streams.tells(3, &StreamEvent::Fin));
        assert!(streams.tells(3, &StreamEvent::Writable(1)));
        assert!(streams.tells(3, &StreamEvent::Reset(AbiStatus::Io)));
        assert!(!streams.has(3), "dead");
    }
}
