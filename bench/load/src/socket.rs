//! Sockets as every candidate gets them: no delay, not blocking, from a chosen source address.

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Result;
use std::net::{IpAddr, SocketAddr};

/// Connections that may wait to be accepted; the kernel's own limit is lower.
const BACKLOG: i32 = 4096;
const LEAST_BYTES: usize = 2_048;
const EINPROGRESS: i32 = 115;

pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Connect and wait until it is done: before the measured time, or where connecting is the load.
pub(crate) fn connect(source: Option<IpAddr>, target: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source {
        // A port that waits in TIME_WAIT may serve again: churn uses many.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&target.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket.into()))
}

/// Begin to connect from a source address; whether it came to be, the first event tells. Who never reads
/// lets the kernel hold as little as it can.
pub(crate) fn begin(source: IpAddr, target: SocketAddr, reads: bool) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    if !reads {
        socket.set_recv_buffer_size(LEAST_BYTES)?;
    }
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
