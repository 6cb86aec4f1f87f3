//! Doors: what terminals and people reach over HTTP.

pub mod terminals;

use crate::app::App;

/// Everything that is not for terminals.
pub fn router(_: App) -> axum::Router {
    axum::Router::new()
}
