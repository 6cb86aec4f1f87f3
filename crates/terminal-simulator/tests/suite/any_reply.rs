//! Whatever comes back, a terminal goes on.

use proptest::prelude::*;
use terminal_simulator::{Profile, Reply, Step, Terminal};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_reply_stops_a_terminal(
        family in 0..Profile::NAMES.len(),
        replies in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "HTTP/1.[01] [0-9]{3} OK\r\n(Content-Length: [0-9]{1,3}\r\n|Transfer-Encoding: chunked\r\n)?\r\n[ -~\n]{0,80}"
                    .prop_map(String::into_bytes),
                "(C:[0-9]{1,3}:(DATA (UPDATE|DELETE|QUERY) [A-Z]{4,9}|INFO|SET OPTION|CLEAR|[A-Z ]{1,9}) ?[ -~\t]{0,30}\n){1,3}"
                    .prop_map(|body| format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()),
                "[A-Za-z]{2,9}=[ -~]{0,20}\n".prop_map(|body| format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()),
            ],
            1..60,
        ),
    ) {
        let mut terminal = Terminal::new("ANY1", Profile::by_name(Profile::NAMES[family]).unwrap(), 1);
        terminal.punch("1", "2026-03-02T08:00:00".parse().unwrap());
        let mut now = "2026-03-02T05:00:00Z".parse().unwrap();
        for reply in replies {
            let exchange = loop {
                match terminal.next(now) {
                    Step::Send(exchange) => break exchange,
                    Step::Wait(until) => {
                        prop_assert!(until > now);
                        now = until;
                    }
                }
            };
            terminal.reply(exchange.id, Reply::Bytes(&reply), now);
        }
    }
}
