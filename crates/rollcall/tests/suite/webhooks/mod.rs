//! Other programs are told what happens here: real requests to a real receiver, by a clock that the test turns.

mod api;
mod delivery;
mod events;
mod limits;
pub mod receiver;

use std::sync::Arc;

use jiff::SignedDuration;
use rollcall::config::Settings;
use serde_json::{Value as Json, json};

use self::receiver::{Got, Receiver};
use crate::{databases::Database, stories::campus::Campus};

/// A school with somebody who is told.
pub struct Told {
    pub campus: Campus,
    pub receiver: Receiver,
    pub id: i64,
    pub secret: String,
}

impl Told {
    /// Of these kinds of events.
    pub async fn of(database: Database, events: &[&str]) -> Told {
        let mut campus = Campus::open(database).await;
        allow_loopback(&mut campus).await;
        let receiver = Receiver::start().await;
        let body = json!({"school_id": campus.school, "url": receiver.url, "events": events});
        let made = campus.post("/api/v1/webhooks", body).await.data(201).clone();
        let (id, secret) = (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_owned());
        Told { campus, receiver, id, secret }
    }

    /// Whatever is due leaves.
    pub async fn send(&self) {
        send(&self.campus).await;
    }

    /// Time passes until events that wait for others of their kind leave.
    pub async fn send_all(&self) -> Vec<Got> {
        for _ in 0..3 {
            self.campus.world.clock.advance(SignedDuration::from_secs(5));
            self.send().await;
        }
        self.receiver.take()
    }

    pub async fn endpoint(&self) -> Json {
        self.campus.get(&format!("/api/v1/webhooks/{}", self.id)).await.data(200).clone()
    }

    pub async fn deliveries(&self) -> Vec<Json> {
        let list = self.campus.get(&format!("/api/v1/webhooks/{}/deliveries", self.id)).await;
        list.data(200).as_array().unwrap().clone()
    }

    /// A message that tells of nothing but itself waits.
    pub async fn test(&self) {
        self.campus.post(&format!("/api/v1/webhooks/{}/test", self.id), json!({})).await.data(202);
    }

    pub async fn waiting(&self) -> i64 {
        self.campus.world.number("SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM webhook_events").await
    }
}

/// What is done about what waits, every ten seconds.
pub async fn sweep(campus: &Campus) {
    let app = &campus.world.app;
    let most = rollcall::webhooks::limits::MOST_WAITING;
    rollcall::webhooks::limits::tick(&app.db, most, app.clock.now()).await.unwrap();
}

/// What leaves goes to receivers of this machine, too.
pub async fn allow_loopback(campus: &mut Campus) {
    let app = &mut campus.world.app;
    let settings = Settings { webhook_networks: "127.0.0.0/8".parse().unwrap(), ..(*app.settings).clone() };
    app.settings = Arc::new(settings);
    campus.world.restart().await;
}

/// Every round that is due, and every round that those make due, to its end.
pub async fn send(campus: &Campus) {
    let app = &campus.world.app;
    while app.courier.tick(app.clock.now()).await.unwrap() > 0 {
        app.courier.idle().await;
    }
}
