//! The subgraph over a real database, asked as the gateway asks it: through its route, with the gateway's headers.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    graphql::{Deps, router},
    ids::{RandomIds, TenantId},
    ops::unit::Unit,
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tower::ServiceExt;
use uuid::Uuid;

use crate::harness::{NOW, World};

const LOTOS_BRAND: &str = "Jd83kfLq02mNsX5tY";
const ROZA_BRAND: &str = "Kd83kfLq02mNsX5tZ";
/// Knows both salons.
const ANNA: &str = "customer-anna";
/// Knows `roza` only.
const BORIS: &str = "customer-boris";

/// Two salons with people in them, and the subgraph.
struct Salons {
    world: World,
    subgraph: Router,
    lotos: Seeded,
    roza: Seeded,
}

/// What a salon got.
struct Seeded {
    tenant: TenantId,
    client: Uuid,
    conversation: Uuid,
}

fn at(hours: i64) -> DateTime<Utc> {
    NOW.parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

impl Salons {
    async fn new() -> Self {
        let world = World::new().await;
        let mut owner = world.owner().await;
        let lotos = seed(&mut owner, world.lotos, 0, ANNA).await;
        let roza = seed(&mut owner, world.roza, 100, ANNA).await;
        let boris = add_client(&mut owner, world.roza, 200, BORIS).await;
        add_booking(&mut owner, world.roza, boris, 50, 250).await;
        let subgraph = router(Deps { db: world.db.clone(), router_secret: None });
        Self { world, subgraph, lotos, roza }
    }

    /// Asks, and tells the answer and how many statements it took.
    async fn ask_counting(&self, user: Option<&Value>, query: &str, variables: Value) -> (Value, u32) {
        let unit = Unit::new(None, &*self.world.clock, &RandomIds::default());
        let body = json!({ "query": query, "variables": variables }).to_string();
        let response = unit.run(self.subgraph.clone().oneshot(request(user, &body))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (serde_json::from_slice(&bytes).unwrap(), unit.queries())
    }

    async fn ask_with(&self, user: Option<&Value>, query: &str, variables: Value) -> Value {
        self.ask_counting(user, query, variables).await.0
    }

    async fn ask(&self, user: &Value, query: &str) -> Value {
        self.ask_with(Some(user), query, json!({})).await
    }

    /// The data of an answer that must have no errors.
    async fn data(&self, user: &Value, query: &str) -> Value {
        let mut answer = self.ask(user, query).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    /// The code and message of an answer that must have exactly one error.
    async fn refusal(&self, user: Option<&Value>, query: &str) -> (String, String) {
        let answer = self.ask_with(user, query, json!({})).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no refusal: {query} gave {answer}"));
        assert_eq!(errors.len(), 1, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&errors[0]["extensions"]["code"]), text(&errors[0]["message"]))
    }
}

fn request(user: Option<&Value>, body: &str) -> Request<Body> {
    let request = Request::post("/graphql").header("content-type", "application/json");
    let request = match user {
        Some(user) => {
            request.header("userid", user["_id"].as_str().unwrap()).header("user", BASE64_STANDARD.encode(user.to_string()))
        }
        None => request.header("userid", ""),
    };
    request.body(Body::from(body.to_owned())).unwrap()
}

fn owner() -> Value {
    json!({ "_id": "u-owner", "isOwner": true })
}

fn viewer(brands: &[&str]) -> Value {
    json!({ "_id": "u-viewer", "isOwner": false, "brandIds": brands, "permissionGroupIds": ["salon:viewer"] })
}

/// Ids with a recent timestamp, so that rows fall into the partitions that exist and keep an order the test knows.
fn id(n: u128) -> Uuid {
    let millis = u128::from(u64::try_from(at(0).timestamp_millis()).unwrap());
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (0x8 << 60) | n)
}

async fn seed(owner: &mut PgConnection, tenant: TenantId, base: u128, customer: &str) -> Seeded {
    let client = add_client(owner, tenant, base, customer).await;
    for n in 0..5_u32 {
        // Two by two at the same time: the order must not rest on the time alone.
        add_booking(owner, tenant, client, 24 + i64::from(n / 2), base + 10 + u128::from(n)).await;
    }
    let account: Uuid = sqlx::query_scalar("select id from channel_account where tenant_id = $1")
        .bind(tenant)
        .fetch_one(&mut *owner)
        .await
        .unwrap();
    let conversation = id(base + 2);
    for n in 0..5_u128 {
        let (kind, direction, state) = if n == 0 { ("contact", "in", "received") } else { ("answer", "out", "sent") };
        let text = if n == 0 { "+79161234567".to_owned() } else { format!("message {n}") };
        sqlx::query(
            "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(id(base + 20 + n)).bind(tenant).bind(conversation).bind(client).bind(account).bind(direction).bind(kind)
        .bind(json!({ "text": text })).bind(state).bind(at(0))
        .execute(&mut *owner).await.unwrap();
        sqlx::query(
            "insert into enquiry (id, tenant_id, idempotency_key, digest, source, name, phone, email, service_key, message, ref, utm, consent, tracking_code, client_id, created_at)
             values ($1, $2, $3, '', 'site_form', 'Анна', '+79161234567', 'anna@example.com', 'haircut', 'Можно в субботу?', 'vera', '{\"source\": \"maps\"}', true, $3, $4, $5)",
        )
        .bind(id(base + 30 + n)).bind(tenant).bind(format!("CODE-{n}")).bind(client).bind(at(0))
        .execute(&mut *owner).await.unwrap();
    }
    Seeded { tenant, client, conversation }
}

async fn add_client(owner: &mut PgConnection, tenant: TenantId, base: u128, customer: &str) -> Uuid {
    let client = id(base + 1);
    sqlx::query(
        "insert into client (id, tenant_id, name, phone, created_at, updated_at) values ($1, $2, 'Анна', '+79161234567', $3, $3)",
    )
    .bind(client)
    .bind(tenant)
    .bind(at(0))
    .execute(&mut *owner)
    .await
    .unwrap();
    sqlx::query(
        "insert into crm_link (tenant_id, connection_id, entity, our_id, their_id, created_at)
         select $1, c.id, 'client', $2, $3, $4 from connection c where c.tenant_id = $1 and c.kind = 'erxes'",
    )
    .bind(tenant)
    .bind(client)
    .bind(customer)
    .bind(at(0))
    .execute(&mut *owner)
    .await
    .unwrap();
    client
}

async fn add_booking(owner: &mut PgConnection, tenant: TenantId, client: Uuid, hours: i64, n: u128) {
    sqlx::query(
        "insert into booking (id, tenant_id, client_id, service_id, staff_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
         select $1, $2, $3, s.id, f.id, 1, $4, 'calendar', $5, $5 + interval '1 hour', 'booked', $6, $6
         from service s, staff f where s.tenant_id = $2 and s.key = 'haircut' and f.tenant_id = $2 and f.key = 'anna'",
    )
    .bind(id(n)).bind(tenant).bind(client).bind(format!("key {n}")).bind(at(hours)).bind(at(0))
    .execute(&mut *owner).await.unwrap();
}

/// The values of one field along a list.
fn along(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everybody_sees_their_own_salons_and_no_others() {
    let salons = Salons::new().await;
    let looked = "update channel_account set watched_at = now(), vendor_name = 'lotos_bot', pending_updates = 7, problems = '{Read timeout}'
        where tenant_id = (select id from tenant where slug = 'lotos')";
    sqlx::query(looked).execute(&mut salons.world.owner().await).await.unwrap();
    let query = "{ salonTenants { list { slug brand { _id } channelAccounts { kind name status brokenReason vendorName pendingUpdates problems } } totalCount } }";
    let seen = async |user: &Value| {
        let data = salons.data(user, query).await;
        let tenants = &data["salonTenants"];
        assert_eq!(tenants["totalCount"], tenants["list"].as_array().unwrap().len());
        along(&tenants["list"], "slug")
    };
    assert_eq!(seen(&owner()).await, ["lotos", "roza"]);
    assert_eq!(seen(&viewer(&[LOTOS_BRAND])).await, ["lotos"]);
    assert_eq!(seen(&viewer(&[LOTOS_BRAND, ROZA_BRAND, "another"])).await, ["lotos", "roza"]);
    assert!(seen(&viewer(&[])).await.is_empty(), "no brand, no salon");

    let data = salons.data(&viewer(&[LOTOS_BRAND]), query).await;
    let lotos = &data["salonTenants"]["list"][0];
    assert_eq!(lotos["brand"]["_id"], LOTOS_BRAND);
    assert_eq!(
        lotos["channelAccounts"],
        json!([{ "kind": "telegram", "name": "main", "status": "active", "brokenReason": null,
                 "vendorName": "lotos_bot", "pendingUpdates": 7, "problems": ["Read timeout"] }])
    );
}

#[tokio::test]
async fn the_wrong_tenant_is_not_there_whichever_way_it_is_asked_for() {
    let salons = Salons::new().await;
    let (mine, lotos, roza) = (viewer(&[LOTOS_BRAND]), salons.lotos.tenant, salons.roza.tenant);
    for wrong in [roza.to_string(), Uuid::nil().to_string(), "no-uuid".to_owned()] {
        for query in [
            format!("{{ salonTenantDetail(_id: \"{wrong}\") {{ name }} }}"),
            format!("{{ salonBookings(tenantId: \"{wrong}\") {{ totalCount }} }}"),
            format!("{{ salonMessages(tenantId: \"{wrong}\") {{ totalCount }} }}"),
            format!("{{ salonEnquiries(tenantId: \"{wrong}\") {{ totalCount }} }}"),
        ] {
            let (code, _) = salons.refusal(Some(&mine), &query).await;
            assert_eq!(code, "NOT_FOUND", "{query}");
        }
    }
    let nowhere = format!("{{ salonBookings(tenantId: \"{}\") {{ totalCount }} }}", Uuid::nil());
    assert_eq!(salons.refusal(Some(&owner()), &nowhere).await.0, "NOT_FOUND", "nor for the owner, if there is none");

    // The neighbour's ids as filters of one's own lists.
    let Seeded { client, conversation, .. } = salons.roza;
    for query in [
        format!("{{ salonBookings(tenantId: \"{lotos}\", clientId: \"{client}\") {{ list {{ _id }} totalCount }} }}"),
        format!("{{ salonMessages(tenantId: \"{lotos}\", clientId: \"{client}\") {{ list {{ _id }} totalCount }} }}"),
        format!("{{ salonEnquiries(tenantId: \"{lotos}\", clientId: \"{client}\") {{ list {{ _id }} totalCount }} }}"),
        format!("{{ salonMessages(tenantId: \"{lotos}\", conversationId: \"{conversation}\") {{ list {{ _id }} totalCount }} }}"),
    ] {
        let data = salons.data(&mine, &query).await;
        let list = data.as_object().unwrap().values().next().unwrap();
        assert_eq!(*list, json!({ "list": [], "totalCount": 0 }), "{query}");
    }

    // The neighbour's customers and brand as entities.
    let entities =
        "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Customer { _id salonBookings { tenant { slug } }
        salonMessages { tenant { slug } } } ... on Brand { _id salonTenant { slug } } } }";
    let of = json!({ "of": [
        { "__typename": "Customer", "_id": ANNA }, { "__typename": "Customer", "_id": BORIS }, { "__typename": "Customer", "_id": "stranger" },
        { "__typename": "Brand", "_id": LOTOS_BRAND }, { "__typename": "Brand", "_id": ROZA_BRAND }, { "__typename": "Brand", "_id": "another" },
    ] });
    let answer = salons.ask_with(Some(&mine), entities, of).await;
    assert_eq!(answer.get("errors"), None);
    let lotos = json!({ "tenant": { "slug": "lotos" } });
    let five = json!([lotos, lotos, lotos, lotos, lotos]);
    assert_eq!(
        answer["data"]["_entities"],
        json!([
            { "_id": ANNA, "salonBookings": five, "salonMessages": five },
            { "_id": BORIS, "salonBookings": [], "salonMessages": [] },
            { "_id": "stranger", "salonBookings": [], "salonMessages": [] },
            { "_id": LOTOS_BRAND, "salonTenant": { "slug": "lotos" } },
            { "_id": ROZA_BRAND, "salonTenant": null },
            { "_id": "another", "salonTenant": null },
        ])
    );
}

#[tokio::test]
async fn who_may_not_look_is_told_so_and_told_nothing_else() {
    let salons = Salons::new().await;
    let tenant = salons.lotos.tenant;
    let stranger =
        json!({ "_id": "u-stranger", "isOwner": false, "brandIds": [LOTOS_BRAND], "permissionGroupIds": ["sales:admin"] });
    let fields = [
        "salonTenants { totalCount }".to_owned(),
        format!("salonTenantDetail(_id: \"{tenant}\") {{ name }}"),
        format!("salonBookings(tenantId: \"{tenant}\") {{ totalCount }}"),
        format!("salonMessages(tenantId: \"{tenant}\") {{ totalCount }}"),
        format!("salonEnquiries(tenantId: \"{tenant}\") {{ totalCount }}"),
        format!(
            "_entities(representations: [{{ __typename: \"Customer\", _id: \"{ANNA}\" }}]) {{ ... on Customer {{ salonBookings {{ _id }} }} }}"
        ),
        format!(
            "_entities(representations: [{{ __typename: \"Customer\", _id: \"{ANNA}\" }}]) {{ ... on Customer {{ salonMessages {{ _id }} }} }}"
        ),
        format!(
            "_entities(representations: [{{ __typename: \"Brand\", _id: \"{LOTOS_BRAND}\" }}]) {{ ... on Brand {{ salonTenant {{ _id }} }} }}"
        ),
    ];
    for field in fields {
        let query = format!("{{ {field} }}");
        for (who, expected) in [(None, "UNAUTHENTICATED"), (Some(&stranger), "FORBIDDEN")] {
            let (code, message) = salons.refusal(who, &query).await;
            assert_eq!(code, expected, "{query}");
            assert!(!message.contains("Login required"), "the erxes UI logs its user out at these words");
        }
    }
    let (answer, statements) = salons.ask_counting(None, "{ salonTenants { totalCount } }", json!({})).await;
    assert_eq!((&answer["data"]["salonTenants"], statements), (&Value::Null, 0), "nobody costs the database nothing");
}

#[tokio::test]
async fn a_forged_user_is_nobody() {
    let salons = Salons::new().await;
    let body = json!({ "query": "{ salonTenants { totalCount } }" }).to_string();
    let forged = BASE64_STANDARD.encode(json!({ "_id": "evil", "isOwner": true }).to_string());
    for user_id in ["", "userId", "another"] {
        let mut request = request(None, &body);
        request.headers_mut().insert("userid", user_id.parse().unwrap());
        request.headers_mut().insert("user", forged.parse().unwrap());
        let response = salons.subgraph.clone().oneshot(request).await.unwrap();
        let answer: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{user_id:?}");
    }

    let guarded = router(Deps { db: salons.world.db.clone(), router_secret: Some("s3cret".into()) });
    for (secret, refused) in [(None, true), (Some("guess"), true), (Some("s3cret"), false)] {
        let mut request = request(Some(&owner()), &body);
        if let Some(secret) = secret {
            request.headers_mut().insert("router-authorization", secret.parse().unwrap());
        }
        let response = guarded.clone().oneshot(request).await.unwrap();
        let answer: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
        assert_eq!(answer.get("errors").is_some(), refused, "{secret:?}");
    }
}

/// Reads a list to its end, two at a time.
async fn all_pages(salons: &Salons, field: &str, arguments: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let query =
            format!("{{ {field}({arguments} limit: 2{cursor}) {{ list {{ _id }} pageInfo {{ hasNextPage endCursor }} }} }}");
        let data = salons.data(&owner(), &query).await;
        seen.extend(along(&data[field]["list"], "_id"));
        let info = &data[field]["pageInfo"];
        if info["hasNextPage"] == false {
            return seen;
        }
        assert!(seen.len() < 20, "the pages never end");
        cursor = format!(", cursor: {}", info["endCursor"]);
    }
}

#[tokio::test]
async fn pages_show_everything_once_and_in_order() {
    let salons = Salons::new().await;
    let tenant = format!("tenantId: \"{}\",", salons.lotos.tenant);
    let ids = |from: u128| (from..from + 5).map(|n| id(n).to_string()).collect::<Vec<_>>();
    assert_eq!(all_pages(&salons, "salonBookings", &tenant).await, ids(10));
    assert_eq!(all_pages(&salons, "salonMessages", &tenant).await, ids(20).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(all_pages(&salons, "salonEnquiries", &tenant).await, ids(30).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(all_pages(&salons, "salonTenants", "").await, [salons.lotos.tenant.to_string(), salons.roza.tenant.to_string()]);
}

#[tokio::test]
async fn filters_choose() {
    let salons = Salons::new().await;
    let (tenant, client) = (salons.lotos.tenant, salons.lotos.client);
    let count = async |field: &str, filter: &str| {
        let data = salons
            .data(&owner(), &format!("{{ {field}(tenantId: \"{tenant}\", {filter}) {{ list {{ _id }} totalCount }} }}"))
            .await;
        assert_eq!(data[field]["totalCount"], data[field]["list"].as_array().unwrap().len());
        data[field]["totalCount"].as_u64().unwrap()
    };
    let moment = |hours| at(hours).to_rfc3339();
    assert_eq!(count("salonBookings", &format!("from: \"{}\"", moment(25))).await, 3);
    assert_eq!(
        count("salonBookings", &format!("from: \"{}\", to: \"{}\"", moment(24), moment(25))).await,
        2,
        "`to` is exclusive"
    );
    assert_eq!(count("salonBookings", "status: booked").await, 5);
    assert_eq!(count("salonBookings", "status: cancelled").await, 0);
    assert_eq!(count("salonBookings", &format!("clientId: \"{client}\"")).await, 5);
    assert_eq!(count("salonMessages", "state: received").await, 1);
    assert_eq!(count("salonMessages", &format!("conversationId: \"{}\"", salons.lotos.conversation)).await, 5);
}

#[tokio::test]
async fn bad_arguments_name_the_field_and_the_rule() {
    let salons = Salons::new().await;
    let tenant = salons.lotos.tenant;
    for (arguments, rule) in [
        ("limit: 0", "limit: must be between 1 and 100"),
        ("limit: 101", "limit: must be between 1 and 100"),
        ("cursor: \"x\"", "cursor: must be an endCursor of the same list"),
        ("clientId: \"x\"", "clientId: must be a UUID"),
        ("from: \"2026-03-03T00:00:00Z\", to: \"2026-03-02T00:00:00Z\"", "from: must be before `to`"),
    ] {
        let query = format!("{{ salonBookings(tenantId: \"{tenant}\", {arguments}) {{ totalCount }} }}");
        assert_eq!(salons.refusal(Some(&owner()), &query).await, ("INVALID_ARGUMENT".to_owned(), rule.to_owned()));
    }
    for query in ["{", "{ noSuchField }", "{ salonBookings { totalCount } }"] {
        assert_eq!(salons.refusal(Some(&owner()), query).await.0, "INVALID_ARGUMENT", "{query}");
    }
    let date = format!("{{ salonBookings(tenantId: \"{tenant}\", from: \"tomorrow\") {{ totalCount }} }}");
    assert_eq!(salons.refusal(Some(&owner()), &date).await.0, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_query_that_asks_for_too_much_is_refused_before_it_costs_anything() {
    let salons = Salons::new().await;
    let deep = (0..6).fold("_id".to_owned(), |inner, _| format!("brand {{ salonTenant {{ {inner} }} }}"));
    let deep = format!("{{ salonTenantDetail(_id: \"x\") {{ {deep} }} }}");
    let deeper = deep.replace("_id }", "brand { salonTenant { brand { _id } } } }");
    let wide: String = (0..60).map(|n| format!("a{n}: salonTenants {{ totalCount }} ")).collect();
    let heavy = "{ salonTenants(limit: 100) { list { brand { salonTenant { name } } } } }";
    for query in [&*format!("{{ {wide} }}"), heavy, &deeper] {
        let (answer, statements) = salons.ask_counting(Some(&owner()), query, json!({})).await;
        assert_eq!((&answer["errors"][0]["extensions"]["code"], statements), (&json!("QUERY_TOO_COMPLEX"), 0));
    }
    let many: Vec<Value> = (0..1_001).map(|n| json!({ "__typename": "Brand", "_id": format!("b{n}") })).collect();
    let query = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Brand { _id } } }";
    let answer = salons.ask_with(Some(&owner()), query, json!({ "of": many })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn twenty_customers_cost_what_one_costs() {
    let salons = Salons::new().await;
    let mut owner_sql = salons.world.owner().await;
    for n in 0..20 {
        let tenant = if n % 2 == 0 { salons.world.lotos } else { salons.world.roza };
        let client = add_client(&mut owner_sql, tenant, 1_000 + 10 * n, &format!("c{n}")).await;
        add_booking(&mut owner_sql, tenant, client, 300, 1_005 + 10 * n).await;
    }
    let query = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Customer { salonBookings {
        serviceTitle staffName tenant { slug channelAccounts { kind } } client { phone customer { _id } } } salonMessages { text } } } }";
    let cost = async |user: &Value, customers: u32| {
        let of: Vec<Value> = (0..customers).map(|n| json!({ "__typename": "Customer", "_id": format!("c{n}") })).collect();
        let (answer, statements) = salons.ask_counting(Some(user), query, json!({ "of": of })).await;
        assert_eq!(answer.get("errors"), None);
        for (n, customer) in answer["data"]["_entities"].as_array().unwrap().iter().enumerate() {
            let booking = &customer["salonBookings"][0];
            assert_eq!(booking["client"], json!({ "phone": "+79161234567", "customer": { "_id": format!("c{n}") } }));
            assert_eq!((&booking["serviceTitle"], &booking["staffName"]), (&json!("Женская стрижка"), &json!("Анна")));
            assert_eq!(booking["tenant"]["slug"], if n % 2 == 0 { "lotos" } else { "roza" });
        }
        statements
    };
    let one = cost(&owner(), 1).await;
    assert_eq!(cost(&owner(), 20).await, one);
    // Bookings and messages: find the salons, begin, read; salons, clients and accounts: begin, read.
    assert_eq!(one, 12);
    let manager = json!({ "_id": "u-manager", "brandIds": [LOTOS_BRAND, ROZA_BRAND], "permissionGroupIds": ["salon:admin"] });
    assert_eq!(cost(&manager, 20).await, one + 1, "and once, whose salons they are");
}

#[tokio::test]
async fn numbers_are_masked_for_those_who_only_look() {
    let salons = Salons::new().await;
    let tenant = salons.lotos.tenant;
    let query = format!(
        "{{ salonBookings(tenantId: \"{tenant}\", limit: 1) {{ list {{ client {{ phone }} }} }}
            salonMessages(tenantId: \"{tenant}\", state: received) {{ list {{ text }} }} }}"
    );
    for (user, phone) in [(owner(), "+79161234567"), (viewer(&[LOTOS_BRAND]), "+*********67")] {
        let data = salons.data(&user, &query).await;
        assert_eq!(data["salonBookings"]["list"][0]["client"]["phone"], phone);
        assert_eq!(data["salonMessages"]["list"][0]["text"], phone);
    }
}

#[tokio::test]
async fn an_enquiry_is_shown_as_it_was_filled_in_and_how_to_reach_its_visitor_to_managers() {
    let salons = Salons::new().await;
    let Seeded { tenant, client, .. } = salons.lotos;
    let query = format!(
        "{{ salonEnquiries(tenantId: \"{tenant}\", clientId: \"{client}\", limit: 1) {{ totalCount list {{ trackingCode name phone email
            serviceTitle message page referral utmSource utmMedium utmCampaign consent tenant {{ slug }} client {{ _id }} }} }} }}"
    );
    for (user, phone, email) in
        [(owner(), "+79161234567", json!("anna@example.com")), (viewer(&[LOTOS_BRAND]), "+*********67", Value::Null)]
    {
        let data = salons.data(&user, &query).await;
        let filled_in = json!({
            "trackingCode": "CODE-4", "name": "Анна", "phone": phone, "email": email, "serviceTitle": "Женская стрижка",
            "message": "Можно в субботу?", "page": null, "referral": "vera", "utmSource": "maps", "utmMedium": null,
            "utmCampaign": null, "consent": true, "tenant": { "slug": "lotos" }, "client": { "_id": client.to_string() },
        });
        assert_eq!(data["salonEnquiries"], json!({ "totalCount": 5, "list": [filled_in] }));
    }
}

#[tokio::test]
async fn a_failure_of_ours_is_masked_and_can_be_traced() {
    let salons = Salons::new().await;
    let mut owner_sql = salons.world.owner().await;
    sqlx::query("alter table tenant rename column zone to hidden_zone").execute(&mut owner_sql).await.unwrap();
    let answer = salons.ask(&owner(), "{ salonTenants { totalCount list { name } } }").await;
    let error = &answer["errors"][0];
    assert_eq!(
        (&error["extensions"]["code"], &error["message"]),
        (&json!("INTERNAL"), &json!("Something went wrong on our side"))
    );
    assert_eq!(error["extensions"]["traceId"].as_str().unwrap().len(), 32);
    assert!(!answer.to_string().contains("zone"));
}

#[tokio::test]
async fn the_address_answers_two_paths_and_nothing_else() {
    let salons = Salons::new().await;
    let send = async |request: Request<Body>| {
        let response = salons.subgraph.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap())
    };
    let empty = || Body::empty();
    assert_eq!(send(Request::get("/health").body(empty()).unwrap()).await, (StatusCode::OK, "ok".to_owned()));
    for path in ["/", "/metrics", "/readyz", "/trpc", "/subscriptionPlugin.js"] {
        assert_eq!(send(Request::get(path).body(empty()).unwrap()).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(send(Request::get("/graphql?query={__typename}").body(empty()).unwrap()).await.0, StatusCode::METHOD_NOT_ALLOWED);

    let (status, _) = send(request(Some(&owner()), "not json")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let plain =
        Request::post("/graphql").header("content-type", "text/plain").body(Body::from("{\"query\":\"{__typename}\"}")).unwrap();
    let (status, body) = send(plain).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("INVALID_ARGUMENT"));
    let (status, body) = send(request(Some(&owner()), &" ".repeat(300_000))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(body.contains("PAYLOAD_TOO_LARGE"));
}

/// An open dead letter of a salon: number `n`, about no row.
async fn dies(owner: &mut PgConnection, tenant: TenantId, n: u128, queue: &str) -> Uuid {
    sqlx::query(
        "insert into job_dead (id, tenant_id, queue, kind, payload, class, max_attempts, attempt, reason, answer, enqueued_at, died_at)
         values ($1, $2, $3, 'sync_crm', '{\"kind\": \"sync_crm\"}', 2, 14, 14, 'permanent (invalid_field)', '400 {field: phoneNumber}', $4, $5)",
    )
    .bind(id(n)).bind(tenant).bind(queue).bind(at(0)).bind(at(i64::try_from(n).unwrap()))
    .execute(&mut *owner).await.unwrap();
    id(n)
}

fn manager(brands: &[&str]) -> Value {
    json!({ "_id": "u-manager", "isOwner": false, "brandIds": brands, "permissionGroupIds": ["salon:admin"] })
}

/// Whom the audit log names for what was done, and about what, in the order of the letters.
async fn audited(owner: &mut PgConnection, tenant: TenantId) -> Vec<(String, String, String)> {
    let rows =
        "select actor, action, subject from audit_log where tenant_id = $1 and action like 'deadletter.%' order by subject";
    sqlx::query_as(rows).bind(tenant).fetch_all(owner).await.unwrap()
}

const REPLAY: &str = "mutation ($ids: [String!], $filter: SalonDeadLettersFilter) { salonDeadLettersReplay(ids: $ids, filter: $filter) { count ids unknownIds hasMore } }";
const DISCARD: &str = "mutation ($ids: [String!], $filter: SalonDeadLettersFilter, $reason: String!) { salonDeadLettersDiscard(ids: $ids, filter: $filter, reason: $reason) { count ids unknownIds } }";

#[tokio::test]
async fn dead_letters_are_listed_page_by_page_to_those_whose_they_are() {
    let salons = Salons::new().await;
    let mut sql = salons.world.owner().await;
    let (lotos, roza) = (salons.lotos.tenant, salons.roza.tenant);
    let (one, two) = (dies(&mut sql, lotos, 1, "crm").await, dies(&mut sql, lotos, 2, "outbound").await);
    let theirs = dies(&mut sql, roza, 3, "crm").await;
    let list = async |user: &Value, arguments: &str| {
        let query = format!(
            "{{ salonDeadLetters(limit: 2{arguments}) {{ list {{ _id }} totalCount pageInfo {{ endCursor hasNextPage }} }} }}"
        );
        salons.data(user, &query).await["salonDeadLetters"].clone()
    };
    let mine = viewer(&[LOTOS_BRAND]);
    let seen = list(&mine, "").await;
    assert_eq!((along(&seen["list"], "_id"), &seen["totalCount"]), (vec![one.to_string(), two.to_string()], &json!(2)));
    assert_eq!(along(&list(&mine, ", queue: \"outbound\"").await["list"], "_id"), [two.to_string()]);
    assert_eq!(list(&viewer(&[]), "").await["totalCount"], 0);
    let first = list(&owner(), "").await;
    assert_eq!((&first["totalCount"], &first["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
    let second = list(&owner(), &format!(", cursor: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!((along(&second["list"], "_id"), &second["pageInfo"]["hasNextPage"]), (vec![theirs.to_string()], &json!(false)));
    let wrong = format!("{{ salonDeadLetters(tenantId: \"{roza}\") {{ totalCount }} }}");
    assert_eq!(salons.refusal(Some(&mine), &wrong).await.0, "NOT_FOUND");
    assert_eq!(salons.refusal(None, "{ salonDeadLetters { totalCount } }").await.0, "UNAUTHENTICATED");

    let all = "{ salonDeadLetters(limit: 1) { list { tenant { slug } kind queue reason answer attempts diedAt resolvedAt resolution } } }";
    assert_eq!(
        salons.data(&mine, all).await["salonDeadLetters"]["list"][0],
        json!({ "tenant": { "slug": "lotos" }, "kind": "sync_crm", "queue": "crm", "reason": "permanent (invalid_field)",
                "answer": "400 {field: phoneNumber}", "attempts": 14, "diedAt": "2026-03-02T10:00:00.000Z", "resolvedAt": null, "resolution": null })
    );
}

#[tokio::test]
async fn letters_are_replayed_and_discarded_by_their_salons_managers_and_nobody_else() {
    let salons = Salons::new().await;
    let mut sql = salons.world.owner().await;
    let (lotos, roza) = (salons.lotos.tenant, salons.roza.tenant);
    let (one, two, three) = (
        dies(&mut sql, lotos, 1, "crm").await,
        dies(&mut sql, lotos, 2, "crm").await,
        dies(&mut sql, lotos, 3, "outbound").await,
    );
    let theirs = dies(&mut sql, roza, 4, "crm").await;
    let stranger = json!({ "_id": "u-stranger", "brandIds": [LOTOS_BRAND], "permissionGroupIds": ["sales:admin"] });
    for (who, code) in [(None, "UNAUTHENTICATED"), (Some(&stranger), "FORBIDDEN"), (Some(&viewer(&[LOTOS_BRAND])), "FORBIDDEN")] {
        for query in [REPLAY, DISCARD] {
            let answer = salons.ask_with(who, query, json!({ "ids": [one], "reason": "by hand" })).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        }
    }
    let mine = manager(&[LOTOS_BRAND]);
    for (wrong, code) in [
        (json!({}), "INVALID_ARGUMENT"),
        (json!({ "filter": {} }), "INVALID_ARGUMENT"),
        (json!({ "ids": [] }), "INVALID_ARGUMENT"),
        (json!({ "ids": ["no-uuid"] }), "INVALID_ARGUMENT"),
        (json!({ "filter": { "queue": "\0" } }), "INVALID_ARGUMENT"),
        (json!({ "filter": { "tenantId": roza } }), "NOT_FOUND"),
    ] {
        let answer = salons.ask_with(Some(&mine), REPLAY, wrong).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    }

    let answer = salons.ask_with(Some(&mine), REPLAY, json!({ "ids": [one, theirs] })).await;
    let expected = json!({ "count": 1, "ids": [one], "unknownIds": [theirs], "hasMore": false });
    assert_eq!(answer["data"]["salonDeadLettersReplay"], expected, "another's letter is not there: {answer}");
    let answer = salons.ask_with(Some(&mine), REPLAY, json!({ "ids": [one] })).await;
    assert_eq!(answer["data"]["salonDeadLettersReplay"], json!({ "count": 0, "ids": [], "unknownIds": [one], "hasMore": false }));
    let answer = salons.ask_with(Some(&mine), REPLAY, json!({ "filter": { "kind": "sync_crm", "queue": "crm" } })).await;
    assert_eq!(answer["data"]["salonDeadLettersReplay"]["ids"], json!([two]));

    let refused = salons.ask_with(Some(&mine), DISCARD, json!({ "ids": [three], "reason": "a\nb" })).await;
    assert_eq!(refused["errors"][0]["message"], "reason: must be one line of 1 to 300 characters");
    let by_hand = json!({ "filter": { "tenantId": lotos }, "reason": "by hand" });
    let answer = salons.ask_with(Some(&mine), DISCARD, by_hand).await;
    assert_eq!(answer["data"]["salonDeadLettersDiscard"], json!({ "count": 1, "ids": [three], "unknownIds": [] }));

    let told = |action: &str, letter: Uuid| ("erxes/u-manager".to_owned(), action.to_owned(), letter.to_string());
    let expected = [told("deadletter.replayed", one), told("deadletter.replayed", two), told("deadletter.discarded", three)];
    assert_eq!(audited(&mut sql, lotos).await, expected);
    assert_eq!(audited(&mut sql, roza).await, []);
    let resolved = "{ salonDeadLetters(resolved: true) { list { _id resolution discardedBecause } } }";
    let list = salons.data(&mine, resolved).await["salonDeadLetters"]["list"].clone();
    assert_eq!(along(&list, "resolution"), ["replayed", "replayed", "discarded"]);
    assert_eq!(list[2]["discardedBecause"], "by hand");
    let jobs: Vec<Uuid> = sqlx::query_scalar("select id from job order by id").fetch_all(&mut sql).await.unwrap();
    assert_eq!(jobs, [one, two]);
    let open: Vec<Uuid> =
        sqlx::query_scalar("select id from job_dead where resolved_at is null").fetch_all(&mut sql).await.unwrap();
    assert_eq!(open, [theirs]);
}

#[tokio::test]
async fn two_replays_at_once_make_one_job() {
    let salons = Salons::new().await;
    let mut sql = salons.world.owner().await;
    for n in 1..=20 {
        dies(&mut sql, salons.lotos.tenant, n, "crm").await;
    }
    let mine = manager(&[LOTOS_BRAND]);
    let replay = async || {
        let answer = salons.ask_with(Some(&mine), REPLAY, json!({ "filter": { "queue": "crm" } })).await;
        answer["data"]["salonDeadLettersReplay"]["count"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    };
    let (first, second) = tokio::join!(replay(), replay());
    assert_eq!(first + second, 20, "each letter is somebody's: {first} and {second}");
    let jobs: i64 = sqlx::query_scalar("select count(*) from job").fetch_one(&mut sql).await.unwrap();
    assert_eq!((jobs, audited(&mut sql, salons.lotos.tenant).await.len()), (20, 20));
}
