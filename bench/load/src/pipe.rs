//! One connection and the bytes that wait on either side of it.

use crate::frame::{Cut, cut};
use crate::link::Link;
use std::io::{Error, ErrorKind, Read, Result, Write};

/// One read takes at most this; a shorter read has emptied the socket.
pub(crate) const SCRATCH: usize = 16 << 10;

pub(crate) struct Pipe {
    pub(crate) stream: Link,
    /// Accepted, not yet taken by the kernel.
    pub(crate) out: Vec<u8>,
    /// The begin of a frame whose end is still to come.
    rest: Vec<u8>,
}

/// Whether the other side may still send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Open,
    Closed,
}

impl Pipe {
    pub(crate) fn new(stream: Link) -> Self {
        Self { stream, out: Vec::new(), rest: Vec::new() }
    }

    /// Hand what waits to the kernel; what it does not take waits for the next writable.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) if count == self.out.len() => self.out.clear(),
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Read all there is, and give each whole frame to `take`, with the place for what is sent back.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8; SCRATCH],
        is_closing: bool,
        mut take: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<After> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Ok(After::Closed),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(After::Open),
                Err(error) => return Err(error),
            };
            self.split(scratch.get(..count).unwrap_or_default(), &mut take)?;
            // A record is read at a time, and more of them may wait.
            if count < SCRATCH && !is_closing && self.stream.is_plain() {
                return Ok(After::Open);
            }
        }
    }

    fn split(&mut self, fresh: &[u8], take: &mut impl FnMut(&[u8], &mut Vec<u8>)) -> Result<()> {
        if self.rest.is_empty() {
            let left = each_frame(fresh, |frame| take(frame, &mut self.out))?;
            self.rest.extend_from_slice(left);
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(fresh);
        let left = each_frame(&joined, |frame| take(frame, &mut self.out))?.len();
        self.rest = joined.split_off(joined.len() - left);
        Ok(())
    }
}

fn each_frame(mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<&[u8]> {
    loop {
        match cut(bytes) {
            Cut::Frame(frame, rest) => {
                take(frame);
                bytes = rest;
            }
            Cut::Short => return Ok(bytes),
            Cut::Broken => return Err(Error::other("not a Modbus frame")),
        }
    }
}
