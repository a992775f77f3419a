//! Applications and services that the tests play themselves, on plain sockets.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::process::PATIENCE;

const STACK: usize = 256 << 10;

/// A thread with a small stack, because there may be thousands.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().stack_size(STACK).spawn(work).expect("the system has threads")
}

/// A service without a mind of its own: the test accepts.
pub(crate) fn service() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// A service that gives back what it gets, and ends when its client does.
pub(crate) fn echo_service() -> u16 {
    let (listener, port) = service();
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            spawn(move || {
                let mut buffer = vec![0; 16 << 10];
                let _ = echo(&stream, &mut buffer);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

fn echo(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        match stream.read(buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

/// Connects; nothing on it waits for ever.
pub(crate) fn dial(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("the node listens");
    bound(&stream);
    stream
}

/// The same for an accepted one.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("a connection");
    bound(&stream);
    stream
}

fn bound(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_nodelay(true).expect("TCP");
}

/// Asks a SOCKS5 port for a host by name; the reply code where it is not success.
pub(crate) fn socks(at: SocketAddr, host: &str, port: u16) -> Result<TcpStream, u8> {
    let mut request = vec![5, 1, 0, 3, u8::try_from(host.len()).expect("a short name")];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    socks_request(at, &request)
}

/// Sends a SOCKS5 request as it is.
pub(crate) fn socks_request(at: SocketAddr, request: &[u8]) -> Result<TcpStream, u8> {
    let mut stream = dial(at);
    stream.write_all(&[5, 1, 0]).expect("open");
    let mut method = [0; 2];
    stream.read_exact(&mut method).expect("a method");
    assert_eq!(method, [5, 0]);
    stream.write_all(request).expect("open");
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).expect("a reply");
    assert_eq!((reply[0], reply[2], reply[3]), (5, 0, 1), "{reply:?}");
    match reply[1] {
        0 => Ok(stream),
        code => {
            let left = stream.read(&mut [0; 16]).expect("the end after a refusal");
            assert_eq!(left, 0, "nothing follows a refusal");
            Err(code)
        }
    }
}

/// Closes with a reset instead of an end.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("TCP");
}

/// Reads to the end, which must be one and no reset.
pub(crate) fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end of the stream");
    bytes
}

/// Reads until a reset, which must come and no end.
pub(crate) fn until_reset(mut stream: &TcpStream) -> Vec<u8> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => panic!("an end of the stream in place of a reset"),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("{error} in place of a reset"),
        }
    }
}
