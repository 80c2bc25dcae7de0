//! What the control API and the page need from a stand-in, whatever vendor it plays.

use std::sync::Arc;

use axum::Router;
use serde_json::Value;

/// A stand-in.
#[async_trait::async_trait]
pub trait Vendor: Send + Sync + std::fmt::Debug {
    /// Name in paths, faults and the ledger.
    fn name(&self) -> &'static str;
    /// The vendor's own HTTP interface.
    fn router(self: Arc<Self>) -> Router;
    /// What a chat page may show.
    fn snapshot(&self) -> Value;
    /// Puts data into it that exists before the product comes.
    ///
    /// # Errors
    ///
    /// Why the data can't be used.
    fn seed(&self, data: &Value) -> Result<(), String>;
    /// Lets the salon's staff do something in the vendor's own screens.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    async fn act(&self, action: Value) -> Result<Value, String>;
}
