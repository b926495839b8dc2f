//! From entries to their meaning, by the rules in the description of [`super`].
//!
//! First the identity keys, whose rotations depend on nothing else. Then each entry is judged as if nobody had been removed. Then the removals are decided one
//! after the other; each makes void what its device did and the remover did not know, and what followed from that alone. Nothing that is void comes back, so this
//! ends.

use super::keys::Keys;
use super::positions::{self, Positions};
use super::state::{Conflict, Device, IdentityKey, Removal, State, Void, VoidReason};
use super::{Action, Entry, PublicKey};

/// The meaning of a log's entries, which come by depth and then by id.
pub(super) fn resolve(order: &[&Entry]) -> State {
    let mut resolver = Resolver::new(order);
    resolver.follow_identity();
    resolver.judge();
    resolver.decide_removals();
    resolver.state()
}

/// The time of an identity key.
#[derive(Clone, Copy)]
struct Reign {
    key: usize,
    /// The genesis or the rotation that made it.
    from: usize,
    /// Its own rotation.
    until: Option<usize>,
}

/// Who a key is, by its number.
#[derive(Clone)]
struct Who {
    /// The entries that it signed.
    said: Vec<usize>,
    /// The entries that add it as a device, void or not.
    additions: Vec<usize>,
    /// The same without those that are void.
    good_additions: Positions,
    /// When it is the identity key.
    reign: Option<usize>,
}

struct Resolver<'a> {
    order: &'a [&'a Entry],
    keys: Keys,
    /// What each entry knows, without itself.
    past: Vec<Positions>,
    who: Vec<Who>,
    /// The identity keys in their order.
    reigns: Vec<Reign>,
    /// Why each entry is void, if it is.
    void: Vec<Option<VoidReason>>,
    /// The removals that were decided and stand.
    standing: Positions,
    conflicts: Vec<Conflict>,
}

impl<'a> Resolver<'a> {
    fn new(order: &'a [&'a Entry]) -> Self {
        let keys = Keys::of(order);
        let nobody = Who {
            said: Vec::new(),
            additions: Vec::new(),
            good_additions: Positions::none(order.len()),
            reign: None,
        };
        let mut who = vec![nobody; keys.count()];
        for (at, entry) in order.iter().enumerate() {
            who[keys.author(entry)].said.push(at);
            if let Action::AddDevice { .. } = entry.action() {
                who[keys.subject(entry)].additions.push(at);
            }
        }
        Self {
            order,
            keys,
            past: past(order),
            who,
            reigns: Vec::new(),
            void: vec![None; order.len()],
            standing: Positions::none(order.len()),
            conflicts: Vec::new(),
        }
    }

    /// Who signed an entry.
    fn author(&self, at: usize) -> &Who {
        &self.who[self.keys.author(self.order[at])]
    }

    /// Whom an entry is about.
    fn subject(&self, at: usize) -> &Who {
        &self.who[self.keys.subject(self.order[at])]
    }

    /// Whether an entry was known to the author of another.
    fn knows(&self, at: usize, other: usize) -> bool {
        self.past[at].has(other)
    }

    /// Whether an entry knows a good addition of this device.
    fn knows_device(&self, at: usize, device: &Who) -> bool {
        device.good_additions.meets(&self.past[at])
    }

    /// Follows the identity key from the genesis through its rotations.
    fn follow_identity(&mut self) {
        let mut from = Some(0);
        while let Some(made) = from {
            let key = self.keys.subject(self.order[made]);
            self.who[key].reign = Some(self.reigns.len());
            from = self.rotation_of(key, made);
            self.reigns.push(Reign {
                key,
                from: made,
                until: from,
            });
        }
    }

    /// The rotation that counts of those of an identity key.
    fn rotation_of(&mut self, key: usize, from: usize) -> Option<usize> {
        let is_rotation = |at: usize| matches!(self.order[at].action(), Action::Rotate { .. });
        let mut candidates = self.who[key].said.clone();
        candidates.retain(|at| is_rotation(*at) && self.knows(*at, from) && !self.is_in_use(*at));
        let is_first = |at: usize| !candidates.iter().any(|other| self.knows(at, *other));
        let first = || candidates.iter().copied().filter(|at| is_first(*at));
        let id = |at: usize| *self.order[at].id();
        let kept = first().min_by_key(|at| id(*at))?;
        let conflicts: Vec<_> = first()
            .filter(|other| *other != kept)
            .map(|other| Conflict::Rotations {
                kept: id(kept),
                void: id(other),
            })
            .collect();
        self.conflicts.extend(conflicts);
        Some(kept)
    }

    /// Whether a rotation would hand over to a key that was an identity key before, or that it knows as a device's.
    fn is_in_use(&self, at: usize) -> bool {
        let next = self.subject(at);
        next.reign.is_some() || next.additions.iter().any(|addition| self.knows(at, *addition))
    }

    /// Judges each entry as if nobody had been removed.
    fn judge(&mut self) {
        for at in 0..self.order.len() {
            self.void[at] = match self.order[at].action() {
                Action::Rotate { .. } => self.rotation_fault(at),
                _ => self.author_fault(at).or_else(|| self.action_fault(at)),
            };
            if let (None, Action::AddDevice { .. }) = (self.void[at], self.order[at].action()) {
                self.who[self.keys.subject(self.order[at])].good_additions.add(at);
            }
        }
    }

    /// Why an entry's author may not speak there, removals aside.
    fn author_fault(&self, at: usize) -> Option<VoidReason> {
        let author = self.author(at);
        let Some(reign) = author.reign.map(|reign| self.reigns[reign]) else {
            return fault(!self.knows_device(at, author), VoidReason::NotAllowed);
        };
        let has_begun = at == reign.from || self.knows(at, reign.from);
        let has_ended = reign.until.is_some_and(|until| !self.knows(until, at));
        fault(!has_begun, VoidReason::NotAllowed).or_else(|| fault(has_ended, VoidReason::AuthorRetired))
    }

    /// Why what an entry says cannot be, removals aside.
    fn action_fault(&self, at: usize) -> Option<VoidReason> {
        match self.order[at].action() {
            Action::AddDevice { .. } => fault(self.subject(at).reign.is_some(), VoidReason::KeyInUse),
            Action::RemoveDevice { .. } | Action::RenameDevice { .. } => {
                fault(!self.knows_device(at, self.subject(at)), VoidReason::NoSuchDevice)
            }
            Action::Genesis { .. } | Action::Rotate { .. } => None,
        }
    }

    /// Why a rotation does not count.
    fn rotation_fault(&self, at: usize) -> Option<VoidReason> {
        let Some(reign) = self.author(at).reign.map(|reign| self.reigns[reign]) else {
            return Some(VoidReason::NotAllowed);
        };
        match reign.until {
            _ if !self.knows(at, reign.from) => Some(VoidReason::NotAllowed),
            Some(until) if until == at => None,
            Some(until) if self.knows(at, until) => Some(VoidReason::AuthorRetired),
            Some(until) if !self.knows(until, at) => Some(VoidReason::OtherRotation),
            _ => Some(VoidReason::KeyInUse),
        }
    }

    /// Decides the removals: always the one of the highest authority that is left, after those that it knows.
    fn decide_removals(&mut self) {
        let mut left: Vec<usize> = (0..self.order.len()).collect();
        left.retain(|at| matches!(self.order[*at].action(), Action::RemoveDevice { .. }));
        self.sort_by_authority(&mut left, None);
        while let Some(&highest) = left.first() {
            // What it knows is judged by what it knows: an entry that is dated back cannot change that.
            let mut known = left.clone();
            known.retain(|at| self.knows(highest, *at));
            left.retain(|at| *at != highest && !self.knows(highest, *at));
            self.sort_by_authority(&mut known, Some(highest));
            let mut is_changed = false;
            while let Some(&first) = known.first() {
                let mut next = first;
                while let Some(earlier) = known.iter().find(|other| self.knows(next, **other)) {
                    next = *earlier;
                }
                known.retain(|at| *at != next);
                if self.remove(next) {
                    self.sort_by_authority(&mut known, Some(highest));
                    is_changed = true;
                }
            }
            is_changed |= self.remove(highest);
            if is_changed {
                self.sort_by_authority(&mut left, None);
            }
        }
    }

    /// Sorts removals by their authors' authority: the identity keys first, then the devices, longest there first, as far as an entry knows.
    fn sort_by_authority(&self, removals: &mut [usize], known_to: Option<usize>) {
        let known_to = known_to.map(|at| &self.past[at]);
        positions::sort(removals, &|at| (self.author(at).authority(known_to), at));
    }

    /// Lets a removal stand unless it is void, and makes void what it makes void. Tells whether additions of devices are among that.
    fn remove(&mut self, removal: usize) -> bool {
        if self.void[removal].is_some() {
            return false;
        }
        self.standing.add(removal);
        let mut doubtful = Positions::none(self.who.len());
        let device = self.subject(removal).clone();
        for at in device.said {
            if at != removal && !self.knows(removal, at) {
                self.make_void(at, VoidReason::AuthorRemoved, &mut doubtful);
                self.note_conflict(removal, at);
            }
        }
        for at in device.additions {
            if !self.knows(removal, at) {
                self.make_void(at, VoidReason::RemovedDevice, &mut doubtful);
            }
        }
        let is_any = doubtful.first().is_some();
        // Whoever was only added by what is void now was never there.
        while let Some(device) = doubtful.first() {
            doubtful.remove(device);
            let device = self.who[device].clone();
            for at in &device.said {
                if !self.knows_device(*at, &device) {
                    self.make_void(*at, VoidReason::NotAllowed, &mut doubtful);
                }
            }
        }
        is_any
    }

    /// Makes an entry void, unless it is already, or a removal that stands. A device that it added becomes doubtful.
    fn make_void(&mut self, at: usize, reason: VoidReason, doubtful: &mut Positions) {
        if self.void[at].is_some() || self.standing.has(at) {
            return;
        }
        self.void[at] = Some(reason);
        if let Action::AddDevice { .. } = self.order[at].action() {
            let device = self.keys.subject(self.order[at]);
            self.who[device].good_additions.remove(at);
            doubtful.add(device);
        }
    }

    /// Notes if a removal that stands has made one void, unknown to it, that would have removed its author.
    fn note_conflict(&mut self, kept: usize, void: usize) {
        let (kept_entry, void_entry) = (self.order[kept], self.order[void]);
        let is_mutual = matches!(void_entry.action(), Action::RemoveDevice { .. })
            && self.keys.subject(void_entry) == self.keys.author(kept_entry);
        if is_mutual && self.void[void] == Some(VoidReason::AuthorRemoved) && !self.knows(void, kept) {
            self.conflicts.push(Conflict::Removals {
                kept: *kept_entry.id(),
                void: *void_entry.id(),
            });
        }
    }

    /// What stands, in order.
    fn state(self) -> State {
        let identities = self.reigns.iter().map(|reign| IdentityKey {
            key: *self.keys.key(reign.key),
            since: *self.order[reign.from].id(),
            since_ms: self.order[reign.from].action().at_ms(),
        });
        let mut devices = Vec::new();
        let mut void = Vec::new();
        for (entry, reason) in self.order.iter().zip(&self.void) {
            match reason {
                Some(reason) => void.push(Void {
                    id: *entry.id(),
                    reason: *reason,
                }),
                None => apply(entry, &mut devices),
            }
        }
        State {
            account: *self.order[0].id(),
            identities: identities.collect(),
            devices,
            void,
            conflicts: self.conflicts,
        }
    }
}

impl Who {
    /// The less, the higher.
    fn authority(&self, known_to: Option<&Positions>) -> usize {
        let since = match known_to {
            _ if self.reign.is_some() => Some(0),
            Some(known) => self.good_additions.first_common(known),
            None => self.good_additions.first(),
        };
        since.unwrap_or(usize::MAX)
    }
}

/// What each entry knows, without itself.
fn past(order: &[&Entry]) -> Vec<Positions> {
    let mut by_id: Vec<_> = order.iter().enumerate().map(|(at, entry)| (*entry.id(), at)).collect();
    by_id.sort_unstable();
    let mut past: Vec<Positions> = Vec::with_capacity(order.len());
    for entry in order {
        let mut known = Positions::none(order.len());
        for parent in entry.parents() {
            let place = by_id.binary_search_by(|(id, _)| id.cmp(parent));
            let parent = by_id[place.expect("parents are in the log")].1;
            known.add_all(&past[parent]);
            known.add(parent);
        }
        past.push(known);
    }
    past
}

/// Applies an entry that stands.
fn apply(entry: &Entry, devices: &mut Vec<Device>) {
    let known = |key: &PublicKey| devices.iter().position(|device| device.key == *key);
    match entry.action() {
        Action::AddDevice {
            device,
            agreement,
            name,
            at_ms,
            ..
        } => {
            if known(device).is_none() {
                devices.push(Device {
                    key: *device,
                    agreement: *agreement,
                    name: name.clone(),
                    added_ms: *at_ms,
                    added_by: *entry.author(),
                    removed: None,
                });
            }
        }
        Action::RemoveDevice { device, at_ms } => {
            if let Some(at) = known(device) {
                devices[at].removed.get_or_insert(Removal {
                    at_ms: *at_ms,
                    by: *entry.author(),
                });
            }
        }
        Action::RenameDevice { device, name, .. } => {
            if let Some(at) = known(device) {
                devices[at].name.clone_from(name);
            }
        }
        Action::Genesis { .. } | Action::Rotate { .. } => {}
    }
}

fn fault(is_one: bool, reason: VoidReason) -> Option<VoidReason> {
    is_one.then_some(reason)
}
