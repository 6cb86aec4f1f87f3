//! What people look at, in terms of one point query on the same database.

use axum::{Router, body::Body};
use http::{Request, header};
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    sync::overview::{
        roster::{self, Filter},
        terminals,
    },
    web,
};
use tower::ServiceExt as _;

use crate::{
    Sizes,
    fleet::Fleet,
    machine::{self, Stopwatch},
    report::{Gate, Report, median, ratios},
};

/// Looks of each kind after which they are as they stay: each of PostgreSQL's twelve connections plans a statement anew five
/// times before it keeps a plan.
const USUAL_AFTER: usize = 100;

pub async fn measure(report: &mut Report, fleet: &Fleet, sizes: Sizes) {
    let product = fleet.db.product();
    punch_today(fleet).await;
    let app = App::start(fleet.db.clone(), Settings::default(), Clock::machine()).await.expect("an app");
    let looker = Looker { fleet, router: web::router(app), token: fleet.token().await };
    let device = fleet.devices[fleet.devices.len() / 2];
    let (overview, students) = ("/".to_owned(), format!("/terminals/{device}"));
    let status = format!("/api/v1/device/{device}/sync-status");

    let shown = looker.page(&students).await;
    assert_eq!(shown.matches("<tr id=\"s").count(), 50, "students of a page");
    let first = looker.often(20, || looker.page(&students)).await;
    report.tell("a page of students, among the first after a start", product, "µs", &[first * 1e6]);
    for _ in 0..USUAL_AFTER {
        looker.terminals().await;
        looker.roster().await;
        looker.page(&overview).await;
        looker.page(&students).await;
    }
    let [mut point, mut terminals, mut overviews, mut rosters, mut pages, mut statuses] = [const { Vec::new() }; 6];
    for _ in 0..sizes.rounds {
        point.push(looker.often(200, || looker.point()).await);
        terminals.push(looker.often(10, || looker.terminals()).await);
        overviews.push(looker.often(10, || looker.page(&overview)).await);
        rosters.push(looker.often(20, || looker.roster()).await);
        pages.push(looker.often(20, || looker.page(&students)).await);
        statuses.push(looker.often(2, || looker.page(&status)).await);
    }
    let microseconds = |times: &[f64]| times.iter().map(|seconds| seconds * 1e6).collect::<Vec<_>>();
    report.tell("one point query", product, "µs", &microseconds(&point));
    report.tell("all terminals with their numbers (one statement)", product, "µs", &microseconds(&terminals));
    report.tell("the overview, a whole request", product, "µs", &microseconds(&overviews));
    report.tell("50 students of a terminal (one statement)", product, "µs", &microseconds(&rosters));
    report.tell("the page of them, a whole request", product, "µs", &microseconds(&pages));
    report.tell("sync-status of all students by the API", product, "µs", &microseconds(&statuses));
    let (_, statements) = machine::statements(looker.page(&overview)).await;
    assert!(statements > 0, "statements are counted");
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    report.tell("statements of the overview", product, "", &[statements as f64]);
    let overview = ratios(&overviews, &point);
    report.gate("the overview, a whole request / one point query", product, &overview, Gate::AtMost(100.0), 40.0);
    let page = ratios(&pages, &point);
    report.gate("50 students of a terminal, a whole request / point query", product, &page, Gate::AtMost(20.0), 8.0);
}

/// Everybody came and went: the overview shows the hours.
async fn punch_today(fleet: &Fleet) {
    let today = Clock::machine().now().to_zoned(TimeZone::UTC).date();
    let rows = (0..fleet.students * 2).map(|number| {
        let (hour, minute, second) = (7 + number % 2 * 7, number / 60 % 60, number % 60);
        vec![number.to_string().into(), format!("{today}T{hour:02}:{minute:02}:{second:02}").into()]
    });
    let sql = "WITH v(pin, punched_at) AS (VALUES {rows})
        INSERT INTO punches (serial_number, device_id, school_id, pin, punched_at, punched_instant, status, verify,
          work_code, rest, received_at)
        SELECT d.serial_number, d.id, d.school_id, v.pin, v.punched_at, d.created_at, '0', '1', '0', '', d.created_at
        FROM v JOIN devices d ON d.id = 1";
    let mut tx = fleet.db.write().await.expect("a writer");
    tx.execute_rows(sql, &[], rows.collect()).await.expect("punches");
    tx.commit().await.expect("a commit");
}

struct Looker<'a> {
    fleet: &'a Fleet,
    router: Router,
    token: String,
}

impl Looker<'_> {
    /// Seconds of one, in the middle of so many.
    async fn often<T, F: Future<Output = T>>(&self, times: usize, look: impl Fn() -> F) -> f64 {
        let mut seconds = Vec::new();
        for _ in 0..times {
            let watch = Stopwatch::start();
            let _seen = look().await;
            seconds.push(watch.seconds());
        }
        median(&seconds)
    }

    async fn point(&self) {
        let mut tx = self.fleet.db.read().await.expect("a reader");
        let sql = "SELECT full_name FROM students WHERE id = $1";
        let (_,): (String,) = tx.one(sql, [(self.fleet.students / 2).into()]).await.expect("a student");
    }

    async fn terminals(&self) {
        let mut tx = self.fleet.db.read().await.expect("a reader");
        let found = terminals::terminals(&mut tx, None).await.expect("terminals");
        assert_eq!(found.len(), self.fleet.devices.len());
        assert!(found.iter().all(|terminal| terminal.total == self.fleet.students));
    }

    async fn roster(&self) {
        let mut tx = self.fleet.db.read().await.expect("a reader");
        let device = self.fleet.devices[0];
        let page = roster::roster(&mut tx, device, &Filter::default(), 50, 0).await.expect("a page");
        assert_eq!((page.students.len(), page.total), (50, self.fleet.students));
    }

    async fn page(&self, path: &str) -> String {
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, "bench")
            .header(header::COOKIE, format!("rollcall_session={}", self.token))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let request = request.body(Body::empty()).expect("a request");
        let reply = self.router.clone().oneshot(request).await.expect("a reply");
        assert_eq!(reply.status(), 200, "{path}");
        let body = reply.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.len() > 1_000);
        String::from_utf8(body.into()).expect("a text")
    }
}
