//! Measures the cost of the kernel's time of arrival: reads with it and without it, in turns, on a connection of this process to itself.

use std::io::{IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use anyhow::{Result, ensure};
use harness_base::clock::Mono;
use nix::cmsg_space;
use nix::sys::socket::{MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

const READS: usize = 100_000;
/// The length of a message, and thus of a read.
const LENGTH: usize = 1024;

/// Returns how much longer a read takes that asks for the time of arrival, in nanoseconds.
pub(crate) fn cost() -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut ours, (mut theirs, _)) = (TcpStream::connect(listener.local_addr()?)?, listener.accept()?);
    theirs.set_nodelay(true)?;
    setsockopt(&ours, sockopt::ReceiveTimestampns, &true)?;
    let (mut control, mut buffer) = (cmsg_space!(TimeSpec), vec![0; LENGTH]);
    let mut spans = [0, 0];
    for read in 0..READS {
        theirs.write_all(&[1; LENGTH])?;
        let before = Mono::now();
        let length = if read % 2 == 0 {
            ours.read(&mut buffer)?
        } else {
            control.resize(control.capacity(), 0);
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<()>(ours.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
            ensure!(message.cmsgs()?.next().is_some(), "the kernel stamped nothing");
            message.bytes
        };
        spans[read % 2] += Mono::now().since(before).0;
        ensure!(length == LENGTH, "a read returned {length} bytes");
    }
    Ok((spans[1] as f64 - spans[0] as f64) / (READS / 2) as f64)
}
