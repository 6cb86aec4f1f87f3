//! Every route, on one page. A handler's own attribute repeats its path for the API's description.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    api::{
        attendance, audit, auth, classes, devices, holidays, imports, removals, schools, sections, students, sync,
        takeover, tokens, trust, unknown_devices, users, verification, webhooks, years,
    },
    compression::{compression, looks_only},
    error::ApiError,
    extract::LARGEST_FILE,
    health, metrics,
    openapi::{self, Description},
    pages::{
        self, account, assets, connect, first_start, frame, frame::nothing_here, overview, preferences, session,
        terminal,
    },
    trace,
};
use crate::app::App;

/// What people and programs are served.
pub fn router(app: App) -> Router {
    let docs = Router::from(openapi::docs()).layer(always(header::CONTENT_SECURITY_POLICY, openapi::DOCS_POLICY));

    // Nobody in between keeps what an answer says of people.
    let api = Router::from(api()).layer(always(header::CACHE_CONTROL, "no-store"));

    Router::new()
        .merge(pages())
        .route("/assets/rollcall.css", get(assets::show_css))
        .route("/assets/live.js", get(assets::show_script))
        .route("/assets/icon.svg", get(assets::show_icon))
        .route("/healthz", get(health::show_health))
        .route("/readyz", get(health::show_readiness))
        .route("/metrics", get(metrics::show_metrics))
        .merge(api)
        .nest("/api/v1/device-management", Router::from(device()))
        .route("/api/v1/openapi.json", get(openapi::serve_document()))
        .merge(docs)
        .fallback(show_nothing)
        .method_not_allowed_fallback(refuse_method)
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(compression())
        .layer(middleware::from_fn(looks_only))
        .layer(CatchPanicLayer::custom(trace::answer_panic))
        .layer(middleware::from_fn_with_state(app.clone(), trace::trace))
        .with_state(app)
}

/// What people are shown. Everything else than a look is `POST`, as forms do it.
fn pages() -> Router<App> {
    Router::new()
        .route("/", get(overview::show_overview))
        .route("/sign-in", get(session::show_sign_in).post(session::create_session))
        .route("/sign-out", post(session::delete_session))
        .route("/account", get(account::show_account))
        .route("/account/password", post(account::change_password))
        .route("/language", post(preferences::choose_language))
        // The first admin, the first school, the first terminal
        .route("/first-start", get(first_start::show_first_start).post(first_start::create_first_admin))
        .route("/first-start/school", get(first_start::show_first_school).post(first_start::create_first_school))
        .route("/connect", get(connect::show_connect))
        // Students
        .route("/students", get(pages::students::list_students).post(pages::students::create_student))
        .route("/students/new", get(pages::students::show_new_student))
        .route("/students/{id}", get(pages::students::show_student).post(pages::students::update_student))
        .route("/students/{id}/active", post(pages::students::switch_student))
        .route("/students/{id}/delete", post(pages::students::delete_student))
        // Import. A file comes with what the form has beside it.
        .route(
            "/import",
            get(pages::imports::show_import)
                .post(pages::imports::keep_file)
                .layer(DefaultBodyLimit::max(LARGEST_FILE + 64 * 1024)),
        )
        .route("/import/template", get(pages::imports::show_template))
        .route("/import/{id}", get(pages::imports::show_preview).post(pages::applying::run_import))
        .route("/import/{id}/drop", post(pages::imports::drop_file))
        // Attendance
        .route("/attendance", get(pages::attendance::show_attendance))
        .route("/attendance/export", get(pages::attendance::export_attendance))
        // Settings. The school that lists are narrowed to is chosen at the same address.
        .route("/school", get(pages::school::show_school).post(preferences::choose_school))
        .route("/schools", get(pages::schools::list_schools))
        .route("/school/{id}", post(pages::school::update_school))
        .route("/school/{id}/holidays", post(pages::school::create_holiday))
        .route("/school/{id}/holidays/{holiday_id}/delete", post(pages::school::delete_holiday))
        .route("/school/{id}/new-year", post(pages::school::start_year))
        .route("/school/{id}/new-year/end", post(pages::school::end_year))
        .route("/school/{id}/classes", post(pages::classes::create_class))
        .route("/classes/{id}/rename", post(pages::classes::rename_class))
        .route("/classes/{id}/delete", post(pages::classes::delete_class))
        .route("/classes/{id}/sections", post(pages::classes::create_section))
        .route("/sections/{id}/rename", post(pages::classes::rename_section))
        .route("/sections/{id}/delete", post(pages::classes::delete_section))
        .route("/users", get(pages::users::list_users).post(pages::users::create_user))
        .route("/users/{id}", get(pages::users::show_user).post(pages::users::update_user))
        .route("/users/{id}/delete", post(pages::users::delete_user))
        .route("/tokens", get(pages::tokens::list_tokens).post(pages::tokens::create_token))
        .route("/tokens/{id}/revoke", post(pages::tokens::revoke_token))
        .route("/webhooks", get(pages::webhooks::list_webhooks).post(pages::webhooks::create_webhook))
        .route("/webhooks/{id}", get(pages::webhooks::show_webhook).post(pages::webhooks::update_webhook))
        .route("/webhooks/{id}/switch", post(pages::webhooks::switch_webhook))
        .route("/webhooks/{id}/test", post(pages::webhooks::test_webhook))
        .route("/webhooks/{id}/renew-secret", post(pages::webhooks::renew_webhook_secret))
        .route("/webhooks/{id}/delete", post(pages::webhooks::delete_webhook))
        .route("/audit", get(pages::audit::list_audit))
        .route("/audit/export", get(pages::audit::export_audit))
        // One terminal
        .route("/terminals/{id}", get(terminal::students::show_terminal))
        .route("/terminals/{id}/drift", get(terminal::drift::show_drift))
        .route("/terminals/{id}/commands", get(terminal::commands::list_commands))
        .route("/terminals/{id}/about", get(terminal::about::show_about))
        .route(
            "/terminals/{id}/settings",
            get(terminal::settings::show_settings).post(terminal::settings::update_settings),
        )
        .route("/terminals/{id}/students/{student_id}", get(terminal::timeline::show_timeline))
        .route("/terminals/{id}/students/{student_id}/retry", post(terminal::deeds::retry_student))
        .route("/terminals/{id}/students/{student_id}/push", post(terminal::deeds::push_student))
        .route("/terminals/{id}/sync", post(terminal::deeds::sync_terminal))
        .route("/terminals/{id}/confirm", post(terminal::deeds::confirm_terminal))
        .route("/terminals/{id}/verify", post(terminal::deeds::verify_terminal))
        .route("/terminals/{id}/removals/approve", post(terminal::deeds::approve_removals))
        .route("/terminals/{id}/removals/reject", post(terminal::deeds::reject_removals))
        .route("/terminals/{id}/takeover", get(pages::takeover::show_takeover).post(pages::takeover::take_over))
        .route("/terminals/{id}/takeover/people", post(pages::takeover::decide_person))
        // Terminals that nobody registered
        .route("/terminals/unknown", get(pages::unknown::list_unknown))
        .route("/terminals/unknown/{serial_number}/claim", post(pages::unknown::claim_unknown))
        .route_layer(middleware::from_fn(frame))
}

/// The API below `/api/v1`, with its description.
pub(super) fn api() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        // /auth/…
        .routes(routes!(auth::login))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::show_me))
        .routes(routes!(auth::change_password))
        // /schools
        .routes(routes!(schools::list_schools, schools::create_school))
        .routes(routes!(schools::show_school, schools::update_school, schools::delete_school))
        .route("/schools/{id}", patch(schools::update_school))
        .routes(routes!(imports::import_oneroster))
        .routes(routes!(holidays::list_holidays, holidays::create_holiday))
        .routes(routes!(holidays::delete_holiday))
        .routes(routes!(years::show_year, years::start_year, years::end_year))
        // /classes
        .routes(routes!(classes::list_classes, classes::create_class))
        .routes(routes!(classes::show_class, classes::update_class, classes::delete_class))
        .route("/classes/{id}", patch(classes::update_class))
        // /sections
        .routes(routes!(sections::list_sections, sections::create_section))
        .routes(routes!(sections::show_section, sections::update_section, sections::delete_section))
        .route("/sections/{id}", patch(sections::update_section))
        // /students
        .routes(routes!(students::list_students, students::create_student))
        .routes(routes!(students::show_student, students::update_student, students::delete_student))
        .route("/students/{id}", patch(students::update_student))
        .routes(routes!(imports::import_students))
        .routes(routes!(imports::show_import_template))
        // /devices
        .routes(routes!(devices::list_devices, devices::create_device))
        .routes(routes!(devices::show_device, devices::update_device, devices::delete_device))
        .route("/devices/{id}", patch(devices::update_device))
        .routes(routes!(unknown_devices::list_unknown_devices))
        .routes(routes!(unknown_devices::claim_unknown_device))
        // /attendance
        .routes(routes!(attendance::list_punches))
        // /users
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::show_user, users::update_user, users::delete_user))
        .route("/users/{id}", patch(users::update_user))
        // /tokens
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        // /webhooks
        .routes(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .routes(routes!(webhooks::show_webhook, webhooks::update_webhook, webhooks::delete_webhook))
        .route("/webhooks/{id}", patch(webhooks::update_webhook))
        .routes(routes!(webhooks::renew_webhook_secret))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::list_webhook_deliveries))
        // /audit
        .routes(routes!(audit::list_audit))
        // /device/…, and the same at /device-management/…
        .nest("/device", device());

    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", v1)
}

/// Calls about one terminal, below `/device` and `/device-management`.
fn device() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sync::sync_students))
        .routes(routes!(sync::show_sync_status))
        .routes(routes!(sync::retry_student))
        .routes(routes!(sync::push_student))
        .routes(routes!(sync::list_commands))
        .routes(routes!(removals::list_removals))
        .routes(routes!(removals::approve_removals))
        .routes(routes!(removals::reject_removals))
        .routes(routes!(takeover::show_takeover, takeover::take_over_device))
        .routes(routes!(takeover::decide_people))
        .routes(routes!(trust::confirm_device))
        .routes(routes!(verification::verify_sync))
        .routes(routes!(verification::verify_all))
        .routes(routes!(verification::show_verification))
        .routes(routes!(verification::list_held_users))
        .routes(routes!(verification::show_drift))
        .routes(routes!(verification::list_timeline))
}

async fn show_nothing(uri: Uri, headers: HeaderMap) -> Response {
    let page = if uri.path().starts_with("/api/") { None } else { nothing_here(&headers) };
    let for_programs = || ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this address").into_response();
    page.unwrap_or_else(for_programs)
}

async fn refuse_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
}

fn always(name: http::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
