//! The world: one time line of events, on which everything happens in an order that the seed determines.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use avatar_proto::event::Event as Told;
use avatar_proto::{ErrorCode, Response};

use crate::avatar::{Avatar, State};
use crate::boundary::{Answered, Outbox, Port};
use crate::client::{Client, Sending};
use crate::disk::{Completion, Disk, Faults, Flipped};
use crate::network::Network;
use crate::peers::{self, Peer};
use crate::plan::Plan;
use crate::random::{Dice, Stream};
use crate::traffic::Traffic;
use crate::truth::{DocId, Truth};
use crate::unit::Backend;
use crate::violation::{Broken, Violation, hold};
use crate::weather::Weather;

/// So long a unit may take to answer everything once nothing fails any more, in simulated microseconds.
const PATIENCE_US: u64 = 120_000_000;

/// What happens next.
#[derive(Debug)]
enum Event {
    /// A unit's turn.
    Turn { unit: usize, life: u64 },
    /// A disk has done with its oldest batch.
    Disk { unit: usize, life: u64 },
    /// The unit is told of it.
    Complete {
        unit: usize,
        life: u64,
        completion: Completion,
    },
    /// A unit is told what the network brought.
    Tell { unit: usize, life: u64 },
    /// A peer that is no unit does something.
    Peer(usize),
    /// Something befalls the network.
    Weather,
    /// A client does something.
    Client(usize),
    /// A client sends something once more.
    Retry(usize),
    /// The operator does something.
    Operator,
    /// A unit is started.
    Start(usize),
}

/// What is beside a unit.
struct Place {
    avatar: Avatar,
    truth: Truth,
    /// Its clients, by their numbers.
    clients: std::ops::Range<usize>,
    did: Option<String>,
    next_turn_us: Option<u64>,
    frozen_until_us: u64,
    /// It dies when its next batch is under way.
    is_doomed: bool,
    /// A batch of this life failed.
    has_failed: bool,
    /// A flipped bit because of which it does not start.
    flipped: Option<Flipped>,
    /// Answers to what the world itself asked.
    asked: BTreeMap<i64, Vec<Response>>,
    /// It is told soon what the network brought.
    is_told_soon: bool,
    /// What is asked of every life, as soon as it is up.
    at_start: Vec<Vec<u8>>,
}

/// How much was simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lives of units.
    pub lives: u64,
    /// Turns of units.
    pub turns: u64,
    /// Requests of clients.
    pub requests: u64,
    /// Batches executed.
    pub batches: u64,
    /// Crashes.
    pub crashes: u64,
    /// Bits flipped.
    pub flipped_bits: u64,
    /// Batches that failed.
    pub failed_batches: u64,
}

/// See the module's documentation.
pub struct World {
    /// Simulated microseconds since the beginning.
    pub now_us: u64,
    /// How much was simulated.
    pub figures: Figures,
    /// All traffic.
    pub traffic: Rc<RefCell<Traffic>>,
    backend: Backend,
    dice: Dice,
    network: Option<Rc<RefCell<Network>>>,
    /// Peers that are no units: nodes of the network behind the units and the relays.
    peers: BTreeMap<usize, Box<dyn Peer>>,
    /// Whether the operator makes disks fail.
    pub do_disks_fail: bool,
    /// What befalls the network while clients act.
    pub weather: Option<Weather>,
    places: Vec<Place>,
    clients: Vec<Client>,
    /// By the moment, then in the order in which they were planned.
    events: BTreeMap<(u64, u64), Event>,
    planned: u64,
    /// Clients act and the operator acts.
    is_restless: bool,
    /// Clients that send something once more soon.
    retries: BTreeSet<usize>,
}

impl World {
    /// A world in which every unit is about to start.
    pub fn new(plan: &Plan, backend: Backend) -> Self {
        Self::with_network(plan, backend, None)
    }

    /// The same with a network, whose first nodes are the units' hosts.
    pub fn with_network(plan: &Plan, backend: Backend, network: Option<Network>) -> Self {
        let network = network.map(|network| Rc::new(RefCell::new(network)));
        let traffic = Rc::new(RefCell::new(Traffic::new(plan.is_printed)));
        let port = |node| {
            let network = Rc::clone(network.as_ref()?);
            Some(Port { network, node })
        };
        let place = |unit| {
            let disk = Disk::new(Dice::new(plan.seed, Stream::Disk(unit)), plan.plant);
            Place {
                avatar: Avatar::new(unit, plan.seed, disk, Rc::clone(&traffic), port(unit)),
                truth: Truth::default(),
                clients: unit * plan.clients..(unit + 1) * plan.clients,
                did: None,
                next_turn_us: None,
                frozen_until_us: 0,
                is_doomed: false,
                has_failed: false,
                flipped: None,
                asked: BTreeMap::new(),
                is_told_soon: false,
                at_start: Vec::new(),
            }
        };
        let client = |number| Client::new(number, Dice::new(plan.seed, Stream::Client(number)));
        let mut world = Self {
            now_us: 0,
            figures: Figures::default(),
            backend,
            dice: Dice::new(plan.seed, Stream::World),
            places: (0..plan.units).map(place).collect(),
            clients: (0..plan.units * plan.clients).map(client).collect(),
            network,
            peers: BTreeMap::new(),
            do_disks_fail: true,
            weather: None,
            traffic,
            events: BTreeMap::new(),
            planned: 0,
            is_restless: false,
            retries: BTreeSet::new(),
        };
        for unit in 0..plan.units {
            world.plan(unit as u64, Event::Start(unit));
        }
        world
    }

    /// The network.
    ///
    /// # Panics
    /// If there is none.
    pub fn network(&self) -> RefMut<'_, Network> {
        self.network.as_ref().expect("this world has a network").borrow_mut()
    }

    /// A node of the network behaves like this from now on.
    pub fn add_peer(&mut self, node: usize, peer: impl Peer + 'static) {
        self.network().begin_life(node);
        self.peers.insert(node, Box::new(peer));
        self.plan(0, Event::Peer(node));
    }

    /// Streams that peers who are no units have had with others.
    pub fn peers_streams(&self) -> u64 {
        self.peers.values().map(|peer| peer.streams()).sum()
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.places.len()
    }

    /// What is known of a unit's documents.
    pub fn truth(&self, unit: usize) -> &Truth {
        &self.places[unit].truth
    }

    /// The clients of a unit.
    pub fn clients(&self, unit: usize) -> &[Client] {
        &self.clients[self.places[unit].clients.clone()]
    }

    /// The size of a unit's linear memory, in bytes; None where there is none.
    pub fn memory_bytes(&mut self, unit: usize) -> Option<u64> {
        self.places[unit].avatar.memory_bytes()
    }

    /// Clients and the operator are at it for so long.
    ///
    /// # Errors
    /// A broken promise.
    pub fn live(&mut self, length_us: u64) -> Result<(), Violation> {
        for client in 0..self.clients.len() {
            let pause_us = self.dice.below(2_000_000);
            self.plan(pause_us, Event::Client(client));
        }
        self.begin_trouble();
        self.run_until(self.now_us + length_us)?;
        self.end_trouble();
        self.events.retain(|_, event| !matches!(event, Event::Client(_)));
        Ok(())
    }

    /// From now on the operator acts, and weather befalls the network.
    pub fn begin_trouble(&mut self) {
        self.is_restless = true;
        self.plan_operator();
        if self.weather.is_some() {
            self.plan(0, Event::Weather);
        }
    }

    /// Nobody makes trouble any more. What fails at present goes on failing until the world [settles](Self::settle).
    pub fn end_trouble(&mut self) {
        self.is_restless = false;
        self.events
            .retain(|_, event| !matches!(event, Event::Operator | Event::Weather));
    }

    /// Time passes.
    ///
    /// # Errors
    /// A broken promise.
    pub fn run_until(&mut self, end_us: u64) -> Result<(), Violation> {
        while self.step(end_us)? {}
        self.now_us = self.now_us.max(end_us);
        Ok(())
    }

    /// Nothing fails any more, nobody begins anything, and all that was begun comes to its end.
    ///
    /// # Errors
    /// A broken promise; above all, something did not come to its end.
    pub fn settle(&mut self) -> Result<(), Violation> {
        for place in &mut self.places {
            place.avatar.disk.faults = Faults::default();
            place.is_doomed = false;
        }
        if let (Some(weather), Some(network)) = (&self.weather, &self.network) {
            let mut network = network.borrow_mut();
            network.now_us = self.now_us;
            weather.clear(&mut network);
        }
        let end_us = self.now_us + PATIENCE_US;
        while !self.is_settled() {
            if !self.step(end_us)? {
                let unit = (0..self.units()).find(|unit| !self.is_unit_settled(*unit)).unwrap_or(0);
                let waiting: Vec<String> = self.clients(unit).iter().map(Client::describe).collect();
                let place = &self.places[unit];
                let detail = format!(
                    "{:?}, unanswered {:?}, {waiting:?}",
                    place.avatar.state,
                    place.avatar.unanswered()
                );
                return Err(Broken::new("no request is left unanswered", detail).at(self.now_us, unit));
            }
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        (0..self.units()).all(|unit| self.is_unit_settled(unit))
    }

    fn is_unit_settled(&self, unit: usize) -> bool {
        let avatar = &self.places[unit].avatar;
        avatar.state == State::Up && avatar.is_quiet() && self.clients(unit).iter().all(Client::is_quiet)
    }

    /// Asks a settled unit something: all answers up to the last one, or up to the one of which `is_enough`; the request ends then.
    ///
    /// # Errors
    /// A broken promise.
    pub fn ask(
        &mut self,
        unit: usize,
        request: &[u8],
        is_enough: impl Fn(&Response) -> bool,
    ) -> Result<Vec<Response>, Violation> {
        let req = self.on(unit, |place, now_us| place.avatar.request(now_us, request))?;
        self.places[unit].asked.insert(req, Vec::new());
        self.turn_soon(unit);
        let end_us = self.now_us + PATIENCE_US;
        loop {
            let place = &self.places[unit];
            let is_over = !place.avatar.unanswered().contains(&req);
            if is_over
                || place
                    .asked
                    .get(&req)
                    .is_some_and(|answers| answers.iter().any(&is_enough))
            {
                let answers = self.places[unit].asked.remove(&req).unwrap_or_default();
                if !is_over {
                    self.on(unit, |place, now_us| place.avatar.cancel_request(now_us, req))?;
                    self.turn_soon(unit);
                }
                return Ok(answers);
            }
            if !self.step(end_us)? {
                return Err(Broken::new("no request is left unanswered", format!("request {req}")).at(end_us, unit));
            }
        }
    }

    /// Begins to ask a unit something: the number of the request, if the unit takes requests now.
    ///
    /// # Errors
    /// A broken promise.
    pub fn begin(&mut self, unit: usize, request: &[u8]) -> Result<Option<i64>, Violation> {
        if !self.takes_requests(unit) {
            return Ok(None);
        }
        self.figures.requests += 1;
        let req = self.on(unit, |place, now_us| place.avatar.request(now_us, request))?;
        self.places[unit].asked.insert(req, Vec::new());
        self.turn_soon(unit);
        Ok(Some(req))
    }

    /// What was answered so far, and whether that is all. None if the unit died meanwhile.
    pub fn answers(&self, unit: usize, req: i64) -> Option<(&[Response], bool)> {
        let place = &self.places[unit];
        let answers = place.asked.get(&req)?;
        Some((answers, !place.avatar.unanswered().contains(&req)))
    }

    /// Nobody waits for a request any more.
    ///
    /// # Errors
    /// A broken promise.
    pub fn forget(&mut self, unit: usize, req: i64) -> Result<(), Violation> {
        let is_asked = self.places[unit].asked.remove(&req).is_some();
        if is_asked && self.takes_requests(unit) && self.places[unit].avatar.unanswered().contains(&req) {
            self.on(unit, |place, now_us| place.avatar.cancel_request(now_us, req))?;
            self.turn_soon(unit);
        }
        Ok(())
    }

    /// Asks this of the unit in each of its lives from now on, the present one among them.
    ///
    /// # Errors
    /// A broken promise.
    pub fn ask_always(&mut self, unit: usize, request: Vec<u8>) -> Result<(), Violation> {
        self.places[unit].at_start.push(request.clone());
        self.begin(unit, &request).map(|_| ())
    }

    /// The unit is somebody else's from now on.
    pub fn set_owner(&mut self, unit: usize, did: String) {
        self.places[unit].did = Some(did);
    }

    /// Every unit dies and is started again.
    ///
    /// # Errors
    /// A broken promise.
    pub fn restart_all(&mut self) -> Result<(), Violation> {
        for unit in 0..self.units() {
            self.crash(unit);
        }
        self.settle()
    }

    fn plan(&mut self, in_us: u64, event: Event) {
        self.planned += 1;
        self.events.insert((self.now_us + in_us, self.planned), event);
    }

    fn plan_operator(&mut self) {
        let pause_us = self.dice.between(100_000, 120_000_000);
        self.plan(pause_us, Event::Operator);
    }

    /// The next event, if it is not after `end_us`.
    fn step(&mut self, end_us: u64) -> Result<bool, Violation> {
        if self.step_network(end_us) {
            return Ok(true);
        }
        let Some(first) = self.events.first_entry().filter(|first| first.key().0 <= end_us) else {
            return Ok(false);
        };
        let at_us = first.key().0;
        let event = first.remove();
        self.now_us = self.now_us.max(at_us);
        match event {
            Event::Turn { unit, life } => {
                if self.places[unit].avatar.life == life && self.places[unit].next_turn_us == Some(at_us) {
                    self.turn(unit)?;
                }
            }
            Event::Disk { unit, life } => self.execute(unit, life),
            Event::Complete { unit, life, completion } => {
                if let Some(wait_us) = self.frozen_us(unit) {
                    self.plan(wait_us, Event::Complete { unit, life, completion });
                } else if self.places[unit].avatar.life == life {
                    self.on(unit, |place, now_us| place.avatar.complete(now_us, &completion))?;
                    self.turn_soon(unit);
                }
            }
            Event::Tell { unit, life } => self.tell(unit, life)?,
            Event::Peer(node) => self.wake(node),
            Event::Weather => self.change_weather(),
            Event::Client(client) => self.act(client)?,
            Event::Retry(client) => self.retry(client)?,
            Event::Operator => self.operate()?,
            Event::Start(unit) => self.start(unit)?,
        }
        Ok(true)
    }

    /// The network's next event, if it comes before the world's own.
    fn step_network(&mut self, end_us: u64) -> bool {
        let Some(network) = &self.network else { return false };
        let own_us = self.events.keys().next().map_or(u64::MAX, |(at_us, _)| *at_us);
        let mut network = network.borrow_mut();
        let is_first = network.next_us().is_some_and(|at_us| at_us < own_us);
        if !is_first || !network.step(end_us) {
            return false;
        }
        self.now_us = self.now_us.max(network.now_us);
        drop(network);
        self.tell_soon();
        true
    }

    /// Whoever has to be told something is told soon.
    fn tell_soon(&mut self) {
        let Some(network) = &self.network else { return };
        let ready = network.borrow_mut().take_ready();
        for node in ready {
            let wait_us = self.dice.below(500);
            if node >= self.places.len() {
                self.plan(wait_us, Event::Peer(node));
            } else if !std::mem::replace(&mut self.places[node].is_told_soon, true) {
                let life = self.places[node].avatar.life;
                self.plan(wait_us, Event::Tell { unit: node, life });
            }
        }
    }

    fn tell(&mut self, unit: usize, life: u64) -> Result<(), Violation> {
        if self.places[unit].avatar.life != life {
            return Ok(());
        }
        if let Some(wait_us) = self.frozen_us(unit) {
            self.plan(wait_us, Event::Tell { unit, life });
            return Ok(());
        }
        self.places[unit].is_told_soon = false;
        // Some of it, then the unit has a turn.
        for _ in 0..self.dice.between(1, 16) {
            let Some(told) = self.network().next_told(unit) else {
                break;
            };
            self.on(unit, |place, now_us| place.avatar.tell(now_us, &told))?;
            if self.places[unit].avatar.life != life {
                return Ok(());
            }
        }
        if self.network().has_told(unit) && !std::mem::replace(&mut self.places[unit].is_told_soon, true) {
            let wait_us = self.dice.below(500);
            self.plan(wait_us, Event::Tell { unit, life });
        }
        self.turn_soon(unit);
        Ok(())
    }

    fn change_weather(&mut self) {
        if let (Some(weather), Some(network)) = (&mut self.weather, &self.network) {
            let mut network = network.borrow_mut();
            network.now_us = self.now_us;
            let pause_us = weather.change(&mut network);
            drop(network);
            self.plan(pause_us, Event::Weather);
            self.tell_soon();
        }
    }

    fn wake(&mut self, node: usize) {
        let (Some(network), Some(peer)) = (&self.network, self.peers.get_mut(&node)) else {
            return;
        };
        network.borrow_mut().now_us = self.now_us;
        let pause_us = peers::wake(&mut network.borrow_mut(), node, peer.as_mut());
        if let Some(pause_us) = pause_us {
            self.plan(pause_us, Event::Peer(node));
        }
        self.tell_soon();
    }

    /// Calls a unit, and takes what it says then.
    fn on<T>(&mut self, unit: usize, call: impl FnOnce(&mut Place, u64) -> Result<T, Broken>) -> Result<T, Violation> {
        let now_us = self.now_us;
        if let Some(network) = &self.network {
            network.borrow_mut().now_us = now_us;
        }
        let result = call(&mut self.places[unit], now_us);
        let outbox = self.places[unit].avatar.take();
        if let Some(broken) = outbox.broken.first() {
            return Err(broken.clone().at(now_us, unit));
        }
        let result = result.map_err(|mut broken| {
            broken.detail.extend(outbox.last_words.as_deref());
            broken.at(now_us, unit)
        })?;
        self.take(unit, outbox)?;
        Ok(result)
    }

    fn take(&mut self, unit: usize, outbox: Outbox) -> Result<(), Violation> {
        for operation in outbox.operations {
            let place = &mut self.places[unit];
            let life = place.avatar.life;
            if place.avatar.disk.take(operation) {
                let latency_us = place.avatar.disk.latency_us();
                self.plan(latency_us, Event::Disk { unit, life });
            }
        }
        for op in outbox.cancelled {
            self.places[unit].avatar.disk.cancel(op);
            if let Some(network) = &self.network {
                network.borrow_mut().cancel(unit, op);
            }
        }
        self.tell_soon();
        if let Some(hello) = outbox.greeting {
            let did = hello.error.is_none().then_some(hello.did);
            self.greeted(unit, did, hello.error.map(|error| error.code()))?;
        }
        for event in outbox.events {
            self.hear(unit, event.event)
                .map_err(|broken| broken.at(self.now_us, unit))?;
        }
        for answered in outbox.answers {
            self.answer(unit, answered)?;
        }
        Ok(())
    }

    fn greeted(&mut self, unit: usize, did: Option<String>, error: Option<ErrorCode>) -> Result<(), Violation> {
        let place = &mut self.places[unit];
        let checked = match (did, error) {
            (Some(did), _) => {
                place.avatar.state = State::Up;
                place.flipped = None;
                let known = place.did.get_or_insert_with(|| did.clone());
                hold(*known == did, "the owner is the same in every life", || {
                    format!("{did}, not {known}")
                })
            }
            // Of a damaged record it has to say so; a disk that fails it may blame.
            (None, Some(ErrorCode::Corrupt)) => hold(
                place.flipped.is_some(),
                "a store that is whole is not called damaged",
                String::new,
            ),
            (None, error) => hold(place.has_failed, "a unit on a good disk starts", || {
                format!("{error:?}")
            }),
        };
        checked.map_err(|broken| broken.at(self.now_us, unit))?;
        if self.places[unit].avatar.state != State::Up {
            self.mend(unit);
            return Ok(());
        }
        for request in self.places[unit].at_start.clone() {
            self.begin(unit, &request)?;
        }
        Ok(())
    }

    /// A host that can mend the cause drops the instance and starts a new one.
    fn mend(&mut self, unit: usize) {
        let place = &mut self.places[unit];
        if let Some(flipped) = place.flipped.take() {
            place.avatar.disk.flip(&flipped);
        }
        place.avatar.disk.faults = Faults::default();
        self.crash(unit);
    }

    fn hear(&mut self, unit: usize, told: Option<Told>) -> Result<(), Broken> {
        let place = &self.places[unit];
        match told {
            Some(Told::DocCorrupt(corrupt)) => {
                let id = DocId::try_from(corrupt.document_id.as_slice()).unwrap_or_default();
                let is_damaged = place
                    .truth
                    .documents
                    .get(&id)
                    .is_some_and(|document| document.is_damaged);
                hold(is_damaged, "a document that is whole is not called damaged", || {
                    format!("{id:02x?}: {}", corrupt.reason)
                })
            }
            Some(
                Told::IndexRebuilding(_)
                | Told::StorageTrouble(_)
                | Told::IdentityChanged(_)
                | Told::PeersChanged(_)
                | Told::PresenceChanged(_),
            ) => Ok(()),
            None => Err(Broken::new("no event is empty", String::new())),
        }
    }

    fn answer(&mut self, unit: usize, answered: Answered) -> Result<(), Violation> {
        if let Some(answers) = self.places[unit].asked.get_mut(&answered.req) {
            answers.push(answered.response);
            return Ok(());
        }
        let place = &mut self.places[unit];
        let Some(number) = place
            .clients
            .clone()
            .find(|number| self.clients[*number].has_call(answered.req))
        else {
            // The world itself asked, and has heard enough.
            return Ok(());
        };
        let taken = self.clients[number].take(answered, &mut place.truth);
        let sendings = taken.map_err(|broken| broken.at(self.now_us, unit))?;
        if place.avatar.state == State::ShuttingDown {
            // It takes nothing more; the next life is asked once more.
            return Ok(());
        }
        for req in self.clients[number].take_cancels() {
            self.on(unit, |place, now_us| place.avatar.cancel_request(now_us, req))?;
        }
        for sending in sendings {
            self.send(unit, number, sending)?;
        }
        self.retry_later(number);
        Ok(())
    }

    fn send(&mut self, unit: usize, client: usize, sending: Sending) -> Result<(), Violation> {
        self.figures.requests += 1;
        let Sending {
            call,
            bytes,
            is_cancelled,
        } = sending;
        let req = self.on(unit, |place, now_us| place.avatar.request(now_us, &bytes))?;
        self.clients[client].sent(req, call);
        if is_cancelled {
            self.on(unit, |place, now_us| place.avatar.cancel_request(now_us, req))?;
        }
        self.turn_soon(unit);
        Ok(())
    }

    fn retry_later(&mut self, client: usize) {
        if self.clients[client].wants_retry() && self.retries.insert(client) {
            let pause_us = self.dice.between(100_000, 1_500_000);
            self.plan(pause_us, Event::Retry(client));
        }
    }

    fn act(&mut self, client: usize) -> Result<(), Violation> {
        let pause_us = self.clients[client].pause_us();
        self.plan(pause_us, Event::Client(client));
        let unit = self.unit_of(client);
        if !self.takes_requests(unit) {
            return Ok(());
        }
        if self.dice.chance(10)
            && let Some(req) = self.clients[client].close_view()
        {
            self.on(unit, |place, now_us| place.avatar.cancel_request(now_us, req))?;
            self.turn_soon(unit);
        }
        match self.clients[client].act(&mut self.places[unit].truth) {
            Some(sending) => self.send(unit, client, sending),
            None => Ok(()),
        }
    }

    fn retry(&mut self, client: usize) -> Result<(), Violation> {
        self.retries.remove(&client);
        let unit = self.unit_of(client);
        if !self.takes_requests(unit) {
            // It is told again when the unit is up.
            self.retry_later(client);
            return Ok(());
        }
        let sendings = self.clients[client].retry(&self.places[unit].truth);
        for sending in sendings {
            self.send(unit, client, sending)?;
        }
        self.retry_later(client);
        Ok(())
    }

    fn unit_of(&self, client: usize) -> usize {
        client / (self.clients.len() / self.places.len())
    }

    /// Requests may come right after init, too.
    fn takes_requests(&self, unit: usize) -> bool {
        matches!(self.places[unit].avatar.state, State::Starting | State::Up) && self.frozen_us(unit).is_none()
    }

    fn frozen_us(&self, unit: usize) -> Option<u64> {
        let wait_us = self.places[unit].frozen_until_us.saturating_sub(self.now_us);
        (wait_us > 0).then_some(wait_us)
    }

    fn turn_soon(&mut self, unit: usize) {
        let wait_us = self.dice.below(300);
        self.plan_turn(unit, wait_us);
    }

    fn plan_turn(&mut self, unit: usize, in_us: u64) {
        let wait_us = in_us.max(self.frozen_us(unit).unwrap_or(0));
        let at_us = self.now_us + wait_us;
        let place = &mut self.places[unit];
        if place.next_turn_us.is_some_and(|next_us| next_us <= at_us) {
            return;
        }
        place.next_turn_us = Some(at_us);
        let life = place.avatar.life;
        self.plan(wait_us, Event::Turn { unit, life });
    }

    fn turn(&mut self, unit: usize) -> Result<(), Violation> {
        self.places[unit].next_turn_us = None;
        if let Some(wait_us) = self.frozen_us(unit) {
            self.plan_turn(unit, wait_us);
            return Ok(());
        }
        self.figures.turns += 1;
        let life = self.places[unit].avatar.life;
        let (next, spent_us) = self.on(unit, |place, now_us| place.avatar.turn(now_us))?;
        let place = &self.places[unit];
        if place.avatar.life != life {
            return Ok(());
        }
        if place.avatar.state == State::ShuttingDown && next == -1 && place.avatar.is_over() {
            return self.stop(unit);
        }
        if let Ok(wait_us) = u64::try_from(next) {
            let wait_us = place.avatar.clock.borrow().to_world_us(wait_us);
            let late_us = self.dice.below(100);
            self.plan_turn(unit, spent_us + wait_us + late_us);
        }
        Ok(())
    }

    fn execute(&mut self, unit: usize, life: u64) {
        let place = &mut self.places[unit];
        if place.avatar.life != life {
            return;
        }
        if std::mem::take(&mut place.is_doomed) {
            return self.crash(unit);
        }
        let Some(completion) = place.avatar.disk.execute_next() else {
            return;
        };
        self.figures.batches += 1;
        if completion.status != 0 {
            self.figures.failed_batches += 1;
            place.has_failed = true;
        }
        if place.avatar.disk.is_busy() {
            let latency_us = place.avatar.disk.latency_us();
            self.plan(latency_us, Event::Disk { unit, life });
        }
        // One told of later may overtake it.
        let delay_us = self.dice.below(3_000);
        self.plan(delay_us, Event::Complete { unit, life, completion });
    }

    fn start(&mut self, unit: usize) -> Result<(), Violation> {
        if self.places[unit].avatar.state != State::Down {
            return Ok(());
        }
        self.figures.lives += 1;
        self.places[unit].has_failed = false;
        if let Some(network) = &self.network {
            network.borrow_mut().restart(unit);
        }
        let backend = self.backend.clone();
        self.on(unit, |place, now_us| place.avatar.start(&backend, now_us))?;
        self.turn_soon(unit);
        for client in self.places[unit].clients.clone() {
            self.retry_later(client);
        }
        Ok(())
    }

    fn crash(&mut self, unit: usize) {
        self.figures.crashes += 1;
        self.stop_host(unit);
        self.places[unit].avatar.crash();
        self.ended(unit);
    }

    /// With its unit dies the whole host, now and then: its connections do not stay.
    fn stop_host(&mut self, unit: usize) {
        if let Some(network) = &self.network
            && self.dice.chance(500)
        {
            let is_noticed = self.dice.chance(500);
            network.borrow_mut().stop(unit, is_noticed);
        }
    }

    fn stop(&mut self, unit: usize) -> Result<(), Violation> {
        self.stop_host(unit);
        let stopped = self.places[unit].avatar.stop();
        stopped.map_err(|broken| broken.at(self.now_us, unit))?;
        self.ended(unit);
        Ok(())
    }

    /// A life is over: its clients know, and another one begins.
    fn ended(&mut self, unit: usize) {
        let place = &mut self.places[unit];
        place.next_turn_us = None;
        place.is_told_soon = false;
        place.asked.clear();
        for client in place.clients.clone() {
            self.clients[client].unit_died(&mut place.truth);
        }
        if self.is_restless && self.dice.chance(60) {
            self.flip_bit(unit);
        }
        let pause_us = self.dice.between(1_000, 3_000_000);
        self.plan(pause_us, Event::Start(unit));
    }

    fn flip_bit(&mut self, unit: usize) {
        let place = &mut self.places[unit];
        if place.flipped.is_some() {
            return;
        }
        let Some(flipped) = place.avatar.disk.flip_bit() else {
            return;
        };
        self.figures.flipped_bits += 1;
        match flipped.key.split_first() {
            Some((b'd', rest)) => {
                let id = rest.first_chunk::<16>();
                match id.and_then(|id| place.truth.documents.get_mut(id)) {
                    // The same bit twice would make it whole again.
                    Some(document) if document.is_damaged => place.avatar.disk.flip(&flipped),
                    Some(document) => document.is_damaged = true,
                    // One that others have too: it is told to them as it is here.
                    None if self.network.is_some() => place.avatar.disk.flip(&flipped),
                    None => {}
                }
            }
            // Without some of them no unit starts; with a damaged index it makes a new one.
            Some((b'm' | b's', _)) => place.flipped = Some(flipped),
            _ => {}
        }
    }

    fn operate(&mut self) -> Result<(), Violation> {
        self.plan_operator();
        let unit = self.dice.index(self.units());
        let state = self.places[unit].avatar.state;
        let used_bytes = self.places[unit].avatar.disk.used_bytes();
        match self.dice.below(12) {
            0 if state != State::Down => self.crash(unit),
            1 | 2 => self.places[unit].is_doomed = true,
            3 if state == State::Up => {
                self.on(unit, |place, now_us| place.avatar.shutdown(now_us))?;
                self.turn_soon(unit);
            }
            4 => {
                let length_us = self.dice.between(1_000, 60_000_000);
                self.places[unit].frozen_until_us = self.now_us + length_us;
            }
            5 => {
                let by_us = self.dice.below(7_200_000_000) as i64 - 3_600_000_000;
                self.places[unit].avatar.clock.borrow_mut().jump(by_us);
            }
            6..=8 if !self.do_disks_fail => {}
            6 => self.places[unit].avatar.disk.faults.errors_per_mille = self.dice.between(20, 500) as u32,
            7 => self.places[unit].avatar.disk.faults.quota_bytes = Some(used_bytes + self.dice.index(4_000)),
            8 => self.places[unit].avatar.disk.faults.slow_us = self.dice.between(10_000, 5_000_000),
            9 if state == State::Up && self.network.is_none() => {
                self.on(unit, |place, now_us| place.avatar.open_stream(now_us))?;
                self.turn_soon(unit);
            }
            _ => self.places[unit].avatar.disk.faults = Faults::default(),
        }
        Ok(())
    }
}
