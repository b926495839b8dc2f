//! Markdown code is not prose: `#define` is no tag and `[[ -f x ]]` no link. The mask has the text's length, with code and comments blanked.

use std::collections::{HashMap, VecDeque};

use super::text16::{Text16, contains, find, find_all, group, patterns, replace, trim};

const NEWLINE: u16 = b'\n' as u16;
const RETURN: u16 = b'\r' as u16;
const SPACE: u16 = b' ' as u16;
const TICK: u16 = b'`' as u16;

patterns! {
    FENCE = r"^ {0,3}(`{3,}|~{3,})(.*)$", "";
    COMMENT = r"<!--[^]*?-->", "";
    TICKS = r"`+", "";
    EMPTY_LINE = r"\n[ \t]*\r?\n", "";
}

/// The text with code and comments blanked.
pub fn mask(text: &[u16]) -> Text16 {
    mask_inline(mask_fences(text))
}

fn blank(text: &[u16]) -> impl Iterator<Item = u16> {
    text.iter().map(|unit| {
        if matches!(*unit, NEWLINE | RETURN) {
            *unit
        } else {
            SPACE
        }
    })
}

fn mask_fences(text: &[u16]) -> Text16 {
    if !contains(text, "```") && !contains(text, "~~~") {
        return text.to_vec();
    }
    let mut masked = Text16::with_capacity(text.len());
    // The sign and the length of the fence that is open.
    let mut fence: Option<(u16, usize)> = None;
    for (nth, line) in text.split(|unit| *unit == NEWLINE).enumerate() {
        if nth > 0 {
            masked.push(NEWLINE);
        }
        let found = find(&FENCE, line);
        let parts = found
            .as_ref()
            .and_then(|found| Some((group(found, 1, line)?, group(found, 2, line)?)));
        let code = match (fence, parts) {
            (Some((sign, len)), Some((ticks, rest))) => {
                if ticks[0] == sign && ticks.len() >= len && trim(rest).is_empty() {
                    fence = None;
                }
                true
            }
            (Some(_), None) => true,
            (None, Some((ticks, rest))) if ticks[0] != TICK || !rest.contains(&TICK) => {
                fence = Some((ticks[0], ticks.len()));
                true
            }
            (None, _) => false,
        };
        match code {
            true => masked.extend(blank(line)),
            false => masked.extend_from_slice(line),
        }
    }
    masked
}

fn mask_inline(text: Text16) -> Text16 {
    let masked = match contains(&text, "<!--") {
        true => replace(&COMMENT, &text, |found, out| out.extend(blank(&text[found.range()]))),
        false => text,
    };
    // A code span ends at a run of as many backticks as it began with; it does not cross an empty line. One pass over the runs keeps this linear.
    let runs: Vec<std::ops::Range<usize>> = find_all(&TICKS, &masked).map(|found| found.range()).collect();
    let mut places: HashMap<usize, VecDeque<usize>> = HashMap::new();
    for run in &runs {
        places.entry(run.len()).or_default().push_back(run.start);
    }
    let mut out = Text16::with_capacity(masked.len());
    let mut done = 0;
    for run in runs {
        if run.start < done {
            continue;
        }
        let Some(later) = places.get_mut(&run.len()) else {
            continue;
        };
        while later.front().is_some_and(|at| *at <= run.start) {
            later.pop_front();
        }
        let Some(close) = later.front() else { continue };
        let end = close + run.len();
        let span = &masked[run.start..end];
        if find(&EMPTY_LINE, span).is_some() {
            continue;
        }
        out.extend_from_slice(&masked[done..run.start]);
        out.extend(blank(span));
        done = end;
    }
    out.extend_from_slice(&masked[done..]);
    out
}
