//! The buttons of a terminal. Each does what the call of the API does, and leads back with a message.

use axum::extract::State;

use crate::{
    app::App,
    devices::DeviceId,
    school::StudentId,
    sync::verify,
    web::{
        api::{removals, sync, trust, verification},
        extract::{OptionalJson, Path},
        pages::{Reply, Visitor},
    },
};

pub async fn sync_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = sync::sync_students(State(app), caller, Path(id)).await;
    let t = &view.w.terminal;
    view.back(&format!("/terminals/{id}"), done, |done| match done.commands_queued {
        0 => String::from(t.nothing_queued),
        queued => t.synced_again.count(queued).into(),
    })
}

pub async fn verify_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let begun = verification::verify_sync(State(app), caller, Path(id)).await;
    let t = &view.w.terminal;
    view.back(&format!("/terminals/{id}"), begun, |begun| match begun.state {
        verify::State::Reading => t.verify_begun,
        verify::State::Waiting => t.verify_waits,
    })
}

pub async fn confirm_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = trust::confirm_device(State(app), caller, Path(id)).await;
    view.back(&format!("/terminals/{id}"), done, |_| view.w.terminal.confirmed)
}

pub async fn retry_student(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, student)): Path<(DeviceId, StudentId)>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = sync::retry_student(State(app), caller, Path((id, student))).await;
    view.back(&format!("/terminals/{id}"), done, |_| view.w.terminal.retried)
}

/// From the differences, where he stands beside what the terminal holds.
pub async fn push_student(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, student)): Path<(DeviceId, StudentId)>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = sync::push_student(State(app), caller, Path((id, student))).await;
    view.back(&format!("/terminals/{id}/drift"), done, |_| view.w.terminal.retried)
}

pub async fn approve_removals(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = removals::approve_removals(State(app), caller, Path(id), OptionalJson::default()).await;
    view.back(&format!("/terminals/{id}"), done, |_| view.w.terminal.approved)
}

pub async fn reject_removals(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = removals::reject_removals(State(app), caller, Path(id), OptionalJson::default()).await;
    view.back(&format!("/terminals/{id}"), done, |_| view.w.terminal.rejected)
}
