//! What to do after a crash (ABI.md H7, H8): when to start again, when to stop, and which request not to believe any more. No clock and no engine in here.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many crashes …
pub const LOOP_CRASHES: usize = 5;

/// … within so long are a loop.
pub const LOOP_WINDOW_MS: f64 = 30_000.0;

/// So long a request that was at work in a crash is under suspicion, or in quarantine.
pub const SUSPICION_MS: f64 = 600_000.0;

/// Requests under suspicion at most: the oldest are forgotten.
const MAX_SUSPECTS: usize = 4_096;

/// The pauses before the second, third, … start in the window; the first comes at once.
const PAUSES_MS: [f64; 3] = [100.0, 400.0, 1_600.0];

/// A group of suspects is so much smaller than the one that it comes from.
const GROUP_DIVISOR: usize = 64;

/// So long others wait for the first answers to a group of suspects.
const GROUP_PATIENCE_MS: f64 = 1_000.0;

/// Tells payloads apart without keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// Of a request's bytes.
    pub fn of(payload: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What the supervisor thinks of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is known against it.
    Fine,
    /// It was at work in a crash: it is handed over in a group of at most so many like it, and nothing else until all of them have an answer. So a second
    /// crash has few suspects, a third one at most, and innocents are not held up for long.
    Suspect {
        /// At most so many in the group.
        group: usize,
    },
    /// It was at work in a crash twice, the second time alone.
    Quarantined,
}

/// The suspects that are at work now.
#[derive(Default)]
pub struct Group {
    reqs: Vec<u64>,
    limit: usize,
    until_ms: f64,
}

impl Group {
    /// Whether a request of this verdict may be handed over, `others` having been since the last turn.
    pub fn admits(&self, verdict: Verdict, others: bool) -> bool {
        match verdict {
            Verdict::Quarantined => true,
            Verdict::Fine => self.reqs.is_empty(),
            Verdict::Suspect { .. } if self.reqs.is_empty() => !others,
            Verdict::Suspect { group } => self.reqs.len() < group.min(self.limit),
        }
    }

    /// A suspect is handed over. `true` for the first of a group: in [`Group::patience_ms`] others need not wait any more.
    pub fn add(&mut self, now_ms: f64, req: u64, group: usize) -> bool {
        let first = self.reqs.is_empty();
        if first {
            self.limit = group;
            self.until_ms = now_ms + GROUP_PATIENCE_MS;
        }
        self.limit = self.limit.min(group);
        self.reqs.push(req);
        first
    }

    /// Whether others have to wait for the group, which ends when they have not.
    pub fn is_waited_for(&mut self, now_ms: f64, is_unanswered: impl Fn(u64) -> bool) -> bool {
        let waits = now_ms < self.until_ms && self.reqs.iter().any(|req| is_unanswered(*req));
        if !waits {
            self.reqs.clear();
        }
        waits
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.reqs.is_empty()
    }

    /// How long others wait at most.
    pub const fn patience_ms() -> f64 {
        GROUP_PATIENCE_MS
    }
}

/// What follows a crash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// A new instance, after a pause.
    Restart {
        /// Milliseconds.
        pause_ms: f64,
    },
    /// It is a loop.
    Stop,
}

#[derive(Default)]
struct Suspect {
    crashes: u32,
    last_ms: f64,
    group: usize,
}

/// The memory of crashes.
#[derive(Default)]
pub struct Supervisor {
    crashes_ms: VecDeque<f64>,
    suspects: HashMap<Digest, Suspect>,
    restarts: u32,
}

impl Supervisor {
    /// An instance died at `now_ms`; `at_work` are the requests that may be its reason. One among several comes under suspicion, however often;
    /// only one that was alone twice is found guilty.
    pub fn crashed(&mut self, now_ms: f64, at_work: &[Digest]) -> Next {
        self.forget(now_ms);
        for digest in at_work {
            let suspect = self.suspects.entry(*digest).or_default();
            suspect.crashes = if at_work.len() == 1 {
                suspect.crashes + 1
            } else {
                suspect.crashes.max(1)
            };
            suspect.last_ms = now_ms;
            suspect.group = (at_work.len() / GROUP_DIVISOR).max(1);
        }
        self.bound_suspects();
        self.crashes_ms.push_back(now_ms);
        match self.crashes_ms.len() {
            LOOP_CRASHES.. => Next::Stop,
            1 => Next::Restart { pause_ms: 0.0 },
            nth => Next::Restart {
                pause_ms: PAUSES_MS[(nth - 2).min(PAUSES_MS.len() - 1)],
            },
        }
    }

    /// A new instance runs. Returns how many there were.
    pub fn restarted(&mut self) -> u32 {
        self.restarts += 1;
        self.restarts
    }

    /// How many new instances there were.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// A request got an answer, in a turn that came back: it was not the reason.
    pub fn cleared(&mut self, digest: Digest) {
        if self.suspects.get(&digest).is_some_and(|suspect| suspect.crashes < 2) {
            self.suspects.remove(&digest);
        }
    }

    /// Whether and how a request may be handed over.
    pub fn judge(&self, now_ms: f64, digest: Digest) -> Verdict {
        match self.suspects.get(&digest) {
            Some(suspect) if now_ms - suspect.last_ms < SUSPICION_MS => match suspect.crashes {
                1 => Verdict::Suspect { group: suspect.group },
                _ => Verdict::Quarantined,
            },
            _ => Verdict::Fine,
        }
    }

    /// Whether anything is under suspicion: while nothing is, digests need not be made.
    pub fn suspects_any(&self) -> bool {
        !self.suspects.is_empty()
    }

    fn bound_suspects(&mut self) {
        let Some(too_many) = self.suspects.len().checked_sub(MAX_SUSPECTS).filter(|count| *count > 0) else {
            return;
        };
        let mut by_age: Vec<(f64, Digest)> = self
            .suspects
            .iter()
            .map(|(digest, suspect)| (suspect.last_ms, *digest))
            .collect();
        by_age.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, digest) in &by_age[..too_many] {
            self.suspects.remove(digest);
        }
    }

    fn forget(&mut self, now_ms: f64) {
        while self
            .crashes_ms
            .front()
            .is_some_and(|crash_ms| now_ms - crash_ms >= LOOP_WINDOW_MS)
        {
            self.crashes_ms.pop_front();
        }
        self.suspects
            .retain(|_, suspect| now_ms - suspect.last_ms < SUSPICION_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h8_pauses_grow_and_a_loop_stops() {
        let mut supervisor = Supervisor::default();
        let nexts: Vec<Next> = (0..5)
            .map(|nth| supervisor.crashed(f64::from(nth) * 1_000.0, &[]))
            .collect();
        let restart = |pause_ms| Next::Restart { pause_ms };
        assert_eq!(
            nexts,
            vec![
                restart(0.0),
                restart(100.0),
                restart(400.0),
                restart(1_600.0),
                Next::Stop
            ]
        );
    }

    #[test]
    fn h8_old_crashes_are_no_loop() {
        let mut supervisor = Supervisor::default();
        for nth in 0..20 {
            let next = supervisor.crashed(f64::from(nth) * 10_000.0, &[]);
            assert_ne!(next, Next::Stop, "three in thirty seconds");
        }
    }

    #[test]
    fn h8_a_request_that_crashes_twice_is_quarantined_for_ten_minutes() {
        let mut supervisor = Supervisor::default();
        let (bad, innocent) = (Digest::of(b"bad"), Digest::of(b"innocent"));
        assert_eq!(supervisor.judge(0.0, bad), Verdict::Fine);
        supervisor.crashed(0.0, &[bad, innocent]);
        assert_eq!(supervisor.judge(1.0, bad), Verdict::Suspect { group: 1 });
        assert_eq!(supervisor.judge(1.0, innocent), Verdict::Suspect { group: 1 });
        supervisor.cleared(innocent);
        assert_eq!(supervisor.judge(2.0, innocent), Verdict::Fine);
        supervisor.crashed(10.0, &[bad]);
        assert_eq!(supervisor.judge(11.0, bad), Verdict::Quarantined);
        supervisor.cleared(bad);
        assert_eq!(supervisor.judge(12.0, bad), Verdict::Quarantined, "for a whole time");
        assert_eq!(supervisor.judge(11.0 + SUSPICION_MS, bad), Verdict::Fine);
    }

    #[test]
    fn h8_one_among_several_is_never_found_guilty() {
        let mut supervisor = Supervisor::default();
        let both = [Digest::of(b"view"), Digest::of(b"change")];
        for nth in 0..10 {
            supervisor.crashed(f64::from(nth) * 20_000.0, &both);
        }
        assert_eq!(supervisor.judge(200_000.0, both[0]), Verdict::Suspect { group: 1 });
    }

    #[test]
    fn h8_one_of_four_thousand_is_found_in_three_crashes() {
        let mut supervisor = Supervisor::default();
        let all: Vec<Digest> = (0..4_000u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
        let guilty = all[1_234];
        let mut crashes = 0;
        let mut at_work = all.clone();
        while supervisor.judge(0.0, guilty) != Verdict::Quarantined {
            supervisor.crashed(0.0, &at_work);
            crashes += 1;
            at_work = match supervisor.judge(0.0, guilty) {
                Verdict::Suspect { group } => all[1_234..1_234 + group].to_vec(),
                _ => vec![guilty],
            };
        }
        assert_eq!(crashes, 3);
        assert!(crashes < LOOP_CRASHES);
    }

    #[test]
    fn a_group_admits_its_like_and_ends_with_its_answers_or_its_time() {
        let mut group = Group::default();
        let suspect = Verdict::Suspect { group: 2 };
        assert!(group.admits(Verdict::Fine, true) && group.admits(suspect, false));
        assert!(!group.admits(suspect, true), "what came before has its turn first");
        assert!(group.add(0.0, 7, 2));
        assert!(!group.admits(Verdict::Fine, true) && group.admits(suspect, true));
        assert!(!group.add(0.0, 8, 2));
        assert!(!group.admits(suspect, true), "full");
        assert!(group.is_waited_for(1.0, |req| req == 8));
        assert!(!group.is_waited_for(1.0, |_| false));
        assert!(group.is_empty());
        group.add(2.0, 9, 1);
        assert!(!group.is_waited_for(2.0 + Group::patience_ms(), |_| true));
    }

    #[test]
    fn suspects_are_bounded() {
        let mut supervisor = Supervisor::default();
        supervisor.crashed(0.0, &[Digest::of(b"old")]);
        let many: Vec<Digest> = (0..MAX_SUSPECTS as u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
        supervisor.crashed(1.0, &many);
        assert_eq!(supervisor.judge(2.0, Digest::of(b"old")), Verdict::Fine);
        assert_eq!(
            supervisor.judge(2.0, Digest::of(&7u32.to_le_bytes())),
            Verdict::Suspect {
                group: MAX_SUSPECTS / 64
            }
        );
    }
}
