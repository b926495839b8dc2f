//! Names as small numbers: a type's name stands in memory once, however many documents have it.

use std::collections::HashMap;
use std::rc::Rc;

/// Numbered names. Numbers are never given back: an application has few types.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, u32>,
}

impl Names {
    /// The name's number; a new one if it has none yet.
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer names than documents");
        let name: Rc<str> = name.into();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The name's number, if anything has this name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name with this number.
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}
