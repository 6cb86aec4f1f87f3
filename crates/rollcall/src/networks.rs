//! Lists of addresses and networks, as people write them: `10.20.0.0/16, 192.0.2.7, 2001:db8::/48`.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Addresses and networks. An empty list contains nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Networks(Vec<IpNet>);

/// A piece of a list is no address and no network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is no address and no network: write 192.0.2.7 or 192.0.2.0/24, several with commas between them")]
pub struct NoNetwork(String);

impl Networks {
    /// An IPv4 address counts as what it is, however it was received.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.network_of(address).is_some()
    }

    /// The first network of the list that an address is in.
    pub fn network_of(&self, address: IpAddr) -> Option<IpNet> {
        let address = address.to_canonical();
        self.0.iter().find(|network| network.contains(&address)).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Networks {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Networks, NoNetwork> {
        let pieces = text.split([',', ';', ' ', '\t', '\r', '\n']).filter(|piece| !piece.is_empty());
        let network = |piece: &str| {
            let host = || piece.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
            // `10.20.3.4/16` means its network: host bits are dropped.
            let network = piece.parse::<IpNet>().ok().map(|network| network.trunc());
            network.or_else(host).ok_or_else(|| NoNetwork(piece.to_owned()))
        };
        Ok(Networks(pieces.map(network).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{comma}{}", network.addr())?;
            } else {
                write!(f, "{comma}{network}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_people_write_it() {
        let networks: Networks = " 10.20.3.4/16,192.0.2.7;2001:db8::/48\n::ffff:198.51.100.1 ".parse().unwrap();
        assert_eq!(networks.to_string(), "10.20.0.0/16, 192.0.2.7, 2001:db8::/48, 198.51.100.1");
        for inside in ["10.20.255.1", "::ffff:10.20.0.1", "192.0.2.7", "2001:db8::17", "198.51.100.1"] {
            assert!(networks.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.21.0.1", "192.0.2.8", "2001:db8:1::1", "::1"] {
            assert!(!networks.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_by_name_and_nothing_contains_nobody() {
        assert_eq!("10.0.0.0/8, gate".parse::<Networks>(), Err(NoNetwork("gate".to_owned())));
        assert!("10.0.0.0/33".parse::<Networks>().is_err());
        let nothing: Networks = " ".parse().unwrap();
        assert!(nothing.is_empty() && !nothing.contains(IpAddr::from([127, 0, 0, 1])));
    }
}
