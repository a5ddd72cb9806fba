//! A server on a real socket, and a client that writes HTTP and WebSocket frames by hand, so that it
//! can also write what no client library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use hallpass::Store;
use tokio::net::TcpListener;

/// Serves a new store on a port of the system's choice until the test process ends.
pub(crate) fn serve<F, S>(server: F) -> (SocketAddr, Arc<Store>)
where
    F: FnOnce(TcpListener, Arc<Store>) -> S + Send + 'static,
    S: Future<Output = ()>,
{
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path()).unwrap());
    let shared = Arc::clone(&store);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _dir = dir;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            server(listener, shared).await;
        });
    });
    (told.recv().unwrap(), store)
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of the one field of this name; empty if there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut values = self.head.lines().filter_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} twice");
        value
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Reads up to the end of the head, and no further.
fn head(stream: &mut TcpStream) -> (u16, String) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head)
}

/// One request on a connection of its own. `fields` are whole lines.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &str,
    body: &str,
) -> Answer {
    let mut stream = connect(address);
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{fields}\r\n{body}"
    )
    .unwrap();
    let (status, head) = head(&mut stream);
    let mut body = String::new();
    stream.read_to_string(&mut body).unwrap();
    Answer { status, head, body }
}

/// An open WebSocket (RFC 6455).
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    pub(crate) answer: Answer,
}

impl Socket {
    /// Opens one as a browser on a page of this server does; the answer, if it is refused.
    pub(crate) fn open(address: SocketAddr, target: &str, fields: &str) -> Result<Self, Answer> {
        let mut stream = connect(address);
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{fields}\r\n"
        )
        .unwrap();
        let (status, head) = head(&mut stream);
        let body = String::new();
        let answer = Answer { status, head, body };
        if status != 101 {
            return Err(answer);
        }
        // The answer to the RFC's own example key.
        let accept = answer.field("sec-websocket-accept");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        Ok(Self { stream, answer })
    }

    /// Sends a text of less than 126 bytes, masked by zeros.
    pub(crate) fn say(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 126);
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
        self.stream.write_all(&frame).unwrap();
    }

    /// The kind and content of the next frame; a close frame's content starts with its code.
    pub(crate) fn hear(&mut self) -> (u8, Vec<u8>) {
        let mut start = [0; 2];
        self.stream.read_exact(&mut start).unwrap();
        assert!(
            start[0] & 0x80 != 0 && start[1] < 126,
            "a short, whole frame"
        );
        let mut content = vec![0; usize::from(start[1])];
        self.stream.read_exact(&mut content).unwrap();
        (start[0] & 0x0f, content)
    }
}
