//! A bare epoll loop that sends at a rate. It measures latency with as little work of its own as possible, and also without that work, by
//! the kernel's times of arrival.

use std::io::{IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use harness::measure::latency::LatencyHistogram;
use harness_base::clock::{Mono, real_time};
use harness_base::units::Nanos;
use nix::cmsg_space;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// The name of the timer among the connections.
const TIMER: u64 = u64::MAX;

/// The median latencies of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Read − sent.
    pub(crate) read: Nanos,
    /// Arrived − sent.
    pub(crate) arrived: Nanos,
}

struct Connection {
    stream: TcpStream,
    sent: Mono,
    missing: usize,
}

struct Loop {
    epoll: Epoll,
    connections: Vec<Connection>,
    free: Vec<usize>,
    request: Vec<u8>,
    answer: usize,
    read: LatencyHistogram,
    arrived: LatencyHistogram,
    control: Vec<u8>,
    buffer: Vec<u8>,
    /// `CLOCK_REALTIME` − `CLOCK_MONOTONIC`.
    difference: u64,
}

/// Sends `rate` requests per second over `connections`, evenly.
pub(crate) fn latency(address: SocketAddr, rate: f64, connections: u64, seconds: u64, body: &Bytes) -> Result<Latency> {
    let mut bare = Loop::open(address, connections, body)?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
    bare.epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
    let start = Mono::now();
    for tick in 1..=(rate * seconds as f64) as u64 {
        let due = start.after(Nanos((tick as f64 / rate * 1e9) as u64));
        bare.wait_until(&timer, due)?;
        bare.send()?;
    }
    let quantiles = |lags: &LatencyHistogram| lags.quantiles().context("the bare loop got no answer");
    Ok(Latency { read: Nanos(quantiles(&bare.read)?.p50_ns), arrived: Nanos(quantiles(&bare.arrived)?.p50_ns) })
}

impl Loop {
    fn open(address: SocketAddr, connections: u64, body: &Bytes) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let head = format!(
            "POST /echo HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        let (mut all, mut answer) = (Vec::new(), 0);
        for number in 0..connections {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            setsockopt(&stream, sockopt::ReceiveTimestampns, &true)?;
            stream.write_all(&request)?;
            answer = length_of_answer(&mut stream, body)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, number))?;
            all.push(Connection { stream, sent: Mono::default(), missing: 0 });
        }
        let before = Mono::now();
        let difference = real_time().0 - before.0;
        Ok(Self {
            epoll,
            free: (0..all.len()).collect(),
            connections: all,
            request,
            answer,
            read: LatencyHistogram::default(),
            arrived: LatencyHistogram::default(),
            control: cmsg_space!(TimeSpec),
            buffer: vec![0; 64 << 10],
            difference,
        })
    }

    /// Handles answers until `due`.
    fn wait_until(&mut self, timer: &TimerFd, due: Mono) -> Result<()> {
        let at = TimeSpec::nanoseconds(i64::try_from(due.0)?);
        timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        let mut events = [EpollEvent::empty(); 64];
        let mut is_due = false;
        while !is_due {
            let found = self.epoll.wait(&mut events, EpollTimeout::NONE)?;
            for event in &events[..found] {
                if event.data() == TIMER {
                    is_due = true;
                } else {
                    self.receive(usize::try_from(event.data())?)?;
                }
            }
        }
        timer.wait()?;
        Ok(())
    }

    /// Sends a request on a free connection; skips it if none is free.
    fn send(&mut self) -> Result<()> {
        let Some(free) = self.free.pop() else { return Ok(()) };
        let connection = &mut self.connections[free];
        connection.missing = self.answer;
        connection.sent = Mono::now();
        let written = connection.stream.write(&self.request)?;
        ensure!(written == self.request.len(), "a request did not fit into the socket");
        Ok(())
    }

    fn receive(&mut self, number: usize) -> Result<()> {
        let connection = &mut self.connections[number];
        self.control.resize(self.control.capacity(), 0);
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let message =
            recvmsg::<()>(connection.stream.as_raw_fd(), &mut parts, Some(&mut self.control), MsgFlags::empty())?;
        let read = Mono::now();
        ensure!(message.bytes > 0, "the upstream closed a connection of the bare loop");
        connection.missing = connection.missing.saturating_sub(message.bytes);
        if connection.missing > 0 {
            return Ok(());
        }
        self.read.record(read.since(connection.sent));
        for stamp in message.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(at) = stamp {
                let at = at.tv_sec().unsigned_abs() * 1_000_000_000 + at.tv_nsec().unsigned_abs();
                self.arrived.record(Mono(at - self.difference).since(connection.sent));
            }
        }
        self.free.push(number);
        Ok(())
    }
}

/// Reads the first answer, whose body is that of the request. All later ones are as long.
fn length_of_answer(stream: &mut TcpStream, body: &[u8]) -> Result<usize> {
    let mut answer = Vec::new();
    while !answer.ends_with(body) {
        let mut part = [0; 4096];
        let length = stream.read(&mut part)?;
        ensure!(length > 0, "the upstream closed a connection of the bare loop");
        answer.extend_from_slice(&part[..length]);
    }
    Ok(answer.len())
}
