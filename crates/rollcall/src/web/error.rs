//! What an API call answers when it cannot do what was asked.

use std::{borrow::Cow, error::Error};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::envelope::Refusal;
use crate::{accounts::Denied, store};

/// A refusal: a status and words for a person. One that is our own fault carries its cause, which is logged once, when
/// the answer is made, and never sent.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    field: Option<Box<str>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// 400: the request cannot be read.
    pub fn malformed(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody, or nobody any more.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: not for this caller.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: `what` in the singular, such as `student`.
    pub fn no_such(what: &str, id: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, format!("there is no {what} {id}"))
    }

    /// 409: what is there already stands against it.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, message)
    }

    /// 422: this field has a value that cannot be.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> ApiError {
        ApiError {
            field: Some(field.into()),
            ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{field}: {why}"))
        }
    }

    /// 500: our own fault.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> ApiError {
        ApiError {
            cause: Some(Box::new(cause)),
            ..ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here; it has been logged")
        }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The words for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The field that has a wrong value, and why it is wrong; an empty field for what is wrong with all of it. `None` when
    /// nobody can mend that by typing something else.
    pub fn problem(&self) -> Option<(&str, &str)> {
        match (&self.field, self.status) {
            (Some(field), _) => {
                let why = self.message.strip_prefix(&**field).and_then(|rest| rest.strip_prefix(": "));
                Some((field, why.unwrap_or(&self.message)))
            }
            (None, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => Some(("", &self.message)),
            _ => None,
        }
    }

    /// Any other status.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status, message: message.into(), field: None, cause: None }
    }
}

/// What an answer refused, for whoever dresses it for people.
#[derive(Clone, Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub message: String,
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> ApiError {
        let Some(trouble) = error.trouble() else { return ApiError::internal(error) };
        ApiError { cause: Some(Box::new(error)), ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, trouble.words()) }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> ApiError {
        ApiError::forbidden(denied.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(status = self.status.as_u16(), error = &**cause as &dyn Error, "request failed");
        }
        let message = self.message.into_owned();
        let refusal = axum::Json(Refusal { success: false, message: message.clone() });
        let mut response = (self.status, refusal).into_response();
        response.extensions_mut().insert(Refused { status: self.status, message });
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
