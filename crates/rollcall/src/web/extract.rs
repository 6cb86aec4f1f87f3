//! What a handler takes out of a request, refused in words that name the field.

use axum::body::HttpBody as _;
use axum::extract::{
    FromRequest, FromRequestParts, Request,
    rejection::{JsonRejection, PathRejection},
};
use bytes::Bytes;
use http::{StatusCode, Uri, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use utoipa::IntoParams;

use super::error::ApiError;

/// A JSON body of at most 2 MB. Malformed is 400, a wrong or missing value 422.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A [`Json`] body that may be left out, or be `null`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OptionalJson<T>(pub T);

/// A file as the body, whatever its content type, of at most 10 MB.
#[derive(Clone, Debug)]
pub struct File(pub Bytes);

/// The query. Fields without a value (`class_id=`) count as not given; a wrong value is 422.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// The variable parts of the path. What cannot be an id is 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// Which page of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Counted from 1.
    #[serde(default = "first")]
    #[param(default = 1, minimum = 1)]
    pub page: u32,
    /// Rows per page.
    #[serde(default = "fifty")]
    #[param(default = 50, minimum = 1, maximum = 500)]
    pub limit: u32,
}

/// What a list is looked through for.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// A part of what its rows say.
    pub search: Option<String>,
}

/// The most rows on a page.
const MOST: u32 = 500;

fn first() -> u32 {
    1
}

fn fifty() -> u32 {
    50
}

impl Paging {
    /// Rows before this page.
    pub fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.limit)
    }
}

/// Tells `null` from not given in a field of type `Option<Option<T>>`. Use with
/// `#[serde(default, deserialize_with = "given")]`: not given is `None`, `null` is `Some(None)`.
#[expect(clippy::option_option, reason = "null and absence differ")]
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A field that may be left out and cannot be cleared: `null` is a wrong value. Use with
/// `#[serde(default, deserialize_with = "not_null")]`.
pub fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)?.map(Some).ok_or_else(|| D::Error::custom("null is none of its values"))
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, ApiError> {
        let rejection = match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => return Ok(Json(body)),
            Err(rejection) => rejection,
        };
        // "Failed to …: <the field>: <what is wrong>"
        let text = rejection.body_text();
        let reason = text.split_once(": ").map_or(&*text, |(_, reason)| reason).to_owned();
        Err(match rejection {
            JsonRejection::JsonDataError(_) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, reason),
            JsonRejection::JsonSyntaxError(_) => ApiError::malformed(format!("the body is not JSON: {reason}")),
            JsonRejection::MissingJsonContentType(_) => {
                ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON, with Content-Type: application/json")
            }
            rejection if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
            }
            rejection => ApiError::new(rejection.status(), "the body could not be read"),
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<OptionalJson<T>, ApiError> {
        if request.body().is_end_stream() {
            return Ok(OptionalJson::default());
        }
        let Json(body) = Json::<Option<T>>::from_request(request, state).await?;
        Ok(OptionalJson(body.unwrap_or_default()))
    }
}

/// Bytes of a file.
pub const LARGEST_FILE: usize = 10 * 1024 * 1024;

impl<S: Send + Sync> FromRequest<S> for File {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<File, ApiError> {
        let too_large = || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "a file may have at most 10 MB");
        let body = request.into_body();
        if body.size_hint().lower() > LARGEST_FILE as u64 {
            return Err(too_large());
        }
        match Limited::new(body, LARGEST_FILE).collect().await {
            Ok(body) => Ok(File(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(ApiError::malformed("the body could not be read")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let with_value = |pair: &&str| pair.split_once('=').is_none_or(|(_, value)| !value.is_empty());
        let query = query.split('&').filter(with_value).collect::<Vec<_>>().join("&");
        let uri = Uri::try_from(format!("/?{query}")).map_err(|_| ApiError::malformed("the query cannot be read"))?;
        match axum::extract::Query::try_from_uri(&uri) {
            Ok(axum::extract::Query(query)) => Ok(Query(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.split_once(": ").map_or(&*text, |(_, reason)| reason).to_owned();
                Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Path(path)),
            Err(rejection @ PathRejection::MissingPathParams(_)) => Err(ApiError::internal(rejection)),
            Err(_) => Err(ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this address")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Paging, ApiError> {
        let Query(paging) = Query::<Paging>::from_request_parts(parts, state).await?;
        if paging.page == 0 {
            return Err(ApiError::invalid("page", "pages are counted from 1"));
        }
        if !(1..=MOST).contains(&paging.limit) {
            return Err(ApiError::invalid("limit", format_args!("between 1 and {MOST}")));
        }
        Ok(paging)
    }
}
