//! The cases, each a test over all adapters, and the table of both.
#![allow(clippy::print_stdout, reason = "the table is for people to read")]

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures::FutureExt;

use super::{inbound, outbound};
use crate::channel::ChannelKind;

type Run = fn(ChannelKind) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($name:ident in $module:ident: $says:literal),+ $(,)?) => {
        const CASES: &[(&str, Run)] = &[$(($says, |kind| Box::pin($module::$name(kind)))),+];
        $(
            #[tokio::test]
            async fn $name() {
                for &kind in ChannelKind::ALL {
                    $module::$name(kind).await;
                }
            }
        )+
    };
}

cases! {
    names_and_declarations_agree in inbound: "names and declarations agree",
    a_proof_is_accepted in inbound: "proof: accepted",
    a_missing_or_double_proof_is_refused in inbound: "proof: missing or double refused",
    a_proof_with_one_bit_flipped_is_refused in inbound: "proof: one bit flipped refused",
    anothers_proof_is_refused in inbound: "proof: another account's refused",
    an_older_secret_still_counts in inbound: "proof: a rotated secret counts",
    webhooks_become_events in inbound: "webhooks become events that survive storage",
    a_repeated_delivery_is_the_same_event in inbound: "duplicate: the same event ids",
    a_batch_is_taken_apart in inbound: "batch: taken apart",
    an_unknown_kind_is_ignored in inbound: "unknown event: ignored, not refused",
    what_is_not_the_vendors_is_refused in inbound: "foreign body: refused, not repeated",
    an_oversized_text_is_one_event in inbound: "1 MB of text in any script: one event",
    answers_never_echo in inbound: "the answer is fixed",
    a_message_that_was_taken_has_the_vendors_id in outbound: "send: the vendor's id",
    a_wait_that_is_named_is_kept in outbound: "429 with a time",
    too_many_requests_are_retried in outbound: "429 without a time",
    every_error_of_the_table_is_classified in outbound: "every error of the table",
    server_errors_are_retried in outbound: "5xx",
    an_outcome_nobody_knows_is_unknown in outbound: "hang, lost answer: unknown, sent once",
    a_vendor_that_is_not_there_took_nothing in outbound: "no connection: nothing sent",
    every_screen_at_the_budgets_edge_is_sent in outbound: "every screen at the budget's edge",
    a_repeated_send_has_the_same_key in outbound: "a repeated send is byte for byte the same",
    secrets_are_in_nothing_that_is_printed in outbound: "secrets absent from Debug and errors",
}

/// Prints adapter x case. Fails as the cases do.
#[tokio::test]
async fn table() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut rows = Vec::new();
    for (says, run) in CASES {
        let mut row = Vec::new();
        for &kind in ChannelKind::ALL {
            row.push(AssertUnwindSafe(run(kind)).catch_unwind().await.is_ok());
        }
        rows.push((says, row));
    }
    std::panic::set_hook(quiet);
    let width = CASES.iter().map(|(says, _)| says.len()).max().unwrap_or_default();
    let heads: Vec<&str> = ChannelKind::ALL.iter().map(|kind| kind.as_str()).collect();
    println!("{:width$}  {}", "", heads.join("  "));
    for (says, row) in &rows {
        let cells: Vec<String> =
            row.iter().zip(&heads).map(|(ok, head)| format!("{:^1$}", if *ok { "ok" } else { "FAILED" }, head.len())).collect();
        println!("{says:width$}  {}", cells.join("  "));
    }
    assert!(rows.iter().all(|(_, row)| row.iter().all(|ok| *ok)), "see the table, and the tests of these names");
}
