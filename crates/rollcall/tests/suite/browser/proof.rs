//! What readings find and what the guard holds, and what somebody does about it.

use std::net::SocketAddr;

use terminal_simulator::Profile;

use super::{Page, browse, every::sign_in_as, school::serve};
use crate::{
    databases::{Database, both_databases},
    stories::campus::Campus,
};

both_databases! {
    verify_finds_a_rename_at_the_keypad_and_heals_it,
    held_removals_are_approved_and_rejected,
    a_stranger_is_removed_from_the_differences,
}

const OPEN_DRIFT: &str = "SELECT COUNT(*) FROM device_drift WHERE ended_at IS NULL";

/// The dashboard, seen by the school's admin.
async fn visit(campus: &mut Campus, acts: impl AsyncFnOnce(&mut Campus, &Dashboard<'_>)) {
    let address = serve(campus, None).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in_as(page, &campus.admin).await;
        acts(campus, &Dashboard { page, address }).await;
    })
    .await;
}

struct Dashboard<'a> {
    page: &'a Page,
    address: SocketAddr,
}

impl Dashboard<'_> {
    async fn open(&self, path: &str) -> &Page {
        self.page.goto(&format!("http://{}{path}", self.address)).await;
        self.page
    }
}

/// Time passes until a reading has found something.
async fn until_found(campus: &mut Campus) {
    for _ in 0..200 {
        if campus.world.number(OPEN_DRIFT).await > 0 {
            return;
        }
        campus.run_for(5).await;
    }
    panic!("no reading found anything");
}

async fn verify_finds_a_rename_at_the_keypad_and_heals_it(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(5).await;
    campus.in_step(gate).await;
    let (pin, (name, card)) =
        (campus.pin(gate, students[2]).await.unwrap(), campus.held(gate, students[2]).await.unwrap());
    campus.world.fleet.terminal(0).edit_at_keypad(&pin, "Wiermu", card);
    visit(&mut campus, async |campus, dashboard| {
        let page = dashboard.open("/terminals/1").await;
        page.press("Verify now").await;
        page.wait_for("is asked on its next calls whom it holds").await;
        page.press("Differences").await;
        page.wait_for("Nothing differs").await;
        until_found(campus).await;
        let found = page.wait_for("Wiermu").await;
        assert!(found.contains(&name) && found.contains("Different"), "both names side by side: {found}");
        campus.in_step(gate).await;
        campus.run_for(1200).await;
        page.wait_for("Nothing differs").await;
        dashboard.open("/terminals/1?state=verified").await;
        page.wait_for(&name).await;
        assert_eq!(campus.held(gate, students[2]).await, Some((name, card)));
    })
    .await;
}

async fn held_removals_are_approved_and_rejected(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let hall = campus.terminal("CJX9253300418", Profile::zam180()).await;
    campus.enrol_many(30).await;
    campus.in_step(gate).await;
    campus.in_step(hall).await;
    campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id > 10", []).await;
    campus.run_for(120).await;
    visit(&mut campus, async |campus, dashboard| {
        let page = dashboard.open("/").await;
        page.wait_for("wait for your decision").await;
        dashboard.open("/terminals/1").await;
        page.wait_for("20 changes wait for your decision").await;
        page.press("Who they are").await;
        page.press("Do it").await;
        page.wait_for("Approved.").await;
        dashboard.open("/terminals/2").await;
        page.wait_for("20 changes wait for your decision").await;
        page.press("Keep them as they are").await;
        page.wait_for("Rejected.").await;
        campus.run_for(600).await;
        let held: Vec<usize> = campus.world.fleet.terminals().iter().map(|terminal| terminal.users().len()).collect();
        assert_eq!(held, [10, 30], "approved at one, rejected at the other");
        dashboard.open("/").await;
        assert!(!page.text("body").await.contains("wait for your decision"));
    })
    .await;
}

async fn a_stranger_is_removed_from_the_differences(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(3).await;
    campus.in_step(gate).await;
    campus.world.fleet.terminal(0).edit_at_keypad("9001", "Visitante", None);
    campus.post("/api/v1/device/1/verify-sync", serde_json::json!(null)).await.data(202);
    until_found(&mut campus).await;
    campus.run_for(600).await;
    visit(&mut campus, async |campus, dashboard| {
        let page = dashboard.open("/terminals/1/drift").await;
        page.wait_for("Visitante").await;
        page.press("Remove PIN 9001").await;
        page.wait_for("0 linked, 0 kept, 1 removed.").await;
        campus.run_for(600).await;
        page.wait_for("Nothing differs").await;
        assert!(!campus.world.fleet.terminal(0).users().contains_key("9001"));
    })
    .await;
}
