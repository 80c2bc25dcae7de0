//! The directories: sources, stages, types.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A row of the directories that `crm.status.list` shows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    /// `SOURCE`, `STATUS`, `DEAL_STAGE`, `CONTACT_TYPE`, ...
    pub(super) entity: String,
    pub(super) id: String,
    pub(super) name: String,
    /// `S` for a good end, `F` for a bad one.
    #[serde(default)]
    pub(super) semantics: Option<String>,
}

/// The directories of a new portal.
pub(super) fn own() -> Vec<Status> {
    type Row = (&'static str, &'static str, Option<&'static str>);
    let directories: BTreeMap<&str, &[Row]> = BTreeMap::from([
        (
            "SOURCE",
            &[
                ("CALL", "Call", None),
                ("EMAIL", "E-mail", None),
                ("WEB", "Website", None),
                ("ADVERTISING", "Advertising", None),
                ("PARTNER", "Existing client", None),
                ("RECOMMENDATION", "By recommendation", None),
                ("OTHER", "Other", None),
            ] as &[Row],
        ),
        (
            "STATUS",
            &[
                ("NEW", "Unprocessed", None),
                ("IN_PROCESS", "In progress", None),
                ("PROCESSED", "Processed", None),
                ("CONVERTED", "Good lead", Some("S")),
                ("JUNK", "Junk lead", Some("F")),
            ],
        ),
        (
            "DEAL_STAGE",
            &[
                ("NEW", "New", None),
                ("PREPARATION", "Document preparation", None),
                ("EXECUTING", "In progress", None),
                ("WON", "Deal successful", Some("S")),
                ("LOSE", "Deal failed", Some("F")),
                ("APOLOGY", "Failure reason analysis", Some("F")),
            ],
        ),
        ("DEAL_TYPE", &[("SALE", "Sale", None), ("SERVICE", "Service", None)]),
        ("CONTACT_TYPE", &[("CLIENT", "Client", None), ("SUPPLIER", "Supplier", None), ("OTHER", "Other", None)]),
        ("HONORIFIC", &[("HNR_EN_1", "Mr.", None), ("HNR_EN_2", "Mrs.", None)]),
    ]);
    let row = |entity: &str, (id, name, semantics): &Row| Status {
        entity: entity.to_owned(),
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        semantics: semantics.map(str::to_owned),
    };
    directories.iter().flat_map(|(entity, rows)| rows.iter().map(|one| row(entity, one))).collect()
}
