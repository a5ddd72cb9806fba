//! What a map takes of memory: measured in a process of its own, in which nothing was freed before.

use std::process::Command;

use crate::maps::MAPS;
use crate::tokens::Texts;

/// Bytes a token, asked of another process of this program.
pub fn of_map(map: usize, tokens: usize) -> Option<f64> {
    let output = Command::new(std::env::current_exe().ok()?)
        .args(["memory", &map.to_string(), &tokens.to_string()])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// That process: fills a map and prints what it takes.
pub fn print(map: usize, tokens: usize) {
    let texts = Texts::random(tokens);
    let before = resident_bytes();
    let filled = MAPS[map](&texts, 1);
    let taken = resident_bytes().saturating_sub(before) as f64;
    println!("{}", taken / tokens as f64);
    drop(filled);
}

/// Bytes of memory that this process occupies.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
