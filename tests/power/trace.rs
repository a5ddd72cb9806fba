//! Reads what `strace -f -xx` wrote: which calls began and ended in which order, with their bytes.
//!
//! A call that this file does not understand stops the test: a replay that leaves something out
//! proves nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What strace is asked for: all that can change a file or a folder, or the meaning of a descriptor.
/// `writev` is how the workload speaks.
const CALLS: &str = "open,openat,openat2,creat,close,dup,dup2,dup3,fcntl,write,pwrite64,writev,pwritev,\
    pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,sync,syncfs,msync,rename,renameat,renameat2,\
    unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,copy_file_range,sendfile,splice,\
    lseek,io_uring_setup,io_submit,mmap";

/// The command that records what is run under it into `file`.
pub(crate) fn recorder(file: &Path) -> Vec<String> {
    let mut words: Vec<String> = [
        "strace",
        "-f",
        "-q",
        "-xx",
        "--seccomp-bpf",
        "-s",
        "9000000",
    ]
    .map(str::to_owned)
    .to_vec();
    words.push("-e".to_owned());
    words.push(format!("trace={}", CALLS.replace(' ', "")));
    words.extend(["-e", "signal=none", "-o"].map(str::to_owned));
    words.push(file.display().to_string());
    words.push("--".to_owned());
    words
}

/// A call, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Open {
        path: PathBuf,
        creates: bool,
        truncates: bool,
        is_written: bool,
        appends: bool,
    },
    Close {
        fd: i32,
    },
    Duplicate {
        fd: i32,
    },
    Write {
        fd: i32,
        bytes: Arc<[u8]>,
    },
    WriteAt {
        fd: i32,
        bytes: Arc<[u8]>,
        offset: u64,
    },
    SetLength {
        fd: i32,
        length: u64,
    },
    Sync {
        fd: i32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    RemoveFolder {
        path: PathBuf,
    },
    Seek {
        fd: i32,
    },
    /// The workload speaks.
    Say {
        fd: i32,
        line: String,
    },
    /// Neither file nor folder is changed.
    Nothing,
}

/// A call begins, or has returned.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Begins { number: usize, call: Call },
    Returned { number: usize, result: i64 },
}

/// All events of a recording, in order.
pub(crate) fn read(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut under_way: HashMap<&str, usize> = HashMap::new();
    let mut number = 0;
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let result = result(resumed);
            let number = under_way.remove(thread).unwrap();
            events.extend(result.map(|result| Event::Returned { number, result }));
            continue;
        }
        let (name, arguments) = rest.split_once('(').unwrap();
        let call = call(name, arguments);
        events.push(Event::Begins { number, call });
        if rest.ends_with("<unfinished ...>") {
            under_way.insert(thread, number);
        } else if let Some(result) = result(arguments) {
            events.push(Event::Returned { number, result });
        }
        number += 1;
    }
    events
}

/// What stands after the last ` = `; `None` if the process ended first.
fn result(text: &str) -> Option<i64> {
    let (_, result) = text.rsplit_once(" = ")?;
    let word = result.trim().split(' ').next()?;
    match word.strip_prefix("0x") {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok(),
        None => word.parse().ok(),
    }
}

fn call(name: &str, text: &str) -> Call {
    let arguments = split(text);
    let number = |at: usize| -> i64 { arguments[at].parse().unwrap_or_else(|_| panic!("{text}")) };
    let fd = |at: usize| number(at) as i32;
    let path = |at: usize| PathBuf::from(String::from_utf8(unquote(&arguments[at])).unwrap());
    let flag = |at: usize, flag: &str| {
        arguments
            .get(at)
            .is_some_and(|flags| flags.split('|').any(|one| one == flag))
    };
    match name {
        "openat" => Call::Open {
            path: path(1),
            creates: flag(2, "O_CREAT"),
            truncates: flag(2, "O_TRUNC"),
            is_written: flag(2, "O_WRONLY") || flag(2, "O_RDWR"),
            appends: flag(2, "O_APPEND"),
        },
        "close" => Call::Close { fd: fd(0) },
        "fcntl" if arguments[1].starts_with("F_DUPFD") => Call::Duplicate { fd: fd(0) },
        "fcntl" => Call::Nothing,
        "dup" => Call::Duplicate { fd: fd(0) },
        "write" => Call::Write {
            fd: fd(0),
            bytes: unquote(&arguments[1]).into(),
        },
        "pwrite64" => Call::WriteAt {
            fd: fd(0),
            bytes: unquote(&arguments[1]).into(),
            offset: number(3) as u64,
        },
        "ftruncate" => Call::SetLength {
            fd: fd(0),
            length: number(1) as u64,
        },
        "fsync" | "fdatasync" => Call::Sync { fd: fd(0) },
        "rename" => Call::Rename {
            from: path(0),
            to: path(1),
        },
        "renameat" | "renameat2" => Call::Rename {
            from: path(1),
            to: path(3),
        },
        "unlink" => Call::Unlink { path: path(0) },
        "unlinkat" if flag(2, "AT_REMOVEDIR") => Call::RemoveFolder { path: path(1) },
        "unlinkat" => Call::Unlink { path: path(1) },
        "rmdir" => Call::RemoveFolder { path: path(0) },
        "mkdir" => Call::MakeFolder { path: path(0) },
        "mkdirat" => Call::MakeFolder { path: path(1) },
        "lseek" => Call::Seek { fd: fd(0) },
        "writev" => {
            let start = text.find('"').unwrap();
            let line = String::from_utf8(unquote(&text[start..])).unwrap();
            Call::Say { fd: fd(0), line }
        }
        // Memory of the process itself, or of a file that is only read.
        "mmap" => {
            let is_shared = flag(3, "MAP_SHARED") || flag(3, "MAP_SHARED_VALIDATE");
            assert!(
                !(is_shared && flag(2, "PROT_WRITE") && fd(4) >= 0),
                "{text}"
            );
            Call::Nothing
        }
        other => panic!("{other}({text}: the replay does not know this call"),
    }
}

/// The arguments. Strings hold no comma: every byte of them is escaped.
fn split(text: &str) -> Vec<String> {
    let text = text
        .rsplit_once(" = ")
        .map_or(text, |(arguments, _)| arguments)
        .trim_end_matches("<unfinished ...>")
        .trim();
    let text = text.strip_suffix(')').unwrap_or(text);
    text.split(',').map(|one| one.trim().to_owned()).collect()
}

/// The bytes of `"\x41\x42"`.
fn unquote(text: &str) -> Vec<u8> {
    let inside = text
        .strip_prefix('"')
        .unwrap_or_else(|| panic!("{text} is no string"));
    let (inside, after) = inside.split_once('"').unwrap();
    assert!(!after.starts_with("..."), "strace cut a string short");
    inside
        .split("\\x")
        .skip(1)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}
