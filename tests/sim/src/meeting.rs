//! Runs with a network: devices of persons meet, are written on through everything that befalls hosts and networks, and have the same in the end, while strangers and enemies learn nothing.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    DeviceInvite, DeviceJoin, DeviceJoinStage, IdentityGet, IdentityRecover, IdentityWordsGet, Message, PeersConfigure,
    PeersConnect, Request, Response,
};

use crate::check::ask;
use crate::network::link::Link;
use crate::network::wire::Count;
use crate::network::{Network, NodeId, Role};
use crate::peers::hostile::{Hostile, Malice};
use crate::person::Person;
use crate::plan::Plan;
use crate::random::{Dice, Stream};
use crate::unit::Backend;
use crate::violation::{Broken, Violation, hold};
use crate::weather;
use crate::world::{Figures, World};

/// What devices of one person speak.
pub const PROTOCOL: &str = "/dao/avatar/peers/1";

/// What a new device speaks.
const LINK_PROTOCOL: &str = "/dao/avatar/link/1";

/// How long devices may take to have the same once nothing fails any more, in simulated microseconds.
const PATIENCE_US: u64 = 1_200_000_000;

/// How often it is looked whether they do.
const LOOK_US: u64 = 500_000;

/// What hosts hold for streams at a time, at most: every stream's credit and window, of as many as a peer may open.
const MAX_BUFFERED_BYTES: usize = 64 * 1024 * 1024;

/// One run. Together with the build, it determines everything that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// All chance comes from it.
    pub seed: u64,
    /// How many devices each person has.
    pub persons: Vec<usize>,
    /// How many relays there are.
    pub relays: usize,
    /// How links behave, where nothing fails.
    pub usual: Link,
    /// So many of a thousand devices join by an invitation; the others by recovery words.
    pub joining_per_mille: u32,
    /// Who means harm.
    pub hostile: Vec<Malice>,
    /// How long people write while things fail, in simulated microseconds.
    pub length_us: u64,
    /// Whether anything fails at all.
    pub is_stormy: bool,
    /// Whether disks do.
    pub do_disks_fail: bool,
    /// Whether it is remembered who reads what, to find a byte that a stranger reads.
    pub is_overheard: bool,
    /// Every call is printed to standard error.
    pub is_printed: bool,
}

impl Meeting {
    /// The usual run of a seed: two or three devices of one person, one or two of another, one or two relays, and an enemy or two.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Stream::Checks);
        let first = dice.between(2, 3) as usize;
        let second = dice.between(1, 2) as usize;
        Self {
            seed,
            persons: vec![first, second],
            relays: dice.between(1, 2) as usize,
            usual: Link {
                latency_us: dice.between(1_000, 120_000),
                jitter_us: dice.between(0, 30_000),
                loss_per_mille: dice.below(20) as u32,
                bytes_per_second: *dice.pick(&[0, 100_000, 2_000_000, 50_000_000]),
            },
            joining_per_mille: 500,
            hostile: (0..dice.between(1, 2)).map(|_| *dice.pick(&Malice::ALL)).collect(),
            length_us: 180_000_000,
            is_stormy: true,
            is_overheard: true,
            do_disks_fail: true,
            is_printed: false,
        }
    }

    /// Persons with so many devices each, at one relay, where nothing fails.
    pub fn of_many(persons: Vec<usize>, seed: u64) -> Self {
        Self {
            seed,
            persons,
            relays: 1,
            usual: Link {
                jitter_us: 5_000,
                ..Link::default()
            },
            joining_per_mille: 0,
            hostile: Vec::new(),
            length_us: 0,
            is_stormy: false,
            is_overheard: false,
            do_disks_fail: false,
            is_printed: false,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The promise that was broken, if any.
    pub violation: Option<Violation>,
    /// The SHA-256 of all boundary traffic.
    pub digest: String,
    /// Calls across boundaries.
    pub calls: u64,
    /// Simulated microseconds.
    pub simulated_us: u64,
    /// From the end of all failures until everybody had the same, in simulated microseconds.
    pub converged_us: u64,
    /// Changes that were promised to people.
    pub changes: u64,
    /// Streams that enemies have had with others.
    pub attacks: u64,
    /// What crossed the network.
    pub crossed: Count,
    /// How much was simulated.
    pub figures: Figures,
    /// What befell the network.
    pub weather: weather::Figures,
}

/// Runs a meeting to its end, or to the first broken promise.
pub fn meet(meeting: &Meeting, backend: &Backend) -> Outcome {
    let mut party = Party::new(meeting, backend);
    let violation = party.run().err();
    let Party {
        world,
        persons,
        converged_us,
        ..
    } = &party;
    let crossed = world.network().wire.total();
    let traffic = world.traffic.borrow();
    Outcome {
        violation,
        digest: traffic.digest(),
        calls: traffic.calls(),
        simulated_us: world.now_us,
        converged_us: *converged_us,
        changes: persons.iter().map(|person| person.promised).sum(),
        attacks: world.peers_streams(),
        crossed,
        figures: world.figures,
        weather: world
            .weather
            .as_ref()
            .map(|weather| weather.figures)
            .unwrap_or_default(),
    }
}

/// Everybody who is there.
pub struct Party {
    /// The world.
    pub world: World,
    /// The people.
    pub persons: Vec<Person>,
    meeting: Meeting,
    relays: Vec<NodeId>,
    /// Words that no stranger may read: who may is the person of this number.
    secrets: Vec<(usize, Vec<u8>)>,
    dice: Dice,
    converged_us: u64,
}

impl Party {
    /// Everybody is about to start.
    pub fn new(meeting: &Meeting, backend: &Backend) -> Self {
        let seed = meeting.seed;
        let mut dice = Dice::new(seed, Stream::Party);
        let mut network = Network::new(seed, meeting.usual);
        let units: usize = meeting.persons.iter().sum();
        for _ in 0..units {
            network.add(*dice.pick(&[Role::Private, Role::Private, Role::Shut]));
        }
        let relays: Vec<NodeId> = (0..meeting.relays).map(|_| network.add(Role::Relay)).collect();
        let hostile: Vec<NodeId> = meeting.hostile.iter().map(|_| network.add(Role::Public)).collect();
        if meeting.is_overheard {
            network.wire.listen();
        }
        let plan = Plan {
            units,
            clients: 0,
            length_us: meeting.length_us,
            is_printed: meeting.is_printed,
            ..Plan::new(seed)
        };
        let mut world = World::with_network(&plan, backend.clone(), Some(network));
        for (node, malice) in hostile.into_iter().zip(&meeting.hostile) {
            let protocol = *dice.pick(&[PROTOCOL, PROTOCOL, LINK_PROTOCOL]);
            let peer = Hostile::new(
                *malice,
                Dice::new(seed, Stream::Peer(node)),
                protocol,
                (0..units).collect(),
            );
            world.add_peer(node, peer);
        }
        let mut first = 0;
        let person = |(number, count): (usize, &usize)| {
            let devices = (first..first + count).collect();
            first += count;
            Person::new(devices, Dice::new(seed, Stream::Person(number)))
        };
        Self {
            world,
            persons: meeting.persons.iter().enumerate().map(person).collect(),
            meeting: meeting.clone(),
            relays,
            secrets: Vec::new(),
            dice,
            converged_us: 0,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// A broken promise.
    pub fn run(&mut self) -> Result<(), Violation> {
        self.set_up()?;
        if self.meeting.is_stormy {
            let weather = Dice::new(self.meeting.seed, Stream::Weather);
            self.world.weather = Some(weather::Weather::new(weather, self.relays.clone()));
            self.world.do_disks_fail = self.meeting.do_disks_fail;
            self.world.begin_trouble();
        }
        self.write(self.meeting.length_us)?;
        self.world.end_trouble();
        self.world.settle()?;
        self.converge()?;
        self.check()
    }

    /// The devices of each person become theirs, by recovery words or by invitation, and are connected.
    ///
    /// # Errors
    /// A broken promise.
    pub fn set_up(&mut self) -> Result<(), Violation> {
        self.world.settle()?;
        let relays: Vec<String> = self
            .relays
            .iter()
            .map(|relay| self.world.network().address(*relay))
            .collect();
        for number in 0..self.persons.len() {
            let devices = self.persons[number].devices.clone();
            for unit in &devices {
                let configure = encode(Ask::PeersConfigure(PeersConfigure { relays: relays.clone() }));
                self.world.ask_always(*unit, configure)?;
            }
            let (first, others) = devices.split_first().expect("a person has a device");
            let words = self.words(*first)?;
            self.secrets.push((number, words.clone().into_bytes()));
            one(&mut self.world, *first, Ask::PeersConnect(PeersConnect { on: true }))?;
            for unit in others {
                match self.dice.chance(self.meeting.joining_per_mille) {
                    true => self.join(*first, *unit)?,
                    false => self.recover(*unit, &words)?,
                }
            }
        }
        Ok(())
    }

    fn words(&mut self, unit: usize) -> Result<String, Violation> {
        match one(&mut self.world, unit, Ask::IdentityWordsGet(IdentityWordsGet {}))? {
            Answer::IdentityWords(words) => Ok(words.words.join(" ")),
            other => Err(unexpected(&self.world, unit, &other)),
        }
    }

    fn recover(&mut self, unit: usize, words: &str) -> Result<(), Violation> {
        let words = words.to_owned();
        match one(&mut self.world, unit, Ask::IdentityRecover(IdentityRecover { words }))? {
            Answer::Identity(identity) => self.world.set_owner(unit, identity.did),
            other => return Err(unexpected(&self.world, unit, &other)),
        }
        one(&mut self.world, unit, Ask::PeersConnect(PeersConnect { on: true })).map(|_| ())
    }

    fn join(&mut self, first: usize, unit: usize) -> Result<(), Violation> {
        let code = match one(&mut self.world, first, Ask::DeviceInvite(DeviceInvite {}))? {
            Answer::DeviceInvitation(invitation) => invitation.code,
            other => return Err(unexpected(&self.world, first, &other)),
        };
        let join = Ask::DeviceJoin(DeviceJoin {
            code,
            name: format!("device {unit}"),
        });
        let answers = ask(&mut self.world, unit, join, |_| false)?;
        let is_done = |answer: &Answer| matches!(answer, Answer::DeviceJoining(joining) if joining.stage() == DeviceJoinStage::Done);
        if !answers.last().is_some_and(is_done) {
            let broken = Broken::new("an invitation makes a device the person's", format!("{answers:?}"));
            return Err(broken.at(self.world.now_us, unit));
        }
        match one(&mut self.world, unit, Ask::IdentityGet(IdentityGet {}))? {
            Answer::Identity(identity) => self.world.set_owner(unit, identity.did),
            other => return Err(unexpected(&self.world, unit, &other)),
        }
        Ok(())
    }

    /// People write on their devices for so long.
    fn write(&mut self, length_us: u64) -> Result<(), Violation> {
        let end_us = self.world.now_us + length_us;
        let mut next_us: Vec<u64> = self.persons.iter().map(|_| self.world.now_us).collect();
        while let Some((person, at_us)) = earliest(&next_us).filter(|(_, at_us)| *at_us < end_us) {
            self.world.run_until(at_us)?;
            self.persons[person].act(&mut self.world)?;
            next_us[person] = at_us + self.persons[person].pause_us();
        }
        self.world.run_until(end_us)
    }

    /// Waits until the devices of everybody show the same.
    ///
    /// # Errors
    /// They never do; or another broken promise.
    pub fn converge(&mut self) -> Result<(), Violation> {
        let begun_us = self.world.now_us;
        for person in 0..self.persons.len() {
            while !self.persons[person].finish(&mut self.world)? {
                self.world.run_until(self.world.now_us + LOOK_US)?;
            }
            while let Some(difference) = self.persons[person].difference(&mut self.world)? {
                let waited_us = self.world.now_us - begun_us;
                if waited_us > PATIENCE_US {
                    let broken = Broken::new("all who can talk converge", difference);
                    return Err(broken.at(self.world.now_us, self.persons[person].devices[0]));
                }
                self.world.run_until(self.world.now_us + LOOK_US)?;
            }
        }
        self.converged_us = self.world.now_us - begun_us;
        Ok(())
    }

    /// What must hold in the end.
    fn check(&mut self) -> Result<(), Violation> {
        for person in &self.persons {
            person.check(&mut self.world)?;
        }
        let now_us = self.world.now_us;
        let network = self.world.network();
        let units: usize = self.meeting.persons.iter().sum();
        for unit in 0..units {
            let buffered = network.buffered(unit);
            hold(buffered <= MAX_BUFFERED_BYTES, "what hosts hold is bounded", || {
                buffered.to_string()
            })
            .map_err(|broken| broken.at(now_us, unit))?;
        }
        for (number, person) in self.persons.iter().enumerate() {
            let documents = person.documents.iter();
            let canaries = documents.flat_map(|(id, document)| [id.to_vec(), document.canary.clone().into_bytes()]);
            let own = self.secrets.iter().filter(|(of, _)| *of == number);
            for canary in canaries.chain(own.map(|(_, secret)| secret.clone())) {
                let ears = network.wire.find(&canary);
                // What an enemy repeats it has from the simulator, which hears everything.
                let strange = ears
                    .iter()
                    .find(|ear| ear.from < units && !person.devices.contains(&ear.to));
                hold(strange.is_none(), "no unauthorised byte is served", || {
                    format!("{strange:?} read {}", String::from_utf8_lossy(&canary))
                })
                .map_err(|broken| broken.at(now_us, person.devices[0]))?;
            }
        }
        Ok(())
    }
}

fn earliest(times: &[u64]) -> Option<(usize, u64)> {
    times.iter().copied().enumerate().min_by_key(|(_, at_us)| *at_us)
}

fn encode(ask: Ask) -> Vec<u8> {
    Request { request: Some(ask) }.encode_to_vec()
}

/// Asks a unit for something that has one answer.
///
/// # Errors
/// A broken promise.
pub fn one(world: &mut World, unit: usize, what: Ask) -> Result<Answer, Violation> {
    let mut answers = ask(world, unit, what, |_: &Response| false)?;
    match (answers.pop(), answers.is_empty()) {
        (Some(answer), true) => Ok(answer),
        (last, _) => {
            Err(Broken::new("a request has one answer", format!("{answers:?} {last:?}")).at(world.now_us, unit))
        }
    }
}

fn unexpected(world: &World, unit: usize, answer: &Answer) -> Violation {
    Broken::new("a unit does what its person asks", format!("{answer:?}")).at(world.now_us, unit)
}
