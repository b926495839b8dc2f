//! What follows a crash (ABI.md H7, H8): when to start again, when to stop, and which request is not believed any more.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// So many crashes …
const LOOP_CRASHES: usize = 5;

/// … within so long are a loop.
const LOOP_WINDOW: Duration = Duration::from_secs(30);

/// How long a crash is held against a request.
const SUSPICION: Duration = Duration::from_secs(600);

/// Requests under suspicion at most.
const MAX_SUSPECTS: usize = 4_096;

/// The pauses before the first, second, … new start within the window.
const PAUSES: [Duration; LOOP_CRASHES - 1] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_600),
];

/// Tells requests apart without keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(request: &[u8]) -> Self {
        Self(Sha256::digest(request).into())
    }
}

/// What is thought of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is known against it.
    Fine,
    /// It was at work in a crash: it is handed over alone, so that a second crash has one suspect.
    Suspect,
    /// It was alone at work in a crash, and at work in another one.
    Quarantined,
}

/// What to do after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Restart { pause: Duration },
    Stop,
}

struct Suspect {
    crashes: u32,
    last: Instant,
}

/// The memory of crashes.
#[derive(Default)]
pub struct Supervisor {
    crashes: VecDeque<Instant>,
    suspects: HashMap<Digest, Suspect>,
}

impl Supervisor {
    /// An instance died; `at_work` are the requests that may be its reason.
    pub fn crashed(&mut self, now: Instant, at_work: &[Digest]) -> Next {
        self.crashes.retain(|crash| now - *crash < LOOP_WINDOW);
        self.suspects.retain(|_, suspect| now - suspect.last < SUSPICION);
        let alone = at_work.len() == 1;
        for digest in at_work {
            if self.suspects.len() >= MAX_SUSPECTS && !self.suspects.contains_key(digest) {
                continue;
            }
            let suspect = self
                .suspects
                .entry(*digest)
                .or_insert(Suspect { crashes: 0, last: now });
            // One among several is suspected, however often; only one that was alone can be found guilty.
            suspect.crashes = if alone {
                suspect.crashes + 1
            } else {
                suspect.crashes.max(1)
            };
            suspect.last = now;
        }
        self.crashes.push_back(now);
        match PAUSES.get(self.crashes.len() - 1) {
            Some(pause) => Next::Restart { pause: *pause },
            None => Next::Stop,
        }
    }

    /// A request had an answer in a turn that came back: it was not the reason.
    pub fn cleared(&mut self, digest: Digest) {
        if self.suspects.get(&digest).is_some_and(|suspect| suspect.crashes < 2) {
            self.suspects.remove(&digest);
        }
    }

    /// Whether and how a request may be handed over.
    pub fn judge(&self, now: Instant, digest: Digest) -> Verdict {
        match self.suspects.get(&digest) {
            Some(suspect) if now - suspect.last < SUSPICION => match suspect.crashes {
                1 => Verdict::Suspect,
                _ => Verdict::Quarantined,
            },
            _ => Verdict::Fine,
        }
    }

    /// Whether there is anybody to suspect: while there is not, nobody needs a digest.
    pub fn suspects_any(&self) -> bool {
        !self.suspects.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn h8_pauses_grow_and_a_loop_stops() {
        let (mut supervisor, start) = (Supervisor::default(), Instant::now());
        let nexts: Vec<Next> = (0..5)
            .map(|nth| supervisor.crashed(start + nth * SECOND, &[]))
            .collect();
        let mut wanted: Vec<Next> = PAUSES.iter().map(|pause| Next::Restart { pause: *pause }).collect();
        wanted.push(Next::Stop);
        assert_eq!(nexts, wanted);
    }

    #[test]
    fn h8_crashes_far_apart_are_no_loop() {
        let (mut supervisor, start) = (Supervisor::default(), Instant::now());
        for nth in 0..20 {
            assert_ne!(supervisor.crashed(start + nth * 10 * SECOND, &[]), Next::Stop);
        }
    }

    #[test]
    fn h8_a_request_that_crashes_two_instances_is_quarantined_for_ten_minutes() {
        let (mut supervisor, start) = (Supervisor::default(), Instant::now());
        let (bad, innocent) = (Digest::of(b"bad"), Digest::of(b"innocent"));
        supervisor.crashed(start, &[bad, innocent]);
        assert_eq!(supervisor.judge(start, bad), Verdict::Suspect);
        supervisor.cleared(innocent);
        assert_eq!(supervisor.judge(start, innocent), Verdict::Fine);
        supervisor.crashed(start + SECOND, &[bad]);
        supervisor.cleared(bad);
        assert_eq!(supervisor.judge(start + SECOND, bad), Verdict::Quarantined);
        assert_eq!(supervisor.judge(start + SECOND + SUSPICION, bad), Verdict::Fine);
    }

    #[test]
    fn h8_one_among_several_is_never_found_guilty() {
        let (mut supervisor, start) = (Supervisor::default(), Instant::now());
        let both = [Digest::of(b"a"), Digest::of(b"b")];
        for nth in 0..10 {
            supervisor.crashed(start + nth * 20 * SECOND, &both);
        }
        assert_eq!(supervisor.judge(start + 190 * SECOND, both[0]), Verdict::Suspect);
    }

    #[test]
    fn suspects_are_bounded() {
        let (mut supervisor, start) = (Supervisor::default(), Instant::now());
        let many: Vec<Digest> = (0..MAX_SUSPECTS as u32 + 9)
            .map(|n| Digest::of(&n.to_le_bytes()))
            .collect();
        supervisor.crashed(start, &many);
        assert_eq!(supervisor.suspects.len(), MAX_SUSPECTS);
    }
}
