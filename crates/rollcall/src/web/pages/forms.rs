//! What a form brings.

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::Reply;
use crate::web::error::ApiError;

/// The fields of a form. A field that is missing or cannot be read is 422, and cannot happen with a form of ours.
#[derive(Clone, Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Form<T>, ApiError> {
        match axum::extract::Form::from_request(request, state).await {
            Ok(axum::extract::Form(fields)) => Ok(Form(fields)),
            Err(rejection) => Err(ApiError::new(rejection.status(), rejection.body_text())),
        }
    }
}

/// A page that shows a form again.
pub trait Refuse {
    /// As 422: something in the form was wrong.
    fn refused(self) -> Reply;
    /// As any status.
    fn with_status(self, status: StatusCode) -> Reply;
}

impl Refuse for Reply {
    fn refused(self) -> Reply {
        self.with_status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    fn with_status(self, status: StatusCode) -> Reply {
        self.map(|mut response| {
            *response.status_mut() = status;
            response
        })
    }
}
