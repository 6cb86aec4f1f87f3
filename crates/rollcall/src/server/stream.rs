//! A connection's bytes, with the first request line mended where no parser would take it (FWSRC, MAN3.2 §2.4.5).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use push_protocol::request::{Mended, mend_request_line};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watch::Watch;

#[derive(Debug)]
pub(super) struct Stream<IO> {
    io: IO,
    watch: Watch,
    opening: Opening,
}

/// How far the beginning of the connection has come.
#[derive(Debug)]
enum Opening {
    /// The first request line is not complete yet; these bytes of it have arrived.
    Line(Vec<u8>),
    /// To be read before anything else, from this position on.
    Ready(Vec<u8>, usize),
    /// What comes is passed on as it is.
    Over,
}

/// A first line longer than this is left to the parser, which will refuse it.
const LINE: usize = 16 * 1024;

impl<IO> Stream<IO> {
    pub fn new(io: IO, watch: Watch) -> Stream<IO> {
        Stream { io, watch, opening: Opening::Line(Vec::new()) }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.opening {
                Opening::Over => {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                    this.watch.received(&buf.filled()[before..]);
                    return Poll::Ready(Ok(()));
                }
                Opening::Ready(bytes, position) => {
                    let length = buf.remaining().min(bytes.len() - *position);
                    buf.put_slice(&bytes[*position..*position + length]);
                    *position += length;
                    if *position == bytes.len() {
                        this.opening = Opening::Over;
                    }
                    return Poll::Ready(Ok(()));
                }
                Opening::Line(line) => {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                    let arrived = &buf.filled()[before..];
                    let is_end = arrived.is_empty();
                    this.watch.received(arrived);
                    line.extend_from_slice(arrived);
                    buf.set_filled(before);
                    match mend_request_line(line) {
                        Mended::Incomplete if !is_end && line.len() < LINE => continue,
                        Mended::Incomplete | Mended::Fine => this.opening = Opening::Ready(std::mem::take(line), 0),
                        Mended::Line { line: mut mended, replaces } => {
                            this.watch.mended();
                            mended.extend_from_slice(&line[replaces..]);
                            this.opening = Opening::Ready(mended, 0);
                        }
                    }
                    if is_end && matches!(&this.opening, Opening::Ready(bytes, _) if bytes.is_empty()) {
                        this.opening = Opening::Over;
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch.wrote(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
