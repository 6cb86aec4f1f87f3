//! What a supervisor asks. Open to everybody, so the answers say nothing else.

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;

use crate::app::App;

/// The program runs.
pub async fn show_health() -> &'static str {
    "ok\n"
}

/// The database answers, too.
pub async fn show_readiness(State(app): State<App>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PATIENCE, app.db.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n")
        }
        Err(_) => {
            tracing::warn!("not ready: the database does not answer in time");
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n")
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(3);
