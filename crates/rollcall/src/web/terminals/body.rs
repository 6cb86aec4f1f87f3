//! Reading the body of a request, with bounds: bytes, whatever the content type says (FWSRC, `NoCT`, s0x90).

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use push_protocol::request::Call;

use super::reply::Reply;
use crate::server::pace::{PaceError, Paced};

/// Uploads may be as long as this: photos, histories.
pub const UPLOAD_BYTES: usize = 16 * 1024 * 1024;
/// Everything else is short.
pub const OTHER_BYTES: usize = 64 * 1024;

/// A body as far as it is kept.
#[derive(Debug)]
pub struct Read {
    pub bytes: Bytes,
    /// The peer broke off, or sent more than is kept: these are complete lines of what it had to say.
    pub is_cut: bool,
}

/// Reads a body as far as its call may be long.
///
/// What arrived before the peer closed its side counts: the complete lines of it. An upload that is too long is refused
/// as a whole, so that the terminal keeps it; of any other call the first 64 kB count and the rest is read and forgotten,
/// because results that are refused would come again for ever and stand in the way of all later ones.
pub async fn read<B>(call: &Call, mut body: Paced<B>) -> Result<Read, Reply>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    if body.is_end_stream() {
        return Ok(Read { bytes: Bytes::new(), is_cut: false });
    }
    let is_upload = matches!(call, Call::Upload(_) | Call::Photo | Call::QueryData(_));
    if body.size_hint().lower() > UPLOAD_BYTES as u64 {
        return Err(Reply::too_large());
    }
    let kept = if is_upload { UPLOAD_BYTES } else { OTHER_BYTES };
    let mut read = Vec::new();
    let mut forgotten = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(bytes) = frame.into_data() else { continue };
                let room = (kept - read.len()).min(bytes.len());
                forgotten += bytes.len() - room;
                if is_upload && forgotten > 0 || forgotten > UPLOAD_BYTES {
                    return Err(Reply::too_large());
                }
                if read.is_empty() && forgotten == 0 && body.is_end_stream() {
                    return Ok(Read { bytes, is_cut: false });
                }
                read.extend_from_slice(&bytes[..room]);
            }
            Err(PaceError::Slow) => return Err(Reply::too_slow()),
            Err(PaceError::Broken(_)) => {
                complete_lines(&mut read);
                return Ok(Read { bytes: read.into(), is_cut: true });
            }
        }
    }
    if forgotten > 0 {
        complete_lines(&mut read);
    }
    Ok(Read { bytes: read.into(), is_cut: forgotten > 0 })
}

/// Drops what follows the last line end: half a line may read as a whole one of other content.
fn complete_lines(body: &mut Vec<u8>) {
    let end = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    body.truncate(end);
}
