//! A body that has to keep coming.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body of at least 1 kB per second, after a grace; slower ones end with [`PaceError::Slow`].
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    received: u64,
    /// Made when the body is first waited for: most are there at once.
    limits: Option<Pin<Box<Limits>>>,
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum PaceError<E: std::error::Error + 'static> {
    #[error("the body came too slowly")]
    Slow,
    #[error("the body ended early")]
    Broken(#[source] E),
}

#[derive(Debug)]
struct Limits {
    /// Where the whole of it should be by now.
    whole: Pin<Box<Sleep>>,
    /// Until the next bytes.
    next: Pin<Box<Sleep>>,
}

/// Before the rate counts.
const GRACE: Duration = Duration::from_secs(10);
/// However fast the bytes before came.
const BETWEEN: Duration = Duration::from_secs(30);

impl<B> Paced<B> {
    pub fn new(body: B) -> Paced<B> {
        Paced { body, received: 0, limits: None }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    type Data = Bytes;
    type Error = PaceError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PaceError<B::Error>>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.limit(cx));
            return Poll::Ready(Some(Err(PaceError::Slow)));
        };
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.received += bytes;
            if let Some(limits) = &mut self.limits {
                let later = limits.whole.deadline() + Duration::from_millis(bytes);
                limits.whole.as_mut().reset(later);
                limits.next.set(sleep(BETWEEN));
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(PaceError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Paced<B> {
    /// Ready when the body is too late.
    fn limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let received = self.received;
        let limits = self.limits.get_or_insert_with(|| {
            let whole = Box::pin(sleep(GRACE + Duration::from_millis(received)));
            Box::pin(Limits { whole, next: Box::pin(sleep(BETWEEN)) })
        });
        if limits.whole.as_mut().poll(cx).is_ready() || limits.next.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
