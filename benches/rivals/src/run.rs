//! One number of tokens: everything that holds them is measured in turn, again and again.

use std::collections::BTreeMap;
use std::sync::Barrier;

use crate::floor::{Block, Memory};
use crate::measure::Timed;
use crate::results::{BLOCK, DRAM, HALLPASS, Results, Way, spoken};
use crate::subject::Hallpass;
use crate::tokens::{Texts, Tokens};
use crate::{databases, jwts, maps, memory, redis};

/// Calls to hallpass and loads of the floor in one repeat.
const CALLS: usize = 200_000;
/// How often one thread and all of them take turns in one repeat.
const TURNS: usize = 3;

/// What is measured beside hallpass and the floor.
pub struct Plan {
    pub tokens: usize,
    pub clients: usize,
    pub repeats: usize,
    pub maps: bool,
    /// Databases, signed tokens, Redis.
    pub others: bool,
}

/// Measures a number of tokens.
pub fn run(plan: &Plan, results: &mut Results) {
    let count = plan.tokens;
    say(&format!("{} tokens: issuing", spoken(count)));
    let tokens = Tokens::new(count, plan.clients);
    let (bytes, held) = tokens.table();
    results.push(HALLPASS, Way::Memory, count, bytes as f64 / held as f64);
    let floor = (Memory::new(bytes), Block::default());
    let maps = if plan.maps {
        maps(plan, &tokens, results)
    } else {
        Vec::new()
    };
    let others = if plan.others {
        others(plan, &tokens, results)
    } else {
        Vec::new()
    };
    let calls = |rival: &dyn Timed| rival.calls(&tokens.hit, count / 2);
    let maps: Vec<_> = maps.into_iter().map(|map| (calls(&*map), map)).collect();
    let others: Vec<_> = others
        .into_iter()
        .map(|other| (calls(&*other), other))
        .collect();

    for repeat in 0..plan.repeats {
        say(&format!(
            "{} tokens: repeat {} of {}",
            spoken(count),
            repeat + 1,
            plan.repeats
        ));
        let from = repeat * 999_983;
        results.push(DRAM, Way::Dependent, count, floor.0.dependent(from, CALLS));
        let block = floor
            .1
            .dependent(CALLS / 2)
            .min(floor.1.dependent_in_place(CALLS / 2));
        results.push(BLOCK, Way::Dependent, count, block);
        let hallpass = Hallpass(&tokens.validator);
        subject(&hallpass, &tokens, from, results);
        for (calls, map) in &maps {
            let map: &(dyn Timed + Sync) = &**map;
            both(map, *calls, &tokens.hit, from, results);
            one_and_all(&map.name(), count, results, |threads| {
                together(map, threads, &tokens.hit, from, *calls)
            });
        }
        one_and_all(BLOCK, count, results, blocks_together);
        one_and_all(DRAM, count, results, |threads| {
            loads_together(&floor.0, threads, from)
        });
        one_and_all(HALLPASS, count, results, |threads| {
            together(&hallpass, threads, &tokens.hit, from, CALLS)
        });
        for (calls, other) in &others {
            both(&**other, *calls, &tokens.hit, from, results);
        }
    }
}

/// hallpass in every way.
fn subject(hallpass: &Hallpass<'_>, tokens: &Tokens, from: usize, results: &mut Results) {
    let (hit, count) = (&tokens.hit, tokens.hit.len());
    hallpass.dependent(hit, from + count / 2, CALLS / 10);
    both(hallpass, CALLS, hit, from, results);
    let batch = hallpass.batch(hit, from + 2 * CALLS, CALLS);
    results.push(HALLPASS, Way::Batch, count, batch);
    let ways = [Way::Unknown, Way::Malformed, Way::Expired, Way::Revoked];
    for (way, (reason, texts)) in ways.into_iter().zip(&tokens.refused) {
        let cost = hallpass.refused(texts, *reason, from, CALLS);
        results.push(HALLPASS, way, count, cost);
    }
}

fn both(of: &dyn Timed, calls: usize, hit: &Texts, from: usize, results: &mut Results) {
    let cost = of.dependent(hit, from, calls);
    results.push(&of.name(), Way::Dependent, hit.len(), cost);
    let cost = of.independent(hit, from + calls, calls);
    results.push(&of.name(), Way::Independent, hit.len(), cost);
}

/// What something costs on one thread, and on each of as many as there are processors. They take turns:
/// this machine's neighbours come and go, and with them a third of what is called from the cache.
fn one_and_all(what: &str, count: usize, results: &mut Results, cost: impl Fn(usize) -> f64) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut costs = BTreeMap::from([(1, 0.0), (processors, 0.0)]);
    for _ in 0..TURNS {
        for (threads, sum) in &mut costs {
            *sum += cost(*threads);
        }
    }
    for (threads, sum) in costs {
        results.push(what, Way::Threads(threads), count, sum / TURNS as f64);
    }
}

/// Nanoseconds of CPU time a call, while as many threads call.
fn together(
    of: &(impl Timed + Sync + ?Sized),
    threads: usize,
    hit: &Texts,
    from: usize,
    calls: usize,
) -> f64 {
    at_once(threads, |thread, start| {
        let from = from + thread * hit.len() / threads;
        of.independent(hit, from + calls, calls / 10);
        start.wait();
        of.independent(hit, from, calls)
    })
}

/// The same of blocks, which share nothing: how much of a processor each thread has here.
fn blocks_together(threads: usize) -> f64 {
    let block = Block::default();
    at_once(threads, |_, start| {
        start.wait();
        block.dependent_in_place(CALLS / 2)
    })
}

/// The same of loads from one memory, which nobody writes: what processors that share it, or a cache
/// with a part of it, take from each other.
fn loads_together(memory: &Memory, threads: usize, from: usize) -> f64 {
    at_once(threads, |thread, start| {
        let from = from + thread * CALLS;
        memory.dependent(from + CALLS, CALLS / 10);
        start.wait();
        memory.dependent(from, CALLS)
    })
}

/// The mean of what the work costs on each of these threads, which start together.
fn at_once(threads: usize, work: impl Fn(usize, &Barrier) -> f64 + Sync) -> f64 {
    let (start, work) = (&Barrier::new(threads), &work);
    let costs: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || work(thread, start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    costs.iter().sum::<f64>() / costs.len() as f64
}

/// The maps, filled; what each takes of memory is noted.
fn maps(plan: &Plan, tokens: &Tokens, results: &mut Results) -> Vec<Box<dyn Timed + Sync>> {
    let mut maps = Vec::new();
    for (number, make) in maps::MAPS.iter().enumerate() {
        let map = make(&tokens.hit, plan.clients);
        let is_large = plan.tokens >= 1_000_000;
        let bytes = is_large
            .then(|| memory::of_map(number, plan.tokens))
            .flatten();
        if let Some(bytes) = bytes {
            results.push(&map.name(), Way::Memory, plan.tokens, bytes);
        }
        let name = map.name();
        say(&format!("{} tokens: {name} is filled", spoken(plan.tokens)));
        maps.push(map);
    }
    maps
}

fn others(plan: &Plan, tokens: &Tokens, results: &mut Results) -> Vec<Box<dyn Timed>> {
    let mut others = Vec::new();
    for make in databases::fitting(plan.tokens) {
        let database = make(&tokens.hit, plan.clients);
        say(&format!(
            "{} tokens: {} is filled",
            spoken(plan.tokens),
            database.name()
        ));
        others.push(database);
    }
    match redis::Redis::new(&tokens.hit, plan.clients) {
        Ok(redis) => others.push(Box::new(redis)),
        Err(why) => {
            let skipped = format!("Redis was NOT measured: {why}");
            say(&skipped);
            results.skipped.push(skipped);
        }
    }
    others.extend(jwts::all());
    others
}

/// Tells whoever waits how far it is.
pub fn say(what: &str) {
    eprintln!("{what}");
}
