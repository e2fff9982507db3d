//! A serial port: opened for this process alone, set to what the line needs, and nothing else.
//!
//! Kept true here: no byte is changed, swallowed or answered on its way; a port that another program has is not taken.

use policy::document::{Parity, Serial};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, ioctl_tiocexcl, tcflush, tcgetattr,
    tcsetattr,
};
use std::fs::File;
use std::io;

/// Open a port and set it; nothing that came before is read.
pub(crate) fn open_port(serial: &Serial) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = open(serial.port.as_str(), flags, Mode::empty())?;
    // The kernel keeps ordinary users out by the first, well-behaved programs of root by the second.
    ioctl_tiocexcl(&port)?;
    flock(&port, FlockOperation::NonBlockingLockExclusive)?;
    let mut termios = tcgetattr(&port)?;
    set(&mut termios, serial)?;
    tcsetattr(&port, OptionalActions::Now, &termios)?;
    tcflush(&port, QueueSelector::IOFlush)?;
    Ok(File::from(port))
}

/// What has not left must not leave any more.
pub(crate) fn forget_unsent(port: &File) {
    // A port that cannot be told is gone, and its bytes with it.
    let _ = tcflush(port, QueueSelector::IOFlush);
}

fn set(termios: &mut Termios, serial: &Serial) -> io::Result<()> {
    termios.make_raw();
    termios.special_codes[SpecialCodeIndex::VMIN] = 1;
    termios.special_codes[SpecialCodeIndex::VTIME] = 0;
    let modes = &mut termios.control_modes;
    modes.remove(
        ControlModes::CSIZE
            | ControlModes::PARENB
            | ControlModes::PARODD
            | ControlModes::CSTOPB
            | ControlModes::CRTSCTS
            | ControlModes::HUPCL,
    );
    modes.insert(ControlModes::CREAD | ControlModes::CLOCAL);
    modes.insert(if serial.data_bits == 7 { ControlModes::CS7 } else { ControlModes::CS8 });
    modes.insert(match serial.parity {
        Parity::None => ControlModes::empty(),
        Parity::Even => ControlModes::PARENB,
        Parity::Odd => ControlModes::PARENB | ControlModes::PARODD,
    });
    if serial.stop_bits == 2 {
        modes.insert(ControlModes::CSTOPB);
    }
    Ok(termios.set_speed(serial.baud)?)
}
