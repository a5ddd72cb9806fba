//! The report as a table that people read.

use std::fmt::Write;

use crate::figures::{self, Goal};
use crate::results::{BLOCK, DRAM, HALLPASS, Results, Way, spoken};

pub fn report(results: &Results, command: &str, machine: &[String]) -> String {
    let mut text = format!("# What hallpass costs\n\n`{command}`\n\n");
    for line in machine {
        let _ = writeln!(text, "* {line}");
    }
    text += "\nNanoseconds of CPU time a call, medians of interleaved repeats; in brackets the ratio, \
             a median of the ratios in each repeat. Only ratios compare between machines, and \
             between minutes of one.\n";
    costs(results, &mut text);
    rivals(results, &mut text);
    goals(results, &mut text);
    for skipped in &results.skipped {
        let _ = writeln!(text, "\n**{skipped}**");
    }
    text
}

fn head(first: &str, sizes: &[usize], text: &mut String) {
    let _ = write!(text, "\n| {first} |");
    for size in sizes {
        let _ = write!(text, " {} tokens |", spoken(*size));
    }
    *text += "\n|---|";
    *text += &"--:|".repeat(sizes.len());
    *text += "\n";
}

/// A cell for each size; no row if all would be empty.
fn row(first: &str, sizes: &[usize], cell: &dyn Fn(usize) -> Option<String>, text: &mut String) {
    let cells: Vec<_> = sizes.iter().map(|size| cell(*size)).collect();
    if cells.iter().all(Option::is_none) {
        return;
    }
    let _ = write!(text, "| {first} |");
    for cell in cells {
        let _ = write!(text, " {} |", cell.unwrap_or_default());
    }
    *text += "\n";
}

/// hallpass in every way, against the floor.
fn costs(results: &Results, text: &mut String) {
    let sizes = results.sizes();
    *text += "\n## Against the machine\n\n\"Sum\" is one DRAM load and one BLAKE3 block; the load is \
              from memory of the size and the pages of the table.\n";
    head("what (over which floor)", &sizes, text);
    let mut row =
        |what: &str, cell: &dyn Fn(usize) -> Option<String>| row(what, &sizes, cell, text);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for floor in [DRAM, BLOCK] {
        row(floor, &|tokens| {
            let one = results.get(floor, Way::Dependent, tokens)?;
            Some(format!("{:.0}", one.median()))
        });
        row("the same on all processors at once (one)", &|tokens| {
            let one = results.get(floor, Way::Threads(1), tokens)?;
            let all = results.get(floor, Way::Threads(threads), tokens)?;
            Some(format!("{:.0} ({:.2})", all.median(), all.over(one)))
        });
    }
    let ways = [
        (Way::Dependent, "dependent calls (sum)", true),
        (Way::Independent, "independent calls (load)", false),
        (
            Way::Threads(threads),
            "the same on all processors at once (load on all)",
            false,
        ),
        (Way::Batch, "batches of 64 (sum)", true),
        (Way::Unknown, "unknown (load)", false),
        (Way::Malformed, "garbage (load)", false),
        (Way::Expired, "expired (load)", false),
        (Way::Revoked, "revoked (load)", false),
    ];
    for (way, what, is_sum) in ways {
        row(what, &|tokens| {
            let cost = results.get(HALLPASS, way, tokens)?;
            let floor = match way {
                _ if is_sum => results.sum(tokens)?,
                Way::Threads(_) => results.get(DRAM, way, tokens)?.clone(),
                _ => results.get(DRAM, Way::Dependent, tokens)?.clone(),
            };
            Some(format!("{:.0} ({:.2})", cost.median(), cost.over(&floor)))
        });
    }
    row("dependent calls, 1k clients", &|tokens| {
        let few = results.get("hallpass, 1k clients", Way::ManyClients, tokens)?;
        Some(format!("{:.0}", few.median()))
    });
    row("dependent calls, a client each (1k clients)", &|tokens| {
        let few = results.get("hallpass, 1k clients", Way::ManyClients, tokens)?;
        let many = results.get("hallpass, a client each", Way::ManyClients, tokens)?;
        Some(format!("{:.0} ({:.2})", many.median(), many.over(few)))
    });
}

/// What each rival costs, and how often hallpass fits into that.
fn rivals(results: &Results, text: &mut String) {
    let sizes = results.sizes();
    *text += "\n## Against what one would use instead\n\nThe same tokens, digest, expiry and client \
              check; maps with the cheapest hash there is. In brackets how many times hallpass's cost \
              that is.\n";
    for (what, way) in [
        ("dependent calls", Way::Dependent),
        ("independent calls", Way::Independent),
    ] {
        head(what, &sizes, text);
        for name in results.names() {
            if [DRAM, BLOCK].contains(&name) || name.starts_with("hallpass,") {
                continue;
            }
            let cell = |tokens| {
                let cost = results.get(name, way, tokens)?;
                let hallpass = results.get(HALLPASS, way, tokens)?;
                Some(format!("{:.0} ({:.1})", cost.median(), cost.over(hallpass)))
            };
            row(name, &sizes, &cell, text);
        }
    }
    head("bytes of memory a token", &sizes, text);
    for name in results.names() {
        let cell = |tokens| {
            let bytes = results.get(name, Way::Memory, tokens)?;
            Some(format!("{:.0}", bytes.median()))
        };
        row(name, &sizes, &cell, text);
    }
}

fn goals(results: &Results, text: &mut String) {
    *text += "\n## Goals\n\n| what | goal | measured | |\n|---|--:|--:|---|\n";
    for figure in figures::all(results) {
        let goal = match figure.goal {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
        };
        let met = if figure.is_met() { "met" } else { "**missed**" };
        let _ = writeln!(
            text,
            "| {} | {goal} | {:.2} | {met} |",
            figure.what, figure.measured
        );
    }
    for [what, goal, measured, met] in &results.others {
        let _ = writeln!(text, "| {what} | {goal} | {measured} | {met} |");
    }
}
