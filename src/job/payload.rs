//! Every job there is, as data: what it carries (ids, never a person's data), its queue, and how it is treated.

use std::{fmt, str::FromStr, time::Duration};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Backoff;
use crate::{
    dialogue::SystemEvent,
    ids::{BookingId, ConnectionId, ConversationId, InboundEventId, IntentId, MessageId, ReminderId, ServiceId, StaffId},
};

macro_rules! queues {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A queue: what scales on its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Queue { $($(#[$doc])* $name),+ }

        impl Queue {
            /// Every queue there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the database, on the command line and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

queues! {
    /// Turns of the dialogue.
    Dialogue = "dialogue",
    /// Calls to the calendar.
    Calendar = "calendar",
    /// Messages to clients.
    Outbound = "outbound",
    /// Calls to the CRM.
    Crm = "crm",
    /// Due reminders.
    Reminder = "reminder",
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Queue {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|queue| queue.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|queue| queue.as_str()).collect();
            format!("no queue named {name:?}: expected one of {}", known.join(", "))
        })
    }
}

/// Whose work goes first. A lower class never waits for a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkClass {
    /// A person waits for the answer.
    Interactive = 0,
    /// Promised for a time: confirmations, reminders.
    Timely = 1,
    /// Nobody waits: CRM records, reconciliation.
    Background = 2,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// A messenger's event takes its turn in the dialogue.
    HandleInbound {
        /// The event.
        inbound_event: InboundEventId,
    },
    /// A messenger's event that is no turn of the dialogue is noted: a report about a message of ours, a message taken back, a notice about
    /// the account.
    NoteEvent {
        /// The event.
        inbound_event: InboundEventId,
    },
    /// Something the dialogue waited for has come about.
    ContinueDialogue {
        /// Whose dialogue.
        conversation: ConversationId,
        /// What came about.
        event: SystemEvent,
    },
    /// Free times are asked for.
    LoadSlots {
        /// For whom.
        conversation: ConversationId,
        /// The session's version that asked: an answer to an older question is dropped.
        request: u64,
        /// The service.
        service: ServiceId,
        /// The master; none for any.
        staff: Option<StaffId>,
        /// First day, in the salon's zone.
        from: NaiveDate,
        /// Last day, inclusive, in the salon's zone.
        to: NaiveDate,
    },
    /// The calendar is asked to book.
    CreateBooking {
        /// Our row.
        booking: BookingId,
    },
    /// The calendar is asked to cancel.
    CancelBooking {
        /// Our row.
        booking: BookingId,
    },
    /// A calendar's webhook says that something changed: read it.
    ReadCalendarHint {
        /// The event.
        inbound_event: InboundEventId,
    },
    /// What webhooks missed is read.
    ReconcileCalendar {},
    /// A message is sent.
    SendMessage {
        /// The row of the message log.
        message: MessageId,
    },
    /// The client sees that what they did was seen: a press is acknowledged, or an answer is shown to be on its way.
    Attend {
        /// What they did.
        inbound_event: InboundEventId,
    },
    /// A person's name is asked for at the messenger.
    LearnName {
        /// In whose talk.
        conversation: ConversationId,
    },
    /// A message that was tried and not seen to arrive goes to the client's next channel.
    CheckDelivery {
        /// The row of the message log.
        message: MessageId,
    },
    /// The salon's channel accounts are looked after.
    WatchChannels {},
    /// The CRM is told something.
    SyncCrm {
        /// The intent.
        intent: IntentId,
    },
    /// A CRM's webhook says that something changed: read it.
    ReadCrmHint {
        /// The event.
        inbound_event: InboundEventId,
    },
    /// What a CRM's webhooks missed is read, and compared with ours.
    ReconcileCrm {
        /// At which connection.
        connection: ConnectionId,
    },
    /// What people answered clients in a CRM's own inbox is read.
    PollInbox {
        /// Of which CRM.
        connection: ConnectionId,
    },
    /// A reminder is due.
    FireReminder {
        /// The reminder.
        reminder: ReminderId,
    },
}

/// How a job is treated.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in the database and in metrics.
    pub kind: &'static str,
    /// Its queue.
    pub queue: Queue,
    /// Its class.
    pub class: WorkClass,
    /// After so many reported failures it is a dead letter.
    pub tries: u32,
    /// After so many counted runs it is a dead letter, whatever became of them: never fewer than [`RUNS`], since a run that was killed
    /// says nothing about the work.
    pub max_attempts: u32,
    /// After so long a run is cut off and counts as failed.
    pub timeout: Duration,
    /// The delays between attempts.
    pub backoff: Backoff,
}

/// How many runs even a job of few tries gets.
const RUNS: u32 = 10;

const fn secs(first: u64, factor: u32, cap: u64) -> Backoff {
    Backoff { first: Duration::from_secs(first), factor, cap: Duration::from_secs(cap) }
}

/// Against our own database: short, then it is a fault to be looked at.
const OURS: Backoff = secs(1, 2, 60);
/// Against a messenger: 1, 4, 16, 64, 256 s, then every 10 minutes until the message loses its sense.
const MESSENGER: Backoff = secs(1, 4, 600);
/// Against a calendar, with a person waiting.
const CALENDAR: Backoff = secs(2, 3, 300);
/// Against a CRM: within a minute first, then over hours.
const CRM: Backoff = secs(15, 3, 3 * 3600);

impl Job {
    /// How this job is treated.
    pub const fn spec(&self) -> Spec {
        use WorkClass::{Background, Interactive, Timely};
        let (kind, queue, class, tries, timeout, backoff) = match self {
            Self::HandleInbound { .. } => ("handle_inbound", Queue::Dialogue, Interactive, 25, 30, OURS),
            Self::NoteEvent { .. } => ("note_event", Queue::Dialogue, Timely, 12, 30, OURS),
            Self::ContinueDialogue { .. } => ("continue_dialogue", Queue::Dialogue, Interactive, 25, 30, OURS),
            Self::LoadSlots { .. } => ("load_slots", Queue::Calendar, Interactive, 4, 60, CALENDAR),
            Self::CreateBooking { .. } => ("create_booking", Queue::Calendar, Interactive, 10, 90, CALENDAR),
            Self::CancelBooking { .. } => ("cancel_booking", Queue::Calendar, Interactive, 10, 90, CALENDAR),
            Self::ReadCalendarHint { .. } => ("read_calendar_hint", Queue::Calendar, Timely, 8, 60, CALENDAR),
            Self::ReconcileCalendar {} => ("reconcile_calendar", Queue::Calendar, Background, 3, 300, CALENDAR),
            Self::SendMessage { .. } => ("send_message", Queue::Outbound, Timely, 20, 60, MESSENGER),
            Self::Attend { .. } => ("attend", Queue::Outbound, Interactive, 12, 20, MESSENGER),
            Self::LearnName { .. } => ("learn_name", Queue::Outbound, Background, 5, 30, MESSENGER),
            Self::CheckDelivery { .. } => ("check_delivery", Queue::Outbound, Timely, 12, 30, OURS),
            Self::WatchChannels {} => ("watch_channels", Queue::Outbound, Background, 3, 300, OURS),
            Self::SyncCrm { .. } => ("sync_crm", Queue::Crm, Background, 20, 60, CRM),
            Self::ReadCrmHint { .. } => ("read_crm_hint", Queue::Crm, Background, 10, 60, CRM),
            Self::ReconcileCrm { .. } => ("reconcile_crm", Queue::Crm, Background, 3, 300, CRM),
            Self::PollInbox { .. } => ("poll_inbox", Queue::Crm, Background, 3, 300, CRM),
            Self::FireReminder { .. } => ("fire_reminder", Queue::Reminder, Timely, 10, 30, OURS),
        };
        let max_attempts = if tries > RUNS { tries } else { RUNS };
        Spec { kind, queue, class, tries, max_attempts, timeout: Duration::from_secs(timeout), backoff }
    }

    /// The row this job works for: while the job or its dead letter is open, that row is accounted for.
    pub const fn subject(&self) -> Option<Uuid> {
        match self {
            Self::HandleInbound { inbound_event }
            | Self::NoteEvent { inbound_event }
            | Self::ReadCalendarHint { inbound_event }
            | Self::ReadCrmHint { inbound_event } => Some(inbound_event.0),
            Self::CreateBooking { booking } | Self::CancelBooking { booking } => Some(booking.0),
            Self::SendMessage { message } => Some(message.0),
            Self::SyncCrm { intent } => Some(intent.0),
            Self::FireReminder { reminder } => Some(reminder.0),
            Self::ContinueDialogue { .. }
            | Self::LoadSlots { .. }
            | Self::Attend { .. }
            | Self::LearnName { .. }
            | Self::CheckDelivery { .. }
            | Self::ReconcileCalendar {}
            | Self::ReconcileCrm { .. }
            | Self::WatchChannels {}
            | Self::PollInbox { .. } => None,
        }
    }
}
