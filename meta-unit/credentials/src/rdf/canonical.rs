//! RDF Dataset Canonicalization (RDFC-1.0) with a bound on its work: datasets can be made for which it takes forever.

use std::collections::BTreeMap;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::nquads::write_quad;
use super::{Quad, Term};

/// Why a dataset was not canonicalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Its blank nodes are alike and connected in a way that takes too long to tell them apart.
    #[error("the blank nodes take too much work to tell apart")]
    TooMuchWork,
}

/// Hashes and steps along paths: the hardest of the W3C's tests that are meant to pass takes a third. Everything else that a
/// credential holds takes next to nothing, and this many take a few tens of milliseconds.
const MAX_WORK: usize = 24_000;

/// Nodes that are hashed within one another, each of which takes a piece of the stack.
const MAX_DEPTH: usize = 96;

/// The dataset as canonical N-Quads: sorted lines, each with its line end.
pub fn canonicalize(mut quads: Vec<Quad>) -> Result<String, CanonicalError> {
    quads.sort_unstable();
    quads.dedup();
    let mut state = State::new(&quads);
    if !state.quads_of.is_empty() {
        state.issue_all()?;
    }
    let names = state.canonical;
    let mut text = String::with_capacity(quads.len() * 128);
    let mut ends = Vec::with_capacity(quads.len());
    for quad in &quads {
        let start = text.len();
        write_quad(quad, &mut text, &mut |node, out| {
            out.push_str("c14n");
            push_number(names.get(node).unwrap_or(0), out);
        });
        ends.push(start..text.len());
    }
    ends.sort_unstable_by(|a, b| text[a.clone()].cmp(&text[b.clone()]));
    Ok(ends.into_iter().map(|range| &text[range]).collect())
}

fn push_number(number: u32, out: &mut String) {
    if number > 9 {
        push_number(number / 10, out);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Gives out identifiers in order (RDFC-1.0 §4.6).
#[derive(Clone, Default)]
struct Issuer {
    order: Vec<u32>,
    numbers: BTreeMap<u32, u32>,
}

impl Issuer {
    fn get(&self, node: u32) -> Option<u32> {
        self.numbers.get(&node).copied()
    }

    fn issue(&mut self, node: u32) -> u32 {
        let next = self.order.len() as u32;
        let number = *self.numbers.entry(node).or_insert(next);
        if number == next {
            self.order.push(node);
        }
        number
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
    quads_of: BTreeMap<u32, Vec<&'a Quad>>,
    first_degree: BTreeMap<u32, Hash>,
    canonical: Issuer,
    work_left: usize,
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

impl<'a> State<'a> {
    fn new(quads: &'a [Quad]) -> Self {
        let mut quads_of: BTreeMap<u32, Vec<&Quad>> = BTreeMap::new();
        for quad in quads {
            for (_, node) in blanks(quad) {
                let of = quads_of.entry(node).or_default();
                // The same statement may name the node twice.
                if !of.last().is_some_and(|last| std::ptr::eq(*last, quad)) {
                    of.push(quad);
                }
            }
        }
        Self {
            quads_of,
            first_degree: BTreeMap::new(),
            canonical: Issuer::default(),
            work_left: MAX_WORK,
            depth_left: MAX_DEPTH,
        }
    }

    fn spend(&mut self, work: usize) -> Result<(), CanonicalError> {
        self.work_left = self.work_left.checked_sub(work).ok_or(CanonicalError::TooMuchWork)?;
        Ok(())
    }

    /// RDFC-1.0 §4.4.3, steps 3 to 5.
    fn issue_all(&mut self) -> Result<(), CanonicalError> {
        let mut by_hash: BTreeMap<Hash, Vec<u32>> = BTreeMap::new();
        for (&node, quads) in &self.quads_of {
            let hash = first_degree(node, quads);
            by_hash.entry(Rc::clone(&hash)).or_default().push(node);
            self.first_degree.insert(node, hash);
        }
        by_hash.retain(|_, nodes| {
            if let [only] = nodes[..] {
                self.canonical.issue(only);
            }
            nodes.len() > 1
        });
        for nodes in by_hash.into_values() {
            let mut paths: Vec<(Hash, Issuer)> = Vec::new();
            for node in nodes {
                if self.canonical.get(node).is_none() {
                    let mut issuer = Issuer::default();
                    issuer.issue(node);
                    paths.push(self.n_degree(node, issuer)?);
                }
            }
            paths.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (_, issuer) in paths {
                for node in issuer.order {
                    self.canonical.issue(node);
                }
            }
        }
        Ok(())
    }

    /// RDFC-1.0 §4.7.3.
    fn related(&mut self, related: u32, quad: &Quad, issuer: &Issuer, position: char) -> Result<Hash, CanonicalError> {
        self.spend(1)?;
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
            input.push_str(&self.first_degree[&related]);
        }
        Ok(hash(&input))
    }

    /// RDFC-1.0 §4.8.3.
    fn n_degree(&mut self, node: u32, issuer: Issuer) -> Result<(Hash, Issuer), CanonicalError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(CanonicalError::TooMuchWork)?;
        let mut issuer = issuer;
        let mut by_hash: BTreeMap<Hash, Vec<u32>> = BTreeMap::new();
        let quads = self.quads_of[&node].clone();
        self.spend(quads.len())?;
        for quad in quads {
            for (position, related) in blanks(quad).filter(|(_, related)| *related != node) {
                let hash = self.related(related, quad, &issuer, position)?;
                by_hash.entry(hash).or_default().push(related);
            }
        }
        let mut data = String::new();
        for (hash, nodes) in by_hash {
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
        nodes.sort_unstable();
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
            self.spend(1)?;
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
    let mut lines: Vec<String> = quads
        .iter()
        .map(|quad| {
            let mut line = String::with_capacity(128);
            write_quad(quad, &mut line, &mut |other, out| {
                out.push(if other == node { 'a' } else { 'z' })
            });
            line
        })
        .collect();
    lines.sort_unstable();
    hash(&lines.concat())
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
        canonicalize(parse_nquads(text.as_bytes()).expect("N-Quads"))
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
