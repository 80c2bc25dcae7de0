//! One file per job. A handler is idempotent: it reads where its row stands, and a second run of a finished job does nothing.

mod attend;
mod attribution;
mod calendar;
mod cancel_booking;
mod check_delivery;
mod continue_dialogue;
mod create_booking;
mod crm;
mod echo;
mod fallback;
mod fire_reminder;
mod handle_inbound;
mod last_words;
mod learn_name;
mod load_slots;
mod note_event;
mod read_calendar_hint;
mod reconcile_calendar;
mod salon;
mod send_message;
mod turn;
mod watch_channels;
mod wording;

use apalis::prelude::Data;
use salon_core::job::{Job, Queue};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// Runs a job: the one place that names every handler.
///
/// # Errors
/// As the handler says.
pub async fn run(assignment: Assignment, ctx: Data<Ctx>) -> Result<(), JobError> {
    let ctx: &Ctx = &ctx;
    if let Some(why) = &assignment.last_words {
        return last_words::run(ctx, &assignment, why).await;
    }
    // Before anything is read: what waits for a vendor that hangs comes by often.
    let _place = match assignment.job.spec().queue {
        queue @ (Queue::Calendar | Queue::Crm) => Some(ctx.bulkhead.salon(queue, assignment.tenant)?),
        Queue::Dialogue | Queue::Outbound | Queue::Reminder => None,
    };
    match assignment.job.clone() {
        Job::HandleInbound { inbound_event } => handle_inbound::run(ctx, &assignment, inbound_event).await,
        Job::NoteEvent { inbound_event } => note_event::run(ctx, &assignment, inbound_event).await,
        Job::ContinueDialogue { conversation, event } => continue_dialogue::run(ctx, &assignment, conversation, event).await,
        Job::LoadSlots { conversation, request, service, staff, from, to } => {
            let question = load_slots::Question { conversation, request, service, staff, from, to };
            load_slots::run(ctx, &assignment, question).await
        }
        Job::CreateBooking { booking } => create_booking::run(ctx, &assignment, booking).await,
        Job::CancelBooking { booking } => cancel_booking::run(ctx, &assignment, booking).await,
        Job::ReadCalendarHint { inbound_event } => read_calendar_hint::run(ctx, &assignment, inbound_event).await,
        Job::ReconcileCalendar {} => reconcile_calendar::run(ctx, &assignment).await,
        Job::SendMessage { message } => send_message::run(ctx, &assignment, message).await,
        Job::Attend { inbound_event } => attend::run(ctx, &assignment, inbound_event).await,
        Job::LearnName { conversation } => learn_name::run(ctx, &assignment, conversation).await,
        Job::CheckDelivery { message } => check_delivery::run(ctx, &assignment, message).await,
        Job::WatchChannels {} => watch_channels::run(ctx, &assignment).await,
        Job::SyncCrm { intent } => crm::run(ctx, &assignment, intent).await,
        Job::ReadCrmHint { inbound_event } => crm::hint::run(ctx, &assignment, inbound_event).await,
        Job::ReconcileCrm { connection } => crm::reconcile::run(ctx, &assignment, connection).await,
        Job::PollInbox { connection } => crm::inbox::run(ctx, &assignment, connection).await,
        Job::FireReminder { reminder } => fire_reminder::run(ctx, &assignment, reminder).await,
    }
}
