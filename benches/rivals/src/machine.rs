//! On what and how the figures were made.

use std::fs::read_to_string;
use std::process::Command;

/// The machine, its load and the compiler, a line each.
pub fn describe() -> Vec<String> {
    let cpu_info = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpu_info
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(": "))
            .map_or("unknown", |(_, value)| value)
            .to_owned()
    };
    let flags = field("flags");
    let has = |flag: &str| flags.split(' ').any(|has| has == flag);
    let vectors = ["avx512f", "avx2", "sse4_1"]
        .into_iter()
        .find(|flag| has(flag));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok());
    let huge = read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    vec![
        format!(
            "{processors} x {} (family {}, model {}{}), {}, caches {}",
            field("model name"),
            field("cpu family"),
            field("model\t"),
            if has("hypervisor") { ", virtual" } else { "" },
            vectors.unwrap_or("no vectors"),
            field("cache size"),
        ),
        format!(
            "{} GiB of memory, transparent huge pages: {}",
            memory.unwrap_or(0) >> 20,
            huge.trim()
        ),
        format!(
            "load when it ended: {}",
            load.split(' ').take(3).collect::<Vec<_>>().join(" ")
        ),
        output("uname", &["-sr"]),
        output("rustc", &["--version"]),
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
    ]
}

fn output(command: &str, arguments: &[&str]) -> String {
    Command::new(command).args(arguments).output().map_or_else(
        |_| format!("{command}: unknown"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
