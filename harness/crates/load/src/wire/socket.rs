//! A TCP socket with the time at which the kernel received what was read.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// One of this many reads of a thread asks for the time of arrival, because such a read costs more than another. The number is a prime, so that it does not always meet the same read of answers that take several.
const EVERY: u32 = 17;

thread_local! {
    /// How many reads are left until one asks.
    static BEFORE: Cell<u32> = const { Cell::new(0) };
    static CONTROL: RefCell<Vec<u8>> = RefCell::new(cmsg_space!(TimeSpec));
}

pub(crate) struct Socket {
    stream: TcpStream,
    /// Whether the kernel stamps what it receives.
    is_stamped: bool,
    arrived: Option<Nanos>,
}

impl Socket {
    /// Connects. Returns also when the connection was established.
    pub(super) async fn open(address: SocketAddr) -> io::Result<(Self, Mono)> {
        let stream = TcpStream::connect(address).await?;
        let connected = Mono::now();
        stream.set_nodelay(true)?;
        // A kernel without these stamps still carries requests; then there is no read lag.
        let is_stamped = setsockopt(&stream, sockopt::ReceiveTimestampns, &true).is_ok();
        Ok((Self { stream, is_stamped, arrived: None }, connected))
    }

    /// Writes what fits at once.
    pub(super) fn try_write(&self, bytes: &[u8]) {
        // The peer may have closed the connection, and then needs none of it.
        let _ = self.stream.try_write(bytes);
    }

    /// Closes the connection by a reset.
    pub(super) fn reset(self) {
        // A connection that the peer has reset needs none.
        let _ = self.stream.set_zero_linger();
    }

    /// Returns when the last bytes of the last read arrived, by the wall clock; `None` if that read did not ask. The time of a read
    /// that returned several segments is that of the last one.
    pub(super) const fn arrived(&self) -> Option<Nanos> {
        self.arrived
    }

    /// Returns whether the peer has closed it, it has failed, or bytes have arrived. Costs no system call unless something arrived.
    pub(super) fn has_changed(&self) -> bool {
        let nothing_arrived = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        !self.stream.try_read(&mut [0]).is_err_and(nothing_arrived)
    }

    /// Reads by `receive`, which returns the number of bytes and, if it asked, the time of arrival.
    #[inline]
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        receive: impl Fn(&TcpStream, &mut [u8]) -> io::Result<(usize, Option<Nanos>)>,
    ) -> Poll<io::Result<()>> {
        let unfilled = buffer.initialize_unfilled();
        let room = unfilled.len();
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let mut received = None;
            let tried = self.stream.try_io(Interest::READABLE, || {
                let (length, arrived) = receive(&self.stream, unfilled)?;
                received = Some((length, arrived));
                // Fewer bytes than there was room for: the socket is empty, and the next read can wait without trying. Tokio's own
                // reads do the same.
                if length > 0 && length < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (received, tried) {
                (Some((length, arrived)), _) => {
                    self.arrived = arrived;
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, tried) => return Poll::Ready(tried),
            }
        }
    }
}

/// Receives bytes. The call of `rustix` goes to the kernel directly; that of the C library also marks a place where the thread can be
/// cancelled, which costs a hundredth of a request.
fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Option<Nanos>)> {
    let (length, _) = recv(stream, buffer, RecvFlags::empty())?;
    Ok((length, None))
}

/// Receives bytes, and when the last of them arrived.
fn receive_stamped(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Option<Nanos>)> {
    CONTROL.with_borrow_mut(|control| {
        control.resize(control.capacity(), 0);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(control), MsgFlags::empty())?;
        let stamp = |message: ControlMessageOwned| match message {
            ControlMessageOwned::ScmTimestampns(at) => {
                Some(Nanos(at.tv_sec().unsigned_abs() * 1_000_000_000 + at.tv_nsec().unsigned_abs()))
            }
            _ => None,
        };
        let arrived = message.cmsgs().ok().and_then(|mut messages| messages.find_map(stamp));
        Ok((message.bytes, arrived))
    })
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = BEFORE.get();
        if before == 0 && self.is_stamped {
            let read = ready!(self.poll_receive(cx, buffer, receive_stamped));
            BEFORE.set(EVERY - 1);
            return Poll::Ready(read);
        }
        let read = ready!(self.poll_receive(cx, buffer, receive));
        BEFORE.set(before.saturating_sub(1));
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    /// Writes without asking Tokio first, because there is room for a request nearly always.
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
            Ok(length) => Poll::Ready(Ok(length)),
            // Tokio waits for room.
            Err(Errno::AGAIN | Errno::INTR) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use harness_base::clock::real_time;

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) = tokio::join!(Socket::open(listener.local_addr().unwrap()), listener.accept());
        (ours.unwrap().0, theirs.unwrap().0)
    }

    /// Sends and reads messages until one has a time of arrival: a kernel that stamped nothing until now begins a little later.
    async fn first_stamp(ours: &mut Socket, theirs: &mut TcpStream) {
        let begun = Mono::now();
        while ours.arrived().is_none() {
            assert!(Mono::now().since(begun) < Nanos::from_secs(30), "Linux stamps what arrives on loopback");
            theirs.write_all(&[0]).await.unwrap();
            ours.read_exact(&mut [0]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_time_of_arrival_is_that_of_the_last_segment_however_late_it_is_read() {
        let (mut ours, mut theirs) = pair().await;
        theirs.set_nodelay(true).unwrap();
        first_stamp(&mut ours, &mut theirs).await;
        BEFORE.set(0);
        theirs.write_all(b"first").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let before = real_time();
        theirs.write_all(b"last").await.unwrap();
        let after = real_time();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let mut buffer = [0; 64];
        assert_eq!(ours.read(&mut buffer).await.unwrap(), 9);
        let arrived = ours.arrived().unwrap();
        assert!(before <= arrived && arrived <= after, "{before:?} {arrived:?} {after:?}");
    }

    #[tokio::test]
    async fn one_of_many_reads_asks_and_none_loses_a_byte() {
        let (mut ours, mut theirs) = pair().await;
        first_stamp(&mut ours, &mut theirs).await;
        let (mut asked, mut buffer) = (0, [0; 4]);
        for number in 0..EVERY * 3 {
            theirs.write_all(&number.to_be_bytes()).await.unwrap();
            assert_eq!(ours.read_exact(&mut buffer).await.unwrap(), 4);
            assert_eq!(u32::from_be_bytes(buffer), number);
            asked += u32::from(ours.arrived().is_some());
        }
        assert_eq!(asked, 3);
        drop(theirs);
        assert_eq!(ours.read(&mut buffer).await.unwrap(), 0);
        assert!(ours.has_changed(), "the peer has closed it");
    }
}
