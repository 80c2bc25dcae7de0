//! What people do in cal.com's own screens: the salon's staff, and somebody who is quicker.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Calcom, answer::Refusal, change, create, view};

impl Calcom {
    /// Another client books `start` first, through cal.com's booking page. Its webhooks fire.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn book_as_somebody_else(&self, event_type: i64, start: DateTime<Utc>) -> Result<String, String> {
        let known = self.state().event_types.get(&event_type).cloned();
        let fields = known.map(|event_type| event_type.booking_fields).unwrap_or_default();
        let custom = fields.iter().filter(|field| field["required"] == true);
        let responses: serde_json::Map<_, _> = custom
            .filter_map(|field| field["slug"].as_str())
            .filter(|slug| !matches!(*slug, "name" | "email" | "attendeePhoneNumber"))
            .map(|slug| (slug.to_owned(), json!("-")))
            .collect();
        // Each one is somebody new: a round robin would answer the same person's second booking with the first.
        let number = self.state().bookings.len() % 10_000;
        let (email, phone) = (format!("somebody.{number}@example.net"), format!("+7999000{number:04}"));
        let body = json!({
            "eventTypeId": event_type, "start": view::millis(start), "bookingFieldsResponses": responses,
            "attendee": {"name": "Somebody Else", "email": email, "phoneNumber": phone,
                         "timeZone": "UTC", "language": "en"},
        });
        create::book(self, &body, None, false).await.map_err(|refusal| refusal.message())
    }

    /// The salon's staff cancels a booking, with a reason. Its webhooks fire.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn cancel_in_ui(&self, uid: &str) -> Result<(), String> {
        let host = self.host_of(uid);
        let cancelled = change::cancel_booking(self, uid, Some("Cancelled by the salon"), host, false).await;
        cancelled.map_err(|refusal| refusal.message())
    }

    /// The salon's staff moves a booking; the new booking's uid. Its webhooks fire.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn reschedule_in_ui(&self, uid: &str, start: DateTime<Utc>) -> Result<String, String> {
        let host = self.host_of(uid);
        let by = host.and_then(|host| self.state().users.get(&host).map(|user| user.email.clone()));
        let body = json!({"start": view::millis(start), "rescheduledBy": by});
        change::move_booking(self, uid, &body, host, false).await.map_err(|refusal| refusal.message())
    }

    /// The salon's staff confirms a booking that waits for it.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn confirm_in_ui(&self, uid: &str) -> Result<(), String> {
        let host = self.host_of(uid);
        change::confirm_booking(self, uid, host, false).await.map_err(|refusal| refusal.message())
    }

    /// The salon's staff declines a booking that waits for confirmation.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn decline_in_ui(&self, uid: &str, reason: &str) -> Result<(), String> {
        let host = self.host_of(uid);
        change::decline_booking(self, uid, Some(reason), host, false).await.map_err(|refusal| refusal.message())
    }

    /// The salon's staff notes that the client did not come. Its webhook fires.
    ///
    /// # Errors
    /// cal.com's refusal.
    pub async fn mark_absent_in_ui(self: &std::sync::Arc<Self>, uid: &str) -> Result<(), String> {
        change::note_absence(self, uid, self.host_of(uid)).await.map_err(|refusal| refusal.message())
    }

    fn host_of(&self, uid: &str) -> Option<i64> {
        self.state().booking(uid).map(super::model::Booking::host)
    }
}

impl Refusal {
    fn message(&self) -> String {
        let body = self.body("", DateTime::UNIX_EPOCH);
        let text = body["message"].as_str().or_else(|| body["error"]["message"].as_str());
        text.unwrap_or_default().to_owned()
    }
}
