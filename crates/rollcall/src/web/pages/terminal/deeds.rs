//! The buttons of a terminal. Each does what the call of the API does, and leads back with a message.

use axum::extract::State;

use crate::{
    app::App,
    devices::DeviceId,
    school::StudentId,
    sync::verify,
    web::{
        api::{removals, sync, trust, verification},
        envelope,
        extract::{OptionalJson, Path},
        pages::{Message, Reply, View, Visitor},
    },
};

pub async fn sync_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = sync::sync_students(State(app), caller, Path(id)).await;
    let t = &view.w.terminal;
    back(&view, id, done, |done| match done.commands_queued {
        0 => t.nothing_queued.into(),
        queued => t.synced_again.count(queued).into(),
    })
}

pub async fn verify_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let begun = verification::verify_sync(State(app), caller, Path(id)).await;
    let t = &view.w.terminal;
    back(&view, id, begun, |begun| match begun.state {
        verify::State::Reading => t.verify_begun.into(),
        verify::State::Waiting => t.verify_waits.into(),
    })
}

pub async fn confirm_terminal(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = trust::confirm_device(State(app), caller, Path(id)).await;
    back(&view, id, done, |_| view.w.terminal.confirmed.into())
}

pub async fn retry_student(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, student)): Path<(DeviceId, StudentId)>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = sync::retry_student(State(app), caller, Path((id, student))).await;
    back(&view, id, done, |_| view.w.terminal.retried.into())
}

pub async fn approve_removals(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = removals::approve_removals(State(app), caller, Path(id), OptionalJson::default()).await;
    back(&view, id, done, |_| view.w.terminal.approved.into())
}

pub async fn reject_removals(State(app): State<App>, visitor: Visitor, Path(id): Path<DeviceId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = removals::reject_removals(State(app), caller, Path(id), OptionalJson::default()).await;
    back(&view, id, done, |_| view.w.terminal.rejected.into())
}

/// Back to the terminal, with what it came to. What stands against it is a message; everything else is an error.
fn back<T>(view: &View, id: DeviceId, done: envelope::Reply<T>, says: impl FnOnce(T) -> String) -> Reply {
    let message = match done {
        Ok(answer) => Message::good(says(answer.into_data())),
        Err(error) if matches!(error.status().as_u16(), 409 | 422) => Message::problem(error.message()),
        Err(error) => return Err(error),
    };
    view.go(&format!("/terminals/{id}"), Some(message))
}
