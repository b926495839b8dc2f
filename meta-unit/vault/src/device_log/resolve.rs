//! From entries to their meaning, by the rules in the description of [`super`].
//!
//! First the identity keys, whose rotations depend on nothing else. Then each entry is judged as if nobody had been removed. Then the removals are decided one
//! after the other; each makes void what its device did and the remover did not know, and what followed from that alone. Nothing that is void comes back, so this
//! ends.

use std::collections::{BTreeMap, BTreeSet};

use super::positions::Positions;
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
    key: PublicKey,
    /// The genesis or the rotation that made it.
    from: usize,
    /// Its own rotation.
    until: Option<usize>,
}

struct Resolver<'a> {
    order: &'a [&'a Entry],
    /// What each entry knows, without itself.
    past: Vec<Positions>,
    /// The entries of each author.
    by_author: BTreeMap<PublicKey, Vec<usize>>,
    /// The entries that add each device, good or not.
    additions: BTreeMap<PublicKey, Vec<usize>>,
    /// The same without those that are void.
    good_additions: BTreeMap<PublicKey, Positions>,
    /// The identity keys in their order, and where each is there.
    reigns: Vec<Reign>,
    reign_of: BTreeMap<PublicKey, usize>,
    /// Why each entry is void, if it is.
    void: Vec<Option<VoidReason>>,
    /// The removals that were decided and stand.
    standing: Positions,
    conflicts: Vec<Conflict>,
}

impl<'a> Resolver<'a> {
    fn new(order: &'a [&'a Entry]) -> Self {
        let place: BTreeMap<_, _> = order.iter().enumerate().map(|(at, entry)| (entry.id(), at)).collect();
        let mut past: Vec<Positions> = Vec::with_capacity(order.len());
        let mut by_author: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut additions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, entry) in order.iter().enumerate() {
            let mut known = Positions::none(order.len());
            for parent in entry.parents() {
                known.add_all(&past[place[parent]]);
                known.add(place[parent]);
            }
            past.push(known);
            by_author.entry(*entry.author()).or_default().push(at);
            if let Action::AddDevice { device, .. } = entry.action() {
                additions.entry(*device).or_default().push(at);
            }
        }
        Self {
            order,
            past,
            by_author,
            additions,
            good_additions: BTreeMap::new(),
            reigns: Vec::new(),
            reign_of: BTreeMap::new(),
            void: vec![None; order.len()],
            standing: Positions::none(order.len()),
            conflicts: Vec::new(),
        }
    }

    /// Follows the identity key from the genesis through its rotations.
    fn follow_identity(&mut self) {
        let mut next = Some((0, *self.order[0].author()));
        while let Some((from, key)) = next {
            self.reign_of.insert(key, self.reigns.len());
            next = self.rotation_of(from, &key);
            let until = next.map(|(at, _)| at);
            self.reigns.push(Reign { key, from, until });
        }
    }

    /// The rotation that counts of those of an identity key, and the key that it hands over to.
    fn rotation_of(&mut self, from: usize, key: &PublicKey) -> Option<(usize, PublicKey)> {
        let candidates: Vec<_> = list(&self.by_author, key)
            .iter()
            .filter(|at| self.past[**at].has(from))
            .filter_map(|at| match self.order[*at].action() {
                Action::Rotate { identity, .. } => Some((*at, *identity)),
                _ => None,
            })
            .filter(|(at, next)| !self.is_in_use(*at, next))
            .collect();
        let mut first: Vec<_> = candidates
            .iter()
            .filter(|(at, _)| !candidates.iter().any(|(other, _)| self.past[*at].has(*other)))
            .copied()
            .collect();
        first.sort_by_key(|(at, _)| self.order[*at].id());
        let (kept, others) = first.split_first()?;
        for (other, _) in others {
            self.conflicts.push(Conflict::Rotations {
                kept: *self.order[kept.0].id(),
                void: *self.order[*other].id(),
            });
        }
        Some(*kept)
    }

    /// Whether a rotation would hand over to a key that was an identity key before, or that it knows as a device's.
    fn is_in_use(&self, at: usize, key: &PublicKey) -> bool {
        let additions = list(&self.additions, key);
        self.reign_of.contains_key(key) || additions.iter().any(|addition| self.past[at].has(*addition))
    }

    /// Judges each entry as if nobody had been removed.
    fn judge(&mut self) {
        for at in 0..self.order.len() {
            let fault = match self.order[at].action() {
                Action::Rotate { .. } => self.rotation_fault(at),
                _ => self.author_fault(at).or_else(|| self.action_fault(at)),
            };
            self.void[at] = fault;
            if let (None, Action::AddDevice { device, .. }) = (fault, self.order[at].action()) {
                let none = || Positions::none(self.order.len());
                self.good_additions.entry(*device).or_insert_with(none).add(at);
            }
        }
    }

    /// Why an entry's author may not speak there, removals aside.
    fn author_fault(&self, at: usize) -> Option<VoidReason> {
        let author = self.order[at].author();
        let Some(reign) = self.reign_of.get(author).map(|reign| self.reigns[*reign]) else {
            return fault(!self.knows_device(at, author), VoidReason::NotAllowed);
        };
        let has_begun = at == reign.from || self.past[at].has(reign.from);
        let has_ended = reign.until.is_some_and(|until| !self.past[until].has(at));
        fault(!has_begun, VoidReason::NotAllowed).or_else(|| fault(has_ended, VoidReason::AuthorRetired))
    }

    /// Why what an entry says cannot be, removals aside.
    fn action_fault(&self, at: usize) -> Option<VoidReason> {
        match self.order[at].action() {
            Action::AddDevice { device, .. } => fault(self.reign_of.contains_key(device), VoidReason::KeyInUse),
            Action::RemoveDevice { device, .. } | Action::RenameDevice { device, .. } => {
                fault(!self.knows_device(at, device), VoidReason::NoSuchDevice)
            }
            Action::Genesis { .. } | Action::Rotate { .. } => None,
        }
    }

    /// Why a rotation does not count.
    fn rotation_fault(&self, at: usize) -> Option<VoidReason> {
        let Some(reign) = self
            .reign_of
            .get(self.order[at].author())
            .map(|reign| self.reigns[*reign])
        else {
            return Some(VoidReason::NotAllowed);
        };
        match reign.until {
            _ if !self.past[at].has(reign.from) => Some(VoidReason::NotAllowed),
            Some(until) if until == at => None,
            Some(until) if self.past[at].has(until) => Some(VoidReason::AuthorRetired),
            Some(until) if !self.past[until].has(at) => Some(VoidReason::OtherRotation),
            _ => Some(VoidReason::KeyInUse),
        }
    }

    /// Whether an entry knows a good addition of this device.
    fn knows_device(&self, at: usize, device: &PublicKey) -> bool {
        let good = self.good_additions.get(device);
        good.is_some_and(|good| good.meets(&self.past[at]))
    }

    /// Decides the removals: always the one of the highest authority that is left, after those that it knows.
    fn decide_removals(&mut self) {
        let is_removal = |at: &usize| matches!(self.order[*at].action(), Action::RemoveDevice { .. });
        let removals = (0..self.order.len()).filter(is_removal);
        let mut left = self.by_authority(removals, None);
        while let Some((_, highest)) = left.pop_first() {
            let mut any = false;
            // What it knows is judged by what it knows: an entry that is dated back cannot change that.
            let known = left.iter().map(|(_, at)| *at).filter(|at| self.past[highest].has(*at));
            let mut known = self.by_authority(known, Some(highest));
            while let Some(&(_, mut at)) = known.first() {
                while let Some((_, earlier)) = known.iter().find(|(_, other)| self.past[at].has(*other)) {
                    at = *earlier;
                }
                known.retain(|(_, other)| *other != at);
                left.retain(|(_, other)| *other != at);
                if self.remove(at) {
                    any = true;
                    known = self.by_authority(known.into_iter().map(|(_, at)| at), Some(highest));
                }
            }
            any |= self.remove(highest);
            if any {
                left = self.by_authority(left.into_iter().map(|(_, at)| at), None);
            }
        }
    }

    /// Some removals, in the order of their authors' authority: the identity keys first, then the devices, longest there first.
    fn by_authority(&self, removals: impl Iterator<Item = usize>, known_to: Option<usize>) -> BTreeSet<(usize, usize)> {
        let known_to = known_to.map(|at| &self.past[at]);
        removals
            .map(|at| (self.authority(self.order[at].author(), known_to), at))
            .collect()
    }

    /// The less, the higher.
    fn authority(&self, author: &PublicKey, known_to: Option<&Positions>) -> usize {
        let since = |good: &Positions| match known_to {
            Some(known) => good.first_common(known),
            None => good.first(),
        };
        match self.good_additions.get(author).and_then(since) {
            _ if self.reign_of.contains_key(author) => 0,
            Some(since) => since,
            None => usize::MAX,
        }
    }

    /// Lets a removal stand unless it is void, and makes void what it makes void. Tells whether additions of devices are among that.
    fn remove(&mut self, removal: usize) -> bool {
        let order = self.order;
        let Action::RemoveDevice { device, .. } = order[removal].action() else {
            return false;
        };
        if self.void[removal].is_some() {
            return false;
        }
        self.standing.add(removal);
        let mut doubtful = BTreeSet::new();
        for at in list(&self.by_author, device).to_vec() {
            if at != removal && !self.past[removal].has(at) {
                self.make_void(at, VoidReason::AuthorRemoved, &mut doubtful);
                self.note_conflict(removal, at);
            }
        }
        for at in list(&self.additions, device).to_vec() {
            if !self.past[removal].has(at) {
                self.make_void(at, VoidReason::RemovedDevice, &mut doubtful);
            }
        }
        let any = !doubtful.is_empty();
        // Whoever was only added by what is void now was never there.
        while let Some(device) = doubtful.pop_first() {
            for at in list(&self.by_author, &device).to_vec() {
                if !self.knows_device(at, &device) {
                    self.make_void(at, VoidReason::NotAllowed, &mut doubtful);
                }
            }
        }
        any
    }

    /// Makes an entry void, unless it is already, or a removal that stands. A device that it added becomes doubtful.
    fn make_void(&mut self, at: usize, reason: VoidReason, doubtful: &mut BTreeSet<PublicKey>) {
        if self.void[at].is_some() || self.standing.has(at) {
            return;
        }
        self.void[at] = Some(reason);
        if let Action::AddDevice { device, .. } = self.order[at].action() {
            if let Some(good) = self.good_additions.get_mut(device) {
                good.remove(at);
            }
            doubtful.insert(*device);
        }
    }

    /// Notes if a removal that stands has made one void, unknown to it, that would have removed its author.
    fn note_conflict(&mut self, kept: usize, void: usize) {
        let is_mutual = matches!(
            self.order[void].action(),
            Action::RemoveDevice { device, .. } if device == self.order[kept].author()
        );
        if is_mutual && self.void[void] == Some(VoidReason::AuthorRemoved) && !self.past[void].has(kept) {
            self.conflicts.push(Conflict::Removals {
                kept: *self.order[kept].id(),
                void: *self.order[void].id(),
            });
        }
    }

    /// What stands, in order.
    fn state(self) -> State {
        let identities = self.reigns.iter().map(|reign| IdentityKey {
            key: reign.key,
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

/// What a map of lists has for a key.
fn list<'a>(map: &'a BTreeMap<PublicKey, Vec<usize>>, key: &PublicKey) -> &'a [usize] {
    map.get(key).map_or(&[], Vec::as_slice)
}
