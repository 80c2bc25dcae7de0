//! A job has used up its attempts, and the last one ended without a word: its worker was killed, or it hung or panicked. What its handler
//! would have done on a last attempt that failed is done here, and the job is dead.
//!
//! As a run of the same job, not as a job of its own made by the reaper: it keeps its place in its lane, its row stays in its hands
//! until everything is said, leases, retries and bounds are those that every run has, and no letter is open before its client was told.
//! What brought the worker down is not tried again: nothing here calls a vendor.

use salon_core::job::Job;

use super::{cancel_booking, create_booking, load_slots, send_message};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, why: &str) -> Result<(), JobError> {
    match assignment.job.clone() {
        Job::CreateBooking { booking } => create_booking::give_up(ctx, assignment, booking).await?,
        Job::CancelBooking { booking } => cancel_booking::keep(ctx, assignment, booking, "no_answer").await?,
        Job::LoadSlots { conversation, request, .. } => load_slots::failed(ctx, assignment, conversation, request).await?,
        Job::SendMessage { message } => send_message::give_up(ctx, assignment, message).await?,
        // Their handlers say nothing on a last attempt either: the letter says it.
        Job::HandleInbound { .. }
        | Job::ContinueDialogue { .. }
        | Job::ReadCalendarHint { .. }
        | Job::ReconcileCalendar {}
        | Job::NoteEvent { .. }
        | Job::Attend { .. }
        | Job::LearnName { .. }
        | Job::CheckDelivery { .. }
        | Job::WatchChannels {}
        | Job::ReadCrmHint { .. }
        | Job::ReconcileCrm { .. }
        | Job::SyncCrm { .. }
        | Job::PollInbox { .. }
        | Job::FireReminder { .. } => {}
    }
    Err(JobError::Dead(why.into()))
}
