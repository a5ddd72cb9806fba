//! What was measured: one cost for each thing, way and number of tokens.

use crate::measure::Repeats;

/// Who is measured when nobody else is named.
pub const HALLPASS: &str = "hallpass";
/// One load from memory of the table's size and pages.
pub const DRAM: &str = "one DRAM load";
/// One keyed BLAKE3 block.
pub const BLOCK: &str = "one keyed BLAKE3 block";

/// How something was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Each call waits for the answer of the one before.
    Dependent,
    /// Calls may overlap.
    Independent,
    /// Sixty-four texts at a time.
    Batch,
    /// Independent calls for tokens that are refused.
    Unknown,
    Malformed,
    Expired,
    Revoked,
    /// Independent calls, on this many threads at once; nanoseconds of CPU time on each.
    Threads(usize),
    /// Dependent calls, with as many clients as there are tokens.
    ManyClients,
    /// Bytes a token.
    Memory,
}

pub struct Row {
    pub what: String,
    pub way: Way,
    pub tokens: usize,
    pub repeats: Repeats,
}

#[derive(Default)]
pub struct Results {
    pub rows: Vec<Row>,
    /// What was not measured, and why.
    pub skipped: Vec<String>,
    /// What was measured otherwise: what, goal, measured, met.
    pub others: Vec<[String; 4]>,
}

impl Results {
    pub fn push(&mut self, what: &str, way: Way, tokens: usize, cost: f64) {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.what == what && row.way == way && row.tokens == tokens);
        match row {
            Some(row) => row.repeats.push(cost),
            None => self.rows.push(Row {
                what: what.to_owned(),
                way,
                tokens,
                repeats: Repeats(vec![cost]),
            }),
        }
    }

    pub fn get(&self, what: &str, way: Way, tokens: usize) -> Option<&Repeats> {
        self.rows
            .iter()
            .find(|row| row.what == what && row.way == way && row.tokens == tokens)
            .map(|row| &row.repeats)
    }

    /// The sizes that were measured, smallest first.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<_> = self.rows.iter().map(|row| row.tokens).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// All that was measured, in the order in which it was.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.what.as_str()) {
                names.push(&row.what);
            }
        }
        names
    }

    /// The floor of a dependent call: one load, then one block.
    pub fn sum(&self, tokens: usize) -> Option<Repeats> {
        let dram = self.get(DRAM, Way::Dependent, tokens)?;
        Some(dram.plus(self.get(BLOCK, Way::Dependent, tokens)?))
    }
}

/// A number of tokens as people say it.
pub fn spoken(tokens: usize) -> String {
    match tokens {
        n if n >= 1_000_000 && n.is_multiple_of(1_000_000) => format!("{}M", n / 1_000_000),
        n if n >= 1000 && n.is_multiple_of(1000) => format!("{}k", n / 1000),
        n => n.to_string(),
    }
}
