//! The same tokens with few clients and with one client a token.

use crate::measure::Timed;
use crate::results::{Results, Way, spoken};
use crate::run::say;
use crate::subject::Hallpass;
use crate::tokens::Tokens;

const CALLS: usize = 200_000;

pub fn run(count: usize, repeats: usize, results: &mut Results) {
    say(&format!(
        "{0} tokens of {0} clients: issuing",
        spoken(count)
    ));
    let (few, many) = (Tokens::new(count, 1000), Tokens::new(count, count));
    let mut costs = [Vec::new(), Vec::new()];
    for repeat in 0..repeats {
        let from = repeat * 999_983;
        for (tokens, costs) in [&few, &many].into_iter().zip(&mut costs) {
            let hallpass = Hallpass(&tokens.validator);
            hallpass.dependent(&tokens.hit, from + count / 2, CALLS / 10);
            costs.push(hallpass.dependent(&tokens.hit, from, CALLS));
        }
    }
    let [few, many] = costs;
    for (few, many) in few.into_iter().zip(many) {
        results.push("hallpass, 1k clients", Way::ManyClients, count, few);
        results.push("hallpass, a client each", Way::ManyClients, count, many);
    }
}
