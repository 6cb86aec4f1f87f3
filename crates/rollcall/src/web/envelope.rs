//! The shape of every answer of the API.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::ApiError, extract::Paging};

/// What a handler returns.
pub type Reply<T> = Result<Answer<T>, ApiError>;

/// What a handler that lists returns.
pub type ListReply<T> = Result<Listed<T>, ApiError>;

/// What a handler returns that answers more than the list.
pub type PageReply<T> = Result<PageOf<T>, ApiError>;

/// One thing: `{"success": true, "message": "…", "data": …}`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Answer<T> {
    #[serde(skip)]
    status: StatusCode,
    /// Always true.
    success: bool,
    /// For a person.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
    data: T,
}

/// A page of things: `{"success": true, "message": "…", "data": […], "pagination": {…}}`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// Always true.
    success: bool,
    /// For a person.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
    data: Vec<T>,
    pagination: Pagination,
}

/// Something that holds a page of things: `{"success": true, "message": "…", "data": {…}, "pagination": {…}}`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PageOf<T> {
    /// Always true.
    success: bool,
    /// For a person.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
    data: T,
    pagination: Pagination,
}

/// Which page of how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Counted from 1.
    pub page: u32,
    /// Rows per page.
    pub limit: u32,
    /// Rows on all pages.
    pub total: u64,
    #[serde(rename = "totalPages")]
    pub total_pages: u64,
}

/// What a call answers that was not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// Always false.
    pub success: bool,
    /// What was wrong, for a person.
    pub message: String,
}

/// What is left of a row that was deleted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Deleted {
    pub id: i64,
}

impl<T> Answer<T> {
    /// What is answered.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// 200.
    pub fn ok(message: impl Into<Cow<'static, str>>, data: T) -> Answer<T> {
        Answer { status: StatusCode::OK, success: true, message: message.into(), data }
    }

    /// 201, with the row.
    pub fn created(message: impl Into<Cow<'static, str>>, data: T) -> Answer<T> {
        Answer { status: StatusCode::CREATED, ..Answer::ok(message, data) }
    }

    /// What was answered, without its envelope: for a page that shows it otherwise.
    pub fn into_data(self) -> T {
        self.data
    }

    /// 202: begun, not finished.
    pub fn accepted(message: impl Into<Cow<'static, str>>, data: T) -> Answer<T> {
        Answer { status: StatusCode::ACCEPTED, ..Answer::ok(message, data) }
    }
}

impl<T> PageOf<T> {
    /// What holds a page that the database cut, and how many rows there are on all pages.
    pub fn new(data: T, total: i64, paging: Paging) -> PageOf<T> {
        let total = u64::try_from(total).unwrap_or(0);
        let pagination = Pagination {
            page: paging.page,
            limit: paging.limit,
            total,
            total_pages: total.div_ceil(u64::from(paging.limit)),
        };
        PageOf { success: true, message: Cow::Borrowed("ok"), data, pagination }
    }
}

impl<T> Listed<T> {
    /// The rows of a page that the database cut, and how many rows there are on all pages.
    pub fn page(rows: Vec<T>, total: i64, paging: Paging) -> Listed<T> {
        let PageOf { success, message, data, pagination } = PageOf::new(rows, total, paging);
        Listed { success, message, data, pagination }
    }

    /// The page of rows that are all in memory: for kinds of things of which there are few.
    pub fn cut(rows: Vec<T>, paging: Paging) -> Listed<T> {
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from(paging.offset()).unwrap_or(usize::MAX);
        let rows = rows.into_iter().skip(skip).take(paging.limit as usize).collect();
        Listed::page(rows, total, paging)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

impl<T: Serialize> IntoResponse for PageOf<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}
