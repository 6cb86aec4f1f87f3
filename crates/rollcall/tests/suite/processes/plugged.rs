//! Simulated terminals that run by themselves beside real servers, faster than time.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use push_protocol::text::Charset;
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{clock::Clock, devices::DeviceId};
use terminal_simulator::{Profile, Terminal, over_http};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How much faster terminals live: what is a second to them is a twentieth to us.
const HASTE: i32 = 20;

/// A terminal that runs by itself.
pub struct Plugged {
    pub device: DeviceId,
    pub serial: String,
    pub charset: Charset,
    pub seen: Arc<Mutex<Seen>>,
    pub running: JoinHandle<()>,
}

/// What is seen of a terminal from outside.
#[derive(Default)]
pub struct Seen {
    /// PIN → name and card.
    pub people: BTreeMap<String, (String, u64)>,
    /// (PIN, local time) in the order in which people punched.
    pub punches: Vec<(String, String)>,
    /// How many of the punches, from the first on, the terminal was told to be stored.
    pub acknowledged: usize,
    /// Nobody punches any more.
    pub is_quiet: bool,
    /// How many commands the terminal carried out.
    pub executed: u64,
}

impl Plugged {
    pub fn plug_in(
        device: DeviceId,
        serial: &str,
        profile: Profile,
        seed: u64,
        address: SocketAddr,
        unplug: CancellationToken,
    ) -> Plugged {
        let charset = Charset::of_language(Some(profile.language));
        let sight = Arc::new(Mutex::new(Seen::default()));
        let mut terminal = Terminal::new(serial, profile, seed);
        let for_the_watch = Arc::clone(&sight);
        let running = tokio::spawn(async move {
            let clock = Clock::machine();
            let switched_on = clock.now();
            let hurried = || switched_on + clock.monotonic() * HASTE;
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let watch = |terminal: &mut Terminal, _| {
                let mut view = for_the_watch.lock().unwrap();
                if !view.is_quiet && random.random_bool(0.2) {
                    view.somebody_punches(terminal, hurried(), &mut random);
                }
                view.look(terminal);
            };
            over_http::run(&mut terminal, &address.to_string(), hurried, unplug.cancelled(), watch).await;
        });
        Plugged { device, serial: serial.to_owned(), charset, seen: sight, running }
    }

    /// Punches that it was told to be stored: serial number, PIN, time.
    pub fn acknowledged(&self) -> Vec<(String, String, String)> {
        let seen = self.seen.lock().unwrap();
        let punch = |(pin, at): &(String, String)| (self.serial.clone(), pin.clone(), at.clone());
        seen.punches[..seen.acknowledged].iter().map(punch).collect()
    }
}

impl Seen {
    fn look(&mut self, terminal: &Terminal) {
        self.acknowledged = self.punches.len() - terminal.undelivered_punches();
        self.executed = terminal.statistics().commands_executed;
        self.people = terminal
            .users()
            .values()
            .map(|user| (user.pin.clone(), (user.name.clone(), user.card.unwrap_or(0))))
            .collect();
    }

    fn somebody_punches(&mut self, terminal: &mut Terminal, now: Timestamp, random: &mut Xoshiro256PlusPlus) {
        let people: Vec<&String> = terminal.users().keys().collect();
        let Some(pin) = people.choose(random).map(|pin| (*pin).clone()) else { return };
        let at = terminal.local(now);
        let punch = (pin.clone(), at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        // One person punches once in a second.
        if !self.punches.contains(&punch) {
            terminal.punch(&pin, at);
            self.punches.push(punch);
        }
    }
}

/// Below the ports that outgoing connections are given, so that it is still free when the server starts again.
pub fn port_that_nobody_takes(seed: u64) -> SocketAddr {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(std::process::id()));
    (0..100)
        .map(|_| SocketAddr::from(([127, 0, 0, 1], random.random_range(20_000..30_000))))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}
