//! The booking dialogue.
pub mod render;
/// x
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum SystemEvent {
    /// x
    X,
}
