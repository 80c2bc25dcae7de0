//! The cases, each a test over all adapters, and the table of both.
#![allow(clippy::print_stdout, reason = "the table is for people to read")]

use std::{any::Any, future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures::FutureExt;

use super::{bench::Bench, changes, clients, errors, fields, lost, notes, records, webhooks};
use crate::crm::CrmKind;

/// What came of a case that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Ok,
    /// It can't be asked of this CRM, and why not.
    No(&'static str),
}

type Run = for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = Cell> + 'a>>;

/// Runs a case in a CRM of its own.
async fn run(kind: CrmKind, case: Run) -> Cell {
    let bench = Bench::open(kind).await;
    let cell = case(&bench).await;
    bench.is_clean();
    cell
}

macro_rules! cases {
    ($($name:ident in $module:ident: $says:literal),+ $(,)?) => {
        const CASES: &[(&str, Run)] = &[$(($says, |bench| Box::pin($module::$name(bench)))),+];
        $(
            #[tokio::test]
            async fn $name() {
                for &kind in CrmKind::ALL {
                    run(kind, |bench| Box::pin($module::$name(bench))).await;
                }
            }
        )+
    };
}

cases! {
    a_client_is_made_once in clients: "client: made once, found again without a link",
    our_id_is_in_a_field_of_theirs in clients: "client: our id is in a field of theirs",
    a_linked_client_is_brought_up_to_date in clients: "client: brought up to date by its link",
    nothing_of_theirs_is_blanked in clients: "client: nothing of theirs is blanked",
    what_people_curated_stays in clients: "client: a curated name and number stay",
    namesakes_are_two in clients: "client: two of one name and no number are two",
    one_of_a_number_is_linked in clients: "client: one of the same number is linked",
    several_of_a_number_are_ambiguous in clients: "client: several are ambiguous, nothing written",
    the_number_of_another_client_is_ambiguous in clients: "client: another client's number is ambiguous",
    a_claimed_number_joins_nobody in clients: "client: a claimed number joins nobody",
    a_deleted_client_is_gone in clients: "client: deleted is gone, then made anew",
    a_merged_client_leads_to_the_survivor in clients: "client: merged leads to the survivor",
    an_enquiry_is_made_once in records: "enquiry: made once",
    a_visit_is_made_once_and_moved in records: "visit: made once, moved in place",
    a_visit_ends_in_five_ways in records: "visit: five states told apart",
    a_deleted_visit_is_gone in records: "visit, enquiry: deleted is gone, then made anew",
    instants_come_back in records: "visit: winter and summer instants come back",
    a_task_is_made_once in records: "task: made once, due when it is due",
    a_note_is_added_and_found in notes: "note: found, and not one that is taken",
    hostile_words_stay_words in notes: "note: markup, emoji, RTL, zero width",
    the_longest_note_is_whole in notes: "note: as long as its limit, whole",
    an_answer_cut_off_makes_no_double in lost: "lost answer, cut: one record",
    an_answer_that_never_comes_makes_no_double in lost: "lost answer, hang: one record",
    a_wrong_answer_makes_no_double in lost: "5xx after the work: one record",
    half_an_answer_makes_no_double in lost: "half an answer: one record",
    work_that_was_not_done_is_done_again in lost: "cut before the work: one record",
    a_change_whose_answer_is_lost_is_made_again in lost: "lost answer of a change: changed",
    a_refused_credential_is_a_persons_to_mend in errors: "401, 403",
    a_refused_value_is_refused_for_good in errors: "400 names the field where it is told",
    a_page_for_a_404_is_no_deletion in errors: "404: a page is no deletion",
    a_wait_that_is_named_is_kept in errors: "429 with and without a time",
    server_errors_are_retried_or_unknown in errors: "5xx on a read, on a write",
    a_page_is_no_answer in errors: "HTML for JSON",
    a_page_is_no_refusal in errors: "401, 403: a page is no refusal",
    half_an_answer_is_none in errors: "truncated JSON",
    an_error_told_with_200_is_one in errors: "200 with an error inside",
    silence_is_no_answer in errors: "hang, connection cut",
    a_redirect_is_not_followed in errors: "a redirect is not followed",
    an_endless_answer_is_cut in errors: "an answer over the limit",
    nobody_there_took_nothing in errors: "no connection: nothing sent",
    secrets_are_in_nothing_that_is_printed in errors: "secrets: not in Debug, failures, previews",
    every_field_is_described in fields: "fields: each is described",
    fields_that_are_missing_are_named_and_made in fields: "fields: missing are named, and made",
    a_word_that_is_missing_is_named in fields: "fields: a list without one of our words",
    renamed_fields_are_written in fields: "fields: renamed ones are written",
    fields_left_out_are_not_written in fields: "fields: left-out ones are not",
    their_words_are_written_and_read in fields: "fields: their words are written and read",
    what_people_changed_is_listed in changes: "changes: what people changed is listed",
    pages_skip_nothing in changes: "changes: pages skip nothing",
    a_gone_record_reads_as_none in changes: "read: gone is none",
    a_proof_is_accepted in webhooks: "webhook: genuine accepted, about the record",
    a_proof_with_one_bit_flipped_is_refused in webhooks: "webhook: one bit flipped refused",
    no_proof_and_anothers_are_refused in webhooks: "webhook: missing or another's refused",
    a_repeated_delivery_is_the_same_event in webhooks: "webhook: repeated is the same event",
    a_batch_is_taken_apart in webhooks: "webhook: a batch is taken apart",
    an_unknown_event_is_about_nothing in webhooks: "webhook: unknown event is about nothing",
    what_is_not_the_vendors_is_refused in webhooks: "webhook: foreign body refused",
}

/// Prints adapter x case, and below it why a cell is empty. Fails as the cases do.
#[tokio::test]
async fn table() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (says, case) in CASES {
        let mut row = Vec::new();
        for &kind in CrmKind::ALL {
            let cell = AssertUnwindSafe(run(kind, *case)).catch_unwind().await;
            row.push(cell.map_err(|panic| failed.push(format!("{says}: {}", message(panic.as_ref())))).ok());
        }
        rows.push((says, row));
    }
    std::panic::set_hook(quiet);
    let width = CASES.iter().map(|(says, _)| says.len()).max().unwrap_or_default();
    let heads: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
    println!("\n{:width$}  {}", "", heads.join("  "));
    let mut reasons: Vec<&str> = Vec::new();
    for (says, row) in &rows {
        let shown: Vec<String> =
            row.iter().zip(&heads).map(|(cell, head)| format!("{:^1$}", shown(*cell, &mut reasons), head.len())).collect();
        println!("{says:width$}  {}", shown.join("  "));
    }
    for (at, reason) in reasons.iter().enumerate() {
        println!("({}) {reason}", at + 1);
    }
    assert!(failed.is_empty(), "see the table, and the tests of these names:\n{}", failed.join("\n"));
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}

fn shown(cell: Option<Cell>, reasons: &mut Vec<&'static str>) -> String {
    match cell {
        Some(Cell::Ok) => "ok".to_owned(),
        Some(Cell::No(reason)) => {
            let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            format!("({})", at + 1)
        }
        None => "FAILED".to_owned(),
    }
}
