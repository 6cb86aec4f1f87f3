//! `/audit`: who changed what. A superadmin sees everything, a school's admin his school's rows.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    accounts::{
        Caller, UserId,
        audit::{self, Filter, Record},
    },
    app::App,
    school::SchoolId,
    store::Instant,
    web::{
        envelope::{ListReply, Listed},
        extract::{Paging, Query},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    school_id: Option<SchoolId>,
    user_id: Option<UserId>,
    /// Such as `student`.
    entity: Option<String>,
    entity_id: Option<String>,
    /// Such as `update`.
    action: Option<String>,
    /// Part of the actor's address.
    search: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AuditRow {
    id: i64,
    at: Instant,
    /// The user may be gone since.
    user_id: Option<UserId>,
    /// His address, or the name of the part of the program.
    actor: String,
    action: String,
    entity: String,
    entity_id: Option<String>,
    school_id: Option<SchoolId>,
    /// What was set: of most things the fields with `from` and `to`, of students the names of the fields.
    #[schema(value_type = Option<Object>)]
    details: Option<serde_json::Value>,
}

/// The audit log, newest first
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditFilter, Paging),
    responses((status = 200, body = Listed<AuditRow>), Refusals))]
pub async fn list_audit(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<AuditFilter>,
    paging: Paging,
) -> ListReply<AuditRow> {
    caller.admin()?;
    let filter = Filter {
        school_id: caller.school_to_list(filter.school_id)?,
        user_id: filter.user_id,
        entity: filter.entity,
        entity_id: filter.entity_id,
        action: filter.action,
        search: filter.search,
    };
    let mut tx = app.db.read().await?;
    let (records, total) = audit::list(&mut tx, &filter, paging.limit, paging.offset()).await?;
    Ok(Listed::page(records.into_iter().map(AuditRow::from).collect(), total, paging))
}

impl From<Record> for AuditRow {
    fn from(record: Record) -> AuditRow {
        // Rows that another program wrote may hold plain text.
        let details = record.details.map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)));
        AuditRow {
            id: record.id,
            at: record.at,
            user_id: record.user_id,
            actor: record.actor,
            action: record.action,
            entity: record.entity,
            entity_id: record.entity_id,
            school_id: record.school_id,
            details,
        }
    }
}
