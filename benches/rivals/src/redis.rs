//! Redis over loopback, one blocking connection: only where a server is installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::embedded::{Embedded, Kept, Key};
use crate::measure::Timed;
use crate::tokens::Texts;

/// Commands sent before their answers are read, while filling.
const PIPELINED: usize = 1000;

pub struct Redis {
    embedded: Embedded,
    connection: Mutex<BufReader<TcpStream>>,
    server: Child,
}

impl Redis {
    /// A server of its own, filled with these tokens; why there is none otherwise.
    pub fn new(texts: &Texts, clients: usize) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server does not start: {error}"))?;
        let redis = Self {
            embedded: Embedded::new(clients),
            connection: Mutex::new(BufReader::new(connect(port)?)),
            server,
        };
        redis.fill(texts);
        Ok(redis)
    }

    fn fill(&self, texts: &Texts) {
        let tokens: Vec<_> = self.embedded.tokens(texts).collect();
        let mut connection = self.connection.lock().expect("one thread");
        for some in tokens.chunks(PIPELINED) {
            let mut commands = Vec::new();
            for (key, kept) in some {
                command(&mut commands, &[b"SET", key, &kept.to_bytes()]);
            }
            connection.get_mut().write_all(&commands).expect("sent");
            for _ in some {
                assert_eq!(line(&mut connection), "+OK");
            }
        }
    }

    fn get(&self, key: &Key) -> Option<Kept> {
        let mut get = Vec::with_capacity(64);
        command(&mut get, &[b"GET", key]);
        let mut connection = self.connection.lock().expect("one thread");
        connection.get_mut().write_all(&get).expect("sent");
        assert_eq!(line(&mut connection), "$16");
        let mut value = [0; Kept::BYTES + 2];
        connection.read_exact(&mut value).expect("received");
        Kept::of_bytes(&value[..Kept::BYTES])
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// By the clock on the wall, as the other process works while this one waits.
impl Timed for Redis {
    fn name(&self) -> String {
        "Redis GET, loopback, blocking".into()
    }

    fn dependent(&self, texts: &Texts, from: usize, calls: usize) -> f64 {
        let begun = Instant::now();
        for call in 0..calls {
            let key = self.embedded.digest(texts.get((from + call) % texts.len()));
            let kept = self.get(&key).expect("it was filled");
            assert!(self.embedded.check(kept).is_some());
        }
        begun.elapsed().as_nanos() as f64 / calls as f64
    }

    fn independent(&self, texts: &Texts, from: usize, calls: usize) -> f64 {
        self.dependent(texts, from, calls)
    }
}

fn connect(port: u16) -> Result<TcpStream, String> {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if begun.elapsed() > Duration::from_secs(10) => {
                return Err(format!("redis-server does not answer: {error}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn command(into: &mut Vec<u8>, words: &[&[u8]]) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}

fn line(connection: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    connection.read_line(&mut line).expect("received");
    line.trim_end().to_owned()
}
