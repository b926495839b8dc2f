//! RDF Dataset Canonicalization (RDFC-1.0) with a bound on its work: datasets can be made for which it takes forever.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::nquads::write_quad;
use super::{Quad, Term};
use crate::budget::Budget;
use avatar_json::order;

/// Why a dataset was not canonicalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Its blank nodes are alike and connected in a way that takes too long to tell them apart.
    #[error("the blank nodes take too much work to tell apart")]
    TooMuchWork,
}

/// Nodes that are hashed within one another, each of which takes a piece of the stack.
const MAX_DEPTH: usize = 96;

/// The dataset as canonical N-Quads: sorted lines, each with its line end.
pub fn canonicalize(quads: Vec<Quad>, budget: &Budget) -> Result<String, CanonicalError> {
    if !budget.take_text(quads.iter().map(text_bytes).sum()) {
        return Err(CanonicalError::TooMuchWork);
    }
    let places = order(quads.len(), &mut |a, b| quads[a].cmp(&quads[b]));
    let mut distinct: Vec<&Quad> = places.into_iter().map(|place| &quads[place]).collect();
    distinct.dedup();
    let mut state = State::new(&distinct, budget);
    state.issue_all()?;
    let names = state.canonical;
    let mut text = String::with_capacity(distinct.len() * 128);
    let mut lines = Vec::with_capacity(distinct.len());
    for quad in &distinct {
        let start = text.len();
        write_quad(quad, &mut text, &mut |node, out| {
            out.push_str("c14n");
            push_number(names.get(node).unwrap_or(0), out);
        });
        lines.push(start..text.len());
    }
    let line = |place: usize| &text[lines[place].clone()];
    let places = order(lines.len(), &mut |a, b| line(a).cmp(line(b)));
    Ok(places.into_iter().map(line).collect())
}

/// About as many bytes as the statement has.
fn text_bytes(quad: &Quad) -> usize {
    let term = |term: &Term| match term {
        Term::Iri(iri) => iri.len(),
        Term::Blank(_) => 8,
        Term::Literal(literal) => literal.value.len() + literal.datatype.len(),
    };
    let graph = quad.graph.as_ref().map_or(0, term);
    term(&quad.subject) + quad.predicate.len() + term(&quad.object) + graph + 16
}

fn push_number(number: u32, out: &mut String) {
    if number > 9 {
        push_number(number / 10, out);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Gives out identifiers in order (RDFC-1.0 §4.6), for the few nodes along a path.
#[derive(Clone)]
struct Issuer {
    order: Vec<u32>,
}

impl Issuer {
    fn get(&self, node: u32) -> Option<u32> {
        let place = self.order.iter().position(|issued| *issued == node)?;
        Some(place as u32)
    }

    fn issue(&mut self, node: u32) -> u32 {
        self.get(node).unwrap_or_else(|| {
            self.order.push(node);
            self.order.len() as u32 - 1
        })
    }
}

/// The same for all nodes of the dataset.
struct Canonical {
    numbers: Vec<Option<u32>>,
    next: u32,
}

impl Canonical {
    fn get(&self, node: u32) -> Option<u32> {
        self.numbers.get(node as usize).copied().flatten()
    }

    fn issue(&mut self, node: u32) {
        let number = &mut self.numbers[node as usize];
        if number.is_none() {
            *number = Some(self.next);
            self.next += 1;
        }
    }
}

/// A SHA-256 as the algorithm uses it: in small hexadecimal digits.
type Hash = Rc<str>;

fn hash(text: &str) -> Hash {
    let digest = Sha256::digest(text.as_bytes());
    let mut out = String::with_capacity(64);
    for byte in digest {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    out.into()
}

struct State<'a> {
    /// For each node the statements that name it, and the hash of these.
    quads_of: Vec<Vec<&'a Quad>>,
    first_degree: Vec<Hash>,
    canonical: Canonical,
    budget: &'a Budget,
    depth_left: usize,
}

fn blanks(quad: &Quad) -> impl Iterator<Item = (char, u32)> {
    [
        (Some(&quad.subject), 's'),
        (Some(&quad.object), 'o'),
        (quad.graph.as_ref(), 'g'),
    ]
    .into_iter()
    .filter_map(|(term, position)| match term {
        Some(Term::Blank(node)) => Some((position, *node)),
        _ => None,
    })
}

/// Nodes with the hashes that do not tell them apart.
type Groups = Vec<(Hash, Vec<u32>)>;

/// Nodes by their hashes, in the order of these.
fn group(hashed: &[(Hash, u32)]) -> Groups {
    let mut groups = Groups::new();
    for place in order(hashed.len(), &mut |a, b| hashed[a].0.cmp(&hashed[b].0)) {
        let (hash, node) = &hashed[place];
        match groups.last_mut() {
            Some((last, nodes)) if last == hash => nodes.push(*node),
            _ => groups.push((Rc::clone(hash), vec![*node])),
        }
    }
    groups
}

impl<'a> State<'a> {
    fn new(quads: &[&'a Quad], budget: &'a Budget) -> Self {
        let mut quads_of: Vec<Vec<&Quad>> = Vec::new();
        for &quad in quads {
            for (_, node) in blanks(quad) {
                let node = node as usize;
                if node >= quads_of.len() {
                    quads_of.resize(node + 1, Vec::new());
                }
                // The same statement may name the node twice.
                if !quads_of[node].last().is_some_and(|last| std::ptr::eq(*last, quad)) {
                    quads_of[node].push(quad);
                }
            }
        }
        Self {
            canonical: Canonical {
                numbers: vec![None; quads_of.len()],
                next: 0,
            },
            quads_of,
            first_degree: Vec::new(),
            budget,
            depth_left: MAX_DEPTH,
        }
    }

    fn spend(&self, work: usize) -> Result<(), CanonicalError> {
        match self.budget.take_steps(work) {
            true => Ok(()),
            false => Err(CanonicalError::TooMuchWork),
        }
    }

    /// RDFC-1.0 §4.4.3, steps 3 to 5.
    fn issue_all(&mut self) -> Result<(), CanonicalError> {
        let nodes = self.quads_of.iter().enumerate();
        self.first_degree = nodes.map(|(node, quads)| first_degree(node as u32, quads)).collect();
        // A number that no statement names is no node.
        let hashes = self
            .first_degree
            .iter()
            .enumerate()
            .filter(|(node, _)| !self.quads_of[*node].is_empty());
        let hashed: Vec<(Hash, u32)> = hashes.map(|(node, hash)| (Rc::clone(hash), node as u32)).collect();
        let mut groups = group(&hashed);
        groups.retain(|(_, nodes)| {
            if let [only] = nodes[..] {
                self.canonical.issue(only);
            }
            nodes.len() > 1
        });
        for (_, nodes) in groups {
            let mut paths: Vec<(Hash, Issuer)> = Vec::new();
            for node in nodes {
                if self.canonical.get(node).is_none() {
                    paths.push(self.n_degree(node, Issuer { order: vec![node] })?);
                }
            }
            for place in order(paths.len(), &mut |a, b| paths[a].0.cmp(&paths[b].0)) {
                for &node in &paths[place].1.order {
                    self.canonical.issue(node);
                }
            }
        }
        Ok(())
    }

    /// RDFC-1.0 §4.7.3.
    fn related(&mut self, related: u32, quad: &Quad, issuer: &Issuer, position: char) -> Result<Hash, CanonicalError> {
        self.spend(1 + quad.predicate.len() / 512)?;
        let mut input = String::with_capacity(128);
        input.push(position);
        if position != 'g' {
            input.push('<');
            input.push_str(&quad.predicate);
            input.push('>');
        }
        if let Some(number) = self.canonical.get(related) {
            input.push_str("_:c14n");
            push_number(number, &mut input);
        } else if let Some(number) = issuer.get(related) {
            input.push_str("_:b");
            push_number(number, &mut input);
        } else {
            input.push_str(&self.first_degree[related as usize]);
        }
        Ok(hash(&input))
    }

    /// RDFC-1.0 §4.8.3.
    fn n_degree(&mut self, node: u32, issuer: Issuer) -> Result<(Hash, Issuer), CanonicalError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(CanonicalError::TooMuchWork)?;
        let mut issuer = issuer;
        let mut hashed = Vec::new();
        let quads = self.quads_of[node as usize].clone();
        self.spend(quads.len())?;
        for quad in quads {
            for (position, related) in blanks(quad).filter(|(_, related)| *related != node) {
                let hash = self.related(related, quad, &issuer, position)?;
                hashed.push((hash, related));
            }
        }
        let mut data = String::new();
        for (hash, nodes) in group(&hashed) {
            data.push_str(&hash);
            let (path, chosen) = self.shortest_path(nodes, &issuer)?;
            data.push_str(&path);
            issuer = chosen;
        }
        self.depth_left += 1;
        Ok((hash(&data), issuer))
    }

    /// The least path through all orders of the related nodes.
    fn shortest_path(&mut self, mut nodes: Vec<u32>, issuer: &Issuer) -> Result<(String, Issuer), CanonicalError> {
        let mut chosen: Option<(String, Issuer)> = None;
        let places = order(nodes.len(), &mut |a, b| nodes[a].cmp(&nodes[b]));
        nodes = places.into_iter().map(|place| nodes[place]).collect();
        loop {
            if let Some(better) = self.path(&nodes, issuer, chosen.as_ref().map(|(path, _)| path.as_str()))? {
                chosen = Some(better);
            }
            if !next_permutation(&mut nodes) {
                break;
            }
        }
        Ok(chosen.expect("the first order is chosen if no other is"))
    }

    /// The path of one order, unless the best so far is not worse.
    fn path(
        &mut self,
        nodes: &[u32],
        issuer: &Issuer,
        best: Option<&str>,
    ) -> Result<Option<(String, Issuer)>, CanonicalError> {
        let is_worse = |path: &str| best.is_some_and(|best| path.len() >= best.len() && path > best);
        self.spend(1 + issuer.order.len() / 8)?;
        let mut issuer = issuer.clone();
        let mut path = String::new();
        let mut to_visit = Vec::new();
        for &related in nodes {
            // A look at all that were issued so far is part of it.
            self.spend(1 + issuer.order.len() / 64)?;
            if let Some(number) = self.canonical.get(related) {
                path.push_str("_:c14n");
                push_number(number, &mut path);
            } else {
                if issuer.get(related).is_none() {
                    to_visit.push(related);
                }
                path.push_str("_:b");
                push_number(issuer.issue(related), &mut path);
            }
            if is_worse(&path) {
                return Ok(None);
            }
        }
        for related in to_visit {
            let (hash, next) = self.n_degree(related, issuer.clone())?;
            path.push_str("_:b");
            push_number(issuer.issue(related), &mut path);
            path.push('<');
            path.push_str(&hash);
            path.push('>');
            issuer = next;
            if is_worse(&path) {
                return Ok(None);
            }
        }
        let is_better = best.is_none_or(|best| path.as_str() < best);
        Ok(is_better.then_some((path, issuer)))
    }
}

/// RDFC-1.0 §4.6.3.
fn first_degree(node: u32, quads: &[&Quad]) -> Hash {
    let mut lines: Vec<String> = Vec::with_capacity(quads.len());
    for quad in quads {
        let mut line = String::with_capacity(128);
        write_quad(quad, &mut line, &mut |other, out| {
            out.push(if other == node { 'a' } else { 'z' });
        });
        lines.push(line);
    }
    let places = order(lines.len(), &mut |a, b| lines[a].cmp(&lines[b]));
    let text: String = places.into_iter().map(|place| lines[place].as_str()).collect();
    hash(&text)
}

/// The next order of the items in dictionary order, or `false` after the last. Equal items are not told apart.
fn next_permutation(items: &mut [u32]) -> bool {
    let Some(at) = items.windows(2).rposition(|pair| pair[0] < pair[1]) else {
        return false;
    };
    let other = items
        .iter()
        .rposition(|item| *item > items[at])
        .expect("the next item is larger");
    items.swap(at, other);
    items[at + 1..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use super::super::parse_nquads;
    use super::*;

    fn canonical(text: &str) -> Result<String, CanonicalError> {
        canonicalize(parse_nquads(text.as_bytes()).expect("N-Quads"), &Budget::default())
    }

    /// Each of these blank nodes points to all others.
    fn clique(count: usize) -> String {
        let mut text = String::new();
        for a in 0..count {
            for b in (0..count).filter(|b| *b != a) {
                text += &format!("_:n{a} <p:p> _:n{b} .\n");
            }
        }
        text
    }

    #[test]
    fn blank_nodes_are_named_by_what_is_said_of_them() {
        let text = "_:x <p:p> _:y .\n_:y <p:q> \"1\" .\n_:x <p:q> \"2\" .\n_:x <p:q> \"2\" .\n";
        let renamed = "_:b <p:q> \"1\" .\n_:a <p:q> \"2\" .\n_:a <p:p> _:b .\n";
        assert_eq!(canonical(text), canonical(renamed));
        assert_eq!(canonical(text).expect("little work").lines().count(), 3);
    }

    #[test]
    fn nodes_that_cannot_be_told_apart_are_named_the_same_way_in_any_order() {
        let ring = "_:a <p:p> _:b .\n_:b <p:p> _:c .\n_:c <p:p> _:a .\n";
        let turned = "_:z <p:p> _:x .\n_:y <p:p> _:z .\n_:x <p:p> _:y .\n";
        assert_eq!(canonical(ring), canonical(turned));
        assert!(canonical(&clique(4)).is_ok());
    }

    #[test]
    fn graphs_made_to_take_forever_are_refused_in_a_moment() {
        let long_ring: String = (0..2000)
            .map(|n| format!("_:n{n} <p:p> _:n{} .\n", (n + 1) % 2000))
            .collect();
        let star: String = (0..12).map(|n| format!("_:c <p:p> _:n{n} .\n")).collect();
        let two_stars = star.clone() + &star.replace("_:c", "_:d");
        for poison in [clique(7), clique(10), clique(40), long_ring, two_stars] {
            let start = std::time::Instant::now();
            assert_eq!(canonical(&poison), Err(CanonicalError::TooMuchWork));
            assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
        }
    }

    #[test]
    fn all_orders_are_tried_once() {
        let mut items = [1, 1, 2, 3];
        let mut orders = vec![items];
        while next_permutation(&mut items) {
            orders.push(items);
        }
        assert_eq!(orders.len(), 12);
        assert!(orders.is_sorted());
    }
}
