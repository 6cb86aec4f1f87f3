//! `GET /metrics`: for Prometheus. Numbers only, nothing about anybody.
//!
//! A program on this machine is answered without a token. A proxy on this machine makes everybody look like one, so whoever
//! comes through a proxy needs a superadmin's token like the others.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts as _, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};

use super::error::ApiError;
use crate::{accounts::Caller, app::App, sync::standing};

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub async fn show_metrics(State(app): State<App>, mut parts: Parts) -> Result<Response, ApiError> {
    if !app.settings.trusted_proxies.is_empty() || !is_from_here(&parts) {
        Caller::from_request_parts(&mut parts, &app).await?.superadmin()?;
    }
    let meters = app.db.meters();
    let (uploads, bytes) = app.recorder.waiting();
    meters.set_uploads_waiting(uploads, bytes);
    match stand(&app).await {
        Ok(rows) => meters.set_standing(Some(&rows)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics without what stands in the database");
            meters.set_standing(None);
        }
    }
    Ok(([(header::CONTENT_TYPE, FORMAT), (header::CACHE_CONTROL, "no-store")], meters.render()).into_response())
}

async fn stand(app: &App) -> crate::store::Result<Vec<(String, String, i64)>> {
    let mut tx = app.db.read().await?;
    standing::of(&mut tx).await
}

fn is_from_here(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
        && !came_through_a_proxy(&parts.headers)
}

fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "via"]
        .into_iter()
        .any(|name| headers.contains_key(name))
}
