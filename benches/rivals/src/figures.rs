//! The goals, and what was measured of each.

use crate::results::{BLOCK, DRAM, HALLPASS, Results, Way, spoken};

/// A goal: a ratio that is to be at most, or at least, so much.
pub struct Figure {
    pub what: String,
    pub goal: Goal,
    pub measured: f64,
}

#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub fn is_met(&self) -> bool {
        // As precise as it is printed.
        let measured = (self.measured * 100.0).round() / 100.0;
        match self.goal {
            Goal::AtMost(most) => measured <= most,
            Goal::AtLeast(least) => measured >= least,
        }
    }
}

/// All goals for which there is a measurement.
pub fn all(results: &Results) -> Vec<Figure> {
    let mut figures = Vec::new();
    for tokens in results.sizes() {
        if tokens >= 1_000_000 {
            against_the_floor(results, tokens, &mut figures);
        } else if tokens == 10_000 {
            let block = results.get(BLOCK, Way::Dependent, tokens);
            let hallpass = results.get(HALLPASS, Way::Dependent, tokens);
            if let (Some(block), Some(hallpass)) = (block, hallpass) {
                figures.push(Figure {
                    what: "10k: dependent call / BLAKE3 block".into(),
                    goal: Goal::AtMost(1.5),
                    measured: hallpass.over(block),
                });
            }
        }
        against_rivals(results, tokens, &mut figures);
        threads_and_memory(results, tokens, &mut figures);
    }
    growth_of_cost(results, &mut figures);
    figures
}

fn against_the_floor(results: &Results, tokens: usize, figures: &mut Vec<Figure>) {
    let (Some(sum), Some(dram)) = (
        results.sum(tokens),
        results.get(DRAM, Way::Dependent, tokens),
    ) else {
        return;
    };
    let goals = [
        (
            Way::Dependent,
            &sum,
            0.95,
            "dependent call / (DRAM load + BLAKE3 block)",
        ),
        (Way::Independent, dram, 1.0, "independent call / DRAM load"),
        (
            Way::Batch,
            &sum,
            0.3,
            "token in a batch of 64 / (DRAM load + BLAKE3 block)",
        ),
        (Way::Unknown, dram, 1.0, "unknown token / DRAM load"),
        (Way::Malformed, dram, 1.0, "garbage / DRAM load"),
    ];
    for (way, floor, most, what) in goals {
        if let Some(cost) = results.get(HALLPASS, way, tokens) {
            figures.push(Figure {
                what: format!("{}: {what}", spoken(tokens)),
                goal: Goal::AtMost(most),
                measured: cost.over(floor),
            });
        }
    }
}

fn against_rivals(results: &Results, tokens: usize, figures: &mut Vec<Figure>) {
    let goals = [
        ("dashmap", 2.5),
        ("papaya", 2.5),
        ("LMDB", 5.0),
        ("SQLite", 10.0),
        ("sled", 25.0),
        ("Redis", 200.0),
    ];
    let ways = [
        (Way::Dependent, "dependent"),
        (Way::Independent, "independent"),
    ];
    for ((rival, least), (way, calls)) in goals
        .into_iter()
        .flat_map(|goal| ways.map(|way| (goal, way)))
    {
        let name = results
            .names()
            .into_iter()
            .find(|name| name.starts_with(rival));
        let cost = name.and_then(|name| results.get(name, way, tokens));
        let hallpass = results.get(HALLPASS, way, tokens);
        if let Some((cost, hallpass)) = cost.zip(hallpass).filter(|_| tokens >= 1_000_000) {
            figures.push(Figure {
                what: format!("{}: {rival} / hallpass, {calls} calls", spoken(tokens)),
                goal: Goal::AtLeast(least),
                measured: cost.over(hallpass),
            });
        }
    }
}

fn threads_and_memory(results: &Results, tokens: usize, figures: &mut Vec<Figure>) {
    let alone = results.get(HALLPASS, Way::Threads(1), tokens);
    let together = results.get(HALLPASS, Way::Threads(2), tokens);
    if let (Some(alone), Some(together)) = (alone, together) {
        figures.push(Figure {
            what: format!("{}: throughput of two threads / of one", spoken(tokens)),
            goal: Goal::AtLeast(1.9),
            measured: 2.0 * alone.over(together),
        });
    }
    let memory = results.get(HALLPASS, Way::Memory, tokens);
    if let Some(memory) = memory.filter(|_| tokens >= 1_000_000) {
        figures.push(Figure {
            what: format!("{}: bytes of memory a token", spoken(tokens)),
            goal: Goal::AtMost(64.0),
            measured: memory.median(),
        });
    }
}

fn growth_of_cost(results: &Results, figures: &mut Vec<Figure>) {
    let at = |tokens| results.get(HALLPASS, Way::Dependent, tokens);
    if let (Some(few), Some(many)) = (at(1_000_000), at(30_000_000)) {
        figures.push(Figure {
            what: "dependent call at 30M / at 1M (not the same repeats)".into(),
            goal: Goal::AtMost(2.0),
            measured: many.median() / few.median(),
        });
    }
}
