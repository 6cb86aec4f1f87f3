//! Every byte in both directions, in the format of the transcripts that `push-protocol` is tested with.

use std::collections::VecDeque;

/// The last messages of a terminal.
#[derive(Clone, Debug)]
pub struct Transcript {
    messages: VecDeque<(Direction, Vec<u8>)>,
    keep: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Request,
    Response,
}

impl Transcript {
    pub(super) fn new(keep: usize) -> Transcript {
        Transcript { messages: VecDeque::new(), keep }
    }

    pub(super) fn keep(&mut self, messages: usize) {
        self.keep = messages;
        while self.messages.len() > messages {
            self.messages.pop_front();
        }
    }

    pub(super) fn add(&mut self, direction: Direction, bytes: &[u8]) {
        if self.keep == 0 {
            return;
        }
        if self.messages.len() == self.keep {
            self.messages.pop_front();
        }
        self.messages.push_back((direction, bytes.to_vec()));
    }

    /// The messages kept, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = (Direction, &[u8])> {
        self.messages.iter().map(|(direction, bytes)| (*direction, bytes.as_slice()))
    }

    /// Marker lines `%%% REQUEST <n>`, each followed by n raw bytes and one LF, below the title as a comment.
    pub fn to_bytes(&self, title: &str) -> Vec<u8> {
        let mut file = format!("# {title}\n").into_bytes();
        for (direction, bytes) in self.messages() {
            let marker = match direction {
                Direction::Request => "REQUEST",
                Direction::Response => "RESPONSE",
            };
            file.extend_from_slice(format!("%%% {marker} {}\n", bytes.len()).as_bytes());
            file.extend_from_slice(bytes);
            file.push(b'\n');
        }
        file
    }
}
