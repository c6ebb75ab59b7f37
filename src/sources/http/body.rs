//! Bodies: read piece by piece within a limit, so that no answer can take more memory than that, and kept in
//! pieces, so that a large one needs no room in one place.

use std::borrow::Cow;
use std::io::Read;

use reqwest::Response;
use serde::de::DeserializeOwned;

use super::fault::{Sent, from_transport};
use crate::domain::fault::{Fault, FaultKind};

/// The size of a piece. Answers of thousands of rows have several megabytes: as one block that grows by
/// doubling each would be held almost twice, and the room that it leaves behind fits nothing else.
const PIECE: usize = 256 * 1024;

/// What a server sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Body(Vec<Vec<u8>>);

impl Body {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its beginning: all of a small one.
    pub fn start(&self) -> &[u8] {
        self.0.first().map_or(&[], Vec::as_slice)
    }

    /// All of it in one place: copied only where it is large.
    pub fn whole(&self) -> Cow<'_, [u8]> {
        match &self.0[..] {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(one),
            pieces => Cow::Owned(pieces.concat()),
        }
    }

    /// Decodes JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match &self.0[..] {
            [] => serde_json::from_slice(&[]),
            [one] => serde_json::from_slice(one),
            pieces => serde_json::from_reader(Reader {
                piece: &[],
                rest: pieces.iter(),
            }),
        }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let full = self.0.last().is_none_or(|last| last.len() >= PIECE);
            if full {
                // The second piece and all after it are of a large body.
                let room = if self.0.is_empty() { 0 } else { PIECE };
                self.0.push(Vec::with_capacity(room));
            }
            let Some(last) = self.0.last_mut() else {
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - last.len()));
            last.extend_from_slice(now);
            bytes = later;
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            Self::default()
        } else {
            Self(vec![bytes])
        }
    }
}

/// Reads the pieces one after another.
struct Reader<'b> {
    piece: &'b [u8],
    rest: std::slice::Iter<'b, Vec<u8>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.rest.next() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        self.piece.read(into)
    }
}

/// The whole body, or a fault as soon as it is known to exceed `limit`. A length that the server
/// states is believed for refusing early, never for reserving memory.
pub(super) async fn whole(mut response: Response, limit: u64, place: &str) -> Result<Body, Fault> {
    let too_large = || {
        Fault::new(
            FaultKind::TooLarge { limit },
            place,
            "the answer is larger than this source may send",
        )
    };
    if response.content_length().is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    let mut body = Body::default();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) => {
                if body.len() as u64 + chunk.len() as u64 > limit {
                    return Err(too_large());
                }
                body.push(&chunk);
            }
            Err(error) => {
                let (Sent::Closed(fault) | Sent::Failed(fault)) = from_transport(&error, place);
                let detail = format!("after {} bytes: {}", body.len(), fault.detail);
                return Err(Fault::new(fault.kind, place, &detail));
            }
        }
    }
}

/// The first `limit` bytes; whatever goes wrong after them, or before, is left out.
pub(super) async fn first(mut response: Response, limit: u64) -> Result<Body, Fault> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = usize::try_from(limit).unwrap_or(usize::MAX) - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_pieces_is_read_as_one_in_one_place() {
        let rows: Vec<String> = (0..60_000).map(|n| format!("row \u{e4} {n}")).collect();
        let text = serde_json::to_vec(&rows).expect("JSON");
        for chunk in [1_000, PIECE - 1, PIECE, PIECE + 1, text.len()] {
            let mut body = Body::default();
            text.chunks(chunk).for_each(|chunk| body.push(chunk));
            assert_eq!(body.len(), text.len());
            assert!(body.0.len() > 3 && body.0.iter().all(|piece| piece.len() <= PIECE));
            assert_eq!(body.whole(), text);
            assert_eq!(body.json::<Vec<String>>().expect("rows"), rows);
            // What is wrong is at the same place in both.
            body.push(b"]");
            let apart = body.json::<Vec<String>>().expect_err("too much");
            let whole = serde_json::from_slice::<Vec<String>>(&body.whole()).expect_err("too much");
            assert_eq!(apart.to_string(), whole.to_string());
        }
        let none = Body::default();
        assert!(none.is_empty() && none.whole().is_empty());
        assert!(none.json::<Vec<String>>().is_err());
    }
}
