//! The challenges that this node has asked with: each is answered once, within ten minutes.

/// How long a challenge may be answered, in milliseconds.
const PATIENCE_MS: i64 = 10 * 60 * 1000;

/// Challenges that are open at once, at most: the oldest make room.
const MAX_OPEN: usize = 1_000;

/// See the module's documentation. They do not survive a restart, and nobody waits that long.
#[derive(Default)]
pub struct Challenges {
    /// Oldest first.
    open: Vec<Challenge>,
}

struct Challenge {
    text: String,
    asked_ms: i64,
    answered: bool,
}

impl Challenges {
    /// It has been asked with this.
    pub fn add(&mut self, challenge: &str, now_ms: i64) {
        self.open
            .retain(|challenge| now_ms - challenge.asked_ms < 2 * PATIENCE_MS);
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(Challenge {
            text: challenge.to_owned(),
            asked_ms: now_ms,
            answered: false,
        });
    }

    /// A presentation answers it. One that this node did not ask with is the caller's own business.
    ///
    /// # Errors
    /// Why it is no answer, in words.
    pub fn answer(&mut self, challenge: &str, verified: bool, now_ms: i64) -> Result<(), &'static str> {
        match self.open.iter_mut().find(|open| open.text == challenge) {
            None => Ok(()),
            Some(challenge) if challenge.answered => Err("this challenge has been answered already"),
            Some(challenge) if now_ms - challenge.asked_ms > PATIENCE_MS => Err("this challenge is too old"),
            Some(challenge) => {
                challenge.answered |= verified;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_once_and_in_time() {
        let mut challenges = Challenges::default();
        challenges.add("a", 0);
        assert_eq!(
            challenges.answer("a", false, 1),
            Ok(()),
            "what does not verify answers nothing"
        );
        assert_eq!(challenges.answer("a", true, 2), Ok(()));
        assert!(challenges.answer("a", true, 3).is_err());
        challenges.add("b", 0);
        assert!(challenges.answer("b", true, PATIENCE_MS + 1).is_err());
        assert_eq!(challenges.answer("somebody's own", true, 0), Ok(()));
    }

    #[test]
    fn open_challenges_are_bounded() {
        let mut challenges = Challenges::default();
        (0..3_000).for_each(|number| challenges.add(&number.to_string(), number));
        assert_eq!(challenges.open.len(), MAX_OPEN);
        assert_eq!(challenges.answer("2999", true, 3_000), Ok(()));
    }
}
