//! The packets in which an access unit sends a table (SEC4.8 §12.1.4), and when they are all of it.

use super::QueryData;

/// One packet that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Packet {
    /// From 1.
    pub index: u64,
    /// How many packets there are.
    pub of: u64,
    /// Rows in it.
    pub rows: u64,
    /// `count`, as announced.
    pub announced: Option<u64>,
}

impl Packet {
    /// One that names neither number is the only one.
    pub fn of(data: &QueryData, rows: u64) -> Packet {
        let (index, of) = (data.packet_index.unwrap_or(1), data.packet_count.unwrap_or(1));
        Packet { index, of, rows, announced: data.count }
    }
}

/// Whether these packets, one of each index, are the whole answer to a query that returned this code: no packet is missing,
/// and there are as many rows as the result says (SF-repo: `Return` is the number of rows) and as the packets announce.
/// Whether `count` is a packet's or the whole answer's is not settled, so that either will do.
pub fn is_whole(packets: &[Packet], returned: i64) -> bool {
    let rows: u64 = packets.iter().map(|packet| packet.rows).sum();
    let is_there = |index| packets.iter().any(|packet| packet.index == index);
    let of = packets.first().map_or(0, |packet| packet.of);
    let announced = |packet: &Packet| packet.announced.is_none_or(|count| count == packet.rows || count == rows);
    u64::try_from(returned) == Ok(rows)
        && of == packets.len() as u64
        && (1..=of).all(is_there)
        && packets.iter().all(|packet| packet.of == of && announced(packet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(index: u64, of: u64, rows: u64) -> Packet {
        Packet { index, of, rows, announced: Some(rows) }
    }

    #[test]
    fn all_packets_and_as_many_rows_as_returned() {
        let both = [packet(1, 2, 50), packet(2, 2, 3)];
        assert!(is_whole(&both, 53));
        let whole_count = both.map(|packet| Packet { announced: Some(53), ..packet });
        assert!(is_whole(&whole_count, 53));
        assert!(is_whole(&both.map(|packet| Packet { announced: None, ..packet }), 53));
        assert!(is_whole(&[], 0), "nobody is there");
        assert_eq!(Packet::of(&QueryData::default(), 3), Packet { announced: None, ..packet(1, 1, 3) });
    }

    #[test]
    fn anything_less_is_a_part() {
        let both = [packet(1, 2, 50), packet(2, 2, 3)];
        for returned in [-629, 0, 50, 54, i64::MAX] {
            assert!(!is_whole(&both, returned), "{returned}");
        }
        assert!(!is_whole(&both[..1], 50), "the second packet is missing");
        assert!(!is_whole(&[], 3));
        assert!(!is_whole(&[packet(1, 2, 50), packet(3, 2, 3)], 53));
        assert!(!is_whole(&[packet(1, 2, 50), packet(2, 3, 3)], 53));
        assert!(!is_whole(&[Packet { announced: Some(4), ..packet(1, 1, 3) }], 3), "its body was cut");
        assert!(!is_whole(&[packet(1, u64::MAX, 3)], 3));
    }
}
