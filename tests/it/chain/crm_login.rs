//! A CRM that is let in to by a login: its access tokens run out, and the refresh token dies by each renewal.

use salon_core::{
    crm::{Tokens, UNATTENDED},
    ids::ConnectionId,
    job::{Job, NewJob},
    tenant::{self, Renewal, Renewer},
};
use salon_sandbox::{Scenario, fault::Fault};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Chain, RU, crm_storm, minutes};

const APPLICATION: crm_storm::Provider = crm_storm::Provider {
    section: "bitrix24: { base_url: http://sandbox.invalid/bitrix24, oauth_url: http://sandbox.invalid/bitrix24, client_id: app.1, client_secret: appsecret, responsible_id: 1, per_second: 1000 }",
    ..crm_storm::BITRIX24
};

fn portal() -> Value {
    let mut seed = crm_storm::bitrix24_seed();
    seed["apps"] = json!([{
        "client_id": "app.1", "client_secret": "appsecret", "user": 1, "scopes": ["crm", "user"],
        "access_token": "access1", "refresh_token": "refresh1",
    }]);
    seed
}

async fn logged_in() -> (Chain, ConnectionId) {
    let seed = [("bitrix24".to_owned(), portal())].into_iter().collect();
    let chain = Chain::with_crm(UNATTENDED, &Scenario { seed }, |salon| crm_storm::with_section(salon, &APPLICATION)).await;
    let id: ConnectionId = chain.value("select id from connection where tenant_id = $1 and kind = 'bitrix24'").await;
    let tokens = Tokens { access: "access1".to_owned().into(), refresh: "refresh1".to_owned().into() };
    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    tenant::store_tokens(&mut tx, id, &tokens, &chain.keyring, chain.db.ids()).await.unwrap();
    tx.commit().await.unwrap();
    (chain, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ran_out_is_renewed_once_whoever_finds_it() {
    let (chain, id) = logged_in().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.pass(minutes(1)).await;
    let portal = || chain.sandbox.bitrix24.snapshot();
    // The scenario is older than a token lives.
    assert_eq!((portal()["contacts"].as_array().unwrap().len(), &portal()["renewals"]), (1, &json!(1)));
    for renewals in 2..=3 {
        // Longer than a token lives, and then several at once.
        chain.go_to(chain.now() + minutes(61));
        let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
        for _ in 0..4 {
            tx.enqueue(NewJob::new(Job::ReconcileCrm { connection: id })).await.unwrap();
        }
        tx.commit().await.unwrap();
        chain.pass(minutes(2)).await;
        assert_eq!(portal()["renewals"], renewals);
    }
    let status: String = chain.value("select status from connection where tenant_id = $1 and kind = 'bitrix24'").await;
    assert_eq!(status, "active");
    chain.finish().await;
}

/// A process stood still for longer than its lease, and comes with a token that another one has used up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_comes_too_late_finds_the_other_ones() {
    let (mut chain, id) = logged_in().await;
    chain.rest().await;
    let read = async || {
        let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
        tenant::crm_connection(&mut tx, id, &chain.keyring).await.unwrap().unwrap()
    };
    let used = read().await;
    let renewer = Renewer { db: &chain.db, http: &chain.http, keyring: &chain.keyring, patience: UNATTENDED };
    let renew = async || match renewer.renew(chain.lotos.tenant, &used).await.unwrap() {
        Renewal::Done(now) => now.account.secrets.token.unwrap().expose_secret().to_owned(),
        other => panic!("{other:?}"),
    };
    chain.plan("bitrix24", "oauth.token", Fault::Slow { ms: 2000 }, 1);
    let other = async {
        chain.until("the first request is there", async || chain.faults_are_used_up().then_some(())).await;
        chain.go_to(chain.now() + minutes(2));
        renew().await
    };
    let (late, other) = futures::future::join(renew(), other).await;
    assert_eq!((late, chain.sandbox.bitrix24.snapshot()["renewals"].clone()), (other, json!(1)));
    assert!(read().await.status.is_active());
    chain.start_workers();
    chain.finish().await;
}
