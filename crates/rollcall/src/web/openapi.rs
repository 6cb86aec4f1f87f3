//! The API's description, made from the code that serves it.

use std::sync::Arc;

use axum::response::IntoResponse;
use http::header;
use utoipa::{
    IntoResponses, Modify, OpenApi, ToSchema,
    openapi::{
        self, Ref, RefOr, Response, ResponseBuilder,
        content::Content,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{envelope::Refusal, router};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "Keeps ZKTeco attendance terminals holding exactly the students that the database says they should \
            hold.\n\nEvery answer is an envelope: `{\"success\": true, \"message\": \"…\", \"data\": …}`, lists with \
            `pagination` beside `data`, refusals `{\"success\": false, \"message\": \"…\"}`. PUT and PATCH are the same: \
            they change the fields given, and an explicit `null` clears one. Times are RFC 3339.\n\nGet a token from \
            `POST /api/v1/auth/login`, or make one with a name at `POST /api/v1/tokens`. Calls below `/api/v1/device/` are \
            served below `/api/v1/device-management/`, too.",
    ),
    components(schemas(Refusal)),
    modifiers(&Bearer),
    security(("token" = [])),
)]
pub(super) struct Description;

/// What any call may refuse. Names it in `responses(…)` so that the description has it.
pub struct Refusals;

/// The whole description.
pub fn document() -> openapi::OpenApi {
    let mut document = router::api().into_openapi();
    for item in document.paths.paths.values_mut() {
        if item.patch.is_none() {
            item.patch = item.put.clone().map(as_patch);
        }
    }
    document
}

/// `GET /api/v1/openapi.json`, written once.
pub(super) fn serve_document() -> impl Fn() -> std::future::Ready<axum::response::Response> + Clone {
    let text: Arc<str> = document().to_json().unwrap_or_default().into();
    move || {
        let text = text.to_string();
        std::future::ready(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    }
}

/// `GET /api/docs`: a page that shows the description. Its files are in the program.
pub(super) fn docs() -> SwaggerUi {
    let config = Config::from("/api/v1/openapi.json")
        .use_base_layout()
        .doc_expansion("none")
        .persist_authorization(true)
        // Otherwise the page asks a server elsewhere whether the description is well formed.
        .validator_url("none");
    SwaggerUi::new("/api/docs").config(config)
}

/// What the docs page may load: its own files; styles that its script sets.
pub(super) const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

impl IntoResponses for Refusals {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Response>> {
        const REFUSALS: [(&str, &str); 6] = [
            ("400", "the request cannot be read"),
            ("401", "no token, or one that has ended"),
            ("403", "not for this caller: another school's, or not for this role"),
            ("404", "no such row"),
            ("409", "what is there already stands against it"),
            ("422", "a wrong value; the message begins with the field's name"),
        ];
        let content = || Content::new(Some(Ref::from_schema_name(Refusal::name())));
        REFUSALS
            .into_iter()
            .map(|(status, description)| {
                let response =
                    ResponseBuilder::new().description(description).content("application/json", content()).build();
                (status.to_owned(), RefOr::T(response))
            })
            .collect()
    }
}

fn as_patch(mut put: Operation) -> Operation {
    put.operation_id = put.operation_id.map(|id| id.replace("update_", "patch_"));
    put
}
