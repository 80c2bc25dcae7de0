//! Waiting for something to happen in a stand-in without sleeping.

use std::time::Duration;

use tokio::sync::watch;

/// Tells those who wait that something is different now.
#[derive(Debug)]
pub(crate) struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Changes {
    /// Something changed.
    pub(crate) fn touch(&self) {
        self.0.send_modify(|version| *version += 1);
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub(crate) async fn wait_for<T>(&self, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let mut changes = self.0.subscribe();
        let answered = async {
            loop {
                changes.mark_unchanged();
                if let Some(answer) = probe() {
                    return answer;
                }
                // The sender lives as long as `self`.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(patience, answered).await.ok()
    }
}
